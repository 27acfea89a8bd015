use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

use crate::backend::Request;
use crate::error::CommitError;

/// The most batches in one group, that is under one sync.
pub const COMMIT_BATCHES_MAX: usize = 1024;
/// The most bytes in one group; a larger batch goes alone.
pub const COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most batches waiting for the writer; beyond it commits fail with `Overloaded`.
pub const QUEUE_BATCHES_MAX: usize = 16 * COMMIT_BATCHES_MAX;
/// The most bytes waiting for the writer. One batch always fits into an empty queue.
pub const QUEUE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Batches on their way to the writer.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    /// Set once; nothing is taken in afterwards.
    stopped: Option<CommitError>,
    writer_waits: bool,
}

impl Queue {
    /// Takes a request in, or answers it with the reason why not.
    pub(super) fn push(&self, request: Request) {
        let mut state = self.state.lock();
        let bytes = request.batch.bytes;
        let full = state.requests.len() >= QUEUE_BATCHES_MAX || state.bytes + bytes > QUEUE_BYTES_MAX;
        let refusal = match &state.stopped {
            Some(reason) => Some(reason.clone()),
            None if full && !state.requests.is_empty() => Some(CommitError::Overloaded),
            None => None,
        };
        if let Some(reason) = refusal {
            drop(state);
            request.answer(Err(reason));
            return;
        }
        state.bytes += bytes;
        state.requests.push_back(request);
        if std::mem::take(&mut state.writer_waits) {
            self.filled.notify_one();
        }
    }

    /// The next group, at least one request; waits for it. `None` once stopped and empty.
    pub(super) fn take_group(&self) -> Option<Vec<Request>> {
        let mut state = self.state.lock();
        while state.requests.is_empty() {
            if state.stopped.is_some() {
                return None;
            }
            state.writer_waits = true;
            self.filled.wait(&mut state);
        }
        let mut bytes = 0;
        let fits = |request: &&Request| {
            bytes += request.batch.bytes;
            bytes <= COMMIT_BYTES_MAX
        };
        let count = state.requests.iter().take(COMMIT_BATCHES_MAX).take_while(fits).count().max(1);
        let group: Vec<Request> = state.requests.drain(..count).collect();
        state.bytes -= group.iter().map(|request| request.batch.bytes).sum::<usize>();
        Some(group)
    }

    /// Takes nothing in from now on; what waits is still to be written.
    pub(super) fn close(&self) {
        self.stop(CommitError::Closed);
    }

    /// Takes nothing in from now on, and refuses what waits.
    pub(super) fn poison(&self, reason: &CommitError) {
        let refused = {
            let mut state = self.state.lock();
            // A store that is being closed has failed all the same.
            state.stopped = Some(reason.clone());
            state.bytes = 0;
            std::mem::take(&mut state.requests)
        };
        for request in refused {
            request.answer(Err(reason.clone()));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().requests.len()
    }

    fn stop(&self, reason: CommitError) {
        self.state.lock().stopped.get_or_insert(reason);
        self.filled.notify_one();
    }
}
