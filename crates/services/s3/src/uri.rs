//! Percent-encoding as S3 uses it.

/// Decodes a query's name or value: `%41` and `+`; `None` where it is not UTF-8 or broken off.
pub(crate) fn decode_form(text: &str) -> Option<String> {
    decode_with(text, true)
}

/// Decodes a path.
pub(crate) fn decode(text: &str) -> Option<String> {
    decode_with(text, false)
}

fn decode_with(text: &str, plus_is_blank: bool) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                (high << 4 | low) as u8
            }
            b'+' if plus_is_blank => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// Encodes what a listing answers where the client asks for `encoding-type=url`. A
/// blank as `%20`, which those who take `+` for one read too.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                encoded.push(char::from(byte))
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The same with `+` for a blank, as events name keys.
pub(crate) fn encode_form(text: &str) -> String {
    encode(text).replace("%20", "+")
}
