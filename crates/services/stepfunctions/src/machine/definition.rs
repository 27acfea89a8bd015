//! Checking definitions, for Create, Update and `ValidateStateMachineDefinition`.

use std::sync::Arc;

use windlass_asl::{
    Definition, Diagnostic, Options, Severity, WorkflowType, invalid_definition_message, parse_definition,
};
use windlass_journal::JournalDefinition;
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Text, Value};

use super::record::WorkflowKind;
use crate::request::Request;

/// Diagnostics answered when the caller names no number.
const DIAGNOSTICS_DEFAULT: usize = 100;
const DIAGNOSTICS_MAX: usize = 100;

/// Compiles a definition.
///
/// # Errors
/// `InvalidDefinition` with every error found.
pub(super) fn compile(text: &Text, kind: WorkflowKind) -> Result<Arc<JournalDefinition>, Fault> {
    let parsed = parse_definition(text, &options(kind));
    let has_errors = parsed.diagnostics.iter().any(|found| found.severity == Severity::Error);
    match parsed.machine {
        Some(program) if !has_errors => Ok(Arc::new(JournalDefinition::new(text.clone(), program))),
        _ => Err(Fault::new("InvalidDefinition", invalid_definition_message(&parsed.diagnostics))),
    }
}

/// Compiles a definition that a Standard execution is to run.
///
/// # Errors
/// `InvalidDefinition` with every error found.
pub(crate) fn compile_standard(text: &Text) -> Result<Arc<JournalDefinition>, Fault> {
    compile(text, WorkflowKind::Standard)
}

/// `variableReferences`; `None` where no state reads a variable.
pub(crate) fn variable_references(text: &str) -> Option<Value> {
    // The type makes no difference: references are collected before anything is refused.
    let Definition { variable_references, .. } = parse_definition(text, &options(WorkflowKind::Standard));
    if variable_references.is_empty() {
        return None;
    }
    let state = |(state, names): (Text, Vec<Text>)| (state, Value::array(names.iter().map(Value::from).collect()));
    Some(variable_references.into_iter().map(state).collect::<Object>().into())
}

/// `ValidateStateMachineDefinition`.
pub(crate) fn validate(request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("definition")?;
    let kind = request.text("type")?.and_then(|kind| WorkflowKind::parse(kind)).unwrap_or_default();
    let with_warnings = request.text("severity")?.is_some_and(|severity| &**severity == "WARNING");
    let max = request.results_max(DIAGNOSTICS_DEFAULT, DIAGNOSTICS_MAX)?;
    let parsed = parse_definition(text, &options(kind));
    let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
    let failed = parsed.diagnostics.iter().any(|found| is_error(&found));
    let shown: Vec<&Diagnostic> = parsed.diagnostics.iter().filter(|found| with_warnings || is_error(found)).collect();
    let mut out = Object::new();
    out.insert("result", if failed { "FAIL" } else { "OK" });
    out.insert("diagnostics", shown.iter().take(max).map(|found| diagnostic(found)).collect::<Vec<Value>>());
    out.insert("truncated", shown.len() > max);
    Ok(Value::from(out).into())
}

fn diagnostic(found: &Diagnostic) -> Value {
    let mut out = Object::new();
    out.insert("severity", if found.severity == Severity::Error { "ERROR" } else { "WARNING" });
    out.insert("code", found.code);
    out.insert("message", found.message.as_str());
    if let Some(location) = &found.location {
        out.insert("location", location.as_str());
    }
    out.into()
}

fn options(kind: WorkflowKind) -> Options {
    let workflow_type = match kind {
        WorkflowKind::Standard => WorkflowType::Standard,
        WorkflowKind::Express => WorkflowType::Express,
    };
    Options { workflow_type }
}
