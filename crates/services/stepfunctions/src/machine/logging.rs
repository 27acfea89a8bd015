//! `loggingConfiguration`.

use windlass_protocol::{Call, Dispatcher, Fault};
use windlass_value::{Arn, Object, Value, object};

const OFF: &str = "OFF";

/// What a machine without a configuration shows.
pub(super) fn default() -> Value {
    object! { "level" => OFF, "includeExecutionData" => false }
}

/// Fills in the defaults and checks the number of destinations.
///
/// # Errors
/// `InvalidLoggingConfiguration`.
pub(super) fn checked(given: &Object) -> Result<Value, Fault> {
    let present = |name: &str| given.get(name).filter(|value| !value.is_null());
    let level = present("level").and_then(Value::as_str).unwrap_or(OFF);
    let destinations = present("destinations").and_then(Value::as_array);
    let count = destinations.map_or(0, |items| items.len());
    if count > 1 || (count == 0 && level != OFF) {
        return Err(invalid("Must specify exactly one Log Destination."));
    }
    let mut out = Object::new();
    if let Some(destinations) = destinations {
        if destinations.iter().any(|item| log_group(item).is_none()) {
            return Err(invalid("Must specify exactly one Log Destination."));
        }
        out.insert("destinations", Value::Array(destinations.clone()));
    }
    out.insert("includeExecutionData", present("includeExecutionData").and_then(Value::as_bool).unwrap_or(false));
    out.insert("level", level);
    Ok(out.into())
}

/// Checks that the log groups of a checked configuration exist.
///
/// # Errors
/// `InvalidLoggingConfiguration`, also where no log service is hosted here:
/// its groups cannot be found then.
pub(super) async fn find_destinations(
    configuration: &Value,
    call: &Call,
    dispatcher: &Dispatcher,
) -> Result<(), Fault> {
    let destinations = configuration["destinations"].as_array();
    for destination in destinations.iter().flat_map(|items| items.iter()) {
        let found = match log_group(destination).and_then(group_name) {
            Some(name) => group_exists(&name, call, dispatcher).await?,
            None => false,
        };
        if !found {
            let why = if dispatcher.hosts("logs") { "no such log group" } else { "no service 'logs' is hosted here" };
            return Err(invalid("Log Destination not found.").explained(why));
        }
    }
    Ok(())
}

fn invalid(reason: &str) -> Fault {
    Fault::new("InvalidLoggingConfiguration", format!("Invalid Logging Configuration: {reason}"))
}

fn log_group(destination: &Value) -> Option<&str> {
    destination["cloudWatchLogsLogGroup"]["logGroupArn"].as_str()
}

/// The name in `arn:aws:logs:region:account:log-group:name:*`; the end is required.
fn group_name(arn: &str) -> Option<String> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "logs")?;
    Some(arn.resource.strip_prefix("log-group:")?.strip_suffix(":*")?.to_owned())
}

async fn group_exists(name: &str, call: &Call, dispatcher: &Dispatcher) -> Result<bool, Fault> {
    if !dispatcher.hosts("logs") {
        return Ok(false);
    }
    let mut question = call.clone();
    question.service = "logs".into();
    question.operation = "DescribeLogGroups".into();
    question.input = object! { "logGroupNamePrefix" => name };
    question.depth = call.depth.saturating_add(1);
    let reply = dispatcher.call(question).await?;
    let groups = reply.output["logGroups"].as_array().cloned().unwrap_or_default();
    Ok(groups.iter().any(|group| group["logGroupName"].as_str() == Some(name)))
}
