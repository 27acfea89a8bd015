use std::path::PathBuf;

use crate::key::Key;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another store in this one) holds the data folder.
    #[error("data folder {folder} is in use by process {holder}; one process may use a data folder at a time", folder = .folder.display(), holder = .pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// The holder's process id, where it could be read.
        pid: Option<u32>,
    },
    /// The store was written by a newer release.
    #[error(
        "the store in {folder} has format {found}, this release reads up to format {supported}; start the release that wrote it, or a newer one", folder = .folder.display()
    )]
    Newer {
        /// The data folder.
        folder: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format this release reads.
        supported: u32,
    },
    /// The file is not a Windlass store.
    #[error("{} is not a Windlass store", .0.display())]
    Foreign(PathBuf),
    /// The SQLite library is too old to be safe.
    #[error("SQLite {found} is too old: {needed} or newer is needed (older ones can corrupt a WAL)")]
    Sqlite {
        /// The version linked.
        found: String,
        /// The oldest version accepted.
        needed: &'static str,
    },
    /// A table declaration is wrong, or does not fit what is stored.
    #[error("table declaration: {0}")]
    Declaration(String),
    /// The file system refused.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What it said.
        #[source]
        error: std::io::Error,
    },
    /// SQLite refused.
    #[error("storage: {0}")]
    Storage(String),
}

/// Why a batch was not applied.
///
/// After `Expectation`, `Duplicate`, `Invalid`, `TooLarge` and `Overloaded` it is
/// certain that nothing of the batch was written. After `Storage`, `Poisoned` and
/// `Closed` nothing of it can be read now, but a batch that was under way when
/// the store failed may be found written after a restart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// An expectation did not hold.
    #[error("expectation {index} of the batch does not hold")]
    Expectation {
        /// Its position in [`crate::Batch::expect`].
        index: usize,
    },
    /// The stream already has an entry of that sequence.
    #[error("append {index} of the batch is already in its stream")]
    Duplicate {
        /// Its position in [`crate::Batch::append`].
        index: usize,
    },
    /// The batch does not fit the declared tables.
    #[error("invalid batch: {0}")]
    Invalid(String),
    /// The batch, or a key in it, is larger than the store takes.
    #[error("the batch is too large")]
    TooLarge,
    /// Too much is waiting to be written; nothing was done, try again later.
    #[error("the store is overloaded")]
    Overloaded,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A sync failed, so the store no longer knows what is durable and stopped for good.
    #[error("the store stopped after a failed write: {0}")]
    Poisoned(String),
    /// The store could not write, and can go on (a full disk, for one).
    #[error("storage: {0}")]
    Storage(String),
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A stored value does not match its checksum, or its encoding is unknown.
    #[error("corrupt value in {table}, key {key:?}: {reason}")]
    Corrupt {
        /// The table, or `stream`.
        table: String,
        /// The row's key, or the stream.
        key: Key,
        /// What does not match.
        reason: String,
    },
    /// The query does not fit the declared tables.
    #[error("invalid query: {0}")]
    Invalid(String),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The storage refused.
    #[error("storage: {0}")]
    Storage(String),
}
