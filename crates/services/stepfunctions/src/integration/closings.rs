use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use windlass_value::Text;

/// Who waits for executions that run here to close.
#[derive(Clone, Default)]
pub(super) struct Closings(Arc<Mutex<HashMap<Text, Waiters>>>);

#[derive(Default)]
struct Waiters {
    notify: Arc<Notify>,
    count: usize,
}

/// A wait for one execution; forgotten when dropped.
pub(super) struct Closing {
    closings: Closings,
    execution_arn: Text,
    notify: Arc<Notify>,
}

impl Closings {
    /// Begins to wait. What closes from now on is noticed by [`Closing::closed`].
    pub(super) fn wait_for(&self, execution_arn: &Text) -> Closing {
        let mut waiting = self.0.lock();
        let waiters = waiting.entry(execution_arn.clone()).or_default();
        waiters.count += 1;
        Closing { closings: self.clone(), execution_arn: execution_arn.clone(), notify: waiters.notify.clone() }
    }

    /// An execution has closed.
    pub(super) fn closed(&self, execution_arn: &Text) {
        let notify = self.0.lock().get(execution_arn).map(|waiters| waiters.notify.clone());
        if let Some(notify) = notify {
            notify.notify_waiters();
        }
    }
}

impl Closing {
    /// A future that ends when the execution closes. It counts from the moment it is
    /// made, not from when it is first polled.
    pub(super) fn closed(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let mut waiting = self.closings.0.lock();
        if let Some(waiters) = waiting.get_mut(&self.execution_arn) {
            waiters.count -= 1;
            if waiters.count == 0 {
                waiting.remove(&self.execution_arn);
            }
        }
    }
}
