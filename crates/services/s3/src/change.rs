use windlass_blob::BlobId;
use windlass_protocol::{Call, Fault};
use windlass_store::{Batch, CommitError};
use windlass_value::Value;

use crate::event::Event;
use crate::faults;
use crate::s3::S3;

/// How often a change is tried again because another came between its look and its commit.
/// Each time one of them takes effect, so only a crowd on one key gets that far.
const ATTEMPTS_MAX: usize = 256;

/// What one request changes, together or not at all.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) batch: Batch,
    /// Contents that lose a reference.
    pub(crate) released: Vec<BlobId>,
    /// What happens to objects, for the bucket's notifications.
    pub(crate) events: Vec<Event>,
}

impl S3 {
    /// Makes a change durable. `attempt` looks at the store, fills the change and
    /// says the answer; it is asked again when what it looked at changed meanwhile.
    /// A call that comes again under its idempotency key is answered as before.
    ///
    /// # Errors
    /// Those of `attempt`; `OperationAborted` after too many tries; our own failure.
    pub(crate) async fn change(
        &self,
        call: &Call,
        attempt: impl Fn(&mut Change) -> Result<Value, Fault> + Send,
    ) -> Result<Value, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(answer) = self.first_answer(call)? {
                return Ok(answer);
            }
            let mut change = Change::default();
            let output = attempt(&mut change)?;
            let Change { mut batch, released, events } = change;
            if let Some(key) = &call.idempotency_key {
                self.answers.keep(&mut batch, &call.account, &call.region, key, output.to_text());
            }
            let entries = self.notify(call, &mut batch, events)?;
            if batch.is_empty() {
                return Ok(output);
            }
            match self.store.commit(batch).await {
                Ok(()) => {
                    released.into_iter().for_each(|id| self.blobs.released(id));
                    self.notified(&entries);
                    return Ok(output);
                }
                Err(error) => {
                    self.outbox.refused(&entries);
                    match error {
                        CommitError::Expectation { .. } => {}
                        CommitError::Overloaded => return Err(faults::slow_down(error.to_string())),
                        error => return Err(faults::internal(error.to_string())),
                    }
                }
            }
        }
        Err(faults::operation_aborted().explained("too many changes of the same thing at once"))
    }
}

/// A step of a call that makes several changes, to be kept apart from the others
/// where the call comes again.
pub(crate) fn step_of(call: &Call, step: usize) -> Call {
    let mut call = call.clone();
    call.idempotency_key = call.idempotency_key.map(|key| format!("{key}/{step}").into());
    call
}
