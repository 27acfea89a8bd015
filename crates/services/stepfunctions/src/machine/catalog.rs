use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use windlass_protocol::Fault;
use windlass_store::{Batch, Key, Store, shard_of};
use windlass_value::Text;

use super::alias::Alias;
use super::named::{Named, Qualifier};
use super::record::{STATE_MACHINES, StateMachine, key};
use super::stored;
use super::version::{STATE_MACHINE_VERSIONS, Version, version_key};
use crate::fault::{machine_does_not_exist, of_commit, of_store};

/// Machines kept in memory with their compiled definitions, and as many versions.
pub const MACHINES_CACHED_MAX: usize = 1_000;
/// Names share this many locks.
const LOCKS: usize = 64;

/// The stored state machines, with the recently used ones compiled in memory.
///
/// Whoever changes a machine holds its name's lock for writing; whoever starts an
/// execution holds it for reading, so that a deleted machine starts nothing.
pub(crate) struct Machines {
    store: Store,
    machines: Mutex<Cache<StateMachine>>,
    versions: Mutex<Cache<Version>>,
    locks: [RwLock<()>; LOCKS],
}

/// What an ARN runs: a machine as it is, or one of its versions.
pub(crate) struct Target {
    /// The machine as it is.
    pub(crate) machine: Arc<StateMachine>,
    pub(crate) version: Option<Arc<Version>>,
    /// The alias that chose the version.
    pub(crate) alias_arn: Option<Text>,
}

impl Target {
    /// The machine as it runs.
    pub(crate) fn as_run(&self) -> &StateMachine {
        self.version.as_ref().map_or(&self.machine, |version| &version.machine)
    }
}

impl Machines {
    pub(crate) fn new(store: Store) -> Machines {
        Machines {
            store,
            machines: Mutex::default(),
            versions: Mutex::default(),
            locks: std::array::from_fn(|_| RwLock::new(())),
        }
    }

