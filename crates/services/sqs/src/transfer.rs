//! Messages that move from one queue to another: each move is one commit, so a
//! message is at any moment in one of them.

use std::sync::Arc;

use bytes::Bytes;
use windlass_protocol::Fault;
use windlass_store::{Batch, CommitError};

use crate::backlog::Entry;
use crate::content::Content;
use crate::faults::{of_commit, of_store};
use crate::queue::Queue;
use crate::random;
use crate::shared::Shared;
use crate::tables::CONTENTS;

/// A message that is on its way out of its queue.
pub(crate) struct Leaving {
    pub(crate) sequence: u64,
    pub(crate) entry: Entry,
    pub(crate) content: Content,
    /// Of the content's row, which is written once: a message that is received or
    /// has its timeout changed keeps it.
    version: u64,
}

/// How a message arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// As the same message, with the queue it comes from.
    DeadLetter,
    /// As a new message.
    Redriven,
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transferred {
    All,
    /// The target has gone; nothing was moved.
    TargetGone,
}

impl Shared {
    /// Moves messages, which are marked as leaving, to the queue's dead-letter queue.
    ///
    /// # Errors
    /// The store cannot be read or written; the messages are back then.
    pub(crate) async fn move_dead(
        &self,
        queue: &Arc<Queue>,
        sequences: Vec<u64>,
        target: &Arc<Queue>,
    ) -> Result<(), Fault> {
        let mut messages = match self.read_leaving(queue, &sequences) {
            Ok(messages) => messages,
            Err(fault) => {
                queue.restore(&sequences, self.now_ms());
                return Err(fault);
            }
        };
        let moved = self.transfer(queue, &mut messages, target, Arrival::DeadLetter, |_| Batch::default()).await;
        if matches!(moved, Ok(Transferred::All)) {
            messages.clear();
        }
        // Those that were not found were deleted or purged meanwhile.
        let (left, gone): (Vec<u64>, Vec<u64>) =
            sequences.into_iter().partition(|sequence| messages.iter().any(|message| message.sequence == *sequence));
        queue.forget(&gone);
        queue.restore(&left, self.now_ms());
        moved.map(|_| ())
    }

    /// The contents of messages that are leaving; without those that are gone.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn read_leaving(&self, queue: &Queue, sequences: &[u64]) -> Result<Vec<Leaving>, Fault> {
        let mut messages = Vec::with_capacity(sequences.len());
        for &sequence in sequences {
            let entry = queue.state.lock().backlog.get(sequence).cloned();
            let row = self.store.get(&CONTENTS, &queue.key(sequence)).map_err(|error| of_store(&error))?;
            if let (Some(entry), Some(row)) = (entry, row) {
                messages.push(Leaving { sequence, entry, content: Content::decode(&row.value)?, version: row.version });
            }
        }
        Ok(messages)
    }

    /// Moves messages to a queue, in one commit with further changes, which are asked
    /// for by how many messages move. Takes those out of `messages` that are deleted
    /// meanwhile. The caller forgets or restores the messages in the queue they leave.
    ///
    /// # Errors
    /// The store cannot be written; nothing was moved.
    pub(crate) async fn transfer(
        &self,
        queue: &Queue,
        messages: &mut Vec<Leaving>,
        target: &Arc<Queue>,
        arrival: Arrival,
        further: impl Fn(usize) -> Batch + Send,
    ) -> Result<Transferred, Fault> {
        while !messages.is_empty() {
            let mut batch = further(messages.len());
            let expected = batch.expect.len();
            for message in messages.iter() {
                // A delete that was answered must not be undone by the move.
                batch.expect_version(&CONTENTS, queue.key(message.sequence), message.version);
                queue.delete_rows(&mut batch, message.sequence);
            }
            let arriving = self.arriving(queue, messages, target, arrival)?;
            let mut placed = Vec::with_capacity(arriving.len());
            let commit = {
                let mut state = target.state.lock();
                if state.closing {
                    return Ok(Transferred::TargetGone);
                }
                for (entry, content) in arriving {
                    placed.push(target.place(&mut state, &mut batch, entry, content));
                }
                self.store.commit(batch)
            };
            let committed = commit.await;
            target.settle(&placed, committed.is_ok(), self.now_ms());
            match committed {
                Ok(()) => {
                    self.timekeeper.watch_again(target);
                    break;
                }
                // Each try has one fewer.
                Err(CommitError::Expectation { index }) if (expected..expected + messages.len()).contains(&index) => {
                    messages.remove(index - expected);
                }
                Err(error) => return Err(of_commit(&error)),
            }
        }
        Ok(Transferred::All)
    }

    /// The messages as the target gets them.
    fn arriving(
        &self,
        queue: &Queue,
        messages: &[Leaving],
        target: &Queue,
        arrival: Arrival,
    ) -> Result<Vec<(Entry, Bytes)>, Fault> {
        let settings = target.record().settings.clone();
        let now_ms = self.now_ms();
        let arrive = |Leaving { entry, content, .. }: &Leaving| {
            let mut content = content.clone();
            let group = content.group.clone().filter(|_| target.fifo);
            let mut arrived = Entry::new(now_ms, now_ms, group);
            match arrival {
                Arrival::DeadLetter => {
                    content.source_arn = Some(queue.name.arn().into());
                    // The age of a message counts on, but in a FIFO queue, as at AWS.
                    arrived.sent_ms = if target.fifo { now_ms } else { entry.sent_ms };
                    arrived.first_received_ms = entry.first_received_ms;
                    (arrived.receives, arrived.receives_before) = (entry.receives, entry.receives);
                }
                Arrival::Redriven => {
                    content.source_arn = None;
                    content.message_id = random::bits()?;
                    arrived.visible_ms = now_ms + settings.delay_ms;
                }
            }
            Ok((arrived, content.encode()))
        };
        messages.iter().map(arrive).collect()
    }
}
