//! Delivers one entry after the other, and ends each in the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use windlass_store::{Batch, Commit, CommitError};
use windlass_value::Timestamp;

use crate::deliver::{Deliver, Delivery, Verdict};
use crate::outbox::{Shared, State};
use crate::row::{ENTRIES, Held};

/// The pause before a delivery that could not be ended is made again.
const PAUSE_MS_MIN: i64 = 100;
/// The longest of them; they double.
const PAUSE_MS_MAX: i64 = 30_000;

impl Shared {
    /// Starts as many workers as there is due and allowed.
    pub(crate) fn spawn_workers(self: &Arc<Shared>, state: &mut State, now: Timestamp) {
        let Some(running) = &state.running else { return };
        if self.is_stopping() {
            return;
        }
        let due = state.pending.due(now, self.concurrency_max - state.workers);
        for _ in 0..due {
            state.workers += 1;
            running.runtime.spawn(work(self.clone(), running.deliver.clone()));
        }
    }

    /// The next entry to deliver; with none, the worker has left.
    fn take_or_leave(self: &Arc<Shared>) -> Option<Held> {
        let mut state = self.state.lock();
        let held = if self.is_stopping() { None } else { state.pending.take((self.now)()) };
        if held.is_none() {
            state.workers -= 1;
            drop(state);
            self.worker_ended.notify_waiters();
            // Its timer may have to be set to what is due next.
            self.wake.notify_one();
        }
        held
    }

    fn again(&self, held: &Held) {
        let now = (self.now)();
        self.state.lock().pending.put_back(held.position, |held| {
            let pause_ms = (PAUSE_MS_MIN << held.failures.min(16)).min(PAUSE_MS_MAX);
            held.failures += 1;
            held.attempt += 1;
            held.due = now.plus_ms(pause_ms);
        });
    }

    /// Whether the row of an entry is there as we know it; its version.
    fn row_version(&self, held: &Held) -> Result<Option<u64>, windlass_store::StoreError> {
        let Some(row) = self.store.get(&ENTRIES, &held.key)? else { return Ok(None) };
        let version = row.version;
        Ok(Held::read(row).filter(|stored| stored.position == held.position).map(|_| version))
    }

    /// Hands the end of a delivery to the store; also the entries that the batch adds.
    fn end(&self, held: &Held, mut batch: Batch) -> Result<(Commit, Vec<Held>), windlass_store::StoreError> {
        let added = batch.put.iter().filter(|(table, _)| std::ptr::eq(*table, &ENTRIES));
        let added: Vec<Held> = added
            .filter(|(_, row)| row.columns.first() == Some(&self.name.into()))
            .filter_map(|(_, row)| Held::read(row.clone()))
            .collect();
        // Under the lock: an entry of the same id that is added from now on is
        // committed behind this removal.
        let state = self.state.lock();
        if !state.pending.is_superseded(&held.id, held.position) {
            batch.delete(&ENTRIES, held.key.clone());
        } else if let Some(version) = self.row_version(held)? {
            batch.expect_version(&ENTRIES, held.key.clone(), version);
            batch.delete(&ENTRIES, held.key.clone());
        }
        let commit = self.store.commit(batch);
        drop(state);
        Ok((commit, added))
    }

    /// Its row is gone.
    fn forget(&self, held: &Held) {
        self.state.lock().pending.finish(held.position);
        self.wake.notify_one();
    }

    async fn done(self: &Arc<Shared>, held: &Held, batch: Batch) {
        let (commit, added) = match self.end(held, batch) {
            Ok(ended) => ended,
            Err(error) => {
                tracing::warn!(outbox = self.name, id = &*held.id, %error, "a delivery could not be ended; it is made again");
                return self.again(held);
            }
        };
        match commit.await {
            Ok(()) => {
                let now = (self.now)();
                let mut state = self.state.lock();
                state.pending.finish(held.position);
                let mut is_looked_at = state.pending.wants_store();
                for added in added {
                    let is_same = |announced: &Held| announced.position == added.position;
                    is_looked_at |= state.pending.confirm(&added.id, added.due, is_same);
                }
                if is_looked_at {
                    self.spawn_workers(&mut state, now);
                    drop(state);
                    self.wake.notify_one();
                }
            }
            Err(error) => self.not_committed(held, &error),
        }
    }

