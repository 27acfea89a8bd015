use std::collections::BTreeMap;
use std::ops::Bound;

use super::encoding::{self, AFTER_NULL};
use crate::batch::{Append, ColumnValue, Row, Table};
use crate::catalog::{Catalog, index_columns};
use crate::envelope::{self, Place};
use crate::error::{CommitError, StoreError};
use crate::key::Key;
use crate::prepared::{Prepared, PreparedRow};
use crate::scan::{IndexPlan, Plan};

/// What is stored, in memory.
#[derive(Default)]
pub(super) struct State {
    /// In the order of the catalog it was last opened with.
    tables: Vec<Rows>,
    /// Tables that the catalog does not declare, kept for one that does.
    undeclared: Vec<Rows>,
    streams: BTreeMap<Key, BTreeMap<u64, Vec<u8>>>,
}

struct Rows {
    table: &'static Table,
    rows: BTreeMap<Key, Stored>,
    /// For each declared index: encoded columns and key, to key.
    indexes: Vec<BTreeMap<Vec<u8>, Key>>,
}

struct Stored {
    columns: Vec<ColumnValue>,
    sealed: Vec<u8>,
    version: u64,
}

impl State {
    /// Brings the tables into the catalog's order and shape.
    pub(super) fn declare(&mut self, catalog: &Catalog) {
        let mut stored: Vec<Rows> = self.tables.drain(..).chain(self.undeclared.drain(..)).collect();
        for &table in catalog.tables() {
            let found = stored.iter().position(|rows| rows.table.name == table.name);
            let mut rows = Rows::new(table);
            if let Some(found) = found {
                let old = stored.swap_remove(found);
                for (key, stored) in old.rows {
                    let columns = reshape(old.table, table, &stored.columns);
                    rows.insert(key, Stored { columns, ..stored });
                }
            }
            self.tables.push(rows);
        }
        self.undeclared = stored;
    }

    /// Applies a batch whole, or refuses it and changes nothing.
    pub(super) fn apply(&mut self, batch: Prepared) -> Result<(), CommitError> {
        for (index, expect) in batch.expect.iter().enumerate() {
            let version = self.tables[expect.table].rows.get(&expect.key).map(|row| row.version);
            if version != expect.version {
                return Err(CommitError::Expectation { index });
            }
        }
        if let Some(index) = self.duplicate(&batch) {
            return Err(CommitError::Duplicate { index });
        }
        for (stream, before) in batch.truncate {
            match before {
                None => drop(self.streams.remove(&stream)),
                Some(before) => {
                    if let Some(entries) = self.streams.get_mut(&stream) {
                        *entries = entries.split_off(&before);
                        if entries.is_empty() {
                            self.streams.remove(&stream);
                        }
                    }
                }
            }
        }
        for (table, key) in batch.delete {
            self.tables[table].remove(&key);
        }
        for PreparedRow { table, key, columns, sealed } in batch.put {
            let version = self.tables[table].remove(&key).map_or(0, |row| row.version) + 1;
            self.tables[table].insert(key, Stored { columns, sealed, version });
        }
        for entry in batch.append {
            self.streams.entry(entry.stream).or_default().insert(entry.sequence, entry.sealed);
        }
        Ok(())
    }

    /// The first append whose place is taken once the batch's truncations are done.
    fn duplicate(&self, batch: &Prepared) -> Option<usize> {
        let truncated = |stream: &Key, sequence: u64| {
            let covers = |before: &Option<u64>| before.is_none_or(|before| sequence < before);
            batch.truncate.iter().any(|(truncated, before)| truncated == stream && covers(before))
        };
        let stored = |stream: &Key, sequence: u64| {
            self.streams.get(stream).is_some_and(|entries| entries.contains_key(&sequence))
                && !truncated(stream, sequence)
        };
        let mut seen = std::collections::HashSet::with_capacity(batch.append.len());
        batch
            .append
            .iter()
            .position(|entry| stored(&entry.stream, entry.sequence) || !seen.insert((&entry.stream, entry.sequence)))
    }

    pub(super) fn get(&self, table: usize, key: &Key) -> Result<Option<Row>, StoreError> {
        let rows = &self.tables[table];
        rows.rows.get(key).map(|stored| rows.row(key, stored)).transpose()
    }

