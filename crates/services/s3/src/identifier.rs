//! Ids of versions and uploads: 24 bytes as 32 characters, the first 8 of them a
//! sequence, so that an id says where its row lies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use windlass_protocol::Fault;

use crate::random;

const SEQUENCE_BYTES: usize = 8;
const RANDOM_BYTES: usize = 16;
const BYTES: usize = SEQUENCE_BYTES + RANDOM_BYTES;

/// A new id of that sequence.
///
/// # Errors
/// The system has no randomness.
pub(crate) fn new(sequence: u64) -> Result<String, Fault> {
    let mut bytes = [0; BYTES];
    bytes[..SEQUENCE_BYTES].copy_from_slice(&sequence.to_be_bytes());
    bytes[SEQUENCE_BYTES..].copy_from_slice(&random::bytes::<RANDOM_BYTES>()?);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The bytes of an id, whose order is that of the sequences; `None` if it is none.
pub(crate) fn bytes(id: &str) -> Option<[u8; BYTES]> {
    URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()
}

/// The sequence of an id; `None` if it is none.
pub(crate) fn sequence(id: &str) -> Option<u64> {
    let bytes = bytes(id)?;
    Some(u64::from_be_bytes(bytes[..SEQUENCE_BYTES].try_into().ok()?))
}
