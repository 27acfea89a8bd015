//! `PutEvents`

use windlass_event_target::EventEntry;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Text, Value};

use crate::event::Event;
use crate::events::Events;
use crate::faults;
use crate::once;
use crate::place::Place;
use crate::publish::{Origin, Publication, plan};
use crate::random;
use crate::request::{Request, bus};

/// Entries of one call.
const ENTRIES_MAX: usize = 10;
/// All entries of one call together, as AWS counts them.
const ENTRIES_BYTES_MAX: usize = 1_048_576;
/// What AWS counts for an entry's time.
const TIME_BYTES: usize = 14;

/// Puts entries on their buses: what they cause is one batch, and durable when
/// this answers.
pub(crate) async fn put_events(events: &Events, request: Request<'_>) -> Outcome {
    let call = request.call;
    let place = request.place();
    if request.text_not_empty("EndpointId")?.is_some() {
        return Err(Fault::not_built("global endpoints"));
    }
    let entries = request.array("Entries")?;
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and {ENTRIES_MAX}"
        )));
    }
    if entries.iter().map(size).sum::<usize>() > ENTRIES_BYTES_MAX {
        return Err(Fault::validation("Total size of the entries in the request is over the limit."));
    }
    let mut publication = Publication::default();
    let mut results = Vec::with_capacity(entries.len());
    let mut failed = 0;
    for entry in entries {
        let mut result = Object::new();
        match put(events, call, &place, entry, &mut publication)? {
            Ok(id) => result.insert("EventId", id),
            Err((code, message)) => {
                failed += 1;
                result.insert("ErrorCode", code);
                result.insert("ErrorMessage", message)
            }
        };
        results.push(Value::from(result));
    }
    let output = windlass_value::object! { "FailedEntryCount" => failed, "Entries" => Value::array(results) };
    let Publication { mut batch, entries } = publication;
    once::keep(events, call, &output, &mut batch);
    if batch.is_empty() {
        return Ok(Reply::from(output));
    }
    match events.store.commit(batch).await {
        Ok(()) => {
            events.outbox.committed(&entries);
            Ok(Reply::from(output))
        }
        Err(error) => {
            events.outbox.refused(&entries);
            Err(faults::of_commit(&error))
        }
    }
}

type Refusal = (&'static str, String);

/// Plans one entry: the event's id, or why the entry is refused.
fn put(
    events: &Events,
    call: &Call,
    caller: &Place,
    entry: &Value,
    publication: &mut Publication,
) -> Result<Result<String, Refusal>, Fault> {
    let (read, detail) = match read(entry) {
        Ok(read) => read,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if read.source.starts_with("aws.") && !may_be_aws(call) {
        return Ok(Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned())));
    }
    let (place, name) = match bus(caller.clone(), entry["EventBusName"].as_str()) {
        Ok(bus) => bus,
        Err(fault) => return Ok(Err(("InvalidArgument", fault.message))),
    };
    // One of our own services names its event, so that a repeat after a crash can be told.
    let named = entry["Id"].as_str().filter(|_| may_be_aws(call));
    let id = named.map_or_else(random::uuid, |id| Ok(id.to_owned()))?;
    // As on AWS, an event on a bus that is not there is taken, and reaches nobody.
    if let Some(bus) = events.catalogue.bus(&place, &name) {
        let event = Event::new(id.clone(), &read, detail, &place, events.now());
        let trace = entry["TraceHeader"].as_str().or(call.trace.as_deref()).map(str::to_owned);
        plan(events, &bus, &event, &Origin { depth: call.depth, trace }, publication)?;
    }
    Ok(Ok(id))
}

/// Whether a caller may put events in the name of a service: only our own
/// services do, or rules that pass such an event on.
fn may_be_aws(call: &Call) -> bool {
    let is_service = !call.principal.arn.starts_with("arn:");
    let is_rule = || {
        let arn = call.source_arn.as_deref().and_then(windlass_value::Arn::parse);
        arn.is_some_and(|arn| arn.service == "events")
    };
    call.depth > 0 && (is_service || is_rule())
}

fn read(entry: &Value) -> Result<(EventEntry, Value), Refusal> {
    let required = |name: &str| match entry[name].as_str() {
        Some(text) if !text.is_empty() => Ok(Text::from(text)),
        _ => Err(("InvalidArgument", format!("Parameter {name} is not valid. Reason: {name} is a required argument."))),
    };
    let (source, detail_type, detail) = (required("Source")?, required("DetailType")?, required("Detail")?);
    let document = windlass_value::parse(&detail).ok().filter(|detail| detail.as_object().is_some());
    let document = document.ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
    let resources = match &entry["Resources"] {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(Text::from).collect(),
        _ => Vec::new(),
    };
    let time_s = entry["Time"].as_f64().map(|seconds| seconds as i64);
    Ok((EventEntry { source, detail_type, detail, resources, time_s }, document))
}

fn size(entry: &Value) -> usize {
    let text = |name: &str| entry[name].as_str().map_or(0, str::len);
    let resources = match &entry["Resources"] {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::len).sum(),
        _ => 0,
    };
    let time = if entry["Time"].is_null() { 0 } else { TIME_BYTES };
    time + text("Source") + text("DetailType") + text("Detail") + resources
}
