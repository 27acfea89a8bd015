//! Attributes of messages: what clients may send, and the MD5 that they check.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use windlass_protocol::Fault;
use windlass_value::{Text, Value, object};

use crate::faults::invalid_parameter;
use crate::limits::{ATTRIBUTE_NAME_BYTES_MAX, MESSAGE_ATTRIBUTES_MAX};

/// An attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageAttribute {
    pub(crate) name: Text,
    pub(crate) data_type: Text,
    pub(crate) value: AttributeValue,
}

/// Its value: that of `String` and `Number` types is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttributeValue {
    Text(Text),
    Binary(Bytes),
}

impl MessageAttribute {
    /// What it counts towards the message's size.
    pub(crate) fn bytes_len(&self) -> usize {
        self.name.len() + self.data_type.len() + self.value_bytes().len()
    }

    fn value_bytes(&self) -> &[u8] {
        match &self.value {
            AttributeValue::Text(text) => text.as_bytes(),
            AttributeValue::Binary(bytes) => bytes,
        }
    }

    /// As AWS writes it.
    pub(crate) fn to_value(&self) -> Value {
        match &self.value {
            AttributeValue::Text(text) => object! { "StringValue" => text, "DataType" => &self.data_type },
            AttributeValue::Binary(bytes) => {
                object! { "BinaryValue" => STANDARD.encode(bytes), "DataType" => &self.data_type }
            }
        }
    }
}

/// Reads `MessageAttributes`.
///
/// # Errors
/// In AWS's words.
pub(crate) fn read(attributes: &Value) -> Result<Vec<MessageAttribute>, Fault> {
    let Some(attributes) = attributes.as_object() else { return Ok(Vec::new()) };
    if attributes.len() > MESSAGE_ATTRIBUTES_MAX {
        let count = attributes.len();
        return Err(invalid_parameter(format!(
            "Number of message attributes [{count}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES_MAX}]."
        )));
    }
    attributes.iter().map(|(name, value)| read_one(name, value)).collect()
}

fn read_one(name: &Text, attribute: &Value) -> Result<MessageAttribute, Fault> {
    check_name(name)?;
    let data_type = attribute["DataType"].as_str().unwrap_or_default();
    if data_type.is_empty() {
        return Err(invalid_parameter(format!(
            "Message (user) attribute '{name}' must contain a non-empty message attribute type."
        )));
    }
    if data_type.len() >= ATTRIBUTE_NAME_BYTES_MAX {
        return Err(invalid_parameter("Message (user) attribute types must be shorter than 256 Bytes"));
    }
    for member in ["StringListValues", "BinaryListValues"] {
        if attribute[member].as_array().is_some_and(|list| !list.is_empty()) {
            return Err(Fault::new(
                "UnsupportedOperation",
                "Message attribute list values in SendMessage operation are not supported.",
            ));
        }
    }
    let kind = data_type.split('.').next().unwrap_or_default();
    let text = attribute["StringValue"].as_str();
    let empty = |kind: &str| {
        invalid_parameter(format!("Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."))
    };
    let value = match kind {
        "String" | "Number" => {
            let text = text.filter(|text| !text.is_empty()).ok_or_else(|| empty("String"))?;
            if !attribute["BinaryValue"].is_null() {
                return Err(invalid_parameter(format!(
                    "Message (user) attribute '{name}' has multiple values, but only one is allowed."
                )));
            }
            if !has_only_allowed(text) {
                return Err(invalid_parameter(INVALID_CHARACTERS));
            }
            // An extended type, such as Number.account, is the sender's own affair.
            if data_type == "Number" && !is_number(text) {
                return Err(invalid_parameter(format!(
                    "Can't cast the value of message (user) attribute '{name}' to a number."
                )));
            }
            AttributeValue::Text(text.into())
        }
        "Binary" => {
            let bytes = attribute["BinaryValue"].as_str().and_then(|text| STANDARD.decode(text).ok());
            let bytes = bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(|| empty("Binary"))?;
            AttributeValue::Binary(bytes.into())
        }
        _ => {
            return Err(invalid_parameter(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
            )));
        }
    };
    Ok(MessageAttribute { name: name.clone(), data_type: data_type.into(), value })
}

fn check_name(name: &str) -> Result<(), Fault> {
    let is_allowed = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    let lower = name.to_ascii_lowercase();
    if name.is_empty() {
        return Err(invalid_parameter("Message (user) attribute names must not be empty."));
    }
    if name.len() >= ATTRIBUTE_NAME_BYTES_MAX {
        return Err(invalid_parameter("Message (user) attribute names must be shorter than 256 Bytes"));
    }
    if !name.chars().all(is_allowed) {
        return Err(invalid_parameter(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ",
        ));
    }
    let is_reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    if is_reserved || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return Err(invalid_parameter(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.",
        ));
    }
    Ok(())
}

/// AWS's text for [`has_only_allowed`].
pub(crate) const INVALID_CHARACTERS: &str = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";

/// Whether a text has only characters that a message may have (those of XML 1.0).
pub(crate) fn has_only_allowed(text: &str) -> bool {
    text.chars().all(|character| {
        matches!(character, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    })
}

/// A decimal number, perhaps with an exponent, as AWS casts it.
fn is_number(text: &str) -> bool {
    let is_spelled = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    is_spelled && text.parse::<f64>().is_ok()
}

/// `MD5OfMessageAttributes`, in hex: over names, types and values in the order
/// of the names, each with its length in four bytes, and one byte that tells
/// text (1) from binary (2). `None` without attributes.
pub(crate) fn md5_of<'a>(attributes: impl IntoIterator<Item = &'a MessageAttribute>) -> Option<String> {
    let mut sorted: Vec<&MessageAttribute> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut md5 = Md5::new();
    let mut put = |prefix: &[u8], bytes: &[u8]| {
        md5.update(prefix);
        // A message has at most a mebibyte.
        md5.update((bytes.len() as u32).to_be_bytes());
        md5.update(bytes);
    };
    for attribute in sorted {
        put(&[], attribute.name.as_bytes());
        put(&[], attribute.data_type.as_bytes());
        let kind = match attribute.value {
            AttributeValue::Text(_) => 1,
            AttributeValue::Binary(_) => 2,
        };
        put(&[kind], attribute.value_bytes());
    }
    Some(hex(&md5.finalize()))
}

/// The MD5 of a text.
pub(crate) fn md5_of_text(text: &str) -> [u8; 16] {
    Md5::digest(text.as_bytes()).into()
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute { name: name.into(), data_type: data_type.into(), value: AttributeValue::Text(value.into()) }
    }

    /// Figures that AWS answered.
    #[test]
    fn the_md5_is_that_of_aws() {
        let cases: &[(&[MessageAttribute], Option<&str>)] = &[
            (&[], None),
            (&[text("Foo", "String", "Bar")], Some("ae7155c6026991b6d54b11589678bf9c")),
            (&[text("MyAttribute", "String", "foobar")], Some("adb59cd4678ea5a855436b949cd07ab6")),
            (
                &[
                    text("Hello", "String", "There"),
                    text("General", "String", "Kenobi"),
                    text("Help.Me", "String", "Me"),
                ],
                Some("4c360f3fdafd970e05fae2f149d997f5"),
            ),
        ];
        for (attributes, expected) in cases {
            assert_eq!(md5_of(*attributes).as_deref(), *expected);
        }
    }
}