    pub(super) fn read_stream(
        &self,
        stream: &Key,
        from_sequence: u64,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Append>, StoreError> {
        let Some(entries) = self.streams.get(stream) else { return Ok(Vec::new()) };
        let read = |(&sequence, sealed): (&u64, &Vec<u8>)| {
            let value = envelope::open(&Place::entry(stream, sequence), sealed)
                .map_err(|reason| corrupt("stream", stream, reason))?;
            Ok(Append { stream: stream.clone(), sequence, value })
        };
        if reverse {
            entries.range(..=from_sequence).rev().take(limit).map(read).collect()
        } else {
            entries.range(from_sequence..).take(limit).map(read).collect()
        }
    }

    pub(super) fn scan(&self, table: usize, plan: &Plan<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = &self.tables[table];
        let keys: Vec<&Key> = match &plan.index {
            None => rows.keys_in_key_order(plan),
            Some(index) => rows.keys_in_index_order(plan, index),
        };
        let row = |key: &Key| rows.rows.get(key).map(|stored| rows.row(key, stored));
        keys.into_iter().filter_map(row).collect()
    }

    pub(super) fn count(&self, table: usize, plan: &Plan<'_>) -> u64 {
        let rows = &self.tables[table];
        let keys = match &plan.index {
            None => rows.keys_in_key_order(plan),
            Some(index) => rows.keys_in_index_order(plan, index),
        };
        keys.len() as u64
    }

    /// Flips a bit of a stored value; whether there was one.
    pub(super) fn corrupt_row(&mut self, table: &Table, key: &Key) -> bool {
        let rows = self.tables.iter_mut().find(|rows| rows.table.name == table.name);
        flip(rows.and_then(|rows| rows.rows.get_mut(key)).map(|row| &mut row.sealed))
    }

    /// Flips a bit of a stored entry; whether there was one.
    pub(super) fn corrupt_entry(&mut self, stream: &Key, sequence: u64) -> bool {
        flip(self.streams.get_mut(stream).and_then(|entries| entries.get_mut(&sequence)))
    }
}

fn flip(sealed: Option<&mut Vec<u8>>) -> bool {
    match sealed.and_then(|sealed| sealed.last_mut()) {
        Some(last) => {
            *last ^= 1;
            true
        }
        None => false,
    }
}

fn reshape(old: &Table, new: &Table, columns: &[ColumnValue]) -> Vec<ColumnValue> {
    let value = |name: &str| {
        let at = old.columns.iter().position(|column| column.name == name)?;
        columns.get(at).cloned()
    };
    new.columns.iter().map(|column| value(column.name).unwrap_or(ColumnValue::Null)).collect()
}

fn corrupt(table: &str, key: &Key, reason: String) -> StoreError {
    StoreError::Corrupt { table: table.to_owned(), key: key.clone(), reason }
}

impl Rows {
    fn new(table: &'static Table) -> Rows {
        Rows { table, rows: BTreeMap::new(), indexes: table.indexes.iter().map(|_| BTreeMap::new()).collect() }
    }

    fn row(&self, key: &Key, stored: &Stored) -> Result<Row, StoreError> {
        let value =
            envelope::open(&Place::row(key), &stored.sealed).map_err(|reason| corrupt(self.table.name, key, reason))?;
        Ok(Row { key: key.clone(), columns: stored.columns.clone(), value, version: stored.version })
    }

    fn insert(&mut self, key: Key, stored: Stored) {
        for (declared, index) in self.table.indexes.iter().zip(&mut self.indexes) {
            if let Some(entry) = index_entry(&index_columns(self.table, declared), &stored.columns, &key) {
                index.insert(entry, key.clone());
            }
        }
        self.rows.insert(key, stored);
    }

    fn remove(&mut self, key: &Key) -> Option<Stored> {
        let stored = self.rows.remove(key)?;
        for (declared, index) in self.table.indexes.iter().zip(&mut self.indexes) {
            if let Some(entry) = index_entry(&index_columns(self.table, declared), &stored.columns, key) {
                index.remove(&entry);
            }
        }
        Some(stored)
    }

