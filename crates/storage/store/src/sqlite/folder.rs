use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::error::OpenError;

/// The store's file in its data folder.
pub(super) const STORE_FILE: &str = "store.sqlite";
const LOCK_FILE: &str = "lock";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The lock on a data folder; dropping it releases it.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A stale pid would only mislead a person; the lock itself goes with the file handle.
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(%error, "could not clear the lock file");
        }
    }
}

/// Makes the folder where there is none, and takes its lock.
pub(super) fn take(folder: &Path) -> Result<FolderLock, OpenError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::Io { path, error }
    };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(at(folder))?;
    let path = folder.join(LOCK_FILE);
    // Never truncated on opening: until the lock is ours, the pid inside is the holder's.
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let pid = file.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
            return Err(OpenError::Locked { folder: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
    }
    file.set_len(0).map_err(at(&path))?;
    file.rewind().map_err(at(&path))?;
    writeln!(file, "{}", std::process::id()).map_err(at(&path))?;
    Ok(FolderLock { file })
}

/// Makes an empty file that only its owner can read; SQLite gives its log the same mode.
pub(super) fn create_private(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(OpenError::Io { path: path.to_owned(), error }),
    }
}

/// Makes the folder's own entry and those in it durable.
pub(super) fn sync(folder: &Path) -> Result<(), OpenError> {
    let canonical = folder.canonicalize().map_err(|error| OpenError::Io { path: folder.to_owned(), error })?;
    for path in [Some(canonical.as_path()), canonical.parent()].into_iter().flatten() {
        match File::open(path).and_then(|file| file.sync_all()) {
            Ok(()) => {}
            // A parent we may not read was there before us.
            Err(error) if path != canonical && error.kind() == std::io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(OpenError::Io { path: path.to_owned(), error }),
        }
    }
    Ok(())
}

/// Bytes available to this process on the folder's file system.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let stats = rustix::fs::statvfs(folder).ok()?;
    Some(stats.f_bavail.saturating_mul(stats.f_frsize))
}
