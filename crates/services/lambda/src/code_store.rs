use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use windlass_protocol::Fault;

use crate::archive::{ArchiveError, UNPACKED_BYTES_MAX, unpack};
use crate::faults;

/// AWS's bound on a zip that is sent inside a request.
pub(crate) const ZIP_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Zips by their content (`blobs/sha256/ab/abcd…`) and each unpacked once
/// (`functions/abcd…`). Both appear whole or not at all, also after power loss.
#[derive(Clone, Debug)]
pub(crate) struct CodeStore {
    blobs: PathBuf,
    functions: PathBuf,
}

/// A zip that is stored and unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredCode {
    /// SHA-256 in hex.
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

impl CodeStore {
    /// The store in a data folder; makes its folders.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub(crate) fn open(data: &Path) -> io::Result<CodeStore> {
        let store = CodeStore { blobs: data.join("blobs/sha256"), functions: data.join("functions") };
        fs::create_dir_all(&store.blobs)?;
        fs::create_dir_all(&store.functions)?;
        Ok(store)
    }

    /// Removes what is unpacked but in no use, and what a crash left half
    /// unpacked. Only before the first request. Zips stay.
    ///
    /// # Errors
    /// A folder cannot be read or removed.
    pub(crate) fn forget_unpacked(&self, used: &HashSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(&self.functions)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| used.contains(name)) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// The size and hash of a zip, without storing it.
    pub(crate) fn describe(zip: &[u8]) -> StoredCode {
        let digest = Sha256::digest(zip);
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        StoredCode { sha256, bytes: zip.len() as u64 }
    }

    /// Stores a zip and unpacks it, off the async threads. Returns once both are on disk.
    ///
    /// # Errors
    /// AWS's texts for zips it refuses; our own failure when the disk fails.
    pub(crate) async fn add(&self, zip: Bytes) -> Result<StoredCode, Fault> {
        if zip.is_empty() {
            return Err(faults::invalid_parameter("Uploaded file must be a non-empty zip"));
        }
        if zip.len() > ZIP_BYTES_MAX {
            return Err(faults::request_too_large(format!("Request must be smaller than {ZIP_BYTES_MAX} bytes")));
        }
        let store = self.clone();
        match tokio::task::spawn_blocking(move || store.add_now(&zip)).await {
            Ok(result) => result,
            Err(error) => Err(faults::service(format!("unpacking ended early: {error}"))),
        }
    }

    fn add_now(&self, zip: &[u8]) -> Result<StoredCode, Fault> {
        let code = CodeStore::describe(zip);
        self.unpack_once(&code.sha256, zip)?;
        let blob = self.blob_path(&code.sha256);
        if !blob.exists() {
            write_whole(&blob, zip).map_err(|error| faults::service(format!("{}: {error}", blob.display())))?;
        }
        Ok(code)
    }

    fn unpack_once(&self, sha256: &str, zip: &[u8]) -> Result<(), Fault> {
        let folder = self.folder(sha256);
        if folder.exists() {
            return Ok(());
        }
        let temporary = self.functions.join(format!("{TEMPORARY_PREFIX}{}", crate::random::uuid()?));
        let unpacked = fs::create_dir_all(&temporary).map_err(ArchiveError::from).and_then(|()| {
            unpack(Cursor::new(zip), zip.len() as u64, &temporary)?;
            Ok(sync_folder(&temporary)?)
        });
        let placed = unpacked.and_then(|()| match fs::rename(&temporary, &folder) {
            // Another request unpacked the same code meanwhile.
            Err(_) if folder.exists() => {
                fs::remove_dir_all(&temporary)?;
                Ok(())
            }
            other => Ok(other?),
        });
        placed.map_err(|error| {
            if let Err(left) = fs::remove_dir_all(&temporary) {
                tracing::warn!(folder = %temporary.display(), error = %left, "cannot remove a half unpacked package");
            }
            refusal(&error)
        })
    }

    /// The folder of an unpacked zip, unpacked again from the blob if it is gone.
    ///
    /// # Errors
    /// The blob is gone too, or the disk fails.
    pub(crate) async fn unpacked(&self, sha256: &str) -> Result<PathBuf, Fault> {
        let folder = self.folder(sha256);
        if tokio::fs::try_exists(&folder).await.unwrap_or(false) {
            return Ok(folder);
        }
        let store = self.clone();
        let sha256 = sha256.to_owned();
        let unpacked = tokio::task::spawn_blocking(move || {
            let blob = store.blob_path(&sha256);
            let zip = fs::read(&blob).map_err(|error| faults::service(format!("{}: {error}", blob.display())))?;
            store.unpack_once(&sha256, &zip)
        });
        unpacked.await.map_err(|error| faults::service(format!("unpacking ended early: {error}")))??;
        Ok(folder)
    }

    /// Where a zip lies.
    pub(crate) fn blob_path(&self, sha256: &str) -> PathBuf {
        self.blobs.join(sha256.get(..2).unwrap_or("__")).join(sha256)
    }

    fn folder(&self, sha256: &str) -> PathBuf {
        self.functions.join(sha256)
    }
}

const TEMPORARY_PREFIX: &str = "unpacking-";

fn refusal(error: &ArchiveError) -> Fault {
    match error {
        ArchiveError::Unreadable(_) => faults::invalid_parameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        )
        .explained(error.to_string()),
        ArchiveError::Empty => faults::invalid_parameter("Uploaded file must be a non-empty zip"),
        ArchiveError::TooLarge => {
            faults::invalid_parameter(format!("Unzipped size must be smaller than {UNPACKED_BYTES_MAX} bytes"))
        }
        ArchiveError::Io(_) => faults::service(error.to_string()),
        ArchiveError::TooManyEntries | ArchiveError::Ratio | ArchiveError::Entry { .. } => faults::invalid_parameter(
            format!("Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"),
        ),
    }
}

/// Brings everything below a folder to disk, so that its later rename cannot
/// outlive its content.
fn sync_folder(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_folder(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_data()?;
        }
    }
    File::open(folder)?.sync_all()
}

/// Writes a file so that it is there whole or not at all.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let parent = path.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    fs::create_dir_all(parent)?;
    let random = crate::random::uuid().map_err(|fault| io::Error::other(fault.to_string()))?;
    let temporary = parent.join(format!(".writing-{random}"));
    let mut file = File::create_new(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(parent)?.sync_all()
}
