//! The master key of a data folder, and the sealing of secrets before they are
//! stored: key material, secret values, secure parameters.
//!
//! A master key is 32 random bytes. By default it is made on the first start,
//! as the file `master.key` (mode 0600) in the data folder. **Copy that file to
//! a safe place, apart from backups of the store: without it nothing that was
//! sealed can be read again.** It may come from another file or from the
//! environment instead.
//!
//! To rotate, put a new key on the first line and keep the old ones behind it:
//! the first seals, all of them open. The store remembers which keys sealed
//! something in it, so a start without one of them fails at once, and says so.
//!
//! This crate knows no AWS service.

mod cipher;
mod keyring;
mod master_key;
mod secret;

pub use cipher::{Cipher, KEY_BYTES, SealError, random};
pub use keyring::{Keyring, KeyringError, TABLES};
pub use master_key::{MASTER_KEY_FILE, MASTER_KEYS_MAX, MasterKeySource};
pub use secret::Secret;
