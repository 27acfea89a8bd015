use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::cipher::{Cipher, KEY_BYTES, random};
use crate::keyring::KeyringError;

/// The name of the file that is made in the data folder.
pub const MASTER_KEY_FILE: &str = "master.key";
/// How many master keys there may be: the one in use and old ones.
pub const MASTER_KEYS_MAX: usize = 32;

pub(crate) const ID_BYTES: usize = 8;

/// Where the master key comes from.
///
/// A file or the environment's text holds one key a line (in the environment
/// also separated by commas), the one in use first: 64 hexadecimal digits, or
/// the base64 text of 32 bytes. Lines that begin with `#` are left out.
#[derive(Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// A file, which must be there.
    File(PathBuf),
    /// The text of an environment variable.
    Environment(String),
    /// `master.key` in the data folder, made where there is none.
    Generate,
}

impl fmt::Debug for MasterKeySource {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MasterKeySource::File(path) => f.debug_tuple("File").field(path).finish(),
            MasterKeySource::Environment(_) => f.write_str("Environment(…)"),
            MasterKeySource::Generate => f.write_str("Generate"),
        }
    }
}

/// A master key, ready to be used.
pub(crate) struct MasterKey {
    /// Tells keys apart without telling about them.
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) cipher: Cipher,
}

impl MasterKey {
    fn new(key: &[u8; KEY_BYTES]) -> MasterKey {
        let digest = Sha256::new().chain_update(b"windlass master key id\0").chain_update(key).finalize();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&digest[..ID_BYTES]);
        MasterKey { id, cipher: Cipher::new(key) }
    }
}

/// The keys of a source; `may_generate`: whether nothing is sealed yet.
pub(crate) fn load(
    folder: &Path,
    source: &MasterKeySource,
    may_generate: bool,
) -> Result<Vec<MasterKey>, KeyringError> {
    match source {
        MasterKeySource::Environment(text) => read(text, "the environment"),
        MasterKeySource::File(path) => read_file(path),
        MasterKeySource::Generate => {
            let path = folder.join(MASTER_KEY_FILE);
            match read_file(&path) {
                Err(KeyringError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                    if !may_generate {
                        return Err(KeyringError::Lost { path });
                    }
                    generate(folder, &path)?;
                    read_file(&path)
                }
                keys => keys,
            }
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<MasterKey>, KeyringError> {
    let fail = |error| KeyringError::File { path: path.to_owned(), error };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(fail)?);
    let mode = fs::metadata(path).map_err(fail)?.permissions().mode();
    if mode & 0o077 != 0 {
        let mode = format!("{:o}", mode & 0o777);
        tracing::warn!(path = %path.display(), mode, "others on this machine may read the master key; chmod 600 it");
    }
    read(&text, &path.display().to_string())
}

fn read(text: &str, place: &str) -> Result<Vec<MasterKey>, KeyringError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let words = lines.flat_map(|line| line.split([',', ' ', '\t'])).filter(|word| !word.is_empty());
    let mut keys: Vec<MasterKey> = Vec::new();
    for (at, word) in words.enumerate() {
        let unreadable = || KeyringError::Unreadable { place: place.to_owned(), number: at + 1 };
        let key = key_bytes(word).ok_or_else(unreadable)?;
        let key = MasterKey::new(&key);
        if keys.len() == MASTER_KEYS_MAX {
            return Err(KeyringError::TooMany { place: place.to_owned() });
        }
        if keys.iter().all(|known| known.id != key.id) {
            keys.push(key);
        }
    }
    if keys.is_empty() { Err(KeyringError::Empty { place: place.to_owned() }) } else { Ok(keys) }
}

fn key_bytes(word: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if word.len() == KEY_BYTES * 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&word[at * 2..at * 2 + 2], 16).ok()?;
        }
        return Some(key);
    }
    let mut decoded = Zeroizing::new(STANDARD.decode(word).ok()?);
    if decoded.len() != KEY_BYTES {
        return None;
    }
    key.copy_from_slice(&decoded);
    decoded.zeroize();
    Some(key)
}

/// Makes the file, whole or not at all, durably, readable for its owner only.
fn generate(folder: &Path, path: &Path) -> Result<(), KeyringError> {
    let fail = |error| KeyringError::File { path: path.to_owned(), error };
    let key = Zeroizing::new(random::<KEY_BYTES>().map_err(|_| KeyringError::Randomness)?);
    let text = Zeroizing::new(format!(
        "# The master key of this Windlass data folder. Keep a copy in a safe place:\n\
         # without it, what the store has sealed is lost.\n{}\n",
        STANDARD.encode(&key[..])
    ));
    fs::create_dir_all(folder).map_err(fail)?;
    let temporary = folder.join(format!("{MASTER_KEY_FILE}.new"));
    let write = || -> io::Result<()> {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Not `rename`: a key that someone else put there stays.
        fs::hard_link(&temporary, path)?;
        fs::remove_file(&temporary)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(fail)?;
    tracing::info!(path = %path.display(), "a master key was made; keep a copy of it in a safe place");
    Ok(())
}
