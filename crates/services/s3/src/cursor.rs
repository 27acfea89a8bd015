use std::collections::VecDeque;

use windlass_protocol::Fault;
use windlass_store::{Key, KeyRange, Row, Scan, Store, Table};

use crate::stored;

/// How many rows are read at first, and at most, at a time. A listing that skips
/// over common prefixes reads few rows at each.
const ROWS_FIRST: usize = 16;
const ROWS_MAX: usize = 1001;

/// A walk over the rows of a table in key order that can skip forward.
pub(crate) struct Cursor<'a> {
    store: &'a Store,
    table: &'static Table,
    /// The first key not read yet; `None`: the end was reached.
    next: Option<Key>,
    end: Option<Key>,
    rows: VecDeque<Row>,
    rows_at_once: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(store: &'a Store, table: &'static Table, range: KeyRange) -> Cursor<'a> {
        let next = Some(range.start.unwrap_or_else(|| Key::from_bytes(Vec::new())));
        Cursor { store, table, next, end: range.end, rows: VecDeque::new(), rows_at_once: ROWS_FIRST }
    }

    /// The row that the walk is at.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn peek(&mut self) -> Result<Option<&Row>, Fault> {
        if self.rows.is_empty()
            && let Some(start) = self.next.take()
        {
            let range = KeyRange { start: Some(start), end: self.end.clone() };
            let rows = stored::scan(self.store, self.table, Scan::range(range, self.rows_at_once))?;
            if rows.len() == self.rows_at_once {
                self.next = rows.last().map(|row| row.key.clone().fixed(&[0]));
            }
            self.rows_at_once = (self.rows_at_once * 4).min(ROWS_MAX);
            self.rows = rows.into();
        }
        Ok(self.rows.front())
    }

    /// Goes on to the next row.
    pub(crate) fn step(&mut self) {
        self.rows.pop_front();
    }

    /// Goes on to the first row whose key is not below `key`.
    pub(crate) fn seek(&mut self, key: &Key) {
        while self.rows.front().is_some_and(|row| row.key < *key) {
            self.rows.pop_front();
        }
        if self.rows.is_empty() && self.next.as_ref().is_some_and(|next| next < key) {
            self.next = Some(key.clone());
            self.rows_at_once = ROWS_FIRST;
        }
    }
}