    pub(crate) async fn lock_shared(&self, name: &str) -> RwLockReadGuard<'_, ()> {
        self.locks[usize::from(shard_of(name)) % LOCKS].read().await
    }

    pub(crate) async fn lock_exclusive(&self, name: &str) -> RwLockWriteGuard<'_, ()> {
        self.locks[usize::from(shard_of(name)) % LOCKS].write().await
    }

    /// The machine that an ARN without a qualifier names, also one that is
    /// being deleted.
    ///
    /// # Errors
    /// `StateMachineDoesNotExist`; what the store answers.
    pub(crate) fn named(&self, named: &Named) -> Result<Arc<StateMachine>, Fault> {
        let found =
            if named.qualifier.is_some() { None } else { self.get(&named.account, &named.region, &named.name)? };
        found.ok_or_else(|| machine_does_not_exist(&named.arn))
    }

    /// What an ARN runs, also of a machine that is being deleted; `choose` takes
    /// one of an alias's versions. Call with the name's lock held.
    ///
    /// # Errors
    /// `StateMachineDoesNotExist`, also for a version or an alias; what the store answers.
    pub(crate) fn target(&self, named: &Named, choose: impl FnOnce(&Alias) -> Option<u64>) -> Result<Target, Fault> {
        let missing = || machine_does_not_exist(&named.arn);
        let machine = self.get(&named.account, &named.region, &named.name)?.ok_or_else(missing)?;
        let (number, alias_arn) = match &named.qualifier {
            None => return Ok(Target { machine, version: None, alias_arn: None }),
            Some(Qualifier::Version(number)) => (*number, None),
            Some(Qualifier::Alias(name)) => {
                let alias = machine.alias(name).ok_or_else(missing)?;
                (choose(alias).ok_or_else(missing)?, Some(machine.alias_arn(&alias.name)))
            }
            Some(Qualifier::Label(_)) => return Err(missing()),
        };
        let version = self.version(&machine, number)?.ok_or_else(missing)?;
        Ok(Target { machine, version: Some(version), alias_arn })
    }

    /// A version of a machine, if it is there.
    fn version(&self, machine: &StateMachine, number: u64) -> Result<Option<Arc<Version>>, Fault> {
        if machine.versions.get(number).is_none() {
            return Ok(None);
        }
        let key = version_key(machine, number);
        if let Some(version) = self.versions.lock().get(&key) {
            return Ok(Some(version));
        }
        let row = self.store.get(&STATE_MACHINE_VERSIONS, &key).map_err(|error| of_store(&error))?;
        let row = row.ok_or_else(|| Fault::internal(format!("no version {number} of {}", machine.arn())))?;
        let version = Arc::new(stored::decode_version(&row)?);
        self.versions.lock().put(key, version.clone());
        Ok(Some(version))
    }

    /// The machine of that name, if there is one. Call with the name's lock held.
    pub(crate) fn get(&self, account: &str, region: &str, name: &str) -> Result<Option<Arc<StateMachine>>, Fault> {
        let key = key(account, region, name);
        if let Some(machine) = self.machines.lock().get(&key) {
            return Ok(Some(machine));
        }
        let Some(row) = self.store.get(&STATE_MACHINES, &key).map_err(|error| of_store(&error))? else {
            return Ok(None);
        };
        let machine = Arc::new(stored::decode(&row)?);
        self.machines.lock().put(key, machine.clone());
        Ok(Some(machine))
    }

    /// Writes a machine over the row it was read from, or anew where its row
    /// version is 0, and with it a version that was just published. Call with the
    /// name's lock held for writing.
    ///
    /// # Errors
    /// What the store answers; `ConflictException` when another writer was faster.
    pub(crate) async fn put(&self, machine: &StateMachine, published: Option<&Version>) -> Result<(), Fault> {
        let mut batch = Batch::default();
        batch_machine(machine, &mut batch);
        if let Some(version) = published {
            batch.expect_absent(&STATE_MACHINE_VERSIONS, version.key());
            batch.put(&STATE_MACHINE_VERSIONS, version.key(), version.columns(), stored::encode_version(version));
        }
        self.commit(machine.key(), published.iter().map(|version| version.key()).collect(), batch).await
    }

    /// Writes a machine over the row it was read from, and removes a version that
    /// it no longer names. Call with the name's lock held for writing.
    ///
    /// # Errors
    /// As of [`Machines::put`].
    pub(crate) async fn put_without(&self, machine: &StateMachine, removed: u64) -> Result<(), Fault> {
        let key = version_key(machine, removed);
        let mut batch = Batch::default();
        batch_machine(machine, &mut batch);
        batch.delete(&STATE_MACHINE_VERSIONS, key.clone());
        self.commit(machine.key(), vec![key], batch).await
    }

    /// Removes a machine with its versions and aliases. Call with the name's lock
    /// held for writing.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn remove(&self, machine: &StateMachine) -> Result<(), Fault> {
        let versions: Vec<Key> =
            machine.versions.list.iter().map(|published| version_key(machine, published.number)).collect();
        let mut batch = Batch::default();
        batch.expect_version(&STATE_MACHINES, machine.key(), machine.row_version);
        batch.delete(&STATE_MACHINES, machine.key());
        for key in &versions {
            batch.delete(&STATE_MACHINE_VERSIONS, key.clone());
        }
        self.commit(machine.key(), versions, batch).await
    }

    async fn commit(&self, machine: Key, versions: Vec<Key>, batch: Batch) -> Result<(), Fault> {
        let outcome = self.store.commit(batch).await;
        // Also after a failure: what is stored then is not known here.
        self.machines.lock().remove(&machine);
        if !versions.is_empty() {
            let mut cached = self.versions.lock();
            versions.iter().for_each(|key| cached.remove(key));
        }
        outcome.map_err(|error| of_commit(&error))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

fn batch_machine(machine: &StateMachine, batch: &mut Batch) {
    let key = machine.key();
    match machine.row_version {
        0 => batch.expect_absent(&STATE_MACHINES, key.clone()),
        version => batch.expect_version(&STATE_MACHINES, key.clone(), version),
    }
    batch.put(&STATE_MACHINES, key, machine.columns(), stored::encode(machine));
}

/// Machines or versions by key; the one read longest ago leaves first.
struct Cache<T> {
    cached: HashMap<Key, Arc<T>>,
    order: VecDeque<Key>,
}

impl<T> Default for Cache<T> {
    fn default() -> Cache<T> {
        Cache { cached: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Cache<T> {
    fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.cached.get(key).cloned()
    }

    fn put(&mut self, key: Key, value: Arc<T>) {
        match self.cached.entry(key) {
            Entry::Occupied(mut entry) => {
                entry.insert(value);
            }
            Entry::Vacant(entry) => {
                self.order.push_back(entry.key().clone());
                entry.insert(value);
            }
        }
        while self.cached.len() > MACHINES_CACHED_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.cached.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) {
        if self.cached.remove(key).is_some() {
            self.order.retain(|one| one != key);
        }
    }
}
