use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use windlass_store::{ColumnValue, IndexScan, Key, Position, Scan};
use windlass_workflow::Status;

use crate::error::JournalError;
use crate::journal::Journal;
use crate::map_run::MapRunChildQuery;
use crate::record::Record;
use crate::tables::EXECUTIONS;

/// Whose executions to list, by ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionsOf<'a> {
    /// Of a state machine, through whatever they were started.
    Machine(&'a str),
    /// Of one of its versions, also those that an alias led there.
    Version(&'a str),
    /// Those started through an alias.
    Alias(&'a str),
}

impl ExecutionsOf<'_> {
    /// The ARN, and the indexes that lead with it: without and with a status.
    fn indexes(&self) -> (&str, &'static str, &'static str) {
        match self {
            ExecutionsOf::Machine(arn) => (arn, "by_machine", "by_status"),
            ExecutionsOf::Version(arn) => (arn, "by_version", "by_version_status"),
            ExecutionsOf::Alias(arn) => (arn, "by_alias", "by_alias_status"),
        }
    }
}

/// Which executions to list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct ExecutionQuery<'a> {
    /// Whose.
    pub of: ExecutionsOf<'a>,
    /// Only in this status.
    pub status: Option<Status>,
    /// After this page token.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

#[derive(Serialize, Deserialize)]
struct Page {
    /// What the last one listed is ordered by: its start in milliseconds, or its number.
    s: i64,
    /// Its key.
    k: Vec<u8>,
}

impl Journal {
    /// Lists executions and the token of the next page, if there is one.
    ///
    /// # Errors
    /// Where storage fails or the page token is not ours.
    pub fn list(&self, query: ExecutionQuery<'_>) -> Result<(Vec<Record>, Option<String>), JournalError> {
        let (arn, by_arn, by_status) = query.of.indexes();
        let arn = ColumnValue::Text(arn.to_owned());
        let mut columns = vec![arn.clone()];
        let index = match query.status {
            Some(status) => {
                let status = ColumnValue::Text(status.as_str().to_owned());
                columns.push(status.clone());
                IndexScan::new(by_status).equal(arn).equal(status)
            }
            None => IndexScan::new(by_arn).equal(arn),
        };
        let mut scan = Scan::index(index, query.limit + 1).reversed();
        if let Some(token) = query.after {
            let (at, key) = open_page(token)?;
            columns.push(ColumnValue::Integer(at));
            scan = scan.after(Position { columns, key });
        }
        let rows = self.store().scan(&EXECUTIONS, scan)?;
        let more = rows.len() > query.limit;
        let mut records = Vec::with_capacity(rows.len().min(query.limit));
        let mut last = None;
        for row in rows.iter().take(query.limit) {
            let record = Record::read(row)?;
            last = Some((record.started_at.as_ms(), row.key.clone()));
            records.push(record);
        }
        let next = last.filter(|_| more).map(|(at, key)| seal_page(at, &key));
        Ok((records, next))
    }

    /// Lists Standard children of a Map Run.
    pub(crate) fn standard_children(
        &self,
        query: MapRunChildQuery<'_>,
    ) -> Result<(Vec<Record>, Option<String>), JournalError> {
        let arn = ColumnValue::Text(query.map_run_arn.to_owned());
        let mut columns = vec![arn.clone()];
        let index = match query.status {
            Some(status) => {
                columns.push(status.as_str().into());
                IndexScan::new("by_map_run_status").equal(arn).equal(status.as_str())
            }
            None => IndexScan::new("by_map_run").equal(arn),
        };
        let mut scan = Scan::index(index, query.limit + 1).reversed();
        if let Some(token) = query.after {
            let (at, key) = open_page(token)?;
            columns.push(ColumnValue::Integer(at));
            scan = scan.after(Position { columns, key });
        }
        let rows = self.store().scan(&EXECUTIONS, scan)?;
        let more = rows.len() > query.limit;
        let mut records = Vec::with_capacity(rows.len().min(query.limit));
        let mut last = None;
        for row in rows.iter().take(query.limit) {
            let record = Record::read(row)?;
            let index = record.child_of.as_ref().map_or(0, |child| child.index);
            last = Some((i64::try_from(index).unwrap_or(i64::MAX), row.key.clone()));
            records.push(record);
        }
        let next = last.filter(|_| more).map(|(at, key)| seal_page(at, &key));
        Ok((records, next))
    }
}

/// The number and the key of the last row of a page.
pub(crate) fn open_page(token: &str) -> Result<(i64, Key), JournalError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| JournalError::Page)?;
    let page: Page = serde_json::from_slice(&bytes).map_err(|_| JournalError::Page)?;
    Ok((page.s, Key::from_bytes(page.k)))
}

/// The token of the page behind a row.
pub(crate) fn seal_page(at: i64, key: &Key) -> String {
    let page = Page { s: at, k: key.as_bytes().to_vec() };
    // Numbers always serialise.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&page).unwrap_or_default())
}
