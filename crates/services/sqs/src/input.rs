//! Reading members of a request. Types were checked against the service model.

use std::collections::BTreeMap;

use windlass_protocol::Fault;
use windlass_value::{Object, Value};

use crate::faults;

/// The text member of that name.
pub(crate) fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input[member].as_str()
}

/// The text member of that name, which must be there.
///
/// # Errors
/// It is absent.
pub(crate) fn required_text<'a>(input: &'a Value, member: &str) -> Result<&'a str, Fault> {
    text(input, member).ok_or_else(|| faults::missing_parameter(member))
}

/// The integer member of that name.
pub(crate) fn integer(input: &Value, member: &str) -> Option<i64> {
    input[member].as_i64()
}

/// The integer member of that name within bounds.
///
/// # Errors
/// It is outside, for that reason.
pub(crate) fn integer_within(
    input: &Value,
    member: &str,
    min: i64,
    max: i64,
    reason: &str,
) -> Result<Option<i64>, Fault> {
    match integer(input, member) {
        Some(value) if !(min..=max).contains(&value) => Err(faults::invalid_value(value, member, reason)),
        value => Ok(value),
    }
}

/// The list member of that name; absent is empty.
pub(crate) fn list<'a>(input: &'a Value, member: &str) -> &'a [Value] {
    input[member].as_array().map_or(&[], |items| items.as_slice())
}

/// The texts of a list member; absent is empty.
pub(crate) fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    list(input, member).iter().filter_map(Value::as_str).collect()
}

/// A member that maps texts to texts; absent is empty.
pub(crate) fn text_map(input: &Value, member: &str) -> BTreeMap<String, String> {
    let members = input[member].as_object();
    let members = members.into_iter().flat_map(|object| object.iter());
    members.filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned()))).collect()
}

/// Texts by name as AWS writes them.
pub(crate) fn to_value(map: &BTreeMap<String, String>) -> Value {
    map.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Object>().into()
}
