use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use windlass_store::{Batch, Store};

use crate::blob_id::BlobId;
use crate::incoming::{Incoming, Written, place};
use crate::pins::{Pinned, Pins};
use crate::references::{REFERENCES, reference_key};
use crate::sweep::{Suspects, Swept, sweep_all, sweep_suspects};

/// How often every content is looked at, for what a crash left without a reference.
const SWEEP_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The contents in a data folder (`blobs/ab/cdef…`). Clones share it.
#[derive(Clone)]
pub struct BlobStore {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) blobs: PathBuf,
    pub(crate) incoming: PathBuf,
    pub(crate) store: Store,
    pub(crate) pins: Pins,
    pub(crate) suspects: Suspects,
    written: AtomicU64,
    removed: AtomicU64,
    stopping: Arc<AtomicBool>,
    sweeper: Mutex<Option<JoinHandle<()>>>,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobStats {
    /// Contents written or adopted.
    pub written: u64,
    /// Contents removed, for nobody referred to them.
    pub removed: u64,
}

impl BlobStore {
    /// The contents in a data folder; makes its folders, and removes what an
    /// earlier run was receiving. `store` declares [`crate::TABLES`].
    ///
    /// # Errors
    /// A folder cannot be made or read.
    pub fn open(folder: &Path, store: Store) -> io::Result<BlobStore> {
        let (blobs, incoming) = (folder.join("blobs"), folder.join("incoming"));
        fs::create_dir_all(&blobs)?;
        fs::create_dir_all(&incoming)?;
        for left in fs::read_dir(&incoming)? {
            let left = left?;
            if left.file_type()?.is_file() {
                fs::remove_file(left.path())?;
            }
        }
        let inner = Inner {
            blobs,
            incoming,
            store,
            pins: Pins::new(),
            suspects: Suspects::default(),
            written: AtomicU64::new(0),
            removed: AtomicU64::new(0),
            stopping: Arc::default(),
            sweeper: Mutex::default(),
        };
        Ok(BlobStore { inner: Arc::new(inner) })
    }

    /// Where contents lie that are still coming in: on the same file system, and
    /// emptied at each start.
    pub fn incoming_folder(&self) -> &Path {
        &self.inner.incoming
    }

