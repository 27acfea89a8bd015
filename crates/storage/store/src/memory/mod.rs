//! A store in memory with the same rules as the durable one, whose faults are driven by hand.

mod encoding;
mod faults;
mod state;

use std::sync::Arc;

pub use faults::{MemoryFaults, UnsyncedOutcome};

use crate::backend::{Backend, Request};
use crate::batch::{Append, Row};
use crate::error::{CommitError, StoreError};
use crate::key::Key;
use crate::scan::Plan;
use crate::stats::StoreStats;
use faults::Shared;

/// One store over a [`MemoryFaults`]' state; valid until the next crash or restart.
pub(crate) struct MemoryStore {
    shared: Arc<Shared>,
    /// Which opening of the state this is.
    opening: u64,
}

impl Backend for MemoryStore {
    fn commit(&self, request: Request) {
        let mut world = self.shared.world.lock();
        if world.opening != self.opening || world.closed {
            drop(world);
            request.answer(Err(CommitError::Closed));
            return;
        }
        if let Some(reason) = world.poisoned.clone() {
            drop(world);
            request.answer(Err(CommitError::Poisoned(reason)));
            return;
        }
        world.unsynced.push(request);
        let answers = if world.paused { Vec::new() } else { world.sync() };
        // Outside the lock: a waiter that wakes at once may commit again.
        drop(world);
        faults::answer(answers);
    }

    fn get(&self, table: usize, key: &Key) -> Result<Option<Row>, StoreError> {
        self.read(|state| state.get(table, key))
    }

    fn scan(&self, table: usize, plan: &Plan<'_>) -> Result<Vec<Row>, StoreError> {
        self.read(|state| state.scan(table, plan))
    }

    fn count(&self, table: usize, plan: &Plan<'_>) -> Result<u64, StoreError> {
        self.read(|state| Ok(state.count(table, plan)))
    }

    fn read_stream(
        &self,
        stream: &Key,
        from_sequence: u64,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Append>, StoreError> {
        self.read(|state| state.read_stream(stream, from_sequence, limit, reverse))
    }

    fn free_bytes(&self) -> Option<u64> {
        self.shared.world.lock().free_bytes
    }

    fn used_bytes(&self) -> Option<u64> {
        None
    }

    fn stats(&self) -> StoreStats {
        let world = self.shared.world.lock();
        StoreStats { queued: world.unsynced.len() as u64, poisoned: world.poisoned.is_some(), ..world.stats }
    }

    fn close(&self) {
        let mut world = self.shared.world.lock();
        if world.opening != self.opening || world.closed {
            return;
        }
        let answers = world.sync();
        world.closed = true;
        drop(world);
        faults::answer(answers);
    }
}

impl MemoryStore {
    fn new(shared: Arc<Shared>, opening: u64) -> MemoryStore {
        MemoryStore { shared, opening }
    }

    fn read<T>(&self, read: impl FnOnce(&state::State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let world = self.shared.world.lock();
        if world.opening != self.opening || world.closed {
            return Err(StoreError::Closed);
        }
        read(&world.state)
    }
}
