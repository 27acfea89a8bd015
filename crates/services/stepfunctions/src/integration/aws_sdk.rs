//! `aws-sdk:…` integrations: any operation of any service whose model is known.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::{Operation, SdkInput, SdkInstants};
use windlass_value::{Object, Payload, Value};
use windlass_workflow::TaskCall;

use super::failure::Failure;
use super::models::{ApiFault, SdkService, call_api, cannot_start, problem_text, unusable};
use super::task_call::TaskCaller;

/// Operations that AWS does not offer, by the SDK's name of the service.
const NOT_OFFERED: &[(&str, &str)] = &[("lambda", "InvokeAsync")];

/// The operation an action names; an error says why there is none.
pub(super) fn operation(service: SdkService, sdk: &str, action: &str) -> Result<&'static Operation, String> {
    let operation = service.model.operation_of_sdk(action).ok_or_else(|| {
        format!("The service integration 'aws-sdk:{sdk}:{action}' cannot be called: the API of '{sdk}' has no operation of that name.")
    })?;
    if service.model.answers_with_events(operation) || NOT_OFFERED.contains(&(sdk, &*operation.name)) {
        return Err(format!(
            "The service integration 'aws-sdk:{sdk}:{action}' is not offered: Step Functions takes no streaming operations."
        ));
    }
    Ok(operation)
}

/// Why these parameters cannot start the task; `None` when they can.
pub(super) fn refusal(service: SdkService, operation: &Operation, parameters: &Value) -> Option<String> {
    let problems = service.model.read_sdk_input(operation, parameters).err()?;
    let problems: Vec<String> = problems.iter().map(problem_text).collect();
    Some(cannot_start(parameters, &problems))
}

/// Operations of S3 whose payload the SDK sums up unless it is told how.
const UPLOADS: &[&str] = &["PutObject", "UploadPart"];

/// What the SDK adds to an upload of text.
fn describe_upload(operation: &str, input: &mut SdkInput) {
    const TEXT: &str = "text/plain; charset=UTF-8";
    let Value::Object(given) = &input.input else { return };
    let mut members = Object::clone(given);
    if !given.keys().any(|name| name.starts_with("Checksum") || &**name == "ContentMD5") {
        members.insert("ChecksumCRC32", STANDARD.encode(crc32fast::hash(&input.body).to_be_bytes()));
    }
    if operation == "PutObject" && !given.contains_key("ContentType") {
        members.insert("ContentType", TEXT);
    }
    input.input = members.into();
}

/// The SDK takes every body as text, and says so. Recorded with numbers, lists and
/// truth values as Body.
fn add_text_type(input: &mut SdkInput) {
    let Value::Object(given) = &input.input else { return };
    if !given.contains_key("ContentType") {
        let mut members = Object::clone(given);
        members.insert("ContentType", "text/plain; charset=UTF-8");
        input.input = members.into();
    }
}

/// Calls an operation.
pub(super) async fn call(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    service: SdkService,
    operation: &Operation,
) -> Result<Payload, Failure> {
    let parameters = task.parameters.value();
    let input = service.model.read_sdk_input(operation, parameters);
    let mut input = input.map_err(|problems| unusable(parameters, &problems))?;
    if service.name == "s3" && UPLOADS.contains(&&*operation.name) {
        describe_upload(&operation.name, &mut input);
    }
    if service.name == "s3" && operation.name == "PutObject" {
        add_text_type(&mut input);
    }
    let answered = call_api(caller, task, service, operation, input).await;
    let answer = answered.map_err(|ApiFault { fault, request_id }| {
        Failure::of_sdk_fault(&fault, service.prefix, service.model, &request_id)
    })?;
    let output = service.model.write_sdk_output(operation, &answer.reply, &answer.body, SdkInstants::Rfc3339);
    Ok(Payload::from_value(output))
}
