//! What goes in the background: messages of purges and deleted queues, messages
//! beyond their retention, deduplication ids that are over.

use std::sync::{Arc, Weak};
use std::time::Duration;

use windlass_protocol::Fault;
use windlass_store::{Batch, IndexScan, Key, KeyRange, Row, Scan};

use crate::backlog::State;
use crate::faults::{of_commit, of_store};
use crate::limits::SWEEP_ROWS;
use crate::queue::Queue;
use crate::shared::Shared;
use crate::tables::{CONTENTS, DEBRIS, DEDUPLICATIONS, MESSAGES};

/// How often the background looks for what is over.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// Sweeps until the service stops or is gone.
pub(crate) async fn run(shared: Weak<Shared>) {
    loop {
        let (mut stopping, debris) = {
            let Some(shared) = shared.upgrade() else { return };
            if *shared.stopping().borrow() {
                return;
            }
            if let Err(fault) = shared.sweep().await {
                // What was not removed is found again next time.
                tracing::warn!(%fault, "the sweep of old messages goes on later");
            }
            (shared.stopping(), shared.debris.clone())
        };
        tokio::select! {
            () = tokio::time::sleep(SWEEP_INTERVAL) => {}
            () = debris.notified() => {}
            changed = stopping.changed() => if changed.is_err() { return },
        }
    }
}

impl Shared {
    /// Removes what is over, in small batches.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(crate) async fn sweep(self: &Arc<Shared>) -> Result<(), Fault> {
        self.sweep_debris().await?;
        self.sweep_deduplications().await?;
        for queue in self.catalogue.all() {
            self.sweep_queue(&queue).await?;
        }
        Ok(())
    }

    async fn sweep_debris(&self) -> Result<(), Fault> {
        loop {
            let scan = Scan::range(KeyRange::all(), 1);
            let debris = self.store.scan(&DEBRIS, scan).map_err(|error| of_store(&error))?;
            let Some(Row { key, .. }) = debris.first() else { return Ok(()) };
            // All messages of the queue up to the sequence in the key.
            let (prefix, _) = key.as_bytes().split_at(key.as_bytes().len().saturating_sub(size_of::<u64>()));
            let range = KeyRange { start: Some(Key::from_bytes(prefix)), end: Some(key.clone()) };
            let rows = self.store.scan(&MESSAGES, Scan::range(range, SWEEP_ROWS)).map_err(|error| of_store(&error))?;
            let mut batch = Batch::default();
            if rows.len() < SWEEP_ROWS {
                batch.delete(&DEBRIS, key.clone());
            }
            for row in rows {
                batch.delete(&MESSAGES, row.key.clone());
                batch.delete(&CONTENTS, row.key);
            }
            self.store.commit(batch).await.map_err(|error| of_commit(&error))?;
        }
    }

    async fn sweep_deduplications(&self) -> Result<(), Fault> {
        loop {
            let index = IndexScan::new("by_expiry").at_most(self.now_ms());
            let rows =
                self.store.scan(&DEDUPLICATIONS, Scan::index(index, SWEEP_ROWS)).map_err(|error| of_store(&error))?;
            let (mut batch, is_last) = (Batch::default(), rows.len() < SWEEP_ROWS);
            for row in rows {
                // A send may have written it anew.
                batch.expect_version(&DEDUPLICATIONS, row.key.clone(), row.version);
                batch.delete(&DEDUPLICATIONS, row.key);
            }
            if batch.is_empty() {
                return Ok(());
            }
            match self.store.commit(batch).await {
                Ok(()) if !is_last => {}
                // A refused batch is for the next sweep.
                Ok(()) | Err(windlass_store::CommitError::Expectation { .. }) => return Ok(()),
                Err(error) => return Err(of_commit(&error)),
            }
        }
    }

    async fn sweep_queue(self: &Arc<Shared>, queue: &Arc<Queue>) -> Result<(), Fault> {
        let retention_ms = queue.record().settings.retention_ms;
        let mut after = 0;
        loop {
            let mut batch = Batch::default();
            let (leaving, next, commit) = {
                let mut state = queue.state.lock();
                if state.closing {
                    return Ok(());
                }
                let now_ms = self.now_ms();
                let (old, next) = state.backlog.sent_by(now_ms - retention_ms, after, SWEEP_ROWS);
                for &sequence in &old {
                    state.backlog.change(sequence, State::Leaving, |_| ());
                    queue.delete_rows(&mut batch, sequence);
                }
                let commit = (!batch.is_empty()).then(|| self.store.commit(batch));
                (old, next, commit)
            };
            if let Some(commit) = commit {
                if let Err(error) = commit.await {
                    queue.restore(&leaving, self.now_ms());
                    return Err(of_commit(&error));
                }
                queue.forget(&leaving);
            }
            match next {
                Some(next) => after = next,
                None => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
    }
}
