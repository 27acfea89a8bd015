use bytes::Bytes;

use crate::key::Key;

/// A table that a service declares: rows of (key, columns, value).
///
/// The key is unique; `columns` are typed and queryable (also by people, in
/// SQL); `value` is the service's own encoding. Indexes lead with their columns
/// and end with the key.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Lower case, letters and underscores; unique in the store.
    pub name: &'static str,
    /// Queryable columns in order.
    pub columns: &'static [Column],
    /// Each index: the columns it leads with.
    pub indexes: &'static [Index],
}

/// A queryable column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Lower case, letters and underscores.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds. Every column may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A 64-bit signed integer; instants are milliseconds since the epoch.
    Integer,
    /// UTF-8 text, compared by bytes.
    Text,
}

/// An index of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Index {
    /// Unique within the table.
    pub name: &'static str,
    /// The columns it leads with; rows whose first column is null are not in it.
    pub columns: &'static [&'static str],
}

/// A column's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnValue {
    /// Nothing.
    Null,
    /// An integer.
    Integer(i64),
    /// A text.
    Text(String),
}

impl ColumnValue {
    fn bytes_len(&self) -> usize {
        const INTEGER_BYTES: usize = 8;
        match self {
            ColumnValue::Null => 0,
            ColumnValue::Integer(_) => INTEGER_BYTES,
            ColumnValue::Text(text) => text.len(),
        }
    }

    /// Whether a column of that kind can hold this value.
    pub fn fits(&self, kind: ColumnKind) -> bool {
        match self {
            ColumnValue::Null => true,
            ColumnValue::Integer(_) => kind == ColumnKind::Integer,
            ColumnValue::Text(_) => kind == ColumnKind::Text,
        }
    }
}

impl From<i64> for ColumnValue {
    fn from(value: i64) -> ColumnValue {
        ColumnValue::Integer(value)
    }
}

impl From<&str> for ColumnValue {
    fn from(value: &str) -> ColumnValue {
        ColumnValue::Text(value.to_owned())
    }
}

impl From<String> for ColumnValue {
    fn from(value: String) -> ColumnValue {
        ColumnValue::Text(value)
    }
}

/// A stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its columns, in the table's order.
    pub columns: Vec<ColumnValue>,
    /// The service's own bytes.
    pub value: Bytes,
    /// Counts the writes of this row, from 1. Ignored in a put: the store sets it.
    pub version: u64,
}

/// What must hold for a batch to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No row of that key.
    Absent(&'static Table, Key),
    /// A row of that key at that version.
    Version(&'static Table, Key, u64),
}

/// One entry of an append-only stream. (stream, sequence) is unique; a second
/// append of the same pair fails the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The stream, e.g. an execution's turns; starts with its shard like every key.
    pub stream: Key,
    /// Position in the stream, set by the writer, ascending.
    pub sequence: u64,
    /// The entry.
    pub value: Bytes,
}

/// Changes that are applied together or not at all.
///
/// The order within a batch is fixed: expectations are checked, then streams are
/// truncated, rows deleted, rows put and entries appended. So a batch that
/// clears and writes the same stream or row leaves what it wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Checked first; one that does not hold refuses the whole batch.
    pub expect: Vec<Expect>,
    /// Rows written (inserted or replaced).
    pub put: Vec<(&'static Table, Row)>,
    /// Rows removed; an absent one is no error.
    pub delete: Vec<(&'static Table, Key)>,
    /// Stream entries added.
    pub append: Vec<Append>,
    /// Streams removed whole or up to a sequence (exclusive).
    pub truncate: Vec<(Key, Option<u64>)>,
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.delete.is_empty() && self.append.is_empty() && self.truncate.is_empty()
    }

    /// Adds an expectation that no row has that key.
    pub fn expect_absent(&mut self, table: &'static Table, key: Key) {
        self.expect.push(Expect::Absent(table, key));
    }

    /// Adds an expectation that a row of that key is at that version.
    pub fn expect_version(&mut self, table: &'static Table, key: Key, version: u64) {
        self.expect.push(Expect::Version(table, key, version));
    }

    /// Adds a row to remove.
    pub fn delete(&mut self, table: &'static Table, key: Key) {
        self.delete.push((table, key));
    }

    /// Adds a stream entry.
    pub fn append(&mut self, stream: Key, sequence: u64, value: impl Into<Bytes>) {
        self.append.push(Append { stream, sequence, value: value.into() });
    }

    /// Adds a row to write.
    pub fn put(&mut self, table: &'static Table, key: Key, columns: Vec<ColumnValue>, value: impl Into<Bytes>) {
        self.put.push((table, Row { key, columns, value: value.into(), version: 0 }));
    }

    /// Approximate size in bytes, for admission and grouping.
    pub fn bytes_len(&self) -> usize {
        const ROW_OVERHEAD_BYTES: usize = 64;
        let rows = self.put.iter().map(|(_, row)| {
            let columns: usize = row.columns.iter().map(ColumnValue::bytes_len).sum();
            row.key.as_bytes().len() + columns + row.value.len() + ROW_OVERHEAD_BYTES
        });
        let entries =
            self.append.iter().map(|entry| entry.stream.as_bytes().len() + entry.value.len() + ROW_OVERHEAD_BYTES);
        let keys = self.delete.iter().map(|(_, key)| key).chain(self.truncate.iter().map(|(stream, _)| stream));
        let keys = keys.chain(self.expect.iter().map(|expect| match expect {
            Expect::Absent(_, key) | Expect::Version(_, key, _) => key,
        }));
        rows.sum::<usize>() + entries.sum::<usize>() + keys.map(|key| key.as_bytes().len()).sum::<usize>()
    }
}
