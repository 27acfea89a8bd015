use std::collections::BTreeMap;

use windlass_protocol::Fault;
use windlass_protocol::input::wrong_type;
pub(crate) use windlass_protocol::input::{flag, required as required_text, text};
use windlass_value::Value;

use crate::faults;

/// The integer member of that name; URI and query members may come as text.
///
/// # Errors
/// A member of another type, or outside `min..=max`.
pub(crate) fn integer(input: &Value, member: &str, min: i64, max: i64) -> Result<Option<i64>, Fault> {
    let value = match &input[member] {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().map_err(|_| wrong_type(member, "an integer"))?,
        value => value.as_i64().ok_or_else(|| wrong_type(member, "an integer"))?,
    };
    let name = member[..1].to_lowercase() + &member[1..];
    if value < min {
        let bound = format!("Member must have value greater than or equal to {min}");
        return Err(faults::constraint(&value.to_string(), &name, &bound));
    }
    if value > max {
        let bound = format!("Member must have value less than or equal to {max}");
        return Err(faults::constraint(&value.to_string(), &name, &bound));
    }
    Ok(Some(value))
}

/// A member that maps texts to texts; absent is `None`.
///
/// # Errors
/// A member of another type.
pub(crate) fn text_map(input: &Value, member: &str) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let object = match &input[member] {
        Value::Null => return Ok(None),
        Value::Object(object) => object,
        _ => return Err(wrong_type(member, "a map")),
    };
    object
        .iter()
        .map(|(key, value)| match value {
            Value::String(value) => Ok((key.to_string(), value.to_string())),
            _ => Err(wrong_type(member, "a map of strings")),
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Refuses members that this server cannot honour, unless they are empty.
///
/// # Errors
/// One of them has content.
pub(crate) fn refuse_unbuilt(input: &Value, members: &[&str]) -> Result<(), Fault> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.values().all(Value::is_null),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    match members.iter().find(|member| !is_empty(&input[**member])) {
        Some(member) => Err(Fault::not_built(&format!("Lambda functions with {member}"))),
        None => Ok(()),
    }
}
