//! Targets of pipes.

use std::collections::BTreeSet;

use windlass_event_target::{Destination, EventEntry, Kind, Request};
use windlass_protocol::Fault;
use windlass_value::{Text, Timestamp, Value};

use crate::answer::{of_function, of_machine};
use crate::caller::call;
use crate::pipe::Pipe;
use crate::pipes::Pipes;
use crate::template::parameter;

/// How much of a batch a target took.
pub(crate) enum Delivered {
    All,
    /// All but the messages of these ids.
    AllBut(BTreeSet<String>),
    /// That many events from the first on; then the fault.
    First(usize, Fault),
}

/// Hands the inputs made from events to a pipe's target. `key` names the batch.
///
/// # Errors
/// Nothing was taken.
pub(crate) async fn deliver(
    pipes: &Pipes,
    pipe: &Pipe,
    events: &[Value],
    inputs: Vec<Value>,
    key: &str,
) -> Result<Delivered, Fault> {
    match &pipe.target.kind {
        Kind::Function => to_function(pipes, pipe, inputs, key).await,
        Kind::StateMachine => to_machine(pipes, pipe, inputs, key).await,
        _ => {
            for (at, (event, input)) in events.iter().zip(&inputs).enumerate() {
                // A message is known by its own id, whatever batch it comes in.
                let id = event["messageId"].as_str();
                let key = id.map_or_else(|| format!("{key}:{at}"), |id| format!("{}:{id}", pipe.arn));
                if let Err(fault) = to_one(pipes, pipe, event, input, key).await {
                    return Ok(Delivered::First(at, fault));
                }
            }
            Ok(Delivered::All)
        }
    }
}

fn invocation_type<'a>(pipe: &'a Pipe, member: &str) -> Option<&'a str> {
    pipe.target_parameters[member]["InvocationType"].as_str()
}

async fn to_function(pipes: &Pipes, pipe: &Pipe, inputs: Vec<Value>, key: &str) -> Result<Delivered, Fault> {
    let payload = Value::array(inputs).to_text();
    if invocation_type(pipe, "LambdaFunctionParameters") == Some("FIRE_AND_FORGET") {
        let request = Request::invoke(&pipe.target, &payload, false);
        call(pipes, pipe, request, Some(key.to_owned())).await?;
        return Ok(Delivered::All);
    }
    of_function(pipes, pipe, &pipe.target, &payload, key.to_owned()).await.map(|answer| failures(&answer))
}

async fn to_machine(pipes: &Pipes, pipe: &Pipe, inputs: Vec<Value>, key: &str) -> Result<Delivered, Fault> {
    let input = Value::array(inputs).to_text();
    let kind = invocation_type(pipe, "StepFunctionStateMachineParameters");
    if kind != Some("FIRE_AND_FORGET") {
        match of_machine(pipes, pipe, &pipe.target, &input, key.to_owned()).await {
            // Nobody said how: a Standard machine can only be started.
            Err(fault) if kind.is_none() && fault.code == "StateMachineTypeNotSupported" => {}
            answer => return answer.map(|answer| failures(&answer)),
        }
    }
    let request = Request::start_execution(&pipe.target, key, &input);
    match call(pipes, pipe, request, Some(key.to_owned())).await {
        // The name is this batch's own: it was started before.
        Err(fault) if fault.code == "ExecutionAlreadyExists" => Ok(Delivered::All),
        outcome => outcome.map(|_| Delivered::All),
    }
}

/// The messages that a target answers it could not take.
fn failures(answer: &Value) -> Delivered {
    let Value::Array(failures) = &answer["batchItemFailures"] else { return Delivered::All };
    let ids = failures.iter().filter_map(|failure| failure["itemIdentifier"].as_str()).map(str::to_owned);
    Delivered::AllBut(ids.collect())
}

/// Text as it is, anything else as JSON.
fn text(input: &Value) -> String {
    match input {
        Value::String(text) => text.to_string(),
        value => value.to_text(),
    }
}

async fn to_one(pipes: &Pipes, pipe: &Pipe, event: &Value, input: &Value, key: String) -> Result<(), Fault> {
    let target = &pipe.target;
    let request = match &target.kind {
        Kind::Queue { .. } => {
            let parameters = &pipe.target_parameters["SqsQueueParameters"];
            let group = parameter(&parameters["MessageGroupId"], event);
            let deduplication = parameter(&parameters["MessageDeduplicationId"], event);
            Request::send_message(target, &text(input), group.as_deref(), deduplication.as_deref())
        }
        Kind::Topic => Request::publish(target, &text(input), None, None),
        Kind::EventBus(_) => Request::put_event(target, &entry(pipe, event, input)?),
        Kind::LogGroup(group) => return log(pipes, pipe, target, group, event, input, key).await,
        _ => return Err(Fault::not_built(&format!("pipes to {}", target.arn))),
    };
    let reply = call(pipes, pipe, request, Some(key)).await?;
    let refused = reply.output["FailedEntryCount"].as_i64().is_some_and(|failed| failed > 0);
    match refused {
        false => Ok(()),
        true => {
            let entry = reply.output["Entries"].at(0).cloned().unwrap_or_default();
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            Err(Fault::new(&text("ErrorCode"), text("ErrorMessage")))
        }
    }
}

/// The entry that puts an input on a bus.
fn entry(pipe: &Pipe, event: &Value, input: &Value) -> Result<EventEntry, Fault> {
    if input.as_object().is_none() {
        return Err(Fault::new("MalformedDetail", "What is put on an event bus must be a JSON object."));
    }
    let parameters = &pipe.target_parameters["EventBridgeEventBusParameters"];
    let or = |name: &str, default: String| Text::from(parameter(&parameters[name], event).unwrap_or(default));
    let resources = match &parameters["Resources"] {
        Value::Array(items) => items.iter().filter_map(|item| parameter(item, event)).map(Text::from).collect(),
        _ => Vec::new(),
    };
    let time = parameter(&parameters["Time"], event);
    let time =
        time.and_then(|time| Timestamp::parse_rfc3339(&time).ok().or_else(|| Some(Timestamp(time.parse().ok()?))));
    Ok(EventEntry {
        source: or("Source", format!("Pipe {}", pipe.record.name)),
        detail_type: or("DetailType", "Event from aws:sqs".to_owned()),
        detail: input.to_text().into(),
        resources,
        time_s: time.map(|time| time.as_ms().div_euclid(1000)),
    })
}

async fn log(
    pipes: &Pipes,
    pipe: &Pipe,
    target: &Destination,
    group: &str,
    event: &Value,
    input: &Value,
    key: String,
) -> Result<(), Fault> {
    let parameters = &pipe.target_parameters["CloudWatchLogsParameters"];
    let stream = parameter(&parameters["LogStreamName"], event).unwrap_or_else(|| pipe.record.name.clone());
    let create = Request::create_log_stream(target, group, &stream);
    match call(pipes, pipe, create, Some(format!("{key}:stream"))).await {
        Ok(_) => {}
        Err(fault) if fault.code == "ResourceAlreadyExistsException" => {}
        Err(fault) => return Err(fault),
    }
    let at_ms = parameter(&parameters["Timestamp"], event).and_then(|time| time.parse().ok());
    let at_ms = at_ms.unwrap_or_else(|| pipes.now().as_ms());
    let put = Request::put_log_event(target, group, &stream, at_ms, &text(input));
    call(pipes, pipe, put, Some(key)).await.map(|_| ())
}
