use std::collections::HashMap;

use parking_lot::Mutex;
use windlass_value::Timestamp;
use windlass_workflow::TaskId;

/// When tasks last beat. In memory only: a restart grants one full interval.
#[derive(Default)]
pub(crate) struct Heartbeats(Mutex<HashMap<(u128, TaskId), Timestamp>>);

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
}
