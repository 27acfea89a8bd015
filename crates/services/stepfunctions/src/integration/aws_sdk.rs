//! `aws-sdk:…` integrations of services that are hosted here.

use bytes::Bytes;
use windlass_value::{Number, Object, Payload, Text, Timestamp, Value};
use windlass_workflow::TaskCall;

use super::failure::Failure;
use super::states::text_of;
use super::task_call::TaskCaller;

/// A service as the SDK integrations name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SdkService {
    /// In the resource: `sfn`.
    sdk: &'static str,
    /// The signing name: `states`.
    name: &'static str,
    /// In errors: `Sfn`.
    prefix: &'static str,
    /// Members that hold JSON documents as text.
    json_members: &'static [&'static str],
}

const SERVICES: &[SdkService] = &[SdkService {
    sdk: "sfn",
    name: "states",
    prefix: "Sfn",
    json_members: &["Input", "Output", "Definition", "Cause", "Error"],
}];

impl SdkService {
    /// Whether this is Step Functions itself.
    pub(super) fn is_own(self) -> bool {
        self.name == "states"
    }

    /// The service of a resource's `aws-sdk:<name>`; `None` where this build has none.
    pub(super) fn of(sdk: &str) -> Option<SdkService> {
        SERVICES.iter().find(|service| service.sdk == sdk).copied()
    }
}

/// Calls an operation: parameters and results are PascalCase whatever the API's
/// own case; instants become ISO 8601.
pub(super) async fn call(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    service: SdkService,
    action: &str,
) -> Result<Payload, Failure> {
    let input = to_api(task.parameters.value(), service.json_members);
    let call = caller.call(task, service.name, &upper_first(action), input, Bytes::new());
    let request_id = call.request_id.clone();
    match caller.make(call).await {
        Ok(reply) => Ok(Payload::from_value(from_api(&reply.output, None))),
        Err(fault) => Err(Failure::of_sdk_fault(&fault, service.prefix, &request_id)),
    }
}

fn to_api(value: &Value, json_members: &[&str]) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&Text, &Value)| {
                let is_json = json_members.contains(&&**name);
                let value = if is_json { text_of(value)? } else { to_api(value, json_members) };
                Some((lower_first(name), value))
            };
            members.iter().filter_map(member).collect::<Object>().into()
        }
        Value::Array(items) => Value::array(items.iter().map(|item| to_api(item, json_members)).collect()),
        other => other.clone(),
    }
}

fn from_api(value: &Value, member: Option<&str>) -> Value {
    match value {
        // Its keys are the author's own names.
        Value::Object(_) if member == Some("variableReferences") => value.clone(),
        Value::Object(members) => {
            let rename = |(name, value): (&Text, &Value)| (upper_first(name), from_api(value, Some(name)));
            members.iter().map(rename).collect::<Object>().into()
        }
        Value::Array(items) => Value::array(items.iter().map(|item| from_api(item, member)).collect()),
        Value::Number(number) if member.is_some_and(is_instant) => instant(number).to_rfc3339().into(),
        other => other.clone(),
    }
}

/// Whether a member of the API holds an instant.
fn is_instant(member: &str) -> bool {
    member == "timestamp" || member.ends_with("Date")
}

fn instant(epoch_seconds: &Number) -> Timestamp {
    const MS: f64 = 1000.0;
    Timestamp((epoch_seconds.as_f64() * MS).round() as i64)
}

fn upper_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
