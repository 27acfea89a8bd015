//! Members that are written twice: the last one counts, as in AWS's JSON reader.

use windlass_value::SpanMap;

use super::finding::Finding;
use super::place::Place;
use super::walk::{SCHEMA, Walk};
use crate::diagnostic::Severity;

/// What AWS says about a definition that is no object.
pub(crate) const NO_OBJECT: &str = "Definition must be a valid JSON object";

impl Walk {
    /// A definition that is no object.
    pub(crate) fn no_object(&mut self, root: &Place<'_>) {
        self.schema(NO_OBJECT, root).location = None;
    }

    /// Reports members written twice: a state's name is an error, anything else a warning.
    pub(crate) fn duplicates(&mut self, spans: &SpanMap) {
        for (pointer, span) in spans.duplicates() {
            let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
            let key = key.replace("~1", "/").replace("~0", "~");
            let is_state = parent == "/States" || is_nested_states(parent);
            let (severity, code, message) = if is_state {
                (Severity::Error, "DUPLICATE_STATE_NAME", format!("Duplicate State name: {key}"))
            } else {
                (Severity::Warning, SCHEMA, format!("Field '{key}' is written more than once"))
            };
            self.findings.push(Finding {
                severity,
                code,
                message,
                location: Some(location(pointer)),
                pointer: pointer.clone(),
                at_name: true,
                offset: None,
                span: Some(*span),
                help: (!is_state).then(|| "the last one counts".to_owned()),
            });
        }
    }
}

/// Whether a pointer names the `States` of a branch or a processor.
fn is_nested_states(pointer: &str) -> bool {
    let Some(container) = pointer.strip_suffix("/States") else { return false };
    let Some((state, field)) = container.rsplit_once('/') else { return false };
    match field {
        "ItemProcessor" | "Iterator" => in_states(state),
        index => {
            index.bytes().all(|byte| byte.is_ascii_digit())
                && state.strip_suffix("/Branches").is_some_and(in_states)
        }
    }
}

/// Whether a pointer names a state.
fn in_states(pointer: &str) -> bool {
    pointer.rsplit_once('/').is_some_and(|(states, _)| states == "/States" || is_nested_states(states))
}

/// A pointer in AWS's form: numbers below arrays cannot be told from names here,
/// but only `Branches`, `Choices`, `Catch` and `Retry` hold objects in a list.
fn location(pointer: &str) -> String {
    let mut out = String::new();
    let mut before = "";
    for step in pointer.split('/').skip(1) {
        if matches!(before, "Branches" | "Choices" | "Catch" | "Retry" | "And" | "Or")
            && step.bytes().all(|byte| byte.is_ascii_digit())
        {
            out.push_str(&format!("[{step}]"));
        } else {
            out.push('/');
            out.push_str(&step.replace("~1", "/").replace("~0", "~"));
        }
        before = step;
    }
    out
}
