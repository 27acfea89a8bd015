use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::Fault;
use windlass_protocol::input::wrong_type;
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
