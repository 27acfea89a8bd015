use bytes::Bytes;
use windlass_protocol::{Models, Reply};
use windlass_value::{Object, Payload, Text, Value, object, parse, validate};
use windlass_workflow::TaskCall;

use super::failure::{Failure, LAMBDA};
use super::http_metadata;
use super::parameters;
use super::task_call::TaskCaller;

const SERVICE: &str = "lambda";
/// Parameters that are handed on as they are.
const STRINGS: &[&str] =
    &["FunctionName", "InvocationType", "Qualifier", "LogType", "TenantId", "DurableExecutionName"];

/// Why these parameters cannot start `lambda:invoke`; `None` when they can.
pub(super) fn refusal(parameters: &Value) -> Option<String> {
    parameters::refusal("lambda", "invoke", STRINGS, parameters)
}

/// A function's ARN as Resource: the input is the event, the answer the result.
pub(super) async fn call_function(caller: TaskCaller<'_>, task: &TaskCall) -> Result<Payload, Failure> {
    let body = Bytes::copy_from_slice(task.parameters.text().as_bytes());
    let (reply, _) = invoke_function(caller, task, object! { "FunctionName" => &task.arn }, body).await?;
    let text = body_text(&reply);
    if has_failed(&reply) {
        return Err(function_failure(&text, |text| text.into()));
    }
    Ok(Payload::from_text(Text::from(text.as_str())).unwrap_or_else(|_| Payload::from_value(text.into())))
}

/// `lambda:invoke`: the answer with the parsed payload and the HTTP metadata.
pub(super) async fn invoke(caller: TaskCaller<'_>, task: &TaskCall) -> Result<Payload, Failure> {
    let parameters = task.parameters.value();
    let mut input = Object::new();
    for name in STRINGS {
        if let Some(value @ Value::String(_)) = parameters.get(name) {
            input.insert(*name, value);
        }
    }
    match parameters.get("ClientContext") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => {
            input.insert("ClientContext", text);
        }
        Some(value) => {
            input.insert("ClientContext", value.to_text());
        }
    }
    let body = event_bytes(parameters.get("Payload"));
    let (reply, request_id) = invoke_function(caller, task, input.into(), body).await?;
    let text = body_text(&reply);
    if has_failed(&reply) {
        // Recorded: this form writes the error anew, without the blanks of the original.
        return Err(function_failure(&text, |text| {
            parse(text).map_or_else(|_| text.into(), |value| value.to_text().into())
        }));
    }
    let mut result = Object::new();
    let version = reply.output.get("ExecutedVersion").and_then(Value::as_str).unwrap_or("$LATEST").to_owned();
    result.insert("ExecutedVersion", version.as_str());
    if let Some(log) = reply.output.get("LogResult").filter(|log| !log.is_null()) {
        result.insert("LogResult", log);
    }
    result.insert("Payload", parse(&text).unwrap_or_else(|_| Value::from(text.as_str())));
    let status = reply.output["StatusCode"].as_i64().unwrap_or(200);
    let headers = [
        ("X-Amz-Executed-Version", version),
        ("x-amzn-Remapped-Content-Length", "0".to_owned()),
        ("Connection", "keep-alive".to_owned()),
        ("x-amzn-RequestId", request_id.to_string()),
        ("Content-Length", reply.body.len().to_string()),
        ("Date", http_metadata::date(caller.environment.now())),
        ("X-Amzn-Trace-Id", trace_id(caller, task)),
        ("Content-Type", "application/json".to_owned()),
    ];
    http_metadata::add_to(&mut result, &headers, status, &request_id);
    result.insert("StatusCode", status);
    Ok(Payload::from_value(result.into()))
}

async fn invoke_function(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    input: Value,
    body: Bytes,
) -> Result<(Reply, Text), Failure> {
    let call = caller.call(task, SERVICE, "Invoke", input, body);
    let request_id = call.request_id.clone();
    match caller.dispatcher.call(call).await {
        Ok(reply) => Ok((reply, request_id)),
        Err(fault) => Err(Failure::of_fault(&fault, LAMBDA, Models::embedded().service(SERVICE), &request_id)),
    }
}

/// The event a `Payload` parameter stands for. Recorded: nothing and null are
/// `{}`; a string is taken as the JSON text it holds.
fn event_bytes(payload: Option<&Value>) -> Bytes {
    match payload {
        None | Some(Value::Null) => Bytes::from_static(b"{}"),
        Some(Value::String(text)) if validate(text).is_ok() => Bytes::copy_from_slice(text.as_bytes()),
        Some(value) => Bytes::from(value.to_text()),
    }
}

fn body_text(reply: &Reply) -> String {
    reply.body.in_memory().map_or_else(String::new, |body| String::from_utf8_lossy(body).into_owned())
}

fn has_failed(reply: &Reply) -> bool {
    reply.output.get("FunctionError").is_some_and(|error| !error.is_null())
}

/// What a function's own error is called: by its type, else `Lambda.Unknown`.
fn function_failure(text: &str, cause: impl Fn(&str) -> Text) -> Failure {
    let document = parse(text).unwrap_or_default();
    match document.get("errorType").and_then(Value::as_str).filter(|name| !name.is_empty()) {
        Some(name) => Failure { error: name.into(), cause: cause(text) },
        None => Failure {
            error: "Lambda.Unknown".into(),
            cause: format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
            )
            .into(),
        },
    }
}

fn trace_id(caller: TaskCaller<'_>, task: &TaskCall) -> String {
    if let Some(header) = caller.trace(task) {
        return header.to_string();
    }
    const ROOT_CHARS: usize = 24;
    let seconds = caller.environment.now().as_ms() / 1000;
    let random = caller.environment.uuid().replace('-', "");
    format!("Root=1-{seconds:08x}-{};Sampled=0", &random[..ROOT_CHARS])
}
