use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use windlass_value::Text;
use windlass_workflow::TaskId;

type Key = (Text, TaskId);

/// The calls and jobs under way, to cancel them. As many as tasks were handed over
/// and are not answered; those that are sent are bounded by the slots.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<Key, Handle>>>);

enum Handle {
    /// A call: its future is dropped.
    Call(AbortHandle),
    /// A job: whoever watches it ends it.
    Job(Arc<Cancelled>),
}

/// Says that nobody waits for a job any more.
#[derive(Default)]
pub(super) struct Cancelled {
    is_set: AtomicBool,
    notify: Notify,
}

impl Cancelled {
    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Ends when it is set.
    pub(super) async fn wait(&self) {
        loop {
            let notified = self.notify.notified();
            if self.is_set() {
                return;
            }
            notified.await;
        }
    }
}

impl Running {
    /// Runs a call until it ends or is cancelled.
    pub(super) fn spawn(&self, execution_arn: Text, task: TaskId, call: impl Future<Output = ()> + Send + 'static) {
        let key = (execution_arn, task);
        let entry = Entry { running: self.clone(), key: key.clone() };
        // Locked until the handle is in: the call may end before this does.
        let mut handles = self.0.lock();
        let handle = tokio::spawn(async move {
            let _entry = entry;
            call.await;
        });
        handles.insert(key, Handle::Call(handle.abort_handle()));
    }

    /// Runs a job from its submission to its end. When it is cancelled it is told, not
    /// dropped; it takes its entry away before it answers, so that its own answer is no
    /// cancellation.
    pub(super) fn spawn_job<F>(&self, execution_arn: Text, task: TaskId, job: impl FnOnce(Entry, Arc<Cancelled>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let key = (execution_arn, task);
        let cancelled = Arc::new(Cancelled::default());
        self.0.lock().insert(key.clone(), Handle::Job(cancelled.clone()));
        tokio::spawn(job(Entry { running: self.clone(), key }, cancelled));
    }

    /// Drops a call's future, wherever it waits; tells a job to end.
    pub(super) fn cancel(&self, execution_arn: &Text, task: TaskId) {
        let handle = self.0.lock().remove(&(execution_arn.clone(), task));
        match handle {
            Some(Handle::Call(handle)) => handle.abort(),
            Some(Handle::Job(cancelled)) => cancelled.set(),
            None => {}
        }
    }
}

/// A call or job under way, until it is dropped.
pub(super) struct Entry {
    running: Running,
    key: Key,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.key);
    }
}
