use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use windlass_value::Now;

use crate::queue::{Queue, QueueState};

/// Makes messages visible, whose delay or visibility timeout is over, in queues
/// at which somebody waits. (Others are looked at when they are used.)
#[derive(Clone)]
pub(crate) struct Timekeeper {
    shared: Arc<Timers>,
}

struct Timers {
    /// By instant and queue id.
    due: Mutex<BTreeMap<(i64, u64), Weak<Queue>>>,
    changed: Notify,
}

impl Timekeeper {
    pub(crate) fn new() -> Timekeeper {
        Timekeeper { shared: Arc::new(Timers { due: Mutex::new(BTreeMap::new()), changed: Notify::new() }) }
    }

    /// Looks at the queue when its next message becomes visible, if somebody waits there.
    pub(crate) fn watch(&self, queue: &Arc<Queue>, state: &mut QueueState) {
        let Some(next_ms) = state.backlog.next_visible_ms().filter(|_| queue.waiters() > 0) else { return };
        if state.timer_ms.is_some_and(|timer_ms| timer_ms <= next_ms) {
            return;
        }
        let mut due = self.shared.due.lock();
        if let Some(later_ms) = state.timer_ms.replace(next_ms) {
            due.remove(&(later_ms, queue.id));
        }
        due.insert((next_ms, queue.id), Arc::downgrade(queue));
        let is_first = due.first_key_value().is_some_and(|(first, _)| *first == (next_ms, queue.id));
        drop(due);
        if is_first {
            self.shared.changed.notify_one();
        }
    }

    /// [`Timekeeper::watch`] for a queue that is not locked.
    pub(crate) fn watch_again(&self, queue: &Arc<Queue>) {
        if queue.waiters() > 0 {
            self.watch(queue, &mut queue.state.lock());
        }
    }

    /// Keeps time until the service stops.
    pub(crate) async fn run(self, now: Now, mut stopping: watch::Receiver<bool>) {
        while !*stopping.borrow() {
            let next_ms = self.shared.due.lock().first_key_value().map(|((at_ms, _), _)| *at_ms);
            let left_ms = next_ms.map(|next_ms| next_ms - now().as_ms());
            match left_ms {
                Some(..=0) => {
                    let due = self.shared.due.lock().pop_first();
                    if let Some(queue) = due.and_then(|(_, queue)| queue.upgrade()) {
                        self.look(&queue, now().as_ms());
                    }
                }
                left_ms => {
                    let pause = async {
                        match left_ms {
                            Some(left_ms) => tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs())).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        () = pause => {}
                        () = self.shared.changed.notified() => {}
                        changed = stopping.changed() => if changed.is_err() { return },
                    }
                }
            }
        }
    }

    fn look(&self, queue: &Arc<Queue>, now_ms: i64) {
        let mut state = queue.state.lock();
        state.timer_ms = None;
        if state.backlog.promote(now_ms) > 0 {
            queue.wake(&state);
        }
        self.watch(queue, &mut state);
    }
}
