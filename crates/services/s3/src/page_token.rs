//! Where a listing goes on: opaque to clients, and checked when it comes back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use windlass_protocol::Fault;

use crate::faults;

const CHECK_BYTES: usize = 6;

/// A token for a place.
pub(crate) fn write(place: &str) -> String {
    let mut bytes = check(place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place of a token; `None` if it is none of ours.
pub(crate) fn read(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (found, place) = bytes.split_at_checked(CHECK_BYTES)?;
    let place = std::str::from_utf8(place).ok()?;
    (found == check(place)).then(|| place.to_owned())
}

/// The answer to a token that is none.
pub(crate) fn refused(token: &str) -> Fault {
    faults::invalid_argument("The continuation token provided is incorrect", "continuation-token", token)
}

fn check(place: &str) -> [u8; CHECK_BYTES] {
    let digest = Sha256::digest(format!("s3 page {place}"));
    std::array::from_fn(|at| digest[at])
}
