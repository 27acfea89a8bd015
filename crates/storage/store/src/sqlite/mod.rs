//! The store on SQLite: one writer thread that commits in groups, a few read connections.

mod folder;
mod migrations;
mod queue;
mod readers;
mod scan_sql;
mod schema;
mod statements;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

pub use migrations::STORE_FORMAT;
pub use queue::{COMMIT_BATCHES_MAX, COMMIT_BYTES_MAX, QUEUE_BATCHES_MAX, QUEUE_BYTES_MAX};

use crate::backend::{Backend, Request};
use crate::batch::{Append, Row};
use crate::catalog::Catalog;
use crate::error::{OpenError, StoreError};
use crate::key::Key;
use crate::scan::Plan;
use crate::stats::StoreStats;
use folder::FolderLock;
use queue::Queue;
use readers::Readers;
use statements::Statements;
use writer::{Counters, Writer};

/// Settings of the SQLite store; the defaults suit a server of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The writer's page cache, in bytes.
    pub cache_bytes: u64,
    /// How much of the file is mapped into memory, in bytes; 0: nothing.
    pub mmap_bytes: u64,
    /// Connections that read at the same time, at least 1.
    pub read_connections: usize,
    /// The size of the write-ahead log, in bytes, from which the writer checkpoints.
    pub checkpoint_bytes: u64,
    /// The size of the write-ahead log, in bytes, from which the writer waits for
    /// readers so that the log can start over.
    pub wal_bytes_max: u64,
    /// The largest size of the store file, in bytes; beyond it commits fail with
    /// `Storage` until something is deleted. `None`: as large as the disk.
    pub file_bytes_max: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        const MIB: u64 = 1024 * 1024;
        SqliteOptions {
            cache_bytes: 128 * MIB,
            mmap_bytes: 256 * MIB,
            read_connections: 4,
            checkpoint_bytes: 32 * MIB,
            wal_bytes_max: 256 * MIB,
            file_bytes_max: None,
        }
    }
}

/// The store in a data folder.
pub(crate) struct SqliteStore {
    folder: PathBuf,
    queue: Arc<Queue>,
    readers: Readers,
    counters: Arc<Counters>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Kept until closed, also by a store that stopped: nobody else may write meanwhile.
    lock: Mutex<Option<FolderLock>>,
}

impl SqliteStore {
    pub(crate) fn open(
        folder: &Path,
        catalog: &Arc<Catalog>,
        options: SqliteOptions,
    ) -> Result<SqliteStore, OpenError> {
        schema::check_library()?;
        let lock = folder::take(folder)?;
        let file = folder.join(folder::STORE_FILE);
        folder::create_private(&file)?;
        let connection = schema::open_for_writing(folder, &file, catalog, &options)?;
        folder::sync(folder)?;
        let statements = Arc::new(Statements::new(catalog));
        let queue = Arc::new(Queue::default());
        let counters = Arc::new(Counters::default());
        let readers = Readers::open(&file, Arc::clone(&statements), &options)?;
        let writer = Writer::new(connection, statements, Arc::clone(&queue), Arc::clone(&counters), &options);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Io { path: file, error })?;
        Ok(SqliteStore {
            folder: folder.to_owned(),
            queue,
            readers,
            counters,
            writer: Mutex::new(Some(thread)),
            lock: Mutex::new(Some(lock)),
        })
    }
}

impl Backend for SqliteStore {
    fn commit(&self, request: Request) {
        self.queue.push(request);
    }

    fn get(&self, table: usize, key: &Key) -> Result<Option<Row>, StoreError> {
        self.readers.get(table, key)
    }

    fn scan(&self, table: usize, plan: &Plan<'_>) -> Result<Vec<Row>, StoreError> {
        self.readers.scan(table, plan)
    }

    fn count(&self, _table: usize, plan: &Plan<'_>) -> Result<u64, StoreError> {
        self.readers.count(plan)
    }

    fn read_stream(
        &self,
        stream: &Key,
        from_sequence: u64,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Append>, StoreError> {
        self.readers.read_stream(stream, from_sequence, limit, reverse)
    }

    fn free_bytes(&self) -> Option<u64> {
        folder::free_bytes(&self.folder)
    }

    fn used_bytes(&self) -> Option<u64> {
        self.readers.used_bytes().ok()
    }

    fn stats(&self) -> StoreStats {
        StoreStats { queued: self.queue.len() as u64, ..self.counters.stats() }
    }

    fn close(&self) {
        // Readers first: an open read transaction would hold up the last checkpoint.
        self.readers.close();
        self.queue.close();
        if let Some(writer) = self.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer thread panicked");
        }
        drop(self.lock.lock().take());
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}
