use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::Fault;
use windlass_protocol::input::{absent, lower_first, wrong_type};
pub(crate) use windlass_protocol::input::{flag, integer, required, text, texts};
use windlass_value::Value;
use zeroize::Zeroizing;

/// The bytes of a blob member.
///
/// # Errors
/// It is no base64 text.
pub(crate) fn blob(input: &Value, member: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let Some(text) = text(input, member)? else { return Ok(None) };
    match STANDARD.decode(text) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(_) => Err(wrong_type(member, "base64 text")),
    }
}

/// The bytes of a blob member, which must be there and within AWS's bounds.
///
/// # Errors
/// It is absent, no base64 text, empty or too long.
pub(crate) fn required_blob(input: &Value, member: &str, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let bytes = blob(input, member)?.ok_or_else(|| absent(member))?;
    let bound = match bytes.len() {
        0 => "greater than or equal to 1".to_owned(),
        len if len > bytes_max => format!("less than or equal to {bytes_max}"),
        _ => return Ok(bytes),
    };
    Err(Fault::validation(format!(
        "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length {bound}",
        lower_first(member)
    )))
}

/// Bytes as blob members carry them.
pub(crate) fn to_blob(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}
