use std::path::Path;
use std::sync::Arc;

use crate::backend::{Backend, Request};
use crate::batch::{Append, Batch, Row, Table};
use crate::catalog::Catalog;
use crate::commit::Commit;
use crate::error::{OpenError, StoreError};
use crate::key::Key;
use crate::memory::MemoryFaults;
use crate::prepared::Prepared;
use crate::scan::{Plan, Scan};
use crate::sqlite::{SqliteOptions, SqliteStore};
use crate::stats::StoreStats;

/// A handle on a store; clones share it. The last one dropped closes it.
#[derive(Clone)]
pub struct Store {
    catalog: Arc<Catalog>,
    backend: Arc<dyn Backend>,
}

impl Store {
    /// Opens the SQLite store in `folder`, making both where there is none.
    ///
    /// Creates the folder (mode 0700), takes its lock (one process at a time),
    /// migrates the store and creates what `tables` declares and it lacks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path, tables: &[&'static Table], options: SqliteOptions) -> Result<Store, OpenError> {
        let catalog = Arc::new(Catalog::new(tables).map_err(OpenError::Declaration)?);
        let backend = SqliteStore::open(folder, &catalog, options)?;
        Ok(Store { catalog, backend: Arc::new(backend) })
    }

    /// A store in memory over the state behind `faults`, which drives its faults.
    ///
    /// Deterministic: without faults a commit has taken effect when
    /// [`Store::commit`] returns. Earlier stores over the same state are closed.
    ///
    /// # Panics
    /// When a declaration is wrong, which the program's own text decides.
    pub fn memory(tables: &[&'static Table], faults: MemoryFaults) -> Store {
        let catalog = Catalog::new(tables).unwrap_or_else(|error| panic!("table declaration: {error}"));
        let catalog = Arc::new(catalog);
        let backend = faults.attach(&catalog);
        Store { catalog, backend: Arc::new(backend) }
    }

    /// Hands a batch to the writer. Batches take effect in the order of these calls.
    ///
    /// Needs no runtime and does not block. The outcome is known only when the
    /// [`Commit`] resolves.
    pub fn commit(&self, batch: Batch) -> Commit {
        match Prepared::new(&self.catalog, batch) {
            Ok(batch) => {
                let (outcome, commit) = Commit::waiting();
                self.backend.commit(Request { batch, outcome });
                commit
            }
            Err(error) => Commit::refused(error),
        }
    }

    /// The row of that key, as last made durable.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn get(&self, table: &'static Table, key: &Key) -> Result<Option<Row>, StoreError> {
        self.backend.get(self.position(table)?, key)
    }

    /// The rows of a scan, in its order, from one moment.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn scan(&self, table: &'static Table, query: Scan) -> Result<Vec<Row>, StoreError> {
        let position = self.position(table)?;
        let plan = Plan::new(table, &query).map_err(StoreError::Invalid)?;
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        self.backend.scan(position, &plan)
    }

    /// How many rows a scan has, without reading them: of an index, only the index
    /// is read. The scan's `limit`, order and `after` do not count.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn count(&self, table: &'static Table, query: Scan) -> Result<u64, StoreError> {
        let position = self.position(table)?;
        let query = Scan { after: None, reverse: false, limit: usize::MAX, ..query };
        let plan = Plan::new(table, &query).map_err(StoreError::Invalid)?;
        self.backend.count(position, &plan)
    }

    /// At most `limit` entries of a stream, from `from_sequence` (inclusive)
    /// upwards, or downwards when `reverse`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read_stream(
        &self,
        stream: &Key,
        from_sequence: u64,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Append>, StoreError> {
        self.backend.read_stream(stream, from_sequence, limit, reverse)
    }

    /// Bytes available to the store where it lives; `None` when it cannot be told.
    pub fn free_bytes(&self) -> Option<u64> {
        self.backend.free_bytes()
    }

    /// Bytes that rows and streams take, free pages left out; `None` when it
    /// cannot be told.
    pub fn used_bytes(&self) -> Option<u64> {
        self.backend.used_bytes()
    }

    /// Counters since the store was opened.
    pub fn stats(&self) -> StoreStats {
        self.backend.stats()
    }

    /// Commits what was handed over, checkpoints, and releases the data folder.
    ///
    /// Blocks until done. Later commits and reads fail with `Closed`.
    pub fn close(&self) {
        self.backend.close();
    }

    fn position(&self, table: &'static Table) -> Result<usize, StoreError> {
        self.catalog.position(table).map_err(StoreError::Invalid)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("tables", &self.catalog.tables().len()).finish_non_exhaustive()
    }
}
