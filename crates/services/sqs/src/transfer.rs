//! Messages that move from one queue to another: each move is one commit, so a
//! message is at any moment in one of them.

use std::sync::Arc;

use windlass_protocol::Fault;
use windlass_store::Batch;

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
        let moved = match self.read_leaving(queue, &sequences) {
            Ok(messages) => self.transfer(queue, &messages, target, Arrival::DeadLetter, Batch::default()).await,
            Err(fault) => Err(fault),
        };
        match moved {
            // Also those that were not found: a purge has removed them.
            Ok(Transferred::All) => queue.forget(&sequences),
            Ok(Transferred::TargetGone) | Err(_) => queue.restore(&sequences, self.now_ms()),
        }
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
                messages.push(Leaving { sequence, entry, content: Content::decode(&row.value)? });
            }
        }
        Ok(messages)
    }

    /// Moves messages to a queue, in one commit with further changes. The caller
    /// forgets or restores them in the queue they leave.
    ///
    /// # Errors
    /// The store cannot be written; nothing was moved.
    pub(crate) async fn transfer(
        &self,
        queue: &Queue,
        messages: &[Leaving],
        target: &Arc<Queue>,
        arrival: Arrival,
        mut batch: Batch,
    ) -> Result<Transferred, Fault> {
        let settings = target.record().settings.clone();
        let now_ms = self.now_ms();
        let mut arriving = Vec::with_capacity(messages.len());
        for Leaving { sequence, entry, content } in messages {
            queue.delete_rows(&mut batch, *sequence);
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
            arriving.push((arrived, content.encode()));
        }
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
        committed.map_err(|error| of_commit(&error))?;
        self.timekeeper.watch_again(target);
        Ok(Transferred::All)
    }
}
