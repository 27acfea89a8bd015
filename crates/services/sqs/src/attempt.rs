use crate::backlog::{Backlog, State};
use crate::limits::{ATTEMPTS_MAX, DEDUPLICATION_MS};
use crate::queue::QueueState;

/// What a receive with a `ReceiveRequestAttemptId` handed out: FIFO queues hand
/// out the same again to a repeat, while nothing of it has changed. In memory
/// only: after a restart a repeat waits for the visibility timeout.
pub(crate) struct Attempt {
    pub(crate) at_ms: i64,
    /// Sequence and receive of each message.
    pub(crate) receives: Vec<(u64, u32)>,
}

impl Attempt {
    /// Whether the messages are all still as this attempt left them.
    pub(crate) fn is_valid(&self, backlog: &Backlog, now_ms: i64) -> bool {
        let is_held = |&(sequence, receive): &(u64, u32)| {
            backlog.get(sequence).is_some_and(|it| it.state() == State::InFlight && it.receives == receive)
        };
        self.at_ms + DEDUPLICATION_MS > now_ms && self.receives.iter().all(is_held)
    }
}

impl QueueState {
    /// Remembers an attempt; the old ones go when there are many.
    pub(crate) fn remember(&mut self, id: &str, attempt: Attempt) {
        if self.attempts.len() >= ATTEMPTS_MAX {
            let now_ms = attempt.at_ms;
            self.attempts.retain(|_, attempt| attempt.at_ms + DEDUPLICATION_MS > now_ms);
        }
        // Beyond the bound a repeat is answered as a new receive.
        if self.attempts.len() < ATTEMPTS_MAX {
            self.attempts.insert(id.into(), attempt);
        }
    }
}
