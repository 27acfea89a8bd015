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

/// The statement that counts one run, and what is bound to it.
pub(super) fn count<'a>(plan: &'a Plan<'a>, segment: &Segment<'a>) -> (String, Vec<Parameter<'a>>) {
    let mut query = Query::of(plan, "COUNT(*)");
    if let Some(index) = &plan.index {
        query.index(plan, index, segment);
    }
    query.key(plan, segment);
    (query.sql, query.parameters)
}

struct Query<'a> {
    sql: String,
    parameters: Vec<Parameter<'a>>,
    conditions: usize,
}

impl<'a> Query<'a> {
    fn new(statements: &TableStatements, plan: &Plan<'_>) -> Query<'a> {
        Query::of(plan, &statements.selected)
    }

    fn of(plan: &Plan<'_>, selected: &str) -> Query<'a> {
        let mut sql = format!("SELECT {selected} FROM \"{}\"", plan.table.name);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Column, ColumnKind, Index, Table};
    use crate::catalog::Catalog;
    use crate::key::Key;
    use crate::scan::{IndexScan, KeyRange, Position, Scan};
    use crate::sqlite::statements::Statements;
    use crate::sqlite::{SqliteOptions, schema};

    static TASKS: Table = Table {
        name: "tasks",
        columns: &[
            Column { name: "status", kind: ColumnKind::Text },
            Column { name: "due_ms", kind: ColumnKind::Integer },
        ],
        indexes: &[
            Index { name: "due", columns: &["due_ms"] },
            Index { name: "status_due", columns: &["status", "due_ms"] },
        ],
    };

    /// Every run of every scan is one search, and no rows are sorted.
    #[test]
    fn scans_search_and_never_sort() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("store.sqlite");
        std::fs::write(&file, []).expect("a file");
        let catalog = Catalog::new(&[&TASKS]).expect("a catalog");
        let connection = schema::open_for_writing(folder.path(), &file, &catalog, &SqliteOptions::default())
            .expect("the store opens");
        let statements = Statements::new(&catalog);
        let key = || Key::new(7, "1", "r");
        let text = ColumnValue::from;
        let at = |columns: Vec<ColumnValue>| Position { columns, key: key() };
        let due = || IndexScan::new("due");
        let status = || IndexScan::new("status_due");
        let cases = [
            Scan::prefix(&key(), 9),
            Scan::prefix(&key(), 9).after(at(vec![])),
            Scan::index(due().at_most(5), 9),
            Scan::index(due().at_most(5), 9).after(at(vec![3.into()])),
            Scan::index(status().equal("open"), 9).within(KeyRange::prefix(&key())),
            Scan::index(status().equal("open"), 9).after(at(vec![text("open"), 3.into()])),
            Scan::index(status().equal("open"), 9).after(at(vec![text("open"), ColumnValue::Null])),
            Scan::index(status().equal("open").equal(4), 9).after(at(vec![text("open"), 4.into()])),
            Scan::index(status().above("a").below("b"), 9).after(at(vec![text("aa"), 4.into()])),
        ];
        for scan in cases.into_iter().flat_map(|scan| [scan.clone(), scan.reversed()]) {
            let plan = Plan::new(&TASKS, &scan).expect("a plan");
            for segment in segments(&plan) {
                let (sql, parameters) = select(&statements.tables[0], &plan, &segment, 9);
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
                let steps =
                    explain.query_map(rusqlite::params_from_iter(&parameters), |row| row.get(3)).expect("steps");
                let steps: Vec<String> = steps.map(|step| step.expect("a step")).collect();
                assert!(steps.len() == 1 && steps[0].starts_with("SEARCH"), "{scan:?}: {sql}: {steps:?}");
                let (sql, parameters) = count(&plan, &segment);
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
                let steps =
                    explain.query_map(rusqlite::params_from_iter(&parameters), |row| row.get(3)).expect("steps");
                let steps: Vec<String> = steps.map(|step| step.expect("a step")).collect();
                // The index alone answers: no row is read.
                let covered = scan.index.is_none() || steps[0].contains("COVERING INDEX");
                assert!(steps.len() == 1 && covered, "{scan:?}: {sql}: {steps:?}");
            }
        }
    }
}
