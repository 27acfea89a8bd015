//! What an execution remembers of the machine it was started from, in the
//! record's `details`.

use windlass_value::{Object, Text, Timestamp, Value};

use crate::machine::{Settings, StateMachine};

const TRACE_HEADER: &str = "traceHeader";
const REVISION_ID: &str = "revisionId";
const UPDATED_AT_MS: &str = "machineUpdatedAtMs";

/// The details of a new execution.
pub(super) fn of_machine(machine: &StateMachine, trace_header: Option<&Text>) -> Object {
    let mut details = Object::new();
    if let Some(header) = trace_header {
        details.insert(TRACE_HEADER, header);
    }
    if let Some(revision_id) = &machine.revision_id {
        details.insert(REVISION_ID, revision_id);
    }
    details.insert(UPDATED_AT_MS, machine.updated_at.as_ms());
    // Defaults are left out: most executions have nothing but defaults.
    if machine.settings != Settings::default() {
        machine.settings.to_members(&mut details);
    }
    details
}

pub(super) fn trace_header(details: &Object) -> Option<&Value> {
    details.get(TRACE_HEADER)
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