    fn not_committed(&self, held: &Held, error: &CommitError) {
        if matches!(error, CommitError::Closed | CommitError::Poisoned(_)) {
            // Nothing can end any more; the next start takes it up.
            if !self.stopping.swap(true, Ordering::AcqRel) {
                tracing::error!(outbox = self.name, %error, "deliveries stop: they cannot be ended");
            }
        } else {
            tracing::warn!(outbox = self.name, id = &*held.id, %error, "a delivery could not be ended; it is made again");
        }
        self.again(held);
    }

    async fn retry(&self, held: &Held, at: Timestamp) {
        let version = match self.row_version(held) {
            Ok(version) => version,
            Err(error) => {
                tracing::warn!(outbox = self.name, id = &*held.id, %error, "a delivery cannot be looked up");
                return self.again(held);
            }
        };
        let Some(version) = version else {
            // It was removed, or replaced, meanwhile.
            return self.forget(held);
        };
        let next = Held { due: at, attempt: held.attempt + 1, ..held.clone() };
        let mut batch = Batch::default();
        batch.expect_version(&ENTRIES, held.key.clone(), version);
        next.put(self.name, &mut batch);
        match self.store.commit(batch).await {
            Ok(()) => {}
            Err(CommitError::Expectation { .. }) => return self.forget(held),
            Err(error @ (CommitError::Closed | CommitError::Poisoned(_))) => return self.not_committed(held, &error),
            // The row stays as it was: after a crash the next attempt comes sooner.
            Err(error) => {
                tracing::warn!(outbox = self.name, id = &*held.id, %error, "the instant of a retry is not stored");
            }
        }
        self.state.lock().pending.put_back(held.position, |held| {
            held.failures = 0;
            held.due = at;
            held.attempt += 1;
        });
    }
}

/// What ends with a worker, be it by a panic.
struct Worker {
    shared: Arc<Shared>,
    held: Option<Held>,
    left: bool,
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        if let Some(held) = self.held.take() {
            if std::thread::panicking() {
                tracing::error!(outbox = self.shared.name, id = &*held.id, "a delivery panicked; it is made again");
            }
            self.shared.again(&held);
        }
        self.shared.state.lock().workers -= 1;
        self.shared.worker_ended.notify_waiters();
        self.shared.wake.notify_one();
    }
}

async fn work(shared: Arc<Shared>, deliver: Arc<dyn Deliver>) {
    let mut worker = Worker { shared: shared.clone(), held: None, left: false };
    loop {
        let Some(held) = shared.take_or_leave() else {
            worker.left = true;
            return;
        };
        worker.held = Some(held.clone());
        let is_there = match held.doubtful {
            true => shared.row_version(&held).map(|version| version.is_some()),
            false => Ok(true),
        };
        match is_there {
            Ok(true) => {
                let delivery = Delivery {
                    id: held.id.clone(),
                    lane: held.lane.clone(),
                    body: held.body.clone(),
                    attempt: held.attempt.saturating_add(1),
                    added: held.added,
                };
                match deliver.deliver(delivery).await {
                    Verdict::Done(batch) => shared.done(&held, batch).await,
                    Verdict::Retry { at } => shared.retry(&held, at).await,
                }
            }
            Ok(false) => shared.forget(&held),
            Err(error) => {
                tracing::warn!(outbox = shared.name, id = &*held.id, %error, "a delivery cannot be looked up");
                shared.again(&held);
            }
        }
        worker.held = None;
    }
}
