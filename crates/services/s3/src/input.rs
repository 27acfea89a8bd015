//! Members of a call's input.

use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault};
use windlass_value::{Timestamp, Value};

use crate::faults;

/// The text member of that name; null and empty are absent.
pub(crate) fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input[member].as_str().filter(|text| !text.is_empty())
}

/// The text member of that name, which must be there.
///
/// # Errors
/// It is absent.
pub(crate) fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, Fault> {
    text(input, member).ok_or_else(|| faults::invalid_request(format!("Missing required parameter: {member}")))
}

/// The integer member of that name.
pub(crate) fn integer(input: &Value, member: &str) -> Option<i64> {
    match &input[member] {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

/// The boolean member of that name; absent is false.
pub(crate) fn flag(input: &Value, member: &str) -> bool {
    match &input[member] {
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        value => value.as_bool().unwrap_or(false),
    }
}

/// The instant of that name, in whole seconds.
pub(crate) fn instant(input: &Value, member: &str) -> Option<Timestamp> {
    const MS_PER_SECOND: f64 = 1000.0;
    input[member].as_f64().map(|seconds| Timestamp((seconds * MS_PER_SECOND) as i64))
}

/// A member that maps texts to texts.
pub(crate) fn text_map(input: &Value, member: &str) -> BTreeMap<String, String> {
    let Value::Object(object) = &input[member] else { return BTreeMap::new() };
    object.iter().filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned()))).collect()
}

/// The elements of a list; one that is absent has none.
pub(crate) fn list<'a>(input: &'a Value, member: &str) -> &'a [Value] {
    match &input[member] {
        Value::Array(items) => items,
        _ => &[],
    }
}

/// The limit of a page, 0 to 1,000.
///
/// # Errors
/// It is negative.
pub(crate) fn page_limit(call: &Call, member: &str, argument: &str) -> Result<usize, Fault> {
    match integer(&call.input, member) {
        None => Ok(PAGE_MAX),
        Some(limit) if limit < 0 => Err(faults::invalid_argument(
            format!("Argument {argument} must be an integer between 0 and 2147483647"),
            argument,
            limit.to_string(),
        )),
        Some(limit) => Ok((limit as usize).min(PAGE_MAX)),
    }
}

/// How many entries a page has at most.
pub(crate) const PAGE_MAX: usize = 1000;
