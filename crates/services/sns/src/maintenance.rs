//! What is removed when its time is over: deduplication ids, and subscriptions that
//! nobody confirmed.

use std::sync::Weak;
use std::time::Duration;

use windlass_protocol::Fault;
use windlass_store::{Batch, ColumnValue, IndexScan, Scan};

use crate::faults;
use crate::sns::Shared;
use crate::subscription::State;
use crate::subscriptions::{endpoint_key, read_row};
use crate::tables::{DEDUPLICATIONS, ENDPOINTS, SUBSCRIPTIONS};

/// How often it is looked for.
const INTERVAL: Duration = Duration::from_secs(60);
/// How many rows leave in one batch.
const ROWS_MAX: usize = 1_000;

/// Looks until the service is gone.
pub(crate) async fn run(shared: Weak<Shared>) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        if let Err(fault) = shared.sweep().await {
            tracing::warn!(%fault, "what is over could not be removed");
        }
    }
}

impl Shared {
    /// Removes what is over.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(crate) async fn sweep(&self) -> Result<(), Fault> {
        let now = (self.now)();
        loop {
            // Expired ids that are used anew at this moment stay: a version tells.
            let scan = Scan::index(IndexScan::new("by_expiry").at_most(now.as_ms()), ROWS_MAX);
            let rows = self.store.scan(&DEDUPLICATIONS, scan).map_err(|error| faults::of_store(&error))?;
            let count = rows.len();
            let mut batch = Batch::default();
            for row in rows {
                batch.expect_version(&DEDUPLICATIONS, row.key.clone(), row.version);
                batch.delete(&DEDUPLICATIONS, row.key);
            }
            if batch.is_empty() || self.store.commit(batch).await.is_err() || count < ROWS_MAX {
                break;
            }
        }
        let scan = Scan::index(IndexScan::new("by_end").at_least(0).at_most(now.as_ms()), ROWS_MAX);
        let rows = self.store.scan(&SUBSCRIPTIONS, scan).map_err(|error| faults::of_store(&error))?;
        for row in rows {
            let Some((name, _)) = read_row(&row) else { continue };
            let _control = self.control(&name).await;
            let read = self.store.get(&SUBSCRIPTIONS, &row.key).map_err(|error| faults::of_store(&error))?;
            // Confirmed or asked anew meanwhile.
            let Some(row) =
                read.filter(|row| matches!(row.columns.get(4), Some(ColumnValue::Integer(at)) if *at <= now.as_ms()))
            else {
                continue;
            };
            let Some((name, subscription)) = read_row(&row) else { continue };
            let mut batch = Batch::default();
            batch.delete(&SUBSCRIPTIONS, row.key);
            if subscription.state == State::Pending {
                batch.delete(&ENDPOINTS, endpoint_key(&name, subscription.protocol, &subscription.endpoint));
            }
            self.store.commit(batch).await.map_err(|error| faults::of_commit(&error))?;
            self.catalogue.forget(&name);
        }
        Ok(())
    }
}
