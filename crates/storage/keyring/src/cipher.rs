use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::secret::Secret;

/// The length of every key.
pub const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// Why something is not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system has no randomness.
    #[error("the system has no randomness")]
    Randomness,
    /// The bytes are no sealed value of a format that is known.
    #[error("this is no sealed value, or one of a newer release")]
    Malformed,
    /// It was sealed with a master key that is not at hand.
    #[error("the value was sealed with a master key that is not in the keyring")]
    UnknownKey,
    /// The key, the name or the bytes are not those of the sealing.
    #[error("the sealed value does not match its key or its name")]
    Refused,
}

/// Random bytes of the system.
///
/// # Errors
/// [`SealError::Randomness`]
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
    Ok(bytes)
}

/// Seals and opens with one key: XChaCha20-Poly1305 with a random nonce, which
/// stands before the ciphertext.
#[derive(Clone)]
pub struct Cipher(XChaCha20Poly1305);

impl Cipher {
    /// A cipher of that key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Cipher {
        Cipher(XChaCha20Poly1305::new(key.into()))
    }

    /// Seals `plain`, bound to `associated`, which must be given to open it.
    ///
    /// # Errors
    /// [`SealError::Randomness`]; `Refused` for more than 256 GiB.
    pub fn seal(&self, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload { msg: plain, aad: associated };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Refused)?;
        let mut out = Vec::with_capacity(NONCE_BYTES + sealed.len());
        out.extend(nonce);
        out.extend(sealed);
        Ok(out)
    }

    /// What was sealed.
    ///
    /// # Errors
    /// `Malformed` for bytes that are too short; `Refused` where key, associated
    /// bytes or ciphertext are not those of the sealing.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Secret, SealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Malformed)?;
        let payload = Payload { msg: sealed, aad: associated };
        self.0.decrypt(&XNonce::from(*nonce), payload).map(Secret::new).map_err(|_| SealError::Refused)
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher(…)")
    }
}
