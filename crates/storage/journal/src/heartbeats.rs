use std::collections::BTreeMap;

use parking_lot::Mutex;
use windlass_value::Timestamp;
use windlass_workflow::{FrameId, TaskId};

/// When tasks last beat. In memory only: a restart grants one full interval.
#[derive(Default)]
pub(crate) struct Heartbeats(Mutex<BTreeMap<(u128, TaskId), Timestamp>>);

impl Heartbeats {
    pub(crate) fn beat(&self, execution: u128, task: TaskId, at: Timestamp) {
        self.0.lock().insert((execution, task), at);
    }

    pub(crate) fn last(&self, execution: u128, task: TaskId) -> Option<Timestamp> {
        self.0.lock().get(&(execution, task)).copied()
    }

    pub(crate) fn forget(&self, execution: u128, task: TaskId) {
        self.0.lock().remove(&(execution, task));
    }

    /// Forgets every task of an execution that closed.
    pub(crate) fn forget_execution(&self, execution: u128) {
        const FIRST: TaskId = TaskId { frame: FrameId(0), event_id: 0 };
        const LAST: TaskId = TaskId { frame: FrameId(u64::MAX), event_id: u64::MAX };
        let mut beats = self.0.lock();
        let tasks: Vec<TaskId> =
            beats.range((execution, FIRST)..=(execution, LAST)).map(|((_, task), _)| *task).collect();
        for task in tasks {
            beats.remove(&(execution, task));
        }
    }
}
