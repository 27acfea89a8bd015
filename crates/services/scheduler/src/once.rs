//! Requests that may come again: with a `ClientToken`, or from one of our own
//! services. A repeat is answered as the first was.

use sha2::{Digest, Sha256};
use windlass_outbox::Entry;
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_store::{Batch, CommitError};
use windlass_value::Value;

use crate::faults;
use crate::place::Place;
use crate::request::Request;
use crate::scheduler::Scheduler;

/// A request that was not answered yet.
pub(crate) struct Once {
    place: Place,
    key: Option<String>,
    /// Of the input: a token that comes with another input is a mistake.
    fingerprint: String,
}

/// What is known of a request.
pub(crate) enum Begun {
    /// It is new.
    New(Once),
    /// It was answered so.
    Answered(Reply),
}

impl Once {
    /// Looks for the first answer.
    ///
    /// # Errors
    /// The token came with another input before; what the store answers.
    pub(crate) fn begin(scheduler: &Scheduler, request: Request<'_>) -> Result<Begun, Fault> {
        let call = request.call;
        let key = match (&call.idempotency_key, request.text("ClientToken")?) {
            (Some(key), _) => Some(format!("call:{key}")),
            (None, Some(token)) => Some(format!("{}:{token}", call.operation)),
            (None, None) => None,
        };
        let digest = Sha256::digest(call.input.to_text().as_bytes());
        let fingerprint = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let once = Once { place: request.place(), key, fingerprint };
        match once.find(scheduler)? {
            Some(reply) => Ok(Begun::Answered(reply)),
            None => Ok(Begun::New(once)),
        }
    }

    fn find(&self, scheduler: &Scheduler) -> Result<Option<Reply>, Fault> {
        let Some(key) = &self.key else { return Ok(None) };
        let found = scheduler
            .answers
            .find(&self.place.account, &self.place.region, key)
            .map_err(|error| faults::of_store(&error))?;
        let Some(bytes) = found else { return Ok(None) };
        let text = str::from_utf8(&bytes).map_err(|error| faults::internal(error.to_string()))?;
        let (fingerprint, output) = text.split_once('\n').ok_or_else(|| faults::internal("a kept answer is cut"))?;
        if fingerprint != self.fingerprint {
            return Err(faults::conflict("The client token was used before, with other parameters."));
        }
        let output = windlass_value::parse(output).map_err(|error| faults::internal(format!("{error:?}")))?;
        Ok(Some(Reply::from(output)))
    }

    /// Commits the request's effect with its answer, and hands its entries over.
    ///
    /// # Errors
    /// The batch is refused, and not because the same request was faster.
    pub(crate) async fn commit(
        self,
        scheduler: &Scheduler,
        mut batch: Batch,
        entries: &[Entry],
        output: Value,
    ) -> Outcome {
        if let Some(key) = &self.key {
            let answer = format!("{}\n{}", self.fingerprint, output.to_text());
            scheduler.answers.keep(&mut batch, &self.place.account, &self.place.region, key, answer);
        }
        match scheduler.store.commit(batch).await {
            Ok(()) => {
                scheduler.outbox.committed(entries);
                Ok(Reply::from(output))
            }
            Err(error) => {
                scheduler.outbox.refused(entries);
                if let CommitError::Expectation { .. } = error
                    && let Some(reply) = self.find(scheduler)?
                {
                    return Ok(reply);
                }
                Err(faults::of_commit(&error))
            }
        }
    }
}
