use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_store::{Batch, Column, ColumnKind, CommitError, Key, Scan, Store, Table};

use crate::cipher::SealError;
use crate::master_key::{ID_BYTES, MASTER_KEYS_MAX, MasterKey, MasterKeySource, load};
use crate::secret::Secret;

/// The keys that sealed something: key (no shard, account or region, id), and a
/// value that each of them sealed, to be opened at every start.
static CHECKS: Table =
    Table { name: "keyring_checks", columns: &[Column { name: "key_id", kind: ColumnKind::Text }], indexes: &[] };

/// The tables of this crate, to open the store with.
pub static TABLES: &[&Table] = &[&CHECKS];

const CHECK_NAME: &str = "keyring check";
const CHECK_PLAIN: &[u8] = b"windlass";

/// The format of sealed values: this byte, the key's id, then what the cipher makes.
const FORMAT: u8 = 1;

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A key file cannot be read or made.
    #[error("the master key file {path}: {error}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// A key is not 32 bytes in hexadecimal digits or base64.
    #[error("key {number} in {place} is neither 64 hexadecimal digits nor the base64 text of 32 bytes")]
    Unreadable {
        /// The file, or the environment.
        place: String,
        /// Which key, from 1.
        number: usize,
    },
    /// There is no key.
    #[error("there is no master key in {place}")]
    Empty {
        /// The file, or the environment.
        place: String,
    },
    /// There are more keys than fit.
    #[error("there are more than {MASTER_KEYS_MAX} master keys in {place}")]
    TooMany {
        /// The file, or the environment.
        place: String,
    },
    /// The store has sealed values, and the file of their key is gone.
    #[error(
        "{path} is gone, and this store holds values that were sealed with it; put your copy of the file back (making a new key would not open them)", path = .path.display()
    )]
    Lost {
        /// Where the file was.
        path: PathBuf,
    },
    /// The store has values sealed with another key.
    #[error(
        "the master key is not the one of this store: it holds values sealed with the key {missing}, and there is only {present}; start with the key the store was made with, or add it on a further line behind the new one"
    )]
    Wrong {
        /// The ids of the keys that are needed and not there.
        missing: String,
        /// The ids of the keys that are there.
        present: String,
    },
    /// The store does not answer.
    #[error("the keyring's store: {0}")]
    Store(String),
    /// The system has no randomness.
    #[error("the system has no randomness")]
    Randomness,
}

/// Seals what is secret before it is stored. Clones share the keys.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<[MasterKey]>,
}

impl Keyring {
    /// Reads the master keys, or makes the first one, and checks them against a
    /// store that declares [`TABLES`] and lies in `folder`. Blocks on the disk.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn open(store: &Store, folder: &Path, source: &MasterKeySource) -> Result<Keyring, KeyringError> {
        let known = store
            .scan(&CHECKS, Scan { limit: usize::from(u16::MAX), ..Scan::default() })
            .map_err(|error| KeyringError::Store(error.to_string()))?;
        let keys: Arc<[MasterKey]> = load(folder, source, known.is_empty())?.into();
        let keyring = Keyring { keys };
        let missing = known.iter().filter(|row| {
            let opened = keyring.open_sealed(CHECK_NAME, &row.value);
            !opened.is_ok_and(|plain| *plain == *CHECK_PLAIN)
        });
        let missing: Vec<String> = missing
            .map(|row| match row.columns.first() {
                Some(windlass_store::ColumnValue::Text(id)) => id.clone(),
                _ => "of an unreadable row".to_owned(),
            })
            .collect();
        if !missing.is_empty() {
            let present: Vec<String> = keyring.keys.iter().map(|key| hex(&key.id)).collect();
            return Err(KeyringError::Wrong { missing: missing.join(", "), present: present.join(", ") });
        }
        let first = hex(&keyring.keys[0].id);
        let key = Key::new(0, "", "").text(&first);
        if known.iter().all(|row| row.key != key) {
            let sealed = keyring.seal(CHECK_NAME, CHECK_PLAIN).map_err(|_| KeyringError::Randomness)?;
            let mut batch = Batch::default();
            batch.expect_absent(&CHECKS, key.clone());
            batch.put(&CHECKS, key, vec![first.into()], sealed);
            match store.commit(batch).wait() {
                // Another node was as fast with the same key.
                Ok(()) | Err(CommitError::Expectation { .. }) => {}
                Err(error) => return Err(KeyringError::Store(error.to_string())),
            }
        }
        Ok(keyring)
    }

    /// A keyring of one random key that nobody else has: for tests.
    ///
    /// # Errors
    /// [`KeyringError::Randomness`]
    pub fn ephemeral() -> Result<Keyring, KeyringError> {
        let key = crate::cipher::random::<{ crate::KEY_BYTES }>().map_err(|_| KeyringError::Randomness)?;
        let hex = MasterKeySource::Environment(hex(&key));
        Ok(Keyring { keys: load(Path::new(""), &hex, false)?.into() })
    }

    /// Seals a value with the first key, bound to its name: only under that name
    /// it is opened, so values cannot be exchanged in the store.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        // A keyring is never made without a key.
        let key = &self.keys[0];
        let sealed = key.cipher.seal(&associated(&key.id, name), plain)?;
        let mut out = Vec::with_capacity(1 + ID_BYTES + sealed.len());
        out.push(FORMAT);
        out.extend(key.id);
        out.extend(sealed);
        Ok(out)
    }

    /// What was sealed under that name.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open_sealed(&self, name: &str, sealed: &[u8]) -> Result<Secret, SealError> {
        let (format, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
        if *format != FORMAT {
            return Err(SealError::Malformed);
        }
        let (id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or(SealError::Malformed)?;
        let key = self.keys.iter().find(|key| key.id == *id).ok_or(SealError::UnknownKey)?;
        key.cipher.open(&associated(id, name), rest)
    }
}

/// What a sealed value is bound to.
fn associated(id: &[u8; ID_BYTES], name: &str) -> Vec<u8> {
    [&[FORMAT][..], id, name.as_bytes()].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}
