use std::collections::HashMap;

use parking_lot::Mutex;
use windlass_value::Text;

use crate::hash::hmac_sha256;

/// How many derived keys are remembered. One serves an access key in a region and
/// service for a day.
pub const SIGNING_KEYS_MAX: usize = 256;

/// Derived signing keys, remembered so that a request costs one HMAC instead of five.
#[derive(Default)]
pub struct SigningKeys(Mutex<HashMap<Scope, [u8; 32]>>);

/// What a key is derived from. The secret is part of it: a replaced secret never
/// meets a key of the old one.
#[derive(PartialEq, Eq, Hash)]
struct Scope {
    secret_access_key: Text,
    date: Box<str>,
    region: Box<str>,
    service: Box<str>,
}

impl SigningKeys {
    /// An empty memory.
    pub fn new() -> SigningKeys {
        SigningKeys::default()
    }

    pub(crate) fn key(&self, secret_access_key: &Text, date: &str, region: &str, service: &str) -> [u8; 32] {
        let scope = Scope {
            secret_access_key: secret_access_key.clone(),
            date: date.into(),
            region: region.into(),
            service: service.into(),
        };
        if let Some(key) = self.0.lock().get(&scope) {
            return *key;
        }
        let key = derive(secret_access_key, date, region, service);
        let mut keys = self.0.lock();
        // Dates grow old together, so forgetting all of them once in a while is as good
        // as choosing.
        if keys.len() >= SIGNING_KEYS_MAX {
            keys.clear();
        }
        keys.insert(scope, key);
        key
    }
}

/// Without the keys.
impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeys({})", self.0.lock().len())
    }
}

pub(crate) fn derive(secret_access_key: &str, date: &str, region: &str, service: &str) -> [u8; 32] {
    let start = format!("AWS4{secret_access_key}");
    [date, region, service, "aws4_request"]
        .iter()
        .fold(Vec::from(start), |key, part| hmac_sha256(&key, part.as_bytes()).to_vec())
        .try_into()
        .expect("HMAC-SHA256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded_and_answers_what_is_derived() {
        let keys = SigningKeys::new();
        let secret: Text = "secret".into();
        for round in 0..2 {
            for region in 0..SIGNING_KEYS_MAX + 10 {
                let region = region.to_string();
                let key = keys.key(&secret, "20261122", &region, "states");
                assert_eq!(key, derive("secret", "20261122", &region, "states"), "{round}");
            }
        }
        assert!(keys.0.lock().len() <= SIGNING_KEYS_MAX);
        let other: Text = "other".into();
        assert_ne!(keys.key(&other, "20261122", "1", "states"), keys.key(&secret, "20261122", "1", "states"));
    }
}
