use bytes::Bytes;
use windlass_value::{Object, Payload, Value};
use windlass_workflow::TaskCall;

use super::failure::{Failure, STEP_FUNCTIONS};
use super::http_metadata;
use super::parameters::{ParameterRules, json, optional, required};
use super::task_call::TaskCaller;

/// The parameters of `states:startExecution`.
pub(super) static PARAMETERS: ParameterRules =
    ParameterRules { fields: &[required("StateMachineArn"), json("Input"), optional("Name"), optional("TraceHeader")] };

/// `states:startExecution`.
pub(super) async fn start_execution(caller: TaskCaller<'_>, task: &TaskCall) -> Result<Payload, Failure> {
    let parameters = task.parameters.value();
    let mut input = Object::new();
    for (from, to) in
        [("StateMachineArn", "stateMachineArn"), ("Input", "input"), ("Name", "name"), ("TraceHeader", "traceHeader")]
    {
        if let Some(text) = parameters.get(from).and_then(text_of) {
            input.insert(to, text);
        }
    }
    let call = caller.call(task, "states", "StartExecution", input.into(), Bytes::new());
    let request_id = call.request_id.clone();
    let reply = caller.make(call).await;
    let reply = reply.map_err(|fault| Failure::of_fault(&fault, STEP_FUNCTIONS, &request_id))?;
    const OK: i64 = 200;
    let mut result = Object::new();
    result.insert("ExecutionArn", &reply.output["executionArn"]);
    let headers = [
        ("x-amzn-RequestId", request_id.to_string()),
        ("connection", "keep-alive".to_owned()),
        ("Content-Length", reply.output.to_text().len().to_string()),
        ("Date", http_metadata::date(caller.environment.now())),
        ("Content-Type", "application/x-amz-json-1.0".to_owned()),
    ];
    http_metadata::add_to(&mut result, &headers, OK, &request_id);
    result.insert("StartDate", &reply.output["startDate"]);
    Ok(Payload::from_value(result.into()))
}

/// A parameter that the API takes as text: what is no string is written as
/// JSON, null is left out.
pub(super) fn text_of(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(_) => Some(value.clone()),
        other => Some(other.to_text().into()),
    }
}
