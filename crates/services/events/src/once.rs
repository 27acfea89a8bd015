//! Calls of our own services that may come again: a repeat is answered as the
//! first was, which is kept in the batch of the first's effect.

use windlass_protocol::{Call, Fault, Reply};
use windlass_store::Batch;
use windlass_value::Value;

use crate::events::Events;
use crate::faults;

/// The first answer to a call, if it comes again.
///
/// # Errors
/// What the store answers.
pub(crate) fn first_answer(events: &Events, call: &Call) -> Result<Option<Reply>, Fault> {
    let Some(key) = &call.idempotency_key else { return Ok(None) };
    let found = events.answers.find(&call.account, &call.region, key).map_err(|error| faults::of_store(&error))?;
    let Some(answer) = found else { return Ok(None) };
    let text = str::from_utf8(&answer).map_err(|error| faults::internal(error.to_string()))?;
    let output = windlass_value::parse(text).map_err(|error| faults::internal(format!("{error:?}")))?;
    Ok(Some(Reply::from(output)))
}

/// Adds a call's answer to the batch of its effect, if it may come again.
pub(crate) fn keep(events: &Events, call: &Call, output: &Value, batch: &mut Batch) {
    if let Some(key) = &call.idempotency_key {
        events.answers.keep(batch, &call.account, &call.region, key, output.to_text());
    }
}
