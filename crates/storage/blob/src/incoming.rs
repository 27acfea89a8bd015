use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::blob_id::BlobId;
use crate::blob_store::Inner;
use crate::pins::Pinned;

/// A content that is being written. Dropped before [`Incoming::finish`], it is gone.
pub struct Incoming {
    inner: Arc<Inner>,
    file: File,
    path: TemporaryPath,
    sha256: Sha256,
    md5: Md5,
    bytes: u64,
}

/// A content that was written and lies under its name, durable.
#[derive(Debug)]
pub struct Written {
    /// The content, kept from the sweep.
    pub blob: Pinned,
    /// Its MD5.
    pub md5: [u8; 16],
}

impl Incoming {
    pub(crate) fn begin(inner: &Arc<Inner>) -> io::Result<Incoming> {
        let path = temporary_path(&inner.incoming)?;
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Incoming {
            inner: inner.clone(),
            file,
            path: TemporaryPath(path),
            sha256: Sha256::new(),
            md5: Md5::new(),
            bytes: 0,
        })
    }

    /// Adds bytes; blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses; the content is then of no use.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.sha256.update(bytes);
        self.md5.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes were added.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the content durable under its name; blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses; nothing is left then.
    pub fn finish(self) -> io::Result<Written> {
        let Incoming { inner, file, path, sha256, md5, bytes } = self;
        let blob = place(&inner, &path.0, &file, BlobId::new(sha256.finalize().into()), bytes)?;
        Ok(Written { blob, md5: md5.finalize().into() })
    }
}

/// Brings a whole file to disk and gives it the name of its content. The file may
/// stay where it is if that content is there already.
pub(crate) fn place(inner: &Arc<Inner>, from: &Path, file: &File, id: BlobId, bytes: u64) -> io::Result<Pinned> {
    let pinned = Pinned::new(inner, id).with_bytes(bytes);
    let (folder, path) = inner.path(&id);
    match fs::metadata(&path) {
        Ok(found) if found.len() == bytes => {
            // Someone may have renamed it just now and not brought its folder to disk yet.
            File::open(&folder)?.sync_all()?;
            return Ok(pinned);
        }
        // Cut off by a fault of the disk: the name promises what the file does not hold.
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    file.sync_data()?;
    if let Err(error) = fs::create_dir(&folder) {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
    } else {
        File::open(&inner.blobs)?.sync_all()?;
    }
    rename(from, &path, &inner.incoming)?;
    File::open(&folder)?.sync_all()?;
    Ok(pinned)
}

/// Renames, over a copy where the file lies on another file system.
fn rename(from: &Path, to: &Path, incoming: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let copy = TemporaryPath(temporary_path(incoming)?);
            fs::copy(from, &copy.0)?;
            File::open(&copy.0)?.sync_data()?;
            fs::rename(&copy.0, to)?;
            fs::remove_file(from)
        }
        other => other,
    }
}

/// A file that is removed unless it was renamed away.
struct TemporaryPath(PathBuf);

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        // Gone already where it was renamed; what cannot be removed goes at the next start.
        let _ = fs::remove_file(&self.0);
    }
}

fn temporary_path(folder: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(format!("no randomness: {error}")))?;
    Ok(folder.join(format!("{:032x}", u128::from_be_bytes(random))))
}
