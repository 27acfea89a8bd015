use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use windlass_protocol::{Call, Fault};
use windlass_store::shard_of;
use windlass_value::Value;

use crate::faults;

/// Writes the token of the page behind a position. It carries the query's hash, so
/// that another query refuses it.
pub(crate) fn token(call: &Call, position: &[u8]) -> String {
    let mut bytes = query(call).to_be_bytes().to_vec();
    bytes.extend_from_slice(position);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position a token names; `None` where the call brings no token.
///
/// # Errors
/// A token that is not ours or of another query.
pub(crate) fn position(call: &Call) -> Result<Option<Vec<u8>>, Fault> {
    let Some(token) = call.input["nextToken"].as_str() else { return Ok(None) };
    let refused = || faults::invalid("The specified nextToken is invalid.");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
    match bytes.split_first_chunk::<2>() {
        Some((hash, position)) if u16::from_be_bytes(*hash) == query(call) => Ok(Some(position.to_vec())),
        _ => Err(refused()),
    }
}

fn query(call: &Call) -> u16 {
    let mut text = format!("{}\0{}\0{}", call.operation, call.account, call.region);
    if let Value::Object(members) = &call.input {
        for (name, value) in members.iter().filter(|(name, _)| !matches!(&***name, "nextToken" | "limit")) {
            text.push('\0');
            text.push_str(name);
            text.push_str(&value.to_text());
        }
    }
    shard_of(&text)
}
