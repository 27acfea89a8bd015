use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::sync::oneshot;

use crate::error::CommitError;

/// The outcome of a commit, to be awaited on any runtime or waited for.
///
/// Resolves only after the batch is durable (or refused). The batch was handed
/// over when this was made: dropping it does not take the batch back.
#[derive(Debug)]
#[must_use = "a batch is durable only once its commit resolved"]
pub struct Commit(State);

#[derive(Debug)]
enum State {
    Refused(CommitError),
    Waiting(oneshot::Receiver<Result<(), CommitError>>),
}

impl Commit {
    pub(crate) fn refused(error: CommitError) -> Commit {
        Commit(State::Refused(error))
    }

    pub(crate) fn waiting() -> (oneshot::Sender<Result<(), CommitError>>, Commit) {
        let (sender, receiver) = oneshot::channel();
        (sender, Commit(State::Waiting(receiver)))
    }

    /// Blocks the calling thread until the outcome is known.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn wait(self) -> Result<(), CommitError> {
        // Own parking rather than `blocking_recv`, which panics inside a runtime.
        let mut commit = pin!(self);
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match commit.as_mut().poll(&mut context) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.clone())),
            // A sender is dropped unanswered only when its store has gone.
            State::Waiting(receiver) => {
                Pin::new(receiver).poll(context).map(|outcome| outcome.unwrap_or(Err(CommitError::Closed)))
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
