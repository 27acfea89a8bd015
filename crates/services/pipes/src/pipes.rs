use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::task::JoinHandle;
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Service};
use windlass_store::{Batch, Scan, Store, shard_of};
use windlass_value::{Now, Timestamp};

use crate::counters::Counters;
use crate::faults;
use crate::pipe::{Pipe, PipeRecord};
use crate::pipe_operations;
use crate::place::Place;
use crate::poller::poll;
use crate::request::Request;
use crate::tables::{PIPES, pipe_key};

/// Changes of different names run side by side; those that share a lock wait.
const LOCKS: usize = 64;
/// Rows that are read at once.
const PAGE_ROWS: usize = 500;

type Named = BTreeMap<String, Arc<Pipe>>;

/// A pipe's poller.
struct Poller {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The service `pipes`.
pub struct Pipes {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) counters: Counters,
    store: Store,
    clock: Now,
    pipes: RwLock<HashMap<Place, Named>>,
    locks: Vec<Arc<tokio::sync::Mutex<()>>>,
    /// By ARN; `None` before the start and after the stop.
    pollers: Mutex<Option<HashMap<String, Poller>>>,
    own: Weak<Pipes>,
}

impl Pipes {
    /// The service over a store opened with [`crate::TABLES`]. Nothing is read from
    /// queues before [`Pipes::start`].
    ///
    /// # Errors
    /// What the store answers; a row that cannot be read.
    pub fn open(store: &Store, dispatcher: Dispatcher, now: Now) -> Result<Arc<Pipes>, Fault> {
        let mut pipes: HashMap<Place, Named> = HashMap::new();
        let mut scan = Scan { limit: PAGE_ROWS, ..Scan::default() };
        loop {
            let rows = store.scan(&PIPES, scan.clone()).map_err(|error| faults::of_store(&error))?;
            for row in &rows {
                let record: PipeRecord = serde_json::from_slice(&row.value)
                    .map_err(|error| faults::internal(format!("a pipe cannot be read: {error}")))?;
                let pipe = Pipe::compile(record)?;
                pipes.entry(pipe.record.place.clone()).or_default().insert(pipe.record.name.clone(), Arc::new(pipe));
            }
            match rows.last() {
                Some(last) if rows.len() == PAGE_ROWS => scan.after = Some(scan.position(&PIPES, last)),
                _ => break,
            }
        }
        Ok(Arc::new_cyclic(|own| Pipes {
            dispatcher,
            counters: Counters::default(),
            store: store.clone(),
            clock: now,
            pipes: RwLock::new(pipes),
            locks: (0..LOCKS).map(|_| Arc::default()).collect(),
            pollers: Mutex::new(None),
            own: own.clone(),
        }))
    }

    /// Begins to read the queues of pipes that run. Call within a runtime, once the
    /// dispatcher is wired.
    pub fn start(&self) {
        *self.pollers.lock() = Some(HashMap::new());
        let running: Vec<Arc<Pipe>> = self.pipes.read().values().flat_map(BTreeMap::values).cloned().collect();
        for pipe in running {
            self.run(&pipe);
        }
    }

    /// Reads nothing any more, and waits for batches under way.
    pub async fn stop(&self) {
        let pollers = self.pollers.lock().take().unwrap_or_default();
        for poller in pollers.values() {
            poller.stop.send_replace(true);
        }
        for poller in pollers.into_values() {
            // A poller that panicked has nothing under way.
            let _ended = poller.task.await;
        }
    }

    /// Values for metrics: name, help, value.
    pub fn measure(&self) -> Vec<(&'static str, &'static str, f64)> {
        let (delivered, failed) = self.counters.read();
        let pollers = self.pollers.lock().as_ref().map_or(0, HashMap::len);
        vec![
            ("windlass_pipes_delivered", "Messages that pipes delivered since the start", delivered as f64),
            ("windlass_pipes_failed", "Messages that a pipe's target did not take, each time", failed as f64),
            ("windlass_pipes_running", "Pipes that run", pollers as f64),
        ]
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn find(&self, place: &Place, name: &str) -> Option<Arc<Pipe>> {
        self.pipes.read().get(place)?.get(name).cloned()
    }

    pub(crate) fn all(&self, place: &Place) -> Named {
        self.pipes.read().get(place).cloned().unwrap_or_default()
    }

    /// The right to change what has that name, until it is dropped.
    pub(crate) async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        self.locks[usize::from(shard_of(name)) % LOCKS].clone().lock_owned().await
    }

