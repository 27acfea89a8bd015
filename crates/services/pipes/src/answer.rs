//! What functions and state machines answer to a pipe.

use windlass_event_target::{Destination, Request};
use windlass_protocol::{Fault, Reply};
use windlass_value::Value;

use crate::caller::call;
use crate::pipe::Pipe;
use crate::pipes::Pipes;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 6 * 1024 * 1024;

/// Invokes a function and reads what it answers; nothing is null.
///
/// # Errors
/// Why there is no answer, the function's own errors among them.
pub(crate) async fn of_function(
    pipes: &Pipes,
    pipe: &Pipe,
    function: &Destination,
    payload: &str,
    key: String,
) -> Result<Value, Fault> {
    let reply = call(pipes, pipe, Request::invoke(function, payload, true), Some(key)).await?;
    let text = body(&reply)?;
    match reply.output["FunctionError"].as_str() {
        Some(error) => Err(Fault::new("FunctionError", format!("The function failed ({error}): {text}"))),
        None => read(&text),
    }
}

/// Runs an Express state machine and reads its output.
///
/// # Errors
/// Why there is no output, the execution's own failure among them.
pub(crate) async fn of_machine(
    pipes: &Pipes,
    pipe: &Pipe,
    machine: &Destination,
    input: &str,
    key: String,
) -> Result<Value, Fault> {
    let reply = call(pipes, pipe, Request::start_sync_execution(machine, input), Some(key)).await?;
    let output = &reply.output;
    match output["status"].as_str() {
        None | Some("SUCCEEDED") => read(output["output"].as_str().unwrap_or_default()),
        Some(status) => Err(Fault::new(
            "ExecutionFailed",
            format!("The execution ended as {status}: {} {}", output["error"], output["cause"]),
        )),
    }
}

fn body(reply: &Reply) -> Result<String, Fault> {
    let bytes = reply.body.read(ANSWER_BYTES_MAX).map_err(|error| Fault::internal(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(text: &str) -> Result<Value, Fault> {
    match text {
        "" => Ok(Value::Null),
        text => windlass_value::parse(text).map_err(|error| Fault::new("InvalidAnswer", format!("no JSON: {error:?}"))),
    }
}
