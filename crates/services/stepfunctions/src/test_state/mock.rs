//! The mock of a request, held to what the state's work could have given.

use windlass_asl::{Resource, StateKind};
use windlass_protocol::Fault;
use windlass_value::{Object, Payload, Text, Value};
use windlass_workflow::ProbeAnswer;

use super::subject::Subject;
use crate::integration::mocked_result_problem;
use crate::request::Request;

/// What stands for a state's work.
pub(super) struct Mock(ProbeAnswer);

/// How closely a result is held to the API it stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ValidationMode {
    Strict,
    Present,
    None,
}

impl Mock {
    /// The mock of a request, if it has one.
    pub(super) fn of(request: Request<'_>, subject: &Subject) -> Result<Option<Mock>, Fault> {
        let Some(given) = request.object("mock")? else { return Ok(None) };
        let kind = &subject.state().kind;
        if !matches!(kind, StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)) {
            let text = format!("State type '{}' is not supported when a mock is specified", kind.name());
            return Err(Fault::validation(text));
        }
        if request.flag("revealSecrets", false)? {
            return Err(Fault::validation("TestState does not support RevealSecrets when a mock is specified."));
        }
        let mode = match given.get("fieldValidationMode").and_then(Value::as_str) {
            Some("PRESENT") => ValidationMode::Present,
            Some("NONE") => ValidationMode::None,
            _ => ValidationMode::Strict,
        };
        match (text_of(given, "result")?, given.get("errorOutput").filter(|value| !value.is_null())) {
            (Some(text), None) => {
                let result = Payload::from_text(Text::clone(text));
                let result = result.map_err(|_| Fault::validation("Mocked result must be valid JSON"))?;
                check_result(subject, result.value(), mode)?;
                Ok(Some(Mock(ProbeAnswer::Result(result))))
            }
            (None, Some(Value::Object(failure))) => {
                let Some(error) = text_of(failure, "error")? else {
                    return Err(crate::fault::not_null("mock.errorOutput.error"));
                };
                let cause = text_of(failure, "cause")?.cloned();
                Ok(Some(Mock(ProbeAnswer::Failure { error: error.clone(), cause })))
            }
            _ => Err(Fault::validation(
                "A test mock should have only one of the following fields: [result, errorOutput].",
            )),
        }
    }

    pub(super) fn answer(&self) -> ProbeAnswer {
        self.0.clone()
    }
}

fn text_of<'a>(object: &'a Object, name: &str) -> Result<Option<&'a Text>, Fault> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::new("SerializationException", format!("The member '{name}' must be a string"))),
    }
}

fn check_result(subject: &Subject, result: &Value, mode: ValidationMode) -> Result<(), Fault> {
    const ARRAY: &str = "Mocked result must be an array.";
    const OBJECT: &str = "Mocked result must be a JSON object.";
    let refused = |text: &str| Err(Fault::validation(text));
    match &subject.state().kind {
        StateKind::Parallel { branches } => match result {
            Value::Array(items) if items.len() == branches.len() => Ok(()),
            Value::Array(_) => {
                refused("Mocked result must contain the same number of items as number of Parallel branches.")
            }
            _ => refused(ARRAY),
        },
        StateKind::Map(map) => {
            // What is exported leaves behind where it is.
            let is_exported = map.result_writer.as_ref().is_some_and(|writer| writer.resource.is_some());
            match (is_exported, result) {
                (true, Value::Object(_)) | (false, Value::Array(_)) => Ok(()),
                (true, _) => refused(OBJECT),
                (false, _) => refused(ARRAY),
            }
        }
        StateKind::Task(task) => match mode {
            ValidationMode::None => Ok(()),
            mode => check_task(&task.resource, result, mode),
        },
        _ => Ok(()),
    }
}

fn check_task(resource: &Resource, result: &Value, mode: ValidationMode) -> Result<(), Fault> {
    match mocked_result_problem(resource, result, mode == ValidationMode::Strict) {
        Some(problem) => Err(Fault::validation(format!("Mock result schema validation error: {problem}"))),
        None => Ok(()),
    }
}
