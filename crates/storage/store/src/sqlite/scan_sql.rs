//! Scans as SQL.
//!
//! A scan that goes on behind a position is one range in the order of an index,
//! yet SQL's row comparison knows no null. So it is cut into segments, each a
//! run of the index: same columns as the position but a later key, then the same
//! columns but the last, and so on outwards. Each is one search in the index.

use std::fmt::Write;
use std::ops::Bound;

use super::readers::Parameter;
use super::schema::index_name;
use super::statements::TableStatements;
use crate::batch::ColumnValue;
use crate::scan::{IndexPlan, Plan};

/// One run of rows.
pub(super) struct Segment<'a> {
    /// Values of the index's leading columns.
    equal: &'a [ColumnValue],
    /// What holds for the column (or, past the columns, the key) behind them.
    next: Next<'a>,
}

#[derive(Clone, Copy)]
enum Next<'a> {
    /// Anything.
    Any,
    /// The column's value lies behind that one, in the direction of the scan; not null.
    Behind(&'a ColumnValue),
    /// The column is null.
    Null,
    /// The column is not null.
    NotNull,
    /// The key lies behind that one.
    KeyBehind(&'a [u8]),
}

/// The runs of a scan, in its order.
pub(super) fn segments<'a>(plan: &Plan<'a>) -> Vec<Segment<'a>> {
    let scan = plan.scan;
    let Some(after) = &scan.after else {
        let equal = scan.index.as_ref().map_or(&[][..], |index| &index.equal);
        return vec![Segment { equal, next: Next::Any }];
    };
    let mut segments = vec![Segment { equal: &after.columns, next: Next::KeyBehind(after.key.as_bytes()) }];
    let outermost = scan.index.as_ref().map_or(0, |index| index.equal.len());
    for level in (outermost..after.columns.len()).rev() {
        let equal = &after.columns[..level];
        let value = &after.columns[level];
        let runs: &[Next<'a>] = match (value, scan.reverse) {
            (ColumnValue::Null, false) => &[Next::NotNull],
            // Null comes first, so in reverse nothing is behind it.
            (ColumnValue::Null, true) => &[],
            (value, false) => &[Next::Behind(value)],
            (value, true) => &[Next::Behind(value), Next::Null],
        };
        segments.extend(runs.iter().map(|next| Segment { equal, next: *next }));
    }
    segments
}

/// The statement for one run, and what is bound to it.
pub(super) fn select<'a>(
    statements: &TableStatements,
    plan: &'a Plan<'a>,
    segment: &Segment<'a>,
    limit: i64,
) -> (String, Vec<Parameter<'a>>) {
    let mut query = Query::new(statements, plan);
    if let Some(index) = &plan.index {
        query.index(plan, index, segment);
    }
    query.key(plan, segment);
    query.finish(plan, limit)
}

struct Query<'a> {
    sql: String,
    parameters: Vec<Parameter<'a>>,
    conditions: usize,
}

impl<'a> Query<'a> {
    fn new(statements: &TableStatements, plan: &Plan<'_>) -> Query<'a> {
        let mut sql = format!("SELECT {} FROM \"{}\"", statements.selected, plan.table.name);
        if let Some(index) = &plan.index {
            // Named, so that no statistics can make a scan read and sort the table.
            let _ = write!(sql, " INDEXED BY \"{}\"", index_name(plan.table.name, index.scan.name));
        }
        Query { sql, parameters: Vec::new(), conditions: 0 }
    }

    fn condition(&mut self, condition: &str) {
        self.sql.push_str(if self.conditions == 0 { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.conditions += 1;
    }

    fn compare(&mut self, column: &str, operator: &str, parameter: Parameter<'a>) {
        self.parameters.push(parameter);
        let condition = format!("\"{column}\" {operator} ?{}", self.parameters.len());
        self.condition(&condition);
    }

    fn index(&mut self, plan: &'a Plan<'a>, index: &IndexPlan<'a>, segment: &Segment<'a>) {
        let name = |at: usize| plan.table.columns[index.columns[at]].name;
        // What the index itself says of its rows; without it, it cannot be used.
        self.condition(&format!("\"{}\" IS NOT NULL", name(0)));
        for (at, value) in segment.equal.iter().enumerate() {
            match value {
                ColumnValue::Null => self.condition(&format!("\"{}\" IS NULL", name(at))),
                value => self.compare(name(at), "=", Parameter::Column(value)),
            }
        }
        let next = segment.equal.len();
        match segment.next {
            Next::Any | Next::KeyBehind(_) => {}
            Next::Behind(value) => {
                self.compare(name(next), if plan.scan.reverse { "<" } else { ">" }, Parameter::Column(value));
            }
            Next::Null => self.condition(&format!("\"{}\" IS NULL", name(next))),
            Next::NotNull => self.condition(&format!("\"{}\" IS NOT NULL", name(next))),
        }
        let bounded = index.scan.equal.len();
        match &index.scan.lower {
            Bound::Included(value) => self.compare(name(bounded), ">=", Parameter::Column(value)),
            Bound::Excluded(value) => self.compare(name(bounded), ">", Parameter::Column(value)),
            Bound::Unbounded => {}
        }
        match &index.scan.upper {
            Bound::Included(value) => self.compare(name(bounded), "<=", Parameter::Column(value)),
            Bound::Excluded(value) => self.compare(name(bounded), "<", Parameter::Column(value)),
            Bound::Unbounded => {}
        }
    }

    fn key(&mut self, plan: &'a Plan<'a>, segment: &Segment<'a>) {
        if let Next::KeyBehind(key) = segment.next {
            self.compare("key", if plan.scan.reverse { "<" } else { ">" }, Parameter::Bytes(key));
        }
        if let Some(start) = &plan.scan.range.start {
            self.compare("key", ">=", Parameter::Bytes(start.as_bytes()));
        }
        if let Some(end) = &plan.scan.range.end {
            self.compare("key", "<", Parameter::Bytes(end.as_bytes()));
        }
    }

    fn finish(mut self, plan: &Plan<'_>, limit: i64) -> (String, Vec<Parameter<'a>>) {
        let direction = if plan.scan.reverse { "DESC" } else { "ASC" };
        self.sql.push_str(" ORDER BY ");
        for &column in plan.index.iter().flat_map(|index| &index.columns) {
            let _ = write!(self.sql, "\"{}\" {direction}, ", plan.table.columns[column].name);
        }
        self.parameters.push(Parameter::Integer(limit));
        let _ = write!(self.sql, "key {direction} LIMIT ?{}", self.parameters.len());
        (self.sql, self.parameters)
    }
}
