//! Members that are written twice: the last one counts, as in AWS's JSON reader.

use windlass_value::SpanMap;

use super::place::Place;
use super::walk::{SCHEMA, Walk};

/// What AWS says about a definition that is no object.
pub(crate) const NO_OBJECT: &str = "Definition must be a valid JSON object";

impl Walk {
    /// A definition that is no object.
    pub(crate) fn no_object(&mut self, root: &Place<'_>) {
        self.schema(NO_OBJECT, root).location = None;
    }

    /// Reports members written twice: a state's name is an error, anything else a warning.
    pub(crate) fn duplicates(&mut self, spans: &SpanMap) {
        let mut repeated: Option<&str> = None;
        for (pointer, span) in spans.duplicates() {
            // Below a member written twice everything is written twice.
            if repeated.is_some_and(|outer| pointer.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))) {
                continue;
            }
            repeated = Some(pointer);
            let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
            let key = key.replace("~1", "/").replace("~0", "~");
            let finding = if parent == "/States" || is_nested_states(parent) {
                self.duplicate_state_name(&key, &Place::root())
            } else {
                let message = format!("Field '{key}' is written more than once");
                let finding = self.warning(SCHEMA, message, &Place::root());
                finding.help = Some("the last one counts".to_owned());
                finding
            };
            finding.location = Some(location(pointer));
            finding.anchor.clone_from(pointer);
            finding.pointer.clone_from(pointer);
            finding.at_name = true;
            finding.span = Some(*span);
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
            index.bytes().all(|byte| byte.is_ascii_digit()) && state.strip_suffix("/Branches").is_some_and(in_states)
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