    fn keys_in_key_order(&self, plan: &Plan<'_>) -> Vec<&Key> {
        let range = &plan.scan.range;
        let mut lower = range.start.as_ref().map_or(Bound::Unbounded, Bound::Included);
        let mut upper = range.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        if let Some(after) = &plan.scan.after {
            if plan.scan.reverse {
                if range.end.as_ref().is_none_or(|end| after.key < *end) {
                    upper = Bound::Excluded(&after.key);
                }
            } else if range.start.as_ref().is_none_or(|start| after.key >= *start) {
                lower = Bound::Excluded(&after.key);
            }
        }
        if is_empty(lower, upper) {
            return Vec::new();
        }
        let keys = self.rows.range::<Key, _>((lower, upper)).map(|(key, _)| key);
        if plan.scan.reverse {
            keys.rev().take(plan.scan.limit).collect()
        } else {
            keys.take(plan.scan.limit).collect()
        }
    }

    fn keys_in_index_order(&self, plan: &Plan<'_>, index: &IndexPlan<'_>) -> Vec<&Key> {
        let (mut lower, mut upper) = index_range(index);
        if let Some(after) = &plan.scan.after {
            let mut entry = Vec::new();
            after.columns.iter().for_each(|value| encoding::push(&mut entry, value));
            entry.extend(after.key.as_bytes());
            if plan.scan.reverse {
                upper = Some(upper.map_or(entry.clone(), |upper| upper.min(entry)));
            } else {
                // The first bytes behind the entry.
                entry.push(0);
                lower = lower.max(entry);
            }
        }
        let upper = upper.map_or(Bound::Unbounded, Bound::Excluded);
        let lower = Bound::Included(lower);
        if is_empty(lower.as_ref(), upper.as_ref()) {
            return Vec::new();
        }
        let keys = self.indexes[index.position].range((lower, upper)).map(|(_, key)| key);
        let within = |key: &&Key| plan.scan.range.contains(key);
        if plan.scan.reverse {
            keys.rev().filter(within).take(plan.scan.limit).collect()
        } else {
            keys.filter(within).take(plan.scan.limit).collect()
        }
    }
}

/// An index's entry for a row; `None` when its first column is null.
fn index_entry(columns: &[usize], values: &[ColumnValue], key: &Key) -> Option<Vec<u8>> {
    if columns.first().is_none_or(|&first| values[first] == ColumnValue::Null) {
        return None;
    }
    let mut entry = Vec::new();
    columns.iter().for_each(|&column| encoding::push(&mut entry, &values[column]));
    entry.extend(key.as_bytes());
    Some(entry)
}

/// The encoded range of an index scan: inclusive, exclusive.
fn index_range(index: &IndexPlan<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut equal = Vec::new();
    index.scan.equal.iter().for_each(|value| encoding::push(&mut equal, value));
    let with = |value: &ColumnValue| {
        let mut bytes = equal.clone();
        encoding::push(&mut bytes, value);
        bytes
    };
    let end = || encoding::prefix_end(&equal);
    let lower = match &index.scan.lower {
        Bound::Included(value) => with(value),
        // Every value has an end: the first byte, its kind, is never 0xff.
        Bound::Excluded(value) => encoding::prefix_end(&with(value)).unwrap_or_default(),
        Bound::Unbounded if index.is_bounded() => [equal.as_slice(), &[AFTER_NULL]].concat(),
        Bound::Unbounded => equal.clone(),
    };
    let upper = match &index.scan.upper {
        Bound::Included(value) => encoding::prefix_end(&with(value)),
        Bound::Excluded(value) => Some(with(value)),
        Bound::Unbounded if equal.is_empty() => None,
        Bound::Unbounded => end(),
    };
    (lower, upper)
}

/// Whether nothing lies between; `BTreeMap::range` panics on such a range.
fn is_empty<T: Ord>(lower: Bound<&T>, upper: Bound<&T>) -> bool {
    match (lower, upper) {
        (Bound::Included(lower) | Bound::Excluded(lower), Bound::Excluded(upper) | Bound::Included(upper)) => {
            lower >= upper
        }
        _ => false,
    }
}
