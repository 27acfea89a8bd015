//! Keys that seal an execution's data: wrapped by a key that somebody else holds,
//! open in memory for a while only.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use windlass_keyring::{Cipher, KEY_BYTES, SealError};
use windlass_value::{Text, Timestamp};

/// Open keys kept in memory.
const OPEN_MAX: usize = 4_096;

/// A data key that is open, and the same as its owner wrapped it.
#[derive(Clone)]
pub struct DataKey {
    wrapped: Bytes,
    cipher: Cipher,
    expires_at: Timestamp,
    is_new: bool,
}

impl DataKey {
    /// A new key of 32 bytes; it seals and opens until `expires_at`.
    pub fn new(wrapped: impl Into<Bytes>, plain: &[u8; KEY_BYTES], expires_at: Timestamp) -> DataKey {
        DataKey { wrapped: wrapped.into(), cipher: Cipher::new(plain), expires_at, is_new: true }
    }

    /// One that was stored: it opens until `expires_at` and seals nothing more, for
    /// nobody knows how long it has been in use.
    pub fn stored(wrapped: impl Into<Bytes>, plain: &[u8; KEY_BYTES], expires_at: Timestamp) -> DataKey {
        DataKey { is_new: false, ..DataKey::new(wrapped, plain, expires_at) }
    }

    /// Whether more may be sealed with it.
    pub(crate) fn seals_at(&self, now: Timestamp) -> bool {
        self.is_new && self.expires_at > now
    }

    /// The key as it is stored.
    pub fn wrapped(&self) -> &Bytes {
        &self.wrapped
    }

    /// When another one must be asked for.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Seals bytes, bound to the place they are stored at.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.cipher.seal(place, plain)
    }

    /// What was sealed for that place.
    ///
    /// # Errors
    /// It was sealed with another key or for another place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Bytes, SealError> {
        self.cipher.open(place, sealed).map(|plain| Bytes::copy_from_slice(&plain))
    }
}

impl fmt::Debug for DataKey {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Why there is no data key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataKeyError {
    /// Whoever holds the key refuses: the execution cannot go on.
    #[error("{error}: {cause}")]
    Refused {
        /// The error's name.
        error: Text,
        /// Why.
        cause: Text,
    },
    /// Nobody answers now.
    #[error("{0}")]
    Passing(String),
}

/// The open keys, by what they are wrapped as.
#[derive(Default)]
pub(crate) struct OpenKeys(Mutex<HashMap<Bytes, Arc<DataKey>>>);

impl OpenKeys {
    /// The key of that wrapping, while it may be used.
    pub(crate) fn get(&self, wrapped: &Bytes, now: Timestamp) -> Option<Arc<DataKey>> {
        let mut open = self.0.lock();
        let key = open.get(wrapped)?;
        if key.expires_at > now {
            return Some(key.clone());
        }
        open.remove(wrapped);
        None
    }

    pub(crate) fn keep(&self, key: Arc<DataKey>, now: Timestamp) {
        let mut open = self.0.lock();
        if open.len() >= OPEN_MAX {
            open.retain(|_, key| key.expires_at > now);
        }
        if open.len() >= OPEN_MAX {
            // Any one may go: it is opened again when it is needed.
            let any = open.keys().next().cloned();
            any.and_then(|wrapped| open.remove(&wrapped));
        }
        // Whoever opens one that was just made does not keep it from sealing.
        let made = open.get(&key.wrapped).is_some_and(|held| held.seals_at(now));
        if !made {
            open.insert(key.wrapped.clone(), key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_key_is_forgotten() {
        let keys = OpenKeys::default();
        let key =
            |wrapped: &'static str, expires: i64| Arc::new(DataKey::new(wrapped, &[7; KEY_BYTES], Timestamp(expires)));
        keys.keep(key("a", 10), Timestamp(0));
        assert!(keys.get(&Bytes::from("a"), Timestamp(9)).is_some());
        assert!(keys.get(&Bytes::from("b"), Timestamp(9)).is_none());
        assert!(keys.get(&Bytes::from("a"), Timestamp(10)).is_none());
        assert!(keys.get(&Bytes::from("a"), Timestamp(9)).is_none(), "it is gone for good");
    }

    #[test]
    fn what_was_sealed_for_one_place_opens_at_no_other() {
        let key = DataKey::new("w", &[1; KEY_BYTES], Timestamp(0));
        let sealed = key.seal(b"here", b"data").unwrap();
        assert_eq!(&key.open(b"here", &sealed).unwrap()[..], b"data");
        assert!(key.open(b"there", &sealed).is_err());
    }
}
