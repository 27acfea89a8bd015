//! Closed executions are removed by age, and the oldest of them by bytes.

use windlass_store::{Batch, ColumnValue, IndexScan, Scan};

use crate::journal::Journal;
use crate::tables::EXECUTIONS;

/// Executions removed in one batch.
const REMOVE_MAX: usize = 200;

impl Journal {
    /// Removes closed executions past their retention, in small batches.
    pub(crate) async fn remove_expired(&self) {
        let before = self.clock().now().plus_ms(-self.config().retention_ms).as_ms();
        while self.remove_closed(before).await == REMOVE_MAX {}
        let Some(bytes_max) = self.config().retention_bytes else { return };
        while self.store().used_bytes().is_some_and(|used| used > bytes_max) {
            if self.remove_closed(i64::MAX).await < REMOVE_MAX {
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
        for row in &rows {
            batch.truncate.push((row.key.clone(), None));
            batch.delete(&EXECUTIONS, row.key.clone());
        }
        if batch.is_empty() {
            return 0;
        }
        match self.store().commit(batch).await {
            Ok(()) => rows.len(),
            Err(error) => {
                tracing::error!(%error, "closed executions could not be removed");
                0
            }
        }
    }
}