    /// Stores a pipe, shows it, and lets it run as it says.
    ///
    /// # Errors
    /// The batch is refused; nothing changed.
    pub(crate) async fn put(&self, lock: OwnedMutexGuard<()>, pipe: Pipe) -> Result<(), Fault> {
        let mut batch = Batch::default();
        pipe.record.put(&mut batch)?;
        let pipe = Arc::new(pipe);
        self.commit(lock, batch, move |pipes| {
            let (place, name) = (pipe.record.place.clone(), pipe.record.name.clone());
            pipes.pipes.write().entry(place).or_default().insert(name, pipe.clone());
            pipes.run(&pipe);
        })
        .await
    }

    /// Removes a pipe.
    ///
    /// # Errors
    /// The batch is refused; nothing changed.
    pub(crate) async fn delete(&self, lock: OwnedMutexGuard<()>, pipe: &Arc<Pipe>) -> Result<(), Fault> {
        let mut batch = Batch::default();
        batch.delete(&PIPES, pipe_key(&pipe.record.place, &pipe.record.name));
        let pipe = pipe.clone();
        self.commit(lock, batch, move |pipes| {
            if let Some(named) = pipes.pipes.write().get_mut(&pipe.record.place) {
                named.remove(&pipe.record.name);
            }
            pipes.end(&pipe.arn);
        })
        .await
    }

    /// Commits a change, and shows it then. It goes on when the caller does not wait.
    async fn commit(
        &self,
        lock: OwnedMutexGuard<()>,
        batch: Batch,
        show: impl FnOnce(&Pipes) + Send + 'static,
    ) -> Result<(), Fault> {
        let commit = self.store.commit(batch);
        let own = self.own.clone();
        let task = tokio::spawn(async move {
            let outcome = commit.await;
            if let Some(pipes) = own.upgrade().filter(|_| outcome.is_ok()) {
                show(&pipes);
            }
            drop(lock);
            outcome
        });
        let outcome = task.await.map_err(|error| faults::internal(format!("a change was cut off: {error}")))?;
        outcome.map_err(|error| faults::of_commit(&error))
    }

    /// Replaces the poller of a pipe by one that does what the pipe says now.
    fn run(&self, pipe: &Arc<Pipe>) {
        self.end(&pipe.arn);
        let mut pollers = self.pollers.lock();
        if let Some(pollers) = &mut *pollers
            && pipe.record.is_running
        {
            let (stop, stopped) = watch::channel(false);
            let task = tokio::spawn(poll(self.own.clone(), pipe.clone(), stopped));
            pollers.insert(pipe.arn.clone(), Poller { stop, task });
        }
    }

    /// Ends the poller of a pipe; its batches under way go on.
    fn end(&self, arn: &str) {
        let poller = self.pollers.lock().as_mut().and_then(|pollers| pollers.remove(arn));
        if let Some(poller) = poller {
            poller.stop.send_replace(true);
        }
    }

    async fn answer(self: Arc<Pipes>, call: &Call) -> Outcome {
        let request = Request::new(call);
        match &*call.operation {
            "CreatePipe" => pipe_operations::create(&self, request).await,
            "UpdatePipe" => pipe_operations::update(&self, request).await,
            "DescribePipe" => pipe_operations::describe(&self, request),
            "ListPipes" => pipe_operations::list(&self, request),
            "DeletePipe" => pipe_operations::delete(&self, request).await,
            "StartPipe" => pipe_operations::set_state(&self, request, true).await,
            "StopPipe" => pipe_operations::set_state(&self, request, false).await,
            "TagResource" => pipe_operations::tag(&self, request).await,
            "UntagResource" => pipe_operations::untag(&self, request).await,
            "ListTagsForResource" => pipe_operations::list_tags(&self, request),
            operation => Err(Fault::not_built(&format!("the Pipes operation {operation}"))),
        }
    }
}

impl Service for Pipes {
    fn name(&self) -> &'static str {
        "pipes"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let own = self.own.upgrade().ok_or_else(|| faults::internal("the service is gone"))?;
            own.answer(&call).await
        })
    }
}
