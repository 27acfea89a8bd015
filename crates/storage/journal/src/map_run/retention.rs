//! Map Runs that are over are removed by age, with what is stored of their Express
//! children; Standard ones are executions and go as such.

use windlass_store::{Batch, ColumnValue, IndexScan, Key, Scan};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::tables::{MAP_RUN_CHILDREN, MAP_RUN_PLANS, MAP_RUNS};

/// Rows removed in one batch.
const REMOVE_MAX: usize = 500;

impl Journal {
    /// Removes Map Runs that ended before an instant, oldest first. Answers whether
    /// some are left to remove.
    pub(crate) async fn remove_map_runs(&self, before_ms: i64) -> bool {
        match self.remove_map_run(before_ms).await {
            Ok(more) => more,
            Err(error) => {
                tracing::error!(%error, "a Map Run that is over could not be removed");
                false
            }
        }
    }

    async fn remove_map_run(&self, before_ms: i64) -> Result<bool, JournalError> {
        let oldest = Scan::index(IndexScan::new("by_stop").below(ColumnValue::Integer(before_ms)), 1);
        let Some(row) = self.store().scan(&MAP_RUNS, oldest)?.pop() else { return Ok(false) };
        let mut batch = Batch::default();
        let children = self.store().scan(&MAP_RUN_CHILDREN, Scan::prefix(&row.key, REMOVE_MAX))?;
        let keys: Vec<Key> = children.into_iter().map(|child| child.key).collect();
        // The last of them go with their Map Run.
        if keys.len() < REMOVE_MAX {
            // One that was redriven meanwhile is not over any more.
            batch.expect_version(&MAP_RUNS, row.key.clone(), row.version);
            batch.delete(&MAP_RUNS, row.key.clone());
            batch.delete(&MAP_RUN_PLANS, row.key.clone());
        }
        keys.into_iter().for_each(|key| batch.delete(&MAP_RUN_CHILDREN, key));
        self.store().commit(batch).await?;
        Ok(true)
    }
}
