use std::sync::Arc;
use std::time::Duration;

use windlass_protocol::Fault;
use windlass_store::{KeyRange, Position, Scan};

use crate::event::place;
use crate::faults;
use crate::group::Group;
use crate::service::Logs;
use crate::tables::{EVENTS, GROUPS};

/// How often events past their retention are removed.
const INTERVAL: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 86_400_000;

impl Logs {
    /// Removes expired events from time to time, until the service is dropped.
    pub(crate) fn keep_sweeping(self: &Arc<Logs>) {
        let logs = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let Some(logs) = logs.upgrade() else { return };
                match logs.sweep().await {
                    Ok(0) => {}
                    Ok(events) => tracing::info!(events, "removed log events past their retention"),
                    Err(fault) => tracing::warn!(%fault, "log events past their retention could not be removed"),
                }
            }
        });
    }

    /// Removes the events past their group's retention, and says how many.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn sweep(&self) -> Result<usize, Fault> {
        const ROWS: usize = 256;
        let now = (self.now)().as_ms();
        let mut removed = 0;
        let mut scan = Scan::range(KeyRange::all(), ROWS);
        loop {
            let rows = self.store.scan(&GROUPS, scan.clone()).map_err(|error| faults::of_store(&error))?;
            for group in rows.iter().filter_map(Group::read) {
                let Some(days) = group.retention_days() else { continue };
                let inner = group.inner();
                let range = KeyRange { start: Some(inner.clone()), end: Some(place(&inner, now - days * DAY_MS, 0)) };
                removed += self.remove_range(&EVENTS, range).await?;
            }
            match rows.last().filter(|_| rows.len() == ROWS) {
                Some(last) => scan = scan.after(Position { columns: Vec::new(), key: last.key.clone() }),
                None => return Ok(removed),
            }
        }
    }
}
