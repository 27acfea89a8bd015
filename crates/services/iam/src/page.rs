use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::{Fault, Outcome};
use windlass_value::{Object, Value};

use crate::faults;

/// Items of a page where the request does not say.
const PAGE_ITEMS_DEFAULT: usize = 100;
const MARKER_VERSION: &str = "1:";

/// One page of a list that is sorted by its keys.
///
/// # Errors
/// A marker that is none of ours.
pub(crate) fn page(input: &Value, member: &str, items: Vec<(String, Value)>) -> Outcome {
    let mut output = Object::new();
    add_page(input, &mut output, member, items)?;
    Ok(Value::from(output).into())
}

/// The same, beside other members.
///
/// # Errors
/// As [`page`].
pub(crate) fn add_page(
    input: &Value,
    output: &mut Object,
    member: &str,
    items: Vec<(String, Value)>,
) -> Result<(), Fault> {
    let limit = input["MaxItems"].as_i64().and_then(|items| usize::try_from(items).ok()).unwrap_or(PAGE_ITEMS_DEFAULT);
    let marker = match input["Marker"].as_str() {
        None => None,
        Some(marker) => {
            let decoded = STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let key = decoded.and_then(|text| text.strip_prefix(MARKER_VERSION).map(str::to_owned));
            Some(key.ok_or_else(|| faults::validation("Invalid Marker."))?)
        }
    };
    let mut rest =
        items.into_iter().skip_while(|(key, _)| marker.as_ref().is_some_and(|marker| key <= marker)).peekable();
    let mut shown = Vec::new();
    let mut last = String::new();
    while let Some((key, value)) = rest.next_if(|_| shown.len() < limit.max(1)) {
        shown.push(value);
        last = key;
    }
    output.insert(member, Value::array(shown));
    output.insert("IsTruncated", rest.peek().is_some());
    if rest.peek().is_some() {
        output.insert("Marker", STANDARD.encode(format!("{MARKER_VERSION}{last}")));
    }
    Ok(())
}
