use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::Batch;
use windlass_value::{Value, object};

use crate::backlog::State;
use crate::batch;
use crate::faults::{invalid_value, missing_parameter, no_queue, of_commit};
use crate::input;
use crate::queue::Queue;
use crate::receipt::Receipt;
use crate::shared::Shared;

impl Shared {
    /// `DeleteMessage`.
    pub(crate) async fn delete_message(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let handle = input::required_text(&call.input, "ReceiptHandle")?;
        self.delete(&queue, &[handle]).await?.remove(0)?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `DeleteMessageBatch`: one commit for all.
    pub(crate) async fn delete_batch(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let entries = batch::entries(&call.input, "DeleteMessageBatchRequestEntry")?;
        let handles: Vec<&str> =
            entries.iter().map(|(_, entry)| entry["ReceiptHandle"].as_str().unwrap_or_default()).collect();
        let outcomes = self.delete(&queue, &handles).await?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for ((id, _), outcome) in entries.iter().zip(outcomes) {
            match outcome {
                Ok(()) => successful.push(object! { "Id" => *id }),
                Err(fault) => failed.push(batch::failure(id, &fault)),
            }
        }
        Ok(Reply::from(batch::answer(successful, failed)))
    }

    /// Deletes what the handles name; answers for each what is wrong with it.
    async fn delete(&self, queue: &Queue, handles: &[&str]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let receipts: Vec<Result<Receipt, Fault>> = handles.iter().map(|handle| open(queue, handle)).collect();
        let mut outcomes = Vec::with_capacity(handles.len());
        let mut leaving = Vec::new();
        let mut batch = Batch::default();
        let commit = {
            let mut state = queue.state.lock();
            if state.closing {
                return Err(no_queue());
            }
            state.backlog.promote(self.now_ms());
            for (receipt, handle) in receipts.into_iter().zip(handles) {
                let receipt = match receipt {
                    Ok(receipt) => receipt,
                    Err(fault) => {
                        outcomes.push(Err(fault));
                        continue;
                    }
                };
                let sequence = receipt.sequence;
                if queue.fifo && state.backlog.get(sequence).is_none() && state.backlog.tail.covers(sequence) {
                    // One that stays must not come into memory before those of its group on the disk.
                    let now_ms = self.now_ms();
                    match queue.stored(&self.store, sequence) {
                        Ok(Some(entry))
                            if entry.state_at(now_ms) == State::Visible || entry.receives != receipt.receive =>
                        {
                            outcomes.push(Err(expired(handle)));
                            continue;
                        }
                        Ok(_) => {}
                        Err(fault) => {
                            outcomes.push(Err(fault));
                            continue;
                        }
                    }
                }
                if let Err(fault) = queue.adopt(&mut state.backlog, &self.store, sequence, self.now_ms()) {
                    outcomes.push(Err(fault));
                    continue;
                }
                // What is not there was deleted before, or purged: as good as deleted.
                if let Some(entry) = state.backlog.get(sequence) {
                    let is_current = entry.state() != State::Visible && entry.receives == receipt.receive;
                    if queue.fifo && !is_current {
                        outcomes.push(Err(expired(handle)));
                        continue;
                    }
                    // A second delete under way writes too: it is answered only
                    // when the message is gone for good.
                    queue.delete_rows(&mut batch, sequence);
                    state.backlog.change(sequence, State::Leaving, |_| ());
                    leaving.push(sequence);
                }
                outcomes.push(Ok(()));
            }
            (!batch.is_empty()).then(|| self.store.commit(batch))
        };
        let Some(commit) = commit else { return Ok(outcomes) };
        if let Err(error) = commit.await {
            queue.restore(&leaving, self.now_ms());
            return Err(of_commit(&error));
        }
        queue.forget(&leaving);
        self.counters.deleted(leaving.len());
        Ok(outcomes)
    }
}

/// Reads a handle of the queue.
///
/// # Errors
/// It is none.
pub(crate) fn open(queue: &Queue, handle: &str) -> Result<Receipt, Fault> {
    if handle.is_empty() {
        return Err(missing_parameter("ReceiptHandle"));
    }
    Receipt::open(handle, queue.id, &queue.secret)
}

/// Of a FIFO queue's message that is visible again, or was received again.
pub(crate) fn expired(handle: &str) -> Fault {
    invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
}
