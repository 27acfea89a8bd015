use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Mutex, OwnedMutexGuard};
use windlass_protocol::Fault;
use windlass_store::{Batch, Store, shard_of};

use crate::api_destination::ApiDestination;
use crate::archive::Archive;
use crate::bus::{Bus, BusRecord};
use crate::connection::Connection;
use crate::faults;
use crate::place::{DEFAULT_BUS, Place};
use crate::replay::ReplayRecord;
use crate::rule::{Rule, RuleRecord};
use crate::tables::load;

/// Changes of different names run side by side; those that share a lock wait.
const LOCKS: usize = 64;

type Named<T> = BTreeMap<String, Arc<T>>;

/// Everything of one account and region, by name. Values are never changed, only
/// replaced, so readers take no lock while they work.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) buses: Named<Bus>,
    pub(crate) archives: Named<Archive>,
    pub(crate) replays: Named<ReplayRecord>,
    pub(crate) connections: Named<Connection>,
    pub(crate) api_destinations: Named<ApiDestination>,
}

/// What is stored, ready to use.
pub(crate) struct Catalogue {
    store: Store,
    shelves: RwLock<HashMap<Place, Shelf>>,
    locks: Vec<Arc<Mutex<()>>>,
}

impl Catalogue {
    /// Reads everything.
    ///
    /// # Errors
    /// What the store answers, or a row that cannot be read.
    pub(crate) fn open(store: &Store) -> Result<Catalogue, Fault> {
        let mut shelves: HashMap<Place, Shelf> = HashMap::new();
        for record in load::<BusRecord>(store)? {
            let shelf = shelves.entry(record.place.clone()).or_default();
            shelf.buses.insert(record.name.clone(), Arc::new(Bus::new(record)));
        }
        let mut change_bus = |place: &Place, name: &str, change: &mut dyn FnMut(&mut Bus)| {
            let shelf = shelves.entry(place.clone()).or_default();
            if name == DEFAULT_BUS {
                shelf.buses.entry(name.to_owned()).or_insert_with(|| Arc::new(Bus::default_of(place)));
            }
            if let Some(bus) = shelf.buses.get_mut(name) {
                change(Arc::make_mut(bus));
            }
        };
        for record in load::<RuleRecord>(store)? {
            let rule = Arc::new(Rule::compile(record)?);
            let record = &rule.record;
            change_bus(&record.place, &record.bus, &mut |bus| {
                bus.rules.insert(record.name.clone(), rule.clone());
            });
        }
        let mut archives = Vec::new();
        for record in load(store)? {
            let archive = Arc::new(Archive::compile(record)?);
            change_bus(&archive.record.place, &archive.record.bus, &mut |bus| {
                bus.archives.insert(archive.record.name.clone(), archive.clone());
            });
            archives.push(archive);
        }
        for archive in archives {
            let shelf = shelves.entry(archive.record.place.clone()).or_default();
            shelf.archives.insert(archive.record.name.clone(), archive);
        }
        for record in load::<ReplayRecord>(store)? {
            let shelf = shelves.entry(record.place.clone()).or_default();
            shelf.replays.insert(record.name.clone(), Arc::new(record));
        }
        for record in load::<Connection>(store)? {
            let shelf = shelves.entry(record.place.clone()).or_default();
            shelf.connections.insert(record.name.clone(), Arc::new(record));
        }
        for record in load::<ApiDestination>(store)? {
            let shelf = shelves.entry(record.place.clone()).or_default();
            shelf.api_destinations.insert(record.name.clone(), Arc::new(record));
        }
        let locks = (0..LOCKS).map(|_| Arc::default()).collect();
        Ok(Catalogue { store: store.clone(), shelves: RwLock::new(shelves), locks })
    }

    /// The right to change what has that name, until it is dropped or handed to
    /// [`Catalogue::commit`].
    pub(crate) async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        self.locks[usize::from(shard_of(name)) % LOCKS].clone().lock_owned().await
    }

    /// Looks at what an account has.
    pub(crate) fn read<T>(&self, place: &Place, look: impl FnOnce(&Shelf) -> T) -> T {
        match self.shelves.read().get(place) {
            Some(shelf) => look(shelf),
            None => look(&Shelf::default()),
        }
    }

    /// The bus of that name; every account has the default one.
    pub(crate) fn bus(&self, place: &Place, name: &str) -> Option<Arc<Bus>> {
        let bus = self.read(place, |shelf| shelf.buses.get(name).cloned());
        bus.or_else(|| (name == DEFAULT_BUS).then(|| Arc::new(Bus::default_of(place))))
    }

    /// Commits a change, and shows it then. It goes on when the caller does not wait.
    ///
    /// # Errors
    /// The batch is refused; nothing is shown.
    pub(crate) async fn commit(
        self: &Arc<Catalogue>,
        lock: OwnedMutexGuard<()>,
        batch: Batch,
        place: &Place,
        show: impl FnOnce(&mut Shelf) + Send + 'static,
    ) -> Result<(), Fault> {
        let commit = self.store.commit(batch);
        let (catalogue, place) = (self.clone(), place.clone());
        // A task of its own: what is committed must be seen, even if nobody waits.
        let task = tokio::spawn(async move {
            let outcome = commit.await;
            if outcome.is_ok() {
                show(catalogue.shelves.write().entry(place).or_default());
            }
            drop(lock);
            outcome
        });
        let outcome = task.await.map_err(|error| faults::internal(format!("a change was cut off: {error}")))?;
        outcome.map_err(|error| faults::of_commit(&error))
    }

    /// How many buses, rules and archives there are.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let shelves = self.shelves.read();
        let buses = shelves.values().flat_map(|shelf| shelf.buses.values());
        let archives = shelves.values().map(|shelf| shelf.archives.len()).sum();
        buses.fold((0, 0, archives), |(buses, rules, archives), bus| (buses + 1, rules + bus.rules.len(), archives))
    }

    /// Every archive that keeps events for a time.
    pub(crate) fn archives_with_retention(&self) -> Vec<Arc<Archive>> {
        let shelves = self.shelves.read();
        let archives = shelves.values().flat_map(|shelf| shelf.archives.values());
        archives.filter(|archive| archive.record.retention_days > 0).cloned().collect()
    }
}

impl Shelf {
    /// Replaces a bus by what `change` makes of it.
    pub(crate) fn change_bus(&mut self, place: &Place, name: &str, change: impl FnOnce(&mut Bus)) {
        if name == DEFAULT_BUS {
            self.buses.entry(name.to_owned()).or_insert_with(|| Arc::new(Bus::default_of(place)));
        }
        if let Some(bus) = self.buses.get_mut(name) {
            change(Arc::make_mut(bus));
        }
    }
}
