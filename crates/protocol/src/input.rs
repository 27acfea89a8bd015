//! Reads members of a call's input document, for services that may also be called past
//! the wire, where no model has checked it.

use windlass_value::Value;

use crate::fault::Fault;

/// The text member of that name; null is absent.
///
/// # Errors
/// A member of another type.
pub fn text<'a>(input: &'a Value, member: &str) -> Result<Option<&'a str>, Fault> {
    match &input[member] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(wrong_type(member, "a string")),
    }
}

/// The text member of that name, which must be there.
///
/// # Errors
/// It is absent or of another type.
pub fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, Fault> {
    text(input, member)?.ok_or_else(|| absent(member))
}

/// The integer member of that name.
///
/// # Errors
/// A member of another type.
pub fn integer(input: &Value, member: &str) -> Result<Option<i64>, Fault> {
    match &input[member] {
        Value::Null => Ok(None),
        value => value.as_i64().map(Some).ok_or_else(|| wrong_type(member, "an integer")),
    }
}

/// The boolean member of that name; absent is false.
///
/// # Errors
/// A member of another type.
pub fn flag(input: &Value, member: &str) -> Result<bool, Fault> {
    match &input[member] {
        Value::Null => Ok(false),
        Value::Bool(value) => Ok(*value),
        _ => Err(wrong_type(member, "a boolean")),
    }
}

/// The texts of a list member; absent is empty.
///
/// # Errors
/// A member of another type.
pub fn texts<'a>(input: &'a Value, member: &str) -> Result<Vec<&'a str>, Fault> {
    match &input[member] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().ok_or_else(|| wrong_type(member, "a list of strings"))).collect()
        }
        _ => Err(wrong_type(member, "a list")),
    }
}

/// The fault for a member that must be there.
pub fn absent(member: &str) -> Fault {
    Fault::validation(format!(
        "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
        lower_first(member)
    ))
}

/// The member as constraint texts write it.
pub fn lower_first(member: &str) -> String {
    let mut chars = member.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The fault for a member of another type; `expected`: `a string`, `a list`, …
pub fn wrong_type(member: &str, expected: &str) -> Fault {
    Fault::new("SerializationException", format!("{member} must be {expected}"))
}
