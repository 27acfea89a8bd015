//! Timers that are due within the horizon, in memory. All others are rows only.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use tokio::sync::Notify;
use windlass_value::Timestamp;
use windlass_workflow::{TimerId, TimerKind};

use crate::key::ExecutionKey;

/// How far ahead timers are held in memory.
pub(crate) const HORIZON_MS: i64 = 60_000;

#[derive(Default)]
pub(crate) struct Timers {
    set: Mutex<Set>,
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct Set {
    by_due: BTreeMap<(Timestamp, u128, TimerId), (ExecutionKey, TimerKind)>,
    due: HashMap<(u128, TimerId), Timestamp>,
}

/// A timer whose instant has come.
pub(crate) struct Due {
    pub(crate) key: ExecutionKey,
    pub(crate) timer: TimerId,
    pub(crate) kind: TimerKind,
}

impl Timers {
    /// Holds a timer; one already held moves.
    pub(crate) fn insert(&self, key: &ExecutionKey, timer: TimerId, at: Timestamp, kind: TimerKind) {
        let mut set = self.set.lock();
        let uid = key.uid();
        if let Some(before) = set.due.insert((uid, timer), at) {
            set.by_due.remove(&(before, uid, timer));
        }
        set.by_due.insert((at, uid, timer), (key.clone(), kind));
        drop(set);
        self.changed.notify_one();
    }

    pub(crate) fn holds(&self, key: &ExecutionKey, timer: TimerId) -> bool {
        self.set.lock().due.contains_key(&(key.uid(), timer))
    }

    pub(crate) fn cancel(&self, key: &ExecutionKey, timer: TimerId) {
        let mut set = self.set.lock();
        let uid = key.uid();
        if let Some(at) = set.due.remove(&(uid, timer)) {
            set.by_due.remove(&(at, uid, timer));
        }
    }

    /// The next instant something is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.set.lock().by_due.first_key_value().map(|((at, _, _), _)| *at)
    }

    /// Takes at most `limit` timers due by `now`.
    pub(crate) fn take_due(&self, now: Timestamp, limit: usize) -> Vec<Due> {
        let mut set = self.set.lock();
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(entry) = set.by_due.first_entry() else { break };
            let (at, uid, timer) = *entry.key();
            if at > now {
                break;
            }
            let (key, kind) = entry.remove();
            set.due.remove(&(uid, timer));
            due.push(Due { key, timer, kind });
        }
        due
    }

    pub(crate) fn len(&self) -> usize {
        self.set.lock().due.len()
    }
}
