use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::call::Call;

const SEAL_BYTES: usize = 8;

/// What the page tokens of one list are bound to: the operation, whose it is, and
/// the arguments that must not change from page to page. Tokens are opaque, not secret.
pub struct PageToken(Vec<u8>);

impl PageToken {
    /// The tokens of the list that a call asks for.
    pub fn of(call: &Call, arguments: &[&str]) -> PageToken {
        let parts = [&*call.operation, &*call.account, &*call.region].into_iter().chain(arguments.iter().copied());
        PageToken(parts.flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()].concat()).collect())
    }

    /// The token of the page behind a position.
    pub fn seal(&self, position: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([&self.check(position), position].concat())
    }

    /// The position a token names; `None` for one that is not of this list.
    pub fn open(&self, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (seal, position) = bytes.split_at_checked(SEAL_BYTES)?;
        (self.check(position) == seal).then(|| position.to_vec())
    }

    fn check(&self, position: &[u8]) -> Vec<u8> {
        Sha256::new().chain_update(&self.0).chain_update(position).finalize()[..SEAL_BYTES].to_vec()
    }
}
