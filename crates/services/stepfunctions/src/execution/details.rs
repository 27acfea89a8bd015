//! What an execution remembers of the machine it was started from, in the
//! record's `details`.

use windlass_protocol::Call;
use windlass_value::{Object, Text, Timestamp, Value, object};

use crate::integration::calling_execution;
use crate::machine::{Settings, StateMachine};

const TRACE_HEADER: &str = "traceHeader";
const REVISION_ID: &str = "revisionId";
pub(crate) const UPDATED_AT_MS: &str = "machineUpdatedAtMs";
/// The execution whose task started this one.
const STARTED_BY: &str = "startedByExecution";
/// The execution and the event that it was forked off at.
const FORKED_FROM: &str = "forkedFrom";
/// The idempotency key of the call that started it.
const START_KEY: &str = "startKey";

/// The details of a new execution.
pub(super) fn of_start(machine: &StateMachine, trace_header: Option<&Text>, call: &Call) -> Object {
    let mut details = Object::new();
    if let Some(header) = trace_header {
        details.insert(TRACE_HEADER, header);
    }
    if let Some(revision_id) = &machine.revision_id {
        details.insert(REVISION_ID, revision_id);
    }
    if let Some(parent) = calling_execution(call) {
        details.insert(STARTED_BY, parent);
    }
    if let Some(key) = &call.idempotency_key {
        details.insert(START_KEY, key);
    }
    details.insert(UPDATED_AT_MS, machine.updated_at.as_ms());
    // Defaults are left out: most executions have nothing but defaults.
    if machine.settings != Settings::default() {
        machine.settings.to_members(&mut details);
    }
    details
}

/// The details of a fork: its origin's, but for what led to the origin's start.
pub(super) fn of_fork(origin: &Object, origin_arn: &Text, event_id: u64) -> Object {
    let mut details = origin.clone();
    for of_start in [TRACE_HEADER, STARTED_BY, START_KEY] {
        details.remove(of_start);
    }
    details.insert(FORKED_FROM, object! { "executionArn" => origin_arn, "eventId" => event_id });
    details
}

pub(super) fn forked_from(details: &Object) -> Option<&Value> {
    details.get(FORKED_FROM)
}

pub(crate) fn trace_header(details: &Object) -> Option<&Value> {
    details.get(TRACE_HEADER)
}

pub(super) fn start_key(details: &Object) -> Option<Text> {
    details.get(START_KEY).and_then(Value::as_str).map(Text::from)
}

pub(super) fn revision_id(details: &Object) -> Option<&Value> {
    details.get(REVISION_ID)
}

/// When the machine had last been changed.
pub(super) fn updated_at(details: &Object) -> Option<Timestamp> {
    details.get(UPDATED_AT_MS).and_then(Value::as_i64).map(Timestamp)
}

/// The machine's settings as they were.
pub(super) fn settings(details: &Object) -> Settings {
    let default = Settings::default();
    let member = |name: &str, default: Value| details.get(name).cloned().unwrap_or(default);
    Settings {
        logging: member("loggingConfiguration", default.logging),
        tracing: member("tracingConfiguration", default.tracing),
        encryption: member("encryptionConfiguration", default.encryption),
    }
}
