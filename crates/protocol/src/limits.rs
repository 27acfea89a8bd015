//! How large request bodies may be, as AWS documents and measures it.

use crate::fault::Fault;
use crate::resolve::Resolved;

/// A request to Step Functions.
const STATES_REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// A Step Functions request with a definition, which may itself have 1 MiB before JSON
/// escapes its quotes.
const STATES_DEFINITION_REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// 50 MB of zipped code in base64, with room for the other members.
const LAMBDA_CODE_REQUEST_BYTES_MAX: usize = 70_167_211;
/// A synchronous invocation; also what other Lambda requests may have.
const LAMBDA_REQUEST_BYTES_MAX: usize = 6_291_556;
/// An asynchronous invocation.
const LAMBDA_EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Any other service.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// The largest body that an operation takes, in bytes.
pub fn body_bytes_max(resolved: &Resolved) -> usize {
    match (resolved.service.name, resolved.operation.name.as_str()) {
        ("states", "CreateStateMachine" | "UpdateStateMachine" | "TestState" | "ValidateStateMachineDefinition") => {
            STATES_DEFINITION_REQUEST_BYTES_MAX
        }
        ("states", _) => STATES_REQUEST_BYTES_MAX,
        ("lambda", "CreateFunction" | "UpdateFunctionCode" | "PublishLayerVersion") => LAMBDA_CODE_REQUEST_BYTES_MAX,
        ("lambda", "InvokeAsync") => LAMBDA_EVENT_BYTES_MAX,
        ("lambda", "Invoke") if resolved.asynchronous => LAMBDA_EVENT_BYTES_MAX,
        ("lambda", _) => LAMBDA_REQUEST_BYTES_MAX,
        _ => REQUEST_BYTES_MAX,
    }
}

/// The answer to a body larger than [`body_bytes_max`].
pub fn body_too_large(resolved: &Resolved) -> Fault {
    let operation = match resolved.operation.name.as_str() {
        "Invoke" => "InvokeFunction",
        name => name,
    };
    let bytes_max = body_bytes_max(resolved);
    Fault::new(
        "RequestEntityTooLargeException",
        format!("Request must be smaller than {bytes_max} bytes for the {operation} operation"),
    )
    .with_status(413)
}
