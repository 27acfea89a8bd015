//! Texts of HTTP: queries and forms.

use windlass_value::{Object, Value};

/// Percent-encodes all but letters, digits and `-._~`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}

/// `a=1&b=2`
pub(crate) fn form(fields: &Object) -> String {
    let pairs =
        fields.iter().map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(&plain(value))));
    pairs.collect::<Vec<_>>().join("&")
}

/// An address with further query parameters.
pub(crate) fn with_query(address: &str, fields: &Object) -> String {
    match (fields.is_empty(), address.contains('?')) {
        (true, _) => address.to_owned(),
        (false, true) => format!("{address}&{}", form(fields)),
        (false, false) => format!("{address}?{}", form(fields)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Null => String::new(),
        value => value.to_text(),
    }
}
