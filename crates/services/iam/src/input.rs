//! Reading inputs that the protocol layer has checked against the model.

use std::collections::BTreeMap;

use windlass_protocol::Fault;
use windlass_value::Value;

use crate::faults;

/// Tags of one entity.
pub(crate) const TAGS_MAX: usize = 50;

/// The text member of that name, empty where it is absent.
pub(crate) fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input[member].as_str().unwrap_or_default()
}

/// The text member of that name.
pub(crate) fn optional<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input[member].as_str()
}

/// The texts of a list member.
pub(crate) fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    input[member].as_array().map_or_else(Vec::new, |items| items.iter().filter_map(Value::as_str).collect())
}

/// The tags of a request, added to those an entity has.
///
/// # Errors
/// A key twice, a reserved key, too many.
pub(crate) fn add_tags(input: &Value, tags: &mut BTreeMap<String, String>) -> Result<(), Fault> {
    let mut seen: Vec<String> = Vec::new();
    for tag in input["Tags"].as_array().into_iter().flat_map(|tags| tags.iter()) {
        let (key, value) = (text(tag, "Key"), text(tag, "Value"));
        if seen.contains(&key.to_ascii_lowercase()) {
            return Err(faults::invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(faults::invalid_input("System tags cannot be added/updated/deleted via AWS API"));
        }
        seen.push(key.to_ascii_lowercase());
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > TAGS_MAX {
        return Err(faults::limit_exceeded(format!("The number of tags has reached the maximum limit: {TAGS_MAX}.")));
    }
    Ok(())
}
