use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, Commit};
use windlass_value::{Value, object};

use crate::backlog::State;
use crate::batch;
use crate::delete::{expired, open};
use crate::faults::{invalid_value, missing_parameter, no_queue, of_commit};
use crate::input;
use crate::limits::VISIBILITY_S_MAX;
use crate::queue::{Queue, QueueState};
use crate::shared::Shared;

const MS_PER_S: i64 = 1000;

/// What came of each change.
type Outcomes = Vec<Result<(), Fault>>;

impl Shared {
    /// `ChangeMessageVisibility`.
    pub(crate) async fn change_visibility(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let handle = input::required_text(&call.input, "ReceiptHandle")?;
        let timeout_s = timeout_s(&call.input)?;
        let (mut outcomes, commit) = self.change_all(&queue, &[(handle, timeout_s)])?;
        outcomes.remove(0)?;
        self.changed(&queue, commit).await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `ChangeMessageVisibilityBatch`: one commit for all.
    pub(crate) async fn change_visibility_batch(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let entries = batch::entries(&call.input, "ChangeMessageVisibilityBatchRequestEntry")?;
        let (mut successful, mut failed, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for (id, entry) in entries {
            match timeout_s(entry) {
                Ok(timeout_s) => changes.push((id, entry["ReceiptHandle"].as_str().unwrap_or_default(), timeout_s)),
                Err(fault) => failed.push(batch::failure(id, &fault)),
            }
        }
        let asked: Vec<(&str, i64)> = changes.iter().map(|(_, handle, timeout_s)| (*handle, *timeout_s)).collect();
        let (outcomes, commit) = self.change_all(&queue, &asked)?;
        self.changed(&queue, commit).await?;
        for ((id, ..), outcome) in changes.iter().zip(outcomes) {
            match outcome {
                Ok(()) => successful.push(object! { "Id" => *id }),
                Err(fault) => failed.push(batch::failure(id, &fault)),
            }
        }
        Ok(Reply::from(batch::answer(successful, failed)))
    }

    fn change_all(&self, queue: &Queue, changes: &[(&str, i64)]) -> Result<(Outcomes, Option<Commit>), Fault> {
        let mut batch = Batch::default();
        let mut state = queue.state.lock();
        if state.closing {
            return Err(no_queue());
        }
        let now_ms = self.now_ms();
        state.backlog.promote(now_ms);
        let outcomes = changes
            .iter()
            .map(|(handle, timeout_s)| self.change_one(queue, &mut state, &mut batch, handle, *timeout_s, now_ms))
            .collect();
        let commit = (!batch.is_empty()).then(|| self.store.commit(batch));
        Ok((outcomes, commit))
    }

    async fn changed(&self, queue: &std::sync::Arc<Queue>, commit: Option<Commit>) -> Result<(), Fault> {
        let Some(commit) = commit else { return Ok(()) };
        // Memory keeps a change that could not be stored: a restart goes back to
        // the timeout before.
        commit.await.map_err(|error| of_commit(&error))?;
        self.timekeeper.watch_again(queue);
        Ok(())
    }

    fn change_one(
        &self,
        queue: &Queue,
        state: &mut QueueState,
        batch: &mut Batch,
        handle: &str,
        timeout_s: i64,
        now_ms: i64,
    ) -> Result<(), Fault> {
        let receipt = open(queue, handle)?;
        let visible_ms = now_ms + timeout_s * MS_PER_S;
        let sequence = receipt.sequence;
        let Some(entry) = state.backlog.get(sequence) else {
            let stored = match state.backlog.tail.covers(sequence) {
                true => queue.stored(&self.store, sequence)?,
                false => None,
            };
            let mut entry = stored.ok_or_else(|| gone(handle))?;
            if entry.visible_ms > now_ms {
                entry.visible_ms = visible_ms;
                queue.put_row(batch, sequence, &entry);
            }
            return Ok(());
        };
        match entry.state() {
            State::InFlight => {}
            State::Visible if queue.fifo => return Err(expired(handle)),
            // It is to be received again: there is no timeout to change.
            State::Visible => return Ok(()),
            State::Committing | State::Delayed | State::Leaving => return Err(gone(handle)),
        }
        if queue.fifo && entry.receives != receipt.receive {
            return Err(expired(handle));
        }
        if visible_ms - entry.received_ms > VISIBILITY_S_MAX * MS_PER_S {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(invalid_value(timeout_s, "VisibilityTimeout", reason));
        }
        let to = if timeout_s == 0 { State::Visible } else { State::InFlight };
        state.backlog.change(sequence, to, |entry| entry.visible_ms = visible_ms);
        if let Some(entry) = state.backlog.get(sequence) {
            queue.put_row(batch, sequence, entry);
        }
        queue.wake(state);
        Ok(())
    }
}

fn timeout_s(input: &Value) -> Result<i64, Fault> {
    const REASON: &str = "Must be between 0 and 43200.";
    input::integer_within(input, "VisibilityTimeout", 0, VISIBILITY_S_MAX, REASON)?
        .ok_or_else(|| missing_parameter("VisibilityTimeout"))
}

fn gone(handle: &str) -> Fault {
    invalid_value(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")
}
