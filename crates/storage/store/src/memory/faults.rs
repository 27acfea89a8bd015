use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::MemoryStore;
use super::state::State;
use crate::backend::Request;
use crate::batch::Table;
use crate::catalog::Catalog;
use crate::error::CommitError;
use crate::key::Key;
use crate::prepared::Prepared;
use crate::stats::StoreStats;
use crate::store::Store;

/// The state behind a store in memory, and the handle that makes it fail.
///
/// Clones share it. It outlives its stores as a disk outlives a process:
/// ```
/// # use windlass_store::{MemoryFaults, Store};
/// let faults = MemoryFaults::new();
/// let store = Store::memory(&[], faults.clone());
/// faults.pause_syncs(); // commits wait now, and are lost by a crash
/// faults.crash();
/// let after = faults.restart(&[]);
/// ```
#[derive(Clone, Default)]
pub struct MemoryFaults {
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) world: Mutex<World>,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) state: State,
    /// Committed, not yet synced: neither visible nor acknowledged.
    pub(super) unsynced: Vec<Request>,
    pub(super) paused: bool,
    pub(super) poisoned: Option<String>,
    pub(super) closed: bool,
    /// Counts openings; a store of an earlier one is closed.
    pub(super) opening: u64,
    pub(super) free_bytes: Option<u64>,
    pub(super) stats: StoreStats,
    next_sync: Option<(String, UnsyncedOutcome)>,
    next_storage_error: Option<String>,
    /// What a failed sync left on the disk: read back only by a restart.
    survived: Vec<Prepared>,
}

/// What a failed sync left on the disk, to be seen only after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsyncedOutcome {
    /// Nothing of the group.
    Lost,
    /// All of it.
    Kept,
    /// Its first batches, as many as that.
    Torn(usize),
}

pub(super) type Answer = (oneshot::Sender<Result<(), CommitError>>, Result<(), CommitError>);

/// Answers the committers; to be called without holding the lock.
pub(super) fn answer(answers: Vec<Answer>) {
    for (outcome, result) in answers {
        // The committer may have stopped waiting; its batch stands all the same.
        let _ = outcome.send(result);
    }
}

impl World {
    /// Applies what waits as one group, with the fault that was asked for.
    pub(super) fn sync(&mut self) -> Vec<Answer> {
        let group = std::mem::take(&mut self.unsynced);
        if group.is_empty() {
            return Vec::new();
        }
        if let Some((reason, outcome)) = self.next_sync.take() {
            self.poisoned = Some(reason.clone());
            let (survived, waiting) = split(group, outcome);
            self.survived = survived;
            return waiting.into_iter().map(|outcome| (outcome, Err(CommitError::Poisoned(reason.clone())))).collect();
        }
        if let Some(reason) = self.next_storage_error.take() {
            let refuse = |request: Request| (request.outcome, Err(CommitError::Storage(reason.clone())));
            return group.into_iter().map(refuse).collect();
        }
        self.stats.commits += 1;
        let mut answers = Vec::with_capacity(group.len());
        for request in group {
            let bytes = request.batch.bytes as u64;
            let result = self.state.apply(request.batch);
            if result.is_ok() {
                self.stats.batches += 1;
                self.stats.bytes += bytes;
            } else {
                self.stats.refused += 1;
            }
            answers.push((request.outcome, result));
        }
        answers
    }

    /// Applies what survived a crash or a failed sync.
    fn recover(&mut self, survived: Vec<Prepared>) {
        for batch in survived {
            // A refused batch changes nothing, and nobody is there to be told.
            let _ = self.state.apply(batch);
        }
    }
}

type Waiting = Vec<oneshot::Sender<Result<(), CommitError>>>;

/// A group's batches that survive, and all who wait for the group.
fn split(group: Vec<Request>, outcome: UnsyncedOutcome) -> (Vec<Prepared>, Waiting) {
    let survivors = match outcome {
        UnsyncedOutcome::Lost => 0,
        UnsyncedOutcome::Kept => group.len(),
        UnsyncedOutcome::Torn(batches) => batches,
    };
    let (mut batches, waiting): (Vec<Prepared>, Waiting) =
        group.into_iter().map(|request| (request.batch, request.outcome)).unzip();
    batches.truncate(survivors);
    (batches, waiting)
}

