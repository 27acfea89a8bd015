use std::collections::BTreeMap;

use windlass_protocol::Fault;
use windlass_value::Value;

use crate::faults;

/// The text member of that name; absent is empty.
pub(crate) fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input[member].as_str().unwrap_or_default()
}

/// A boolean member, which forms write as text; absent is false.
pub(crate) fn flag(input: &Value, member: &str) -> bool {
    match &input[member] {
        Value::Bool(value) => *value,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// A map of texts to texts; absent is empty.
///
/// # Errors
/// A value that is no text.
pub(crate) fn text_map(input: &Value, member: &str) -> Result<BTreeMap<String, String>, Fault> {
    let Some(object) = input[member].as_object() else { return Ok(BTreeMap::new()) };
    object
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name.to_string(), text.to_string())),
            Value::Null => Ok((name.to_string(), String::new())),
            _ => Err(faults::invalid(member)),
        })
        .collect()
}

/// The texts of a list member; absent is empty.
pub(crate) fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    input[member].as_array().map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}
