use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Calls that run at once, long polls among them. Beyond it a call is refused
/// with `ThrottlingException`, which SDKs retry with a growing delay.
pub(crate) const CALLS_MAX: usize = 32_768;

/// Counts the calls that run, so that a drain can wait for them.
#[derive(Default)]
pub(crate) struct InFlight {
    calls: AtomicUsize,
    ended: Notify,
}

impl InFlight {
    /// Counts one call until the guard is dropped; `None` when [`CALLS_MAX`] run already.
    pub(crate) fn enter(self: &Arc<InFlight>) -> Option<InFlightGuard> {
        let guard = InFlightGuard(self.clone());
        let before = self.calls.fetch_add(1, Ordering::SeqCst);
        (before < CALLS_MAX).then_some(guard)
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until no call runs.
    pub(crate) async fn none(&self) {
        loop {
            let ended = self.ended.notified();
            let mut ended = std::pin::pin!(ended);
            // Registered before the count is read, so that no end is missed.
            ended.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One running call.
pub(crate) struct InFlightGuard(Arc<InFlight>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if self.0.calls.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}