impl MemoryFaults {
    /// An empty state without faults.
    pub fn new() -> MemoryFaults {
        MemoryFaults::default()
    }

    pub(crate) fn attach(&self, catalog: &Catalog) -> MemoryStore {
        let opening = {
            let mut world = self.shared.world.lock();
            world.unsynced.clear();
            let survived = std::mem::take(&mut world.survived);
            world.recover(survived);
            world.poisoned = None;
            world.closed = false;
            world.paused = false;
            world.next_sync = None;
            world.next_storage_error = None;
            world.stats = StoreStats::default();
            world.opening += 1;
            world.state.declare(catalog);
            world.opening
        };
        MemoryStore::new(Arc::clone(&self.shared), opening)
    }

    /// Holds commits back: neither visible nor acknowledged until [`Self::release_syncs`].
    pub fn pause_syncs(&self) {
        self.shared.world.lock().paused = true;
    }

    /// Applies what was held back as one group, and goes on without pausing.
    pub fn release_syncs(&self) {
        let mut world = self.shared.world.lock();
        world.paused = false;
        let answers = world.sync();
        drop(world);
        answer(answers);
    }

    /// Applies what was held back as one group, and goes on pausing.
    pub fn sync_once(&self) {
        let answers = self.shared.world.lock().sync();
        answer(answers);
    }

    /// How many batches are held back.
    pub fn unsynced(&self) -> usize {
        self.shared.world.lock().unsynced.len()
    }

    /// Makes the next sync fail: its group is answered `Poisoned`, and so is
    /// every later commit until a restart. `outcome` is what a restart finds.
    pub fn fail_next_sync(&self, reason: &str, outcome: UnsyncedOutcome) {
        self.shared.world.lock().next_sync = Some((reason.to_owned(), outcome));
    }

    /// Refuses the next group with `Storage`, as a full disk does; the store goes on.
    pub fn refuse_next_sync(&self, reason: &str) {
        self.shared.world.lock().next_storage_error = Some(reason.to_owned());
    }

    /// Loses what was held back, as a power cut does. Its commits, and every use
    /// of the store from now on, end with `Closed`.
    pub fn crash(&self) {
        self.crash_with(UnsyncedOutcome::Lost);
    }

    /// Crashes after some of what was held back became durable, though nobody was told.
    pub fn crash_with(&self, outcome: UnsyncedOutcome) {
        let mut world = self.shared.world.lock();
        let group = std::mem::take(&mut world.unsynced);
        let (survived, waiting) = split(group, outcome);
        world.recover(survived);
        world.closed = true;
        world.opening += 1;
        drop(world);
        answer(waiting.into_iter().map(|outcome| (outcome, Err(CommitError::Closed))).collect());
    }

    /// Opens what survived. A store that was still open is closed, losing what it held back.
    pub fn restart(&self, tables: &[&'static Table]) -> Store {
        Store::memory(tables, self.clone())
    }

    /// Flips a bit in a row's stored value; whether there was one.
    pub fn corrupt_row(&self, table: &'static Table, key: &Key) -> bool {
        self.shared.world.lock().state.corrupt_row(table, key)
    }

    /// Flips a bit in a stream entry's stored value; whether there was one.
    pub fn corrupt_entry(&self, stream: &Key, sequence: u64) -> bool {
        self.shared.world.lock().state.corrupt_entry(stream, sequence)
    }

    /// Sets what [`Store::free_bytes`] tells.
    pub fn set_free_bytes(&self, free_bytes: Option<u64>) {
        self.shared.world.lock().free_bytes = free_bytes;
    }
}

impl std::fmt::Debug for MemoryFaults {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MemoryFaults").field("unsynced", &self.unsynced()).finish_non_exhaustive()
    }
}
