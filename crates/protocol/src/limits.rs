//! How large request bodies may be, as AWS documents and measures it.

use crate::fault::Fault;
use crate::model::Wire;
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
/// An object, or a part of one.
const S3_OBJECT_BYTES_MAX: usize = 5 * 1024 * 1024 * 1024;
/// A document: 1,000 keys to delete, a bucket's rules.
const S3_DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The list of an upload's 10,000 parts, each with a checksum.
const S3_PARTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Messages may have 1 MiB, alone or in a batch, before JSON escapes their quotes or base64
/// lengthens their attributes.
const SQS_REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events have 1 MiB together, before JSON escapes their quotes.
const EVENTS_REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// 1 MiB of log events, before JSON escapes their quotes.
const LOGS_REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Any other service.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// A form of the query protocol, whose operation stands in it: a message or a policy, each of
/// its characters percent-encoded.
pub const FORM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where requests may be larger than AWS takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestBounds {
    /// Inputs and outputs of Step Functions' executions, in UTF-8 bytes; `None`:
    /// AWS's 262,144, in AWS's words.
    pub states_payload_bytes_max: Option<usize>,
}

/// The shape of inputs and outputs in Step Functions' model.
const STATES_PAYLOAD: &str = "SensitiveData";

impl RequestBounds {
    /// The largest value of a shape, where it is not the model's.
    pub(crate) fn max_of(&self, service: &str, shape: &str) -> Option<usize> {
        self.states_payload_bytes_max.filter(|_| service == "states" && shape == STATES_PAYLOAD)
    }

    /// The largest body that an operation takes, in bytes.
    pub fn body_bytes_max(&self, resolved: &Resolved) -> usize {
        let bytes_max = body_bytes_max(resolved);
        let takes_payload = resolved.service.name == "states"
            && matches!(
                resolved.operation.name.as_str(),
                "StartExecution" | "StartSyncExecution" | "SendTaskSuccess" | "TestState"
            );
        match self.states_payload_bytes_max.filter(|_| takes_payload) {
            // A payload is a text in JSON, which doubles its quotes.
            Some(payload) => bytes_max.max(payload.saturating_mul(2).saturating_add(STATES_REQUEST_BYTES_MAX)),
            None => bytes_max,
        }
    }

    /// The answer to a body larger than [`RequestBounds::body_bytes_max`].
    pub fn body_too_large(&self, resolved: &Resolved) -> Fault {
        too_large(resolved, self.body_bytes_max(resolved))
    }
}

/// The largest body that AWS takes for an operation, in bytes.
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
        ("s3", "PutObject" | "UploadPart") => S3_OBJECT_BYTES_MAX,
        ("s3", "CompleteMultipartUpload") => S3_PARTS_BYTES_MAX,
        ("s3", _) => S3_DOCUMENT_BYTES_MAX,
        ("sqs", _) => SQS_REQUEST_BYTES_MAX,
        ("events", "PutEvents") => EVENTS_REQUEST_BYTES_MAX,
        ("logs", "PutLogEvents") => LOGS_REQUEST_BYTES_MAX,
        (_, _) if resolved.wire == Wire::Query => FORM_BYTES_MAX,
        _ => REQUEST_BYTES_MAX,
    }
}

/// The answer to a body larger than [`body_bytes_max`].
pub fn body_too_large(resolved: &Resolved) -> Fault {
    too_large(resolved, body_bytes_max(resolved))
}

fn too_large(resolved: &Resolved, bytes_max: usize) -> Fault {
    let operation = match resolved.operation.name.as_str() {
        "Invoke" => "InvokeFunction",
        name => name,
    };
    if resolved.service.name == "s3" {
        return match resolved.operation.streams_input() {
            true => Fault::new("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
                .with_member("MaxSizeAllowed", i64::try_from(bytes_max).unwrap_or(i64::MAX)),
            false => Fault::new("MaxMessageLengthExceeded", "Your request was too big.")
                .with_member("MaxMessageLengthBytes", i64::try_from(bytes_max).unwrap_or(i64::MAX)),
        };
    }
    Fault::new(
        "RequestEntityTooLargeException",
        format!("Request must be smaller than {bytes_max} bytes for the {operation} operation"),
    )
    .with_status(413)
}
