//! Executions of several state machines in one list.

use std::collections::BinaryHeap;

use windlass_store::{ColumnValue, IndexScan, Position, Row, Scan};
use windlass_value::{Text, Timestamp};
use windlass_workflow::Status;

use crate::error::JournalError;
use crate::journal::Journal;
use crate::record::Record;
use crate::tables::EXECUTIONS;

/// Rows of one machine that are read at once.
const PAGE_ROWS: usize = 64;

/// What is looked for; newest first.
#[derive(Clone, Debug)]
pub struct ExecutionSearch<'a> {
    /// The machines whose executions are looked at.
    pub machines: &'a [Text],
    /// Only in this status.
    pub status: Option<Status>,
    /// Only those that started at this instant or later.
    pub started_from: Option<Timestamp>,
    /// Only those that started before this instant.
    pub started_before: Option<Timestamp>,
    /// A part of the name, in lower case; empty: any.
    pub name_part: &'a str,
    /// A part of the error, in lower case; empty: any.
    pub error_part: &'a str,
    /// About so many: those that started in one millisecond stay together.
    pub limit: usize,
    /// Rows that are looked at, at most.
    pub rows_max: usize,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct FoundExecutions {
    /// Newest first.
    pub records: Vec<Record>,
    /// Set where there is more: look before this instant.
    pub more_before: Option<Timestamp>,
}

/// The newest row of a machine that was not taken yet.
struct Head {
    started_at: i64,
    machine: usize,
    row: Row,
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Head {}
impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Head {
    fn cmp(&self, other: &Head) -> std::cmp::Ordering {
        (self.started_at, other.machine).cmp(&(other.started_at, self.machine))
    }
}

/// The rows of one machine, a page at a time.
struct Rows {
    page: std::vec::IntoIter<Row>,
    after: Option<Position>,
    done: bool,
}

impl Journal {
    /// Looks through the executions of some machines.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn search(&self, search: &ExecutionSearch<'_>) -> Result<FoundExecutions, JournalError> {
        let mut sources: Vec<Rows> =
            search.machines.iter().map(|_| Rows { page: Vec::new().into_iter(), after: None, done: false }).collect();
        let mut heads = BinaryHeap::with_capacity(sources.len());
        for (machine, source) in sources.iter_mut().enumerate() {
            heads.extend(self.next_row(search, machine, source)?);
        }
        let mut found = FoundExecutions::default();
        let mut looked = 0;
        let mut last: Option<i64> = None;
        while let Some(head) = heads.pop() {
            let enough = found.records.len() >= search.limit || looked >= search.rows_max;
            if let Some(last) = last.filter(|last| enough && *last != head.started_at) {
                found.more_before = Some(Timestamp(last));
                break;
            }
            looked += 1;
            last = Some(head.started_at);
            let record = Record::read(&head.row)?;
            if fits(&record, search) {
                found.records.push(record);
            }
            heads.extend(self.next_row(search, head.machine, &mut sources[head.machine])?);
        }
        Ok(found)
    }

    fn next_row(
        &self,
        search: &ExecutionSearch<'_>,
        machine: usize,
        rows: &mut Rows,
    ) -> Result<Option<Head>, JournalError> {
        let mut next = rows.page.next();
        if next.is_none() && !rows.done {
            let arn = ColumnValue::Text(search.machines[machine].to_string());
            let mut index = match search.status {
                Some(status) => {
                    IndexScan::new("by_status").equal(arn).equal(ColumnValue::Text(status.as_str().to_owned()))
                }
                None => IndexScan::new("by_machine").equal(arn),
            };
            if let Some(from) = search.started_from {
                index = index.at_least(ColumnValue::Integer(from.as_ms()));
            }
            if let Some(before) = search.started_before {
                index = index.below(ColumnValue::Integer(before.as_ms()));
            }
            let mut scan = Scan::index(index, PAGE_ROWS).reversed();
            if let Some(after) = rows.after.take() {
                scan = scan.after(after);
            }
            let page = self.store().scan(&EXECUTIONS, scan)?;
            rows.done = page.len() < PAGE_ROWS;
            rows.after = page.last().map(|row| position(row, search.status.is_some()));
            rows.page = page.into_iter();
            next = rows.page.next();
        }
        Ok(next.map(|row| Head { started_at: started_at(&row), machine, row }))
    }
}

/// Where a row stands in the index that is walked.
fn position(row: &Row, by_status: bool) -> Position {
    let column = |index: usize| row.columns.get(index).cloned().unwrap_or(ColumnValue::Null);
    // As the table declares them: arn, machine, name, status, started.
    let columns = match by_status {
        true => vec![column(1), column(3), column(4)],
        false => vec![column(1), column(4)],
    };
    Position { columns, key: row.key.clone() }
}

fn started_at(row: &Row) -> i64 {
    match row.columns.get(4) {
        Some(ColumnValue::Integer(at)) => *at,
        _ => 0,
    }
}

fn fits(record: &Record, search: &ExecutionSearch<'_>) -> bool {
    let has = |text: &str, part: &str| part.is_empty() || text.to_lowercase().contains(part);
    has(&record.name, search.name_part) && has(record.error.as_deref().unwrap_or_default(), search.error_part)
}
