use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use windlass_value::Text;
use windlass_workflow::TaskId;

type Key = (Text, TaskId);

/// The calls under way, to cancel them. As many as tasks were handed over and
/// are not answered; those that are sent are bounded by the slots.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<Key, AbortHandle>>>);

impl Running {
    /// Runs a call until it ends or is cancelled.
    pub(super) fn spawn(&self, execution_arn: Text, task: TaskId, call: impl Future<Output = ()> + Send + 'static) {
        let key = (execution_arn, task);
        let entry = Entry { running: self.clone(), key: key.clone() };
        // Locked until the handle is in: the call may end before this does.
        let mut calls = self.0.lock();
        let handle = tokio::spawn(async move {
            let _entry = entry;
            call.await;
        });
        calls.insert(key, handle.abort_handle());
    }

    /// Drops the call's future, wherever it waits.
    pub(super) fn cancel(&self, execution_arn: &Text, task: TaskId) {
        let handle = self.0.lock().remove(&(execution_arn.clone(), task));
        if let Some(handle) = handle {
            handle.abort();
        }
    }
}

struct Entry {
    running: Running,
    key: Key,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.key);
    }
}
