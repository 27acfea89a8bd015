//! Durable storage behind one port: services declare tables and write batches;
//! SQL exists only in here.
//!
//! A [`Store`] is opened over SQLite ([`Store::open`]) or over memory with
//! injected faults ([`Store::memory`]). Both keep the same rules: a batch is
//! applied whole or not at all, batches take effect in the order they were
//! committed, and a [`Commit`] resolves only after its batch is durable.
//!
//! This crate knows no AWS service, no execution and no JSON.

mod backend;
mod batch;
mod catalog;
mod commit;
mod envelope;
mod error;
mod key;
mod memory;
mod prepared;
mod scan;
mod sqlite;
mod stats;
mod store;

pub use batch::{Append, Batch, Column, ColumnKind, ColumnValue, Expect, Index, Row, Table};
pub use commit::Commit;
pub use error::{CommitError, OpenError, StoreError};
pub use key::{Key, SHARDS, shard_of};
pub use memory::{MemoryFaults, UnsyncedOutcome};
pub use prepared::{BATCH_BYTES_MAX, KEY_BYTES_MAX};
pub use scan::{IndexScan, KeyRange, Position, Scan};
pub use sqlite::{
    COMMIT_BATCHES_MAX, COMMIT_BYTES_MAX, QUEUE_BATCHES_MAX, QUEUE_BYTES_MAX, STORE_FORMAT, SqliteOptions,
};
pub use stats::StoreStats;
pub use store::Store;

/// The version of the SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
