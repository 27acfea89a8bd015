//! Any moment of an execution; beyond AWS.

use windlass_journal::{Evaluated, Journal, Moment, ReplayError};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value, object};

use super::describe::{describe_record, optional};
use super::fork::forked_from;
use super::record;
use crate::environment::Environment;
use crate::fault::of_journal;
use crate::keys::Keys;
use crate::machine::Machines;
use crate::request::Request;

/// What the state of an event saw and evaluated.
pub(crate) async fn moment(journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    let record = record(journal, request.required("executionArn")?, request.call)?;
    if record.is_sealed() {
        return Err(Fault::not_built("moments of executions that a customer managed key encrypts"));
    }
    let event_id = request.member("eventId").and_then(Value::as_i64).and_then(|id| u64::try_from(id).ok());
    let event_id = event_id.ok_or_else(|| Fault::validation("'eventId' must be the id of an event"))?;
    let looked = {
        let journal = journal.clone();
        // It reads and computes, so it leaves the runtime's threads.
        tokio::task::spawn_blocking(move || journal.moment(&record, event_id)).await
    };
    let looked = looked.map_err(|error| Fault::internal(error.to_string()))?.map_err(replay_fault)?;
    let Moment { event, state } =
        looked.ok_or_else(|| Fault::validation(format!("The execution has no event {event_id}")))?;
    let mut out = Object::new();
    out.insert("event", event.to_value(true));
    if let Some(state) = state {
        let within = state.within.iter().map(|(name, index)| object! { "state" => name, "index" => *index });
        out.insert(
            "state",
            object! {
                "name" => &state.name,
                "enteredEventId" => state.entered_event_id,
                "within" => Value::array(within.collect()),
                "input" => state.input.value().clone(),
                "variables" => state.variables,
                "context" => state.context,
                "evaluated" => Value::array(state.evaluated.into_iter().map(evaluated).collect()),
                "abridged" => state.abridged,
            },
        );
    }
    Ok(Value::from(out).into())
}

fn evaluated(found: Evaluated) -> Value {
    let mut out = Object::new();
    out.insert("afterEventId", found.after_event_id);
    out.insert("field", found.field);
    match found.value {
        Ok(value) => out.insert("value", value),
        Err((error, cause)) => out.insert("failure", object! { "error" => error, "cause" => cause }),
    };
    out.into()
}

/// `DescribeExecution`, and what only this server knows.
pub(crate) async fn describe_more(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let record = record(journal, request.required("executionArn")?, request.call)?;
    let mut out = describe_record(machines, journal, environment, keys, request, record.clone()).await?;
    let origin = Some(forked_from(&record)).filter(|origin| !origin.is_null());
    optional(&mut out, "forkedFrom", origin);
    let last = journal.last_event_id(&record).map_err(|error| of_journal(&error))?;
    out.insert("eventCount", last);
    Ok(Value::from(out).into())
}

pub(super) fn replay_fault(error: ReplayError) -> Fault {
    match error {
        ReplayError::Journal(error) => of_journal(&error),
        error @ ReplayError::Differs { .. } => {
            Fault::new("NotRecomputable", format!("That moment cannot be recomputed by this release: {error}"))
                .with_status(409)
        }
    }
}
