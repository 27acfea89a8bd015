//! Message attributes: names, types and values as AWS checks them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_event_pattern::Attribute;
use windlass_protocol::Fault;
use windlass_value::{Object, Value, object};

use crate::faults;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Reads and checks the attributes of a message: name to `{DataType, StringValue}` or
/// `{DataType, BinaryValue}`. `path` is where they stand, for the validator's texts.
///
/// # Errors
/// As AWS words them.
pub(crate) fn read(given: &Value, path: &str) -> Result<Object, Fault> {
    let mut out = Object::new();
    for (name, attribute) in given.as_object().into_iter().flat_map(|object| object.iter()) {
        check_name(name)?;
        let Some(data_type) = attribute["DataType"].as_str() else {
            return Err(faults::missing(&format!("{path}.{name}.member.dataType")));
        };
        let kind = data_type.split('.').next().unwrap_or_default();
        let (field, other) = match kind {
            "String" | "Number" => ("StringValue", "BinaryValue"),
            "Binary" => ("BinaryValue", "StringValue"),
            _ => {
                return Err(faults::value_invalid(format!(
                    "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
                )));
            }
        };
        let text = attribute[field].as_str().unwrap_or_default();
        if text.is_empty() && !attribute[other].is_null() {
            return Err(faults::value_invalid(format!(
                "The message attribute '{name}' with type '{data_type}' must use field '{}'.",
                field.trim_end_matches("Value")
            )));
        }
        if text.is_empty() {
            return Err(faults::value_invalid(format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
            )));
        }
        if kind == "Number" && text.trim().parse::<f64>().is_err() {
            return Err(faults::value_invalid(format!("Could not cast message attribute '{name}' value to number.")));
        }
        out.insert(name.clone(), object! { "DataType" => data_type, field => text });
    }
    Ok(out)
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(faults::value_invalid("The message attribute name must not be empty."));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(faults::value_invalid("Length of message attribute name must be less than 256 bytes."));
    }
    if let Some(other) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
        return Err(faults::value_invalid(format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
            u32::from(other)
        )));
    }
    if name.starts_with('.') {
        return Err(faults::value_invalid("Invalid message attribute name starting with character '.' was found."));
    }
    if name.ends_with('.') {
        return Err(faults::value_invalid("Invalid message attribute name ending with character '.' was found."));
    }
    if name.contains("..") {
        return Err(faults::value_invalid("Message attribute name can not have successive '.' character."));
    }
    Ok(())
}

/// How many bytes an attribute counts: name, type and value.
pub(crate) fn bytes_len(name: &str, attribute: &Value) -> usize {
    let text = attribute["StringValue"].as_str().map_or(0, str::len);
    // Four characters of base64 are three bytes.
    let binary = attribute["BinaryValue"].as_str().map_or(0, |text| text.trim_end_matches('=').len() * 3 / 4);
    name.len() + attribute["DataType"].as_str().map_or(0, str::len) + text + binary
}

/// The attributes as a filter policy sees them.
pub(crate) fn filtered(attributes: &Object) -> impl Iterator<Item = Attribute<'_>> {
    attributes.iter().map(|(name, attribute)| Attribute {
        name,
        data_type: attribute["DataType"].as_str().unwrap_or_default(),
        value: attribute["StringValue"].as_str().unwrap_or_default(),
    })
}

/// An attribute as notifications carry it.
pub(crate) fn notified(attribute: &Value) -> Value {
    let value = match &attribute["BinaryValue"] {
        // As given, but in the one way of writing base64.
        Value::String(text) => match STANDARD.decode(text.as_bytes()) {
            Ok(bytes) => STANDARD.encode(bytes).into(),
            Err(_) => text.into(),
        },
        _ => attribute["StringValue"].clone(),
    };
    object! { "Type" => &attribute["DataType"], "Value" => value }
}
