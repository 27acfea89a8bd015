use sha2::{Digest, Sha256};
use windlass_protocol::Call;
use windlass_value::Text;

/// `SenderId`: the account for its root user, else an id as IAM gives users and
/// roles, always the same for the same one; a service is named by itself.
pub(crate) fn sender_id(call: &Call) -> Text {
    let arn = &*call.principal.arn;
    let Some((before, resource)) = arn.rsplit_once(':').filter(|_| arn.starts_with("arn:")) else {
        return call.principal.arn.clone();
    };
    let mut parts = resource.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("assumed-role"), Some(role), Some(session)) => {
            format!("{}:{session}", unique_id("AROA", &format!("{before}:role/{role}"))).into()
        }
        (Some("role"), ..) => unique_id("AROA", arn).into(),
        (Some("user"), ..) => unique_id("AIDA", arn).into(),
        _ => call.principal.account.clone(),
    }
}

fn unique_id(prefix: &str, arn: &str) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const ID_CHARS: usize = 17;
    let hash = Sha256::digest(arn.as_bytes());
    let digits = hash.iter().take(ID_CHARS).map(|byte| char::from(DIGITS[usize::from(byte % 32)]));
    prefix.chars().chain(digits).collect()
}
