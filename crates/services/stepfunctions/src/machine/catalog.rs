use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use windlass_protocol::{Call, Fault};
use windlass_store::{Batch, Key, Store, shard_of};

use super::record::{STATE_MACHINES, StateMachine, key};
use super::stored;
use crate::arn::{Kind, StatesArn};
use crate::fault::{machine_does_not_exist, of_commit, of_store};

/// Machines kept in memory with their compiled definitions.
pub const MACHINES_CACHED_MAX: usize = 1_000;
/// Names share this many locks.
const LOCKS: usize = 64;

/// The stored state machines, with the recently used ones compiled in memory.
///
/// Whoever changes a machine holds its name's lock for writing; whoever starts an
/// execution holds it for reading, so that a deleted machine starts nothing.
pub(crate) struct Machines {
    store: Store,
    cache: Mutex<Cache>,
    locks: [RwLock<()>; LOCKS],
}

/// What a state machine ARN names.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// As the caller wrote it, for fault texts.
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// A version number, alias or Map label: none of them exists here.
    pub(crate) is_qualified: bool,
}

impl Named {
    /// Reads a state machine ARN of the caller's account and region.
    ///
    /// # Errors
    /// `InvalidArn`; `StateMachineDoesNotExist` for another account or region.
    pub(crate) fn parse(text: &str, call: &Call) -> Result<Named, Fault> {
        let arn = StatesArn::parse(text, &[Kind::StateMachine])?;
        if !arn.is_of(call) {
            return Err(machine_does_not_exist(text));
        }
        let (name, is_qualified) = match arn.id.split_once([':', '/']) {
            Some((name, _)) => (name.to_owned(), true),
            None => (arn.id.clone(), false),
        };
        Ok(Named { arn: text.to_owned(), account: arn.account, region: arn.region, name, is_qualified })
    }
}

impl Machines {
    pub(crate) fn new(store: Store) -> Machines {
        Machines { store, cache: Mutex::default(), locks: std::array::from_fn(|_| RwLock::new(())) }
    }

    pub(crate) async fn lock_shared(&self, name: &str) -> RwLockReadGuard<'_, ()> {
        self.locks[usize::from(shard_of(name)) % LOCKS].read().await
    }

    pub(crate) async fn lock_exclusive(&self, name: &str) -> RwLockWriteGuard<'_, ()> {
        self.locks[usize::from(shard_of(name)) % LOCKS].write().await
    }

    /// The machine an ARN names, also one that is being deleted.
    ///
    /// # Errors
    /// `StateMachineDoesNotExist`; what the store answers.
    pub(crate) fn named(&self, named: &Named) -> Result<Arc<StateMachine>, Fault> {
        let found = if named.is_qualified { None } else { self.get(&named.account, &named.region, &named.name)? };
        found.ok_or_else(|| machine_does_not_exist(&named.arn))
    }

    /// The machine of that name, if there is one. Call with the name's lock held.
    pub(crate) fn get(&self, account: &str, region: &str, name: &str) -> Result<Option<Arc<StateMachine>>, Fault> {
        let key = key(account, region, name);
        if let Some(machine) = self.cache.lock().get(&key) {
            return Ok(Some(machine));
        }
        let Some(row) = self.store.get(&STATE_MACHINES, &key).map_err(|error| of_store(&error))? else {
            return Ok(None);
        };
        let machine = Arc::new(stored::decode(&row)?);
        self.cache.lock().put(key, machine.clone());
        Ok(Some(machine))
    }

    /// Writes a machine over the row it was read from, or anew where its
    /// version is 0. Call with the name's lock held for writing.
    ///
    /// # Errors
    /// What the store answers; `ConflictException` when another writer was faster.
    pub(crate) async fn put(&self, machine: &StateMachine) -> Result<(), Fault> {
        let key = machine.key();
        let mut batch = Batch::default();
        match machine.row_version {
            0 => batch.expect_absent(&STATE_MACHINES, key.clone()),
            version => batch.expect_version(&STATE_MACHINES, key.clone(), version),
        }
        batch.put(&STATE_MACHINES, key.clone(), machine.columns(), stored::encode(machine));
        self.commit(key, batch).await
    }

    /// Removes a machine's row. Call with the name's lock held for writing.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn remove(&self, machine: &StateMachine) -> Result<(), Fault> {
        let mut batch = Batch::default();
        batch.expect_version(&STATE_MACHINES, machine.key(), machine.row_version);
        batch.delete(&STATE_MACHINES, machine.key());
        self.commit(machine.key(), batch).await
    }

    async fn commit(&self, key: Key, batch: Batch) -> Result<(), Fault> {
        let outcome = self.store.commit(batch).await;
        // Also after a failure: what is stored then is not known here.
        self.cache.lock().remove(&key);
        outcome.map_err(|error| of_commit(&error))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

/// Machines by key; the one read longest ago leaves first.
#[derive(Default)]
struct Cache {
    machines: HashMap<Key, Arc<StateMachine>>,
    order: VecDeque<Key>,
}

impl Cache {
    fn get(&self, key: &Key) -> Option<Arc<StateMachine>> {
        self.machines.get(key).cloned()
    }

    fn put(&mut self, key: Key, machine: Arc<StateMachine>) {
        match self.machines.entry(key) {
            Entry::Occupied(mut entry) => {
                entry.insert(machine);
            }
            Entry::Vacant(entry) => {
                self.order.push_back(entry.key().clone());
                entry.insert(machine);
            }
        }
        while self.machines.len() > MACHINES_CACHED_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.machines.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) {
        if self.machines.remove(key).is_some() {
            self.order.retain(|one| one != key);
        }
    }
}
