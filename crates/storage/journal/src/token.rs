//! Task tokens: which task of which execution, sealed so that nobody can make
//! one up. A token is the same however often it is asked for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use windlass_value::Text;
use windlass_workflow::{FrameId, TaskId};

use crate::key::ExecutionKey;

const FORMAT: u8 = 1;
const MAC_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + 8 + 8;

/// Seals and opens tokens.
pub(crate) struct TokenKey([u8; 32]);

impl TokenKey {
    pub(crate) fn new(key: [u8; 32]) -> TokenKey {
        TokenKey(key)
    }

    fn mac(&self, body: &[u8]) -> [u8; MAC_BYTES] {
        // HMAC takes keys of any length, so this never falls back to the zero MAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; MAC_BYTES] };
        mac.update(body);
        let full = mac.finalize().into_bytes();
        let mut short = [0; MAC_BYTES];
        short.copy_from_slice(&full[..MAC_BYTES]);
        short
    }

    pub(crate) fn seal(&self, arn: &str, task: TaskId) -> Text {
        let mut body = Vec::with_capacity(HEAD_BYTES + arn.len() + MAC_BYTES);
        body.push(FORMAT);
        body.extend(task.frame.0.to_be_bytes());
        body.extend(task.event_id.to_be_bytes());
        body.extend(arn.as_bytes());
        let mac = self.mac(&body);
        body.extend(mac);
        URL_SAFE_NO_PAD.encode(body).into()
    }

    /// What a token names; `None` for what this server did not seal.
    pub(crate) fn open(&self, token: &str) -> Option<(ExecutionKey, TaskId)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        if bytes.len() <= HEAD_BYTES + MAC_BYTES || bytes[0] != FORMAT {
            return None;
        }
        let (body, mac) = bytes.split_at(bytes.len() - MAC_BYTES);
        if !bool::from(self.mac(body).ct_eq(mac)) {
            return None;
        }
        let number = |at: usize| body[at..at + 8].try_into().map(u64::from_be_bytes).ok();
        let task = TaskId { frame: FrameId(number(1)?), event_id: number(9)? };
        let arn = std::str::from_utf8(&body[HEAD_BYTES..]).ok()?;
        Some((ExecutionKey::from_arn(arn)?, task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_as_it_was_sealed() {
        let key = TokenKey::new([7; 32]);
        let arn = "arn:aws:states:us-east-1:123456789012:execution:m:e";
        let task = TaskId { frame: FrameId(3), event_id: 42 };
        let token = key.seal(arn, task);
        let (execution, opened) = key.open(&token).unwrap();
        assert_eq!((&**execution.arn(), opened), (arn, task));
        assert!(TokenKey::new([8; 32]).open(&token).is_none());
        for at in 0..token.len() {
            let mut bytes = token.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(key.open(&changed).is_none(), "{at}");
        }
        assert!(key.open("").is_none());
        assert!(key.open("not a token").is_none());
    }
}
