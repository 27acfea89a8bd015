//! Makes spans of the events of traced executions, away from the executions' path.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use windlass_journal::{HistoryQuery, Journal};
use windlass_value::Text;
use windlass_workflow::{HistoryEvent, Identity};

use super::spans::{Span, SpanBuilder, SpanSink};
use super::traces::ExecutionTrace;

/// Events that wait; further ones are dropped and counted.
const EVENTS_MAX: usize = 100_000;
/// Executions whose open spans are remembered. One that is not is read again.
const BUILDERS_MAX: usize = 10_000;
/// Events read at once.
const PAGE_EVENTS: usize = 1_000;

/// Events of one traced execution.
pub(super) struct TracedEvents {
    pub(super) identity: Arc<Identity>,
    pub(super) trace: Arc<ExecutionTrace>,
    pub(super) events: Vec<HistoryEvent>,
    pub(super) is_last: bool,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<TracedEvents>,
    events: usize,
}

/// Makes spans.
pub(super) struct SpanWorker {
    journal: Journal,
    sink: Arc<dyn SpanSink>,
    queue: Mutex<Queue>,
    wake: Notify,
    ended: Notify,
    stopping: AtomicBool,
    running: AtomicBool,
    dropped: AtomicU64,
}

impl SpanWorker {
    pub(super) fn new(journal: Journal, sink: Arc<dyn SpanSink>) -> SpanWorker {
        SpanWorker {
            journal,
            sink,
            queue: Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
            stopping: AtomicBool::new(false),
            running: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        }
    }

    /// Events that no span was made of, since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes events, or drops them where too many wait. Never waits.
    pub(super) fn add(&self, traced: TracedEvents) {
        let count = traced.events.len();
        let mut queue = self.queue.lock();
        if queue.events + count > EVENTS_MAX {
            drop(queue);
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
            return;
        }
        queue.events += count;
        queue.waiting.push(traced);
        drop(queue);
        self.wake.notify_one();
    }

    /// Begins to work. Call within a runtime.
    pub(super) fn start(self: &Arc<SpanWorker>) {
        self.running.store(true, Ordering::Release);
        let worker = self.clone();
        tokio::spawn(async move {
            worker.work().await;
            worker.running.store(false, Ordering::Release);
            worker.ended.notify_waiters();
        });
    }

    /// Makes the spans of what waits, and ends.
    pub(super) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        loop {
            let ended = self.ended.notified();
            self.wake.notify_one();
            if !self.running.load(Ordering::Acquire) {
                return;
            }
            ended.await;
        }
    }

    async fn work(self: &Arc<SpanWorker>) {
        let mut builders: HashMap<Text, SpanBuilder> = HashMap::new();
        loop {
            let waiting = {
                let mut queue = self.queue.lock();
                queue.events = 0;
                std::mem::take(&mut queue.waiting)
            };
            if waiting.is_empty() {
                if self.stopping.load(Ordering::Acquire) {
                    return;
                }
                self.wake.notified().await;
                continue;
            }
            let worker = self.clone();
            // Histories may be read from the disk.
            let worked = tokio::task::spawn_blocking(move || {
                let mut spans = Vec::new();
                for traced in waiting {
                    worker.fold(&mut builders, traced, &mut spans);
                }
                (builders, spans)
            });
            match worked.await {
                Ok((held, spans)) => {
                    builders = held;
                    if !spans.is_empty() {
                        self.sink.take(spans);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "spans could not be made");
                    builders = HashMap::new();
                }
            }
        }
    }

    fn fold(&self, builders: &mut HashMap<Text, SpanBuilder>, traced: TracedEvents, spans: &mut Vec<Span>) {
        let TracedEvents { identity, trace, events, is_last } = traced;
        let Some(first) = events.first() else { return };
        let held = builders.remove(&identity.arn).filter(|builder| builder.next_id == first.id);
        let mut builder = held.unwrap_or_else(|| self.rebuilt(&identity, trace, first.id));
        for event in &events {
            spans.extend(builder.push(event));
        }
        if is_last {
            return;
        }
        if builders.len() >= BUILDERS_MAX {
            // Any one may go: its history tells all of it again.
            let any = builders.keys().next().cloned();
            any.and_then(|arn| builders.remove(&arn));
        }
        builders.insert(identity.arn.clone(), builder);
    }

    /// A builder as it was before an event, from the stored history. Spans that ended
    /// before are not made a second time.
    fn rebuilt(&self, identity: &Arc<Identity>, trace: Arc<ExecutionTrace>, before: u64) -> SpanBuilder {
        let mut builder = SpanBuilder::new(identity.clone(), trace);
        let mut after: Option<String> = None;
        while builder.next_id < before && !identity.express {
            let query = HistoryQuery { reverse: false, after: after.as_deref(), limit: PAGE_EVENTS };
            let (events, next) = match self.journal.history(&identity.arn, query) {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(execution = %identity.arn, %error, "the history of a traced execution cannot be read");
                    break;
                }
            };
            for event in events.iter().filter(|event| event.id < before) {
                builder.push(event);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        builder
    }
}
