use sha2::{Digest, Sha256};
use windlass_value::{Value, object};

/// The canonical user id of an account: 64 hexadecimal digits, always the same.
pub(crate) fn canonical_id(account: &str) -> String {
    let digest = Sha256::digest(format!("canonical user of {account}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An account as S3 writes owners.
pub(crate) fn owner(account: &str) -> Value {
    object! { "ID" => canonical_id(account) }
}