    /// Begins a content that comes piece by piece; blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn begin(&self) -> io::Result<Incoming> {
        Incoming::begin(&self.inner)
    }

    /// Writes a content, off the async threads. It is durable when this resolves.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn put(&self, bytes: Bytes) -> io::Result<Written> {
        self.write_with(move |incoming| incoming.write(&bytes)).await
    }

    /// Writes a content by a function that runs off the async threads. It is
    /// durable when this resolves.
    ///
    /// # Errors
    /// The function's, or the disk refuses.
    pub async fn write_with(
        &self,
        write: impl FnOnce(&mut Incoming) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Written> {
        let inner = self.inner.clone();
        let written = blocking(move || {
            let mut incoming = Incoming::begin(&inner)?;
            write(&mut incoming)?;
            incoming.finish()
        });
        let written = written.await?;
        self.inner.written.fetch_add(1, Ordering::Relaxed);
        Ok(written)
    }

    /// Takes over a whole file by renaming it, off the async threads. It is durable
    /// when this resolves. Where the content is there already the file stays.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn adopt(&self, path: PathBuf, id: BlobId) -> io::Result<Pinned> {
        let inner = self.inner.clone();
        let placed = blocking(move || {
            let file = File::open(&path)?;
            let bytes = file.metadata()?.len();
            place(&inner, &path, &file, id, bytes)
        });
        let pinned = placed.await?;
        self.inner.written.fetch_add(1, Ordering::Relaxed);
        Ok(pinned)
    }

    /// A content that is there, kept from the sweep; `None` where there is none.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn pin(&self, id: BlobId) -> io::Result<Option<Pinned>> {
        let pinned = Pinned::new(&self.inner, id);
        match fs::metadata(self.inner.path(&id).1) {
            Ok(found) => Ok(Some(pinned.with_bytes(found.len()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                pinned.keep();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The file of a content and its length; `None` where there is none (any more).
    /// An open file stays readable when its content is removed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn get(&self, id: &BlobId) -> io::Result<Option<(File, u64)>> {
        match File::open(self.inner.path(id).1) {
            Ok(file) => {
                let bytes = file.metadata()?.len();
                Ok(Some((file, bytes)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds to a batch that an owner needs a content. The content must be pinned
    /// until the batch is durable. An owner's references to one content are one.
    pub fn add_reference(&self, batch: &mut Batch, id: &BlobId, owner: &[u8]) {
        batch.put(&REFERENCES, reference_key(id, owner), Vec::new(), Bytes::new());
    }

    /// Adds to a batch that an owner needs a content no more. Call
    /// [`BlobStore::released`] when the batch is durable.
    pub fn remove_reference(&self, batch: &mut Batch, id: &BlobId, owner: &[u8]) {
        batch.delete(&REFERENCES, reference_key(id, owner));
    }

    /// Says that a content may have lost its last reference, durably.
    pub fn released(&self, id: BlobId) {
        self.inner.suspects.add(id);
    }

    /// Begins removing, in the background, what nobody refers to. Must be called
    /// within a runtime with time; a second time changes nothing.
    pub fn start(&self) {
        let mut sweeper = self.inner.sweeper.lock();
        if sweeper.is_some() {
            return;
        }
        let weak = Arc::downgrade(&self.inner);
        let stopping = self.inner.stopping.clone();
        *sweeper = Some(tokio::spawn(async move {
            let mut interval = tokio::time::interval(SWEEP_INTERVAL);
            loop {
                let Some(inner) = weak.upgrade() else { return };
                let all = tokio::select! {
                    _ = interval.tick() => true,
                    () = inner.suspects.added.notified() => false,
                };
                if stopping.load(Ordering::Acquire) {
                    return;
                }
                let store = BlobStore { inner };
                let swept = if all { store.sweep().await } else { store.sweep_suspects().await };
                if let Err(error) = swept {
                    tracing::warn!(%error, "contents in no use cannot be removed");
                }
            }
        }));
    }

    /// Ends what [`BlobStore::start`] began.
    pub async fn stop(&self) {
        self.inner.stopping.store(true, Ordering::Release);
        self.inner.suspects.added.notify_one();
        let sweeper = self.inner.sweeper.lock().take();
        if let Some(sweeper) = sweeper
            && let Err(error) = sweeper.await
        {
            tracing::warn!(%error, "the sweep of contents ended early");
        }
    }

    /// Removes every content that nobody refers to or has pinned, off the async threads.
    ///
    /// # Errors
    /// The disk or the store refuses.
    pub async fn sweep(&self) -> io::Result<Swept> {
        let inner = self.inner.clone();
        let swept = blocking(move || sweep_all(&inner, &|| !inner.stopping.load(Ordering::Acquire))).await?;
        self.note(swept);
        Ok(swept)
    }

    /// The same for what may have lost its last reference since the last time.
    ///
    /// # Errors
    /// The disk or the store refuses.
    pub async fn sweep_suspects(&self) -> io::Result<Swept> {
        let inner = self.inner.clone();
        let swept = blocking(move || sweep_suspects(&inner)).await?;
        self.note(swept);
        Ok(swept)
    }

    /// Counters since the start.
    pub fn measure(&self) -> BlobStats {
        BlobStats {
            written: self.inner.written.load(Ordering::Relaxed),
            removed: self.inner.removed.load(Ordering::Relaxed),
        }
    }

    fn note(&self, swept: Swept) {
        self.inner.removed.fetch_add(swept.removed, Ordering::Relaxed);
    }
}

impl Inner {
    /// The folder and the file of a content.
    pub(crate) fn path(&self, id: &BlobId) -> (PathBuf, PathBuf) {
        let hex = id.to_string();
        let folder = self.blobs.join(&hex[..2]);
        let file = folder.join(&hex[2..]);
        (folder, file)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io::Error::other(format!("work on a file ended early: {error}"))),
    }
}

impl std::fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobStore({})", self.inner.blobs.display())
    }
}
