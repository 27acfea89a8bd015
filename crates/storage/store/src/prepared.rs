use crate::batch::{Batch, ColumnValue, Expect};
use crate::catalog::Catalog;
use crate::envelope::{Place, seal};
use crate::error::CommitError;
use crate::key::Key;

/// The largest batch a store takes, in bytes as [`Batch::bytes_len`] counts.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest key a store takes, in bytes.
pub const KEY_BYTES_MAX: usize = 4096;

/// A batch checked against the catalog, its values sealed.
///
/// Made on the committing thread, so that the one writer neither checks nor
/// computes checksums.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) expect: Vec<Expectation>,
    pub(crate) truncate: Vec<(Key, Option<u64>)>,
    pub(crate) delete: Vec<(usize, Key)>,
    pub(crate) put: Vec<PreparedRow>,
    pub(crate) append: Vec<PreparedEntry>,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) table: usize,
    pub(crate) key: Key,
    /// The version a row must have; `None`: there must be no row.
    pub(crate) version: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct PreparedRow {
    pub(crate) table: usize,
    pub(crate) key: Key,
    pub(crate) columns: Vec<ColumnValue>,
    pub(crate) sealed: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct PreparedEntry {
    pub(crate) stream: Key,
    pub(crate) sequence: u64,
    pub(crate) sealed: Vec<u8>,
}

impl Prepared {
    pub(crate) fn new(catalog: &Catalog, batch: Batch) -> Result<Prepared, CommitError> {
        let bytes = batch.bytes_len();
        if bytes > BATCH_BYTES_MAX {
            return Err(CommitError::TooLarge);
        }
        let position = |table| catalog.position(table).map_err(CommitError::Invalid);
        let mut prepared = Prepared {
            expect: Vec::with_capacity(batch.expect.len()),
            truncate: batch.truncate,
            delete: Vec::with_capacity(batch.delete.len()),
            put: Vec::with_capacity(batch.put.len()),
            append: Vec::with_capacity(batch.append.len()),
            bytes,
        };
        for expect in batch.expect {
            let (table, key, version) = match expect {
                Expect::Absent(table, key) => (table, key, None),
                Expect::Version(table, key, version) => (table, key, Some(version)),
            };
            prepared.expect.push(Expectation { table: position(table)?, key, version });
        }
        for (stream, _) in &prepared.truncate {
            check_key(stream)?;
        }
        for (table, key) in batch.delete {
            prepared.delete.push((position(table)?, key));
        }
        for (table, row) in batch.put {
            let at = position(table)?;
            check_key(&row.key)?;
            if row.columns.len() != table.columns.len() {
                let (found, declared) = (row.columns.len(), table.columns.len());
                return Err(CommitError::Invalid(format!("{} has {declared} columns, not {found}", table.name)));
            }
            if let Some((column, _)) =
                table.columns.iter().zip(&row.columns).find(|(column, value)| !value.fits(column.kind))
            {
                let (name, kind) = (column.name, column.kind);
                return Err(CommitError::Invalid(format!("{}.{name} holds {kind:?}", table.name)));
            }
            let sealed = seal(&Place::row(&row.key), &row.value);
            prepared.put.push(PreparedRow { table: at, key: row.key, columns: row.columns, sealed });
        }
        for entry in batch.append {
            check_key(&entry.stream)?;
            if i64::try_from(entry.sequence).is_err() {
                return Err(CommitError::Invalid(format!("sequence {} is above 2^63 - 1", entry.sequence)));
            }
            let sealed = seal(&Place::entry(&entry.stream, entry.sequence), &entry.value);
            prepared.append.push(PreparedEntry { stream: entry.stream, sequence: entry.sequence, sealed });
        }
        Ok(prepared)
    }
}

fn check_key(key: &Key) -> Result<(), CommitError> {
    if key.as_bytes().len() > KEY_BYTES_MAX { Err(CommitError::TooLarge) } else { Ok(()) }
}
