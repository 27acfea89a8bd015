use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use windlass_store::{ColumnValue, IndexScan, Key, Position, Scan};
use windlass_workflow::Status;

use crate::error::JournalError;
use crate::journal::Journal;
use crate::record::Record;
use crate::tables::EXECUTIONS;

/// Which executions to list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct ExecutionQuery<'a> {
    /// Of this state machine.
    pub machine_arn: &'a str,
    /// Only in this status.
    pub status: Option<Status>,
    /// After this page token.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

#[derive(Serialize, Deserialize)]
struct Page {
    /// Start of the last one listed, in milliseconds.
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
        let machine = ColumnValue::Text(query.machine_arn.to_owned());
        let mut columns = vec![machine.clone()];
        let index = match query.status {
            Some(status) => {
                let status = ColumnValue::Text(status.as_str().to_owned());
                columns.push(status.clone());
                IndexScan::new("by_status").equal(machine).equal(status)
            }
            None => IndexScan::new("by_machine").equal(machine),
        };
        let mut scan = Scan::index(index, query.limit + 1).reversed();
        if let Some(token) = query.after {
            let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| JournalError::Page)?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|_| JournalError::Page)?;
            columns.push(ColumnValue::Integer(page.s));
            scan = scan.after(Position { columns, key: Key::from_bytes(page.k) });
        }
        let rows = self.store().scan(&EXECUTIONS, scan)?;
        let more = rows.len() > query.limit;
        let mut records = Vec::with_capacity(rows.len().min(query.limit));
        let mut last = None;
        for row in rows.iter().take(query.limit) {
            let record = Record::read(row)?;
            last = Some(Page { s: record.started_at.as_ms(), k: row.key.as_bytes().to_vec() });
            records.push(record);
        }
        let next = last
            .filter(|_| more)
            .and_then(|page| serde_json::to_vec(&page).ok())
            .map(|page| URL_SAFE_NO_PAD.encode(page));
        Ok((records, next))
    }
}
