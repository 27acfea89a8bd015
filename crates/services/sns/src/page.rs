//! Tokens to go on with a list: the last row's position, with a checksum so that
//! anything else is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use windlass_protocol::Fault;
use windlass_value::Value;

use crate::faults;

/// How many items a page has.
pub(crate) const PAGE_ITEMS: usize = 100;

/// The token behind a position (the names that lead to the last item).
pub(crate) fn token(position: &[&str]) -> String {
    let text = Value::from(position.iter().map(|part| Value::from(*part)).collect::<Vec<_>>()).to_text();
    let sum = crc32fast::hash(text.as_bytes());
    URL_SAFE_NO_PAD.encode([&sum.to_be_bytes(), text.as_bytes()].concat())
}

/// The position behind which a list goes on, of so many parts; `None` at its beginning.
///
/// # Errors
/// `Invalid parameter: NextToken`.
pub(crate) fn position(input: &Value, parts: usize) -> Result<Option<Vec<String>>, Fault> {
    let text = input["NextToken"].as_str().unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (sum, text) = bytes.split_at_checked(4)?;
        if crc32fast::hash(text).to_be_bytes() != *sum {
            return None;
        }
        let value = windlass_value::parse(std::str::from_utf8(text).ok()?).ok()?;
        let names: Option<Vec<String>> =
            value.as_array()?.iter().map(|part| part.as_str().map(str::to_owned)).collect();
        names.filter(|names| names.len() == parts)
    };
    read().map(Some).ok_or_else(|| faults::invalid("NextToken"))
}
