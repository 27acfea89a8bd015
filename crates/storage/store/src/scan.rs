use std::ops::Bound;

use crate::batch::{ColumnValue, Row, Table};
use crate::catalog::index_columns;
use crate::key::Key;

/// A range of keys: from `start` (inclusive) to `end` (exclusive).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key; `None`: from the beginning.
    pub start: Option<Key>,
    /// The first key not in it; `None`: to the end.
    pub end: Option<Key>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> KeyRange {
        KeyRange::default()
    }

    /// Every key that starts with the bytes of `prefix`.
    pub fn prefix(prefix: &Key) -> KeyRange {
        KeyRange { start: Some(prefix.clone()), end: prefix.prefix_end() }
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.start.as_ref().is_none_or(|start| start <= key) && self.end.as_ref().is_none_or(|end| key < end)
    }
}

/// Which part of an index a scan walks.
///
/// A row is in it when its leading columns equal `equal` and the next column
/// lies within the bounds. A bounded column is never null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexScan {
    /// The index, as declared.
    pub name: &'static str,
    /// Values of the leading columns; may be empty, may name all of them.
    pub equal: Vec<ColumnValue>,
    /// Lower bound on the column after `equal`.
    pub lower: Bound<ColumnValue>,
    /// Upper bound on the column after `equal`.
    pub upper: Bound<ColumnValue>,
}

impl IndexScan {
    /// The whole index of that name.
    pub fn new(name: &'static str) -> IndexScan {
        IndexScan { name, equal: Vec::new(), lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// Only rows whose next leading column equals `value`.
    pub fn equal(mut self, value: impl Into<ColumnValue>) -> IndexScan {
        self.equal.push(value.into());
        self
    }

    /// Only rows whose column after the equal ones is at least `value`.
    pub fn at_least(mut self, value: impl Into<ColumnValue>) -> IndexScan {
        self.lower = Bound::Included(value.into());
        self
    }

    /// Only rows whose column after the equal ones is at most `value`.
    pub fn at_most(mut self, value: impl Into<ColumnValue>) -> IndexScan {
        self.upper = Bound::Included(value.into());
        self
    }

    /// Only rows whose column after the equal ones is below `value`.
    pub fn below(mut self, value: impl Into<ColumnValue>) -> IndexScan {
        self.upper = Bound::Excluded(value.into());
        self
    }

    /// Only rows whose column after the equal ones is above `value`.
    pub fn above(mut self, value: impl Into<ColumnValue>) -> IndexScan {
        self.lower = Bound::Excluded(value.into());
        self
    }
}

/// A place between rows, to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The values of the index's columns; empty without an index.
    pub columns: Vec<ColumnValue>,
    /// The key.
    pub key: Key,
}

/// A query over one table, in the order of its key or of an index.
///
/// Index order is by the index's columns (null, then integers, then text by
/// bytes) and then by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Only keys in this range, with or without an index.
    pub range: KeyRange,
    /// The index to walk; `None`: by key.
    pub index: Option<IndexScan>,
    /// From the end to the beginning.
    pub reverse: bool,
    /// Go on behind this position, in the direction of the scan.
    pub after: Option<Position>,
    /// At most that many rows. Fewer rows than that means the end was reached.
    pub limit: usize,
}

impl Scan {
    /// The keys of a range, in key order.
    pub fn range(range: KeyRange, limit: usize) -> Scan {
        Scan { range, limit, ..Scan::default() }
    }

    /// The keys that start with `prefix`, in key order.
    pub fn prefix(prefix: &Key, limit: usize) -> Scan {
        Scan::range(KeyRange::prefix(prefix), limit)
    }

    /// The rows of an index, in its order.
    pub fn index(index: IndexScan, limit: usize) -> Scan {
        Scan { index: Some(index), limit, ..Scan::default() }
    }

    /// The same rows from the other end.
    pub fn reversed(mut self) -> Scan {
        self.reverse = true;
        self
    }

    /// The same rows from behind that position.
    pub fn after(mut self, position: Position) -> Scan {
        self.after = Some(position);
        self
    }

    /// Only the rows of this scan whose key is in `range`.
    pub fn within(mut self, range: KeyRange) -> Scan {
        self.range = range;
        self
    }

    /// Where a row of this scan lies, to go on behind it.
    pub fn position(&self, table: &Table, row: &Row) -> Position {
        let index = self.index.as_ref().and_then(|scan| table.indexes.iter().find(|index| index.name == scan.name));
        let columns = index.map_or_else(Vec::new, |index| {
            index_columns(table, index).into_iter().filter_map(|at| row.columns.get(at).cloned()).collect()
        });
        Position { columns, key: row.key.clone() }
    }
}

/// A scan checked against its table.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) table: &'static Table,
    pub(crate) scan: &'a Scan,
    pub(crate) index: Option<IndexPlan<'a>>,
}

/// The index part of a plan.
#[derive(Debug)]
pub(crate) struct IndexPlan<'a> {
    /// The index's position in its table.
    pub(crate) position: usize,
    /// The positions of its columns in the table.
    pub(crate) columns: Vec<usize>,
    pub(crate) scan: &'a IndexScan,
}

impl IndexPlan<'_> {
    /// Whether the column after the equal ones is bounded.
    pub(crate) fn is_bounded(&self) -> bool {
        self.scan.lower != Bound::Unbounded || self.scan.upper != Bound::Unbounded
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(table: &'static Table, scan: &'a Scan) -> Result<Plan<'a>, String> {
        let after_columns = scan.after.as_ref().map(|after| after.columns.as_slice());
        let Some(index_scan) = &scan.index else {
            if after_columns.is_some_and(|columns| !columns.is_empty()) {
                return Err("a position in key order has no columns".to_owned());
            }
            return Ok(Plan { table, scan, index: None });
        };
        let Some(position) = table.indexes.iter().position(|index| index.name == index_scan.name) else {
            return Err(format!("{} has no index {}", table.name, index_scan.name));
        };
        let columns = index_columns(table, &table.indexes[position]);
        let plan = IndexPlan { position, columns, scan: index_scan };
        let equal = index_scan.equal.len();
        if equal > plan.columns.len() || (plan.is_bounded() && equal == plan.columns.len()) {
            return Err(format!("index {} has {} columns", index_scan.name, plan.columns.len()));
        }
        let kinds = || plan.columns.iter().map(|&at| table.columns[at].kind);
        if index_scan.equal.iter().zip(kinds()).any(|(value, kind)| !value.fits(kind)) {
            return Err(format!("a value does not fit its column in index {}", index_scan.name));
        }
        for bound in [&index_scan.lower, &index_scan.upper] {
            if let Bound::Included(value) | Bound::Excluded(value) = bound
                && (*value == ColumnValue::Null || !kinds().nth(equal).is_some_and(|kind| value.fits(kind)))
            {
                return Err(format!("a bound does not fit its column in index {}", index_scan.name));
            }
        }
        if let Some(after) = after_columns {
            if after.len() != plan.columns.len() || after.iter().zip(kinds()).any(|(value, kind)| !value.fits(kind)) {
                return Err(format!("the position does not fit index {}", index_scan.name));
            }
            if after[..equal] != index_scan.equal[..] {
                return Err(format!("the position lies outside the scan of index {}", index_scan.name));
            }
        }
        Ok(Plan { table, scan, index: Some(plan) })
    }
}
