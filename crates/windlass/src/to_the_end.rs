use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use windlass_protocol::{Fault, Outcome};

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A call that runs in its connection's task, and by itself to the end if the
/// connection goes away before.
///
/// Spawning only then keeps the usual call free of a task of its own. A panic
/// in the call becomes `InternalFailure` and does not reach the connection.
pub(crate) struct ToTheEnd {
    running: Option<Running>,
    /// Whether the call goes on without its caller.
    detaches: bool,
}

impl ToTheEnd {
    /// `detaches` false: the call is dropped with its caller.
    pub(crate) fn new(running: impl Future<Output = Outcome> + Send + 'static, detaches: bool) -> ToTheEnd {
        ToTheEnd { running: Some(Box::pin(running)), detaches }
    }
}

impl Future for ToTheEnd {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(Err(Fault::internal("a finished call was polled again")));
        };
        // A call that panicked is dropped and never polled again, so nobody
        // sees what it left half done.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panic) => Err(Fault::internal(format!("the call panicked: {}", panic_text(&*panic)))),
        };
        self.running = None;
        Poll::Ready(outcome)
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        if self.detaches
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(ToTheEnd { running: Some(running), detaches: false });
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "no text",
    }
}
