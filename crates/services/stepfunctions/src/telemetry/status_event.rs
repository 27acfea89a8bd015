//! The detail of AWS's event "Step Functions Execution Status Change".

use sha2::{Digest, Sha256};
use windlass_journal::Qualifiers;
use windlass_value::{Object, Text, Timestamp, Value, object, uuid_v4};

use super::escaped::{ESCAPED_BYTES_MAX, escaped_bytes};

/// The event's source.
pub(super) const SOURCE: &str = "aws.states";
/// The event's type.
pub(super) const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// A change of an execution's status.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusChange<'a> {
    pub(super) execution_arn: &'a Text,
    pub(super) machine_arn: &'a Text,
    pub(super) name: &'a Text,
    pub(super) qualifiers: &'a Qualifiers,
    /// AWS's word.
    pub(super) status: &'a str,
    pub(super) started_at: Timestamp,
    pub(super) stopped_at: Option<Timestamp>,
    pub(super) error: Option<&'a Text>,
    pub(super) cause: Option<&'a Text>,
    pub(super) redrive_count: u32,
    pub(super) redriven_at: Option<Timestamp>,
}

/// The detail without the data: what does not apply is `null`, as on AWS, and
/// instants are milliseconds.
pub(super) fn detail(change: StatusChange<'_>) -> Object {
    let text = |text: Option<&Text>| text.map_or(Value::Null, Value::from);
    let instant = |at: Option<Timestamp>| at.map_or(Value::Null, |at| at.as_ms().into());
    let qualifiers = change.qualifiers;
    let redrivable = matches!(change.status, "FAILED" | "ABORTED" | "TIMED_OUT");
    let reason = match redrivable {
        true => Value::Null,
        false => format!("Execution is {} and cannot be redriven", change.status).into(),
    };
    let mut detail = Object::with_capacity(18);
    detail.insert("executionArn", change.execution_arn);
    detail.insert("stateMachineArn", change.machine_arn);
    detail.insert("name", change.name);
    detail.insert("status", change.status);
    detail.insert("startDate", change.started_at.as_ms());
    detail.insert("stopDate", instant(change.stopped_at));
    detail.insert("input", Value::Null);
    detail.insert("output", Value::Null);
    detail.insert("stateMachineVersionArn", text(qualifiers.version_arn.as_ref()));
    detail.insert("stateMachineAliasArn", text(qualifiers.alias_arn.as_ref()));
    detail.insert("redriveCount", change.redrive_count);
    detail.insert("redriveDate", instant(change.redriven_at));
    detail.insert("redriveStatus", if redrivable { "REDRIVABLE" } else { "NOT_REDRIVABLE" });
    detail.insert("redriveStatusReason", reason);
    detail.insert("inputDetails", Value::Null);
    detail.insert("outputDetails", Value::Null);
    detail.insert("error", text(change.error));
    detail.insert("cause", text(change.cause));
    detail
}

/// Puts the data in. As AWS does, an output that is too large is left out, and the
/// input where both together are.
pub(super) fn add_data(detail: &mut Object, input: &str, output: Option<&str>) {
    let output_bytes = output.map_or(0, escaped_bytes);
    let shows_output = output_bytes <= ESCAPED_BYTES_MAX;
    let beside = if shows_output { output_bytes } else { 0 };
    let shows_input = escaped_bytes(input) + beside <= ESCAPED_BYTES_MAX;
    let included = |included: bool| object! { "included" => included };
    detail.insert("input", if shows_input { Value::from(input) } else { Value::Null });
    detail.insert("inputDetails", included(shows_input));
    if let Some(output) = output {
        detail.insert("output", if shows_output { Value::from(output) } else { Value::Null });
        detail.insert("outputDetails", included(shows_output));
    }
}

/// The id of the event: the same for the same change, so that whoever gets it a
/// second time after a crash can tell.
pub(super) fn event_id(execution_arn: &str, history_event_id: u64) -> String {
    let digest = Sha256::digest(format!("{execution_arn}#{history_event_id}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid_v4(u128::from_be_bytes(bytes))
}
