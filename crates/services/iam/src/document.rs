use windlass_identity::{Policy, PolicyKind};
use windlass_protocol::Fault;

use crate::faults;

/// Characters of a policy that count: blanks do not.
pub(crate) fn size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

/// Holds a document to IAM's rules.
///
/// # Errors
/// `MalformedPolicyDocument`
pub(crate) fn check(document: &str, kind: PolicyKind) -> Result<Policy, Fault> {
    if kind == PolicyKind::Trust && windlass_value::parse(document).is_err() {
        return Err(faults::malformed_policy("This policy contains invalid Json"));
    }
    let policy = Policy::parse(document).map_err(|error| faults::malformed_policy(error.0))?;
    policy.check(kind).map_err(|error| faults::malformed_policy(error.0))?;
    Ok(policy)
}

/// IAM answers documents percent-encoded (RFC 3986).
pub(crate) fn encoded(document: &str) -> String {
    let mut text = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte as char);
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
