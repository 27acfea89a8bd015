//! Closed executions are removed by age, and the oldest of them by bytes.

use std::time::Duration;

use windlass_store::{Batch, ColumnValue, CommitError, IndexScan, Scan};
use windlass_workflow::Status;

use crate::journal::Journal;
use crate::tables::{EXECUTIONS, SNAPSHOTS};

/// The place of the status among the columns of an execution's row.
const STATUS_COLUMN: usize = 3;

/// How often retention looks.
const REMOVE_EVERY_MS: u64 = 30_000;
/// Executions removed in one batch.
const REMOVE_MAX: usize = 200;

impl Journal {
    /// Removes what is past its retention now and then, until the journal stops.
    /// In a task of its own: timers must not wait for it.
    pub(crate) async fn remove_expired_at_times(&self) {
        while !self.is_stopping() {
            tokio::time::sleep(Duration::from_millis(REMOVE_EVERY_MS)).await;
            self.remove_expired().await;
        }
    }

    /// Removes closed executions past their retention, in small batches.
    pub(crate) async fn remove_expired(&self) {
        let before = self.clock().now().plus_ms(-self.config().retention_ms).as_ms();
        while self.remove_closed(before).await == REMOVE_MAX {}
        while self.remove_map_runs(before).await {}
        let Some(bytes_max) = self.config().retention_bytes else { return };
        while self.store().used_bytes().is_some_and(|used| used > bytes_max) {
            let more = self.remove_map_runs(i64::MAX).await;
            if self.remove_closed(i64::MAX).await < REMOVE_MAX && !more {
                return;
            }
        }
    }

    /// Removes some executions that closed before an instant, oldest first.
    async fn remove_closed(&self, before_ms: i64) -> usize {
        let scan = Scan::index(IndexScan::new("by_stop").below(ColumnValue::Integer(before_ms)), REMOVE_MAX);
        let rows = match self.store().scan(&EXECUTIONS, scan) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "closed executions could not be listed for removal");
                return 0;
            }
        };
        let mut batch = Batch::default();
        let mut contents = Vec::new();
        for row in &rows {
            match self.let_go(&mut batch, &row.key).await {
                Ok(ids) => contents.extend(ids),
                Err(error) => {
                    tracing::error!(%error, "contents of closed executions could not be let go");
                    return 0;
                }
            }
            // One that was redriven meanwhile is not closed any more.
            batch.expect_version(&EXECUTIONS, row.key.clone(), row.version);
            batch.truncate.push((row.key.clone(), None));
            batch.delete(&EXECUTIONS, row.key.clone());
            // What failed kept its snapshot for a redrive.
            if row.columns.get(STATUS_COLUMN) != Some(&ColumnValue::Text(Status::Succeeded.as_str().to_owned())) {
                batch.delete(&SNAPSHOTS, row.key.clone());
            }
        }
        if batch.is_empty() {
            return 0;
        }
        match self.store().commit(batch).await {
            Ok(()) => {
                self.released(contents);
                rows.len()
            }
            Err(CommitError::Expectation { .. }) => {
                tracing::debug!("an execution was redriven while it was to be removed; the others go next time");
                0
            }
            Err(error) => {
                tracing::error!(%error, "closed executions could not be removed");
                0
            }
        }
    }
}
