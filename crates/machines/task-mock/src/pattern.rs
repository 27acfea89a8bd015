use windlass_value::{Object, Value};

use crate::answer::Call;
use crate::error::MockError;
use crate::expression::Script;

/// Differences that one text names at most.
const DIFFERENCES_MAX: usize = 10;
/// Characters of a value that a text shows.
const SHOWN_CHARS_MAX: usize = 200;

/// What a task is expected to send: a document that must be part of it, or a
/// JSONata condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pattern {
    /// Each member must be there with this value; further ones may be.
    Part(Value),
    /// Must be true.
    Condition(Script),
}

impl Pattern {
    pub(crate) fn read(value: &Value) -> Result<Pattern, MockError> {
        match value.as_str().and_then(Script::read) {
            Some(script) => script.map(Pattern::Condition),
            None => Ok(Pattern::Part(value.clone())),
        }
    }

    /// How what is sent differs; empty where it fits.
    pub(crate) fn differences(&self, call: &Call<'_>) -> Result<Vec<String>, String> {
        match self {
            Pattern::Part(expected) => {
                let mut found = Vec::new();
                compare("$", expected, call.parameters, &mut found);
                Ok(found)
            }
            Pattern::Condition(script) => match script.evaluate(call) {
                Ok(Some(Value::Bool(true))) => Ok(Vec::new()),
                Ok(other) => {
                    let found = other.map_or_else(|| "nothing".to_owned(), |value| shown(&value));
                    Ok(vec![format!("{{% {} %}} is {found}", script.source())])
                }
                Err(error) => Err(format!("{{% {} %}}: {error}", script.source())),
            },
        }
    }
}

/// Compares member by member, in the notation of JSONPath.
fn compare(path: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    if differences.len() >= DIFFERENCES_MAX {
        return;
    }
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => compare_members(path, expected, found, differences),
        (Value::Array(expected), Value::Array(found)) => {
            if expected.len() != found.len() {
                differences.push(format!("{path} has {} items, expected {}", found.len(), expected.len()));
                return;
            }
            for (index, (expected, found)) in expected.iter().zip(found.iter()).enumerate() {
                compare(&format!("{path}[{index}]"), expected, found, differences);
            }
        }
        (Value::Number(one), Value::Number(other)) if one == other || one.as_f64() == other.as_f64() => {}
        (expected, found) if expected == found => {}
        (expected, found) => differences.push(format!("{path} is {}, expected {}", shown(found), shown(expected))),
    }
}

fn compare_members(path: &str, expected: &Object, found: &Object, differences: &mut Vec<String>) {
    for (name, expected) in expected.iter() {
        let path = format!("{path}.{name}");
        match found.get(name) {
            Some(found) => compare(&path, expected, found, differences),
            None => differences.push(format!("{path} is not there, expected {}", shown(expected))),
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_text();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
