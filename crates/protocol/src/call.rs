use windlass_value::{Text, Timestamp, Value};

use crate::body::Body;

/// How deep calls may lead to calls (a function that starts a workflow that
/// calls the function …). AWS stops such loops at about 16.
pub const CALL_DEPTH_MAX: u8 = 16;

/// Who calls.
///
/// `arn` is one of: `arn:aws:iam::<account>:root`, `arn:aws:iam::<account>:user/<path><name>`,
/// `arn:aws:sts::<account>:assumed-role/<role>/<session>`, `arn:aws:iam::<account>:role/<path><name>`
/// (one of our services acts under that role), or, without `arn:`, a service
/// itself: `events.amazonaws.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// See above.
    pub arn: Text,
    /// The account it belongs to.
    pub account: Text,
    /// The access key that signed the request; `None` for calls from inside.
    pub access_key_id: Option<Text>,
}

/// One AWS API call: from the wire, or from one of our services to another.
#[derive(Clone, Debug)]
pub struct Call {
    /// 12 digits.
    pub account: Text,
    /// E.g. `us-east-1`.
    pub region: Text,
    /// The service's signing name: `states`, `lambda`, `sts`, …
    pub service: Text,
    /// The operation as the service model names it: `StartExecution`.
    pub operation: Text,
    /// The input document by member name. Blobs are base64 text, timestamps
    /// epoch seconds, as JSON protocols write them; members bound to the
    /// request's URI, query or headers are in here too.
    pub input: Value,
    /// The raw payload of operations whose input has a blob payload (Invoke).
    pub body: Body,
    /// Who calls.
    pub principal: Principal,
    /// The resource on whose behalf one of our services calls.
    pub source_arn: Option<Text>,
    /// When the caller stops waiting.
    pub deadline: Option<Timestamp>,
    /// Names the call for a later cancellation.
    pub cancellation_id: Option<Text>,
    /// Equal keys are one call: the callee answers a repeat with its first answer.
    pub idempotency_key: Option<Text>,
    /// `X-Amzn-Trace-Id`.
    pub trace: Option<Text>,
    /// How many calls lie between the outside and this one, ≤ [`CALL_DEPTH_MAX`].
    pub depth: u8,
    /// `x-amzn-RequestId` of this call.
    pub request_id: Text,
}

/// A successful answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The output document by member name, as the JSON protocols write it;
    /// the protocol layer moves members to headers and status where the model
    /// binds them there.
    pub output: Value,
    /// The raw payload of operations whose output has a blob payload.
    pub body: Body,
}

impl From<Value> for Reply {
    fn from(output: Value) -> Reply {
        Reply { output, body: Body::empty() }
    }
}
