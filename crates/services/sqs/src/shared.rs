use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use windlass_outbox::Answers;
use windlass_protocol::Fault;
use windlass_store::{Key, KeyRange, Row, Scan, Store, shard_of};
use windlass_value::Now;

use crate::catalogue::Catalogue;
use crate::config::SqsConfig;
use crate::counters::Counters;
use crate::faults::of_store;
use crate::limits::PAGE_ROWS;
use crate::move_task::MoveTasks;
use crate::queue::Queue;
use crate::queue_name::QueueName;
use crate::record::{self, Record};
use crate::residents::Residents;
use crate::tables::QUEUES;
use crate::timekeeper::Timekeeper;

/// Locks for changes of queues, by their names: more than calls that meet.
const CHANGE_LOCKS: usize = 64;

/// What the service's calls and its background share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) config: SqsConfig,
    pub(crate) now: Now,
    pub(crate) catalogue: Catalogue,
    pub(crate) timekeeper: Timekeeper,
    pub(crate) answers: Answers,
    pub(crate) counters: Counters,
    pub(crate) move_tasks: MoveTasks,
    /// Messages indexed in memory, of all queues.
    pub(crate) residents: Arc<Residents>,
    /// When queues were deleted, as long as their names must rest.
    pub(crate) deleted: Mutex<HashMap<QueueName, i64>>,
    /// Tells the sweep that there is something for it.
    pub(crate) debris: Arc<Notify>,
    pub(crate) stop: watch::Sender<bool>,
    changes: Vec<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// Reads every queue.
    ///
    /// # Errors
    /// The store cannot be read, or holds what is no queue.
    pub(crate) fn open(store: Store, config: SqsConfig, now: Now) -> Result<Shared, Fault> {
        let shared = Shared {
            answers: Answers::open(&store, "sqs", now.clone()),
            residents: Arc::new(Residents::new(config.resident_max)),
            store,
            config,
            now,
            catalogue: Catalogue::default(),
            timekeeper: Timekeeper::new(),
            counters: Counters::default(),
            move_tasks: MoveTasks::default(),
            deleted: Mutex::new(HashMap::new()),
            debris: Arc::new(Notify::new()),
            stop: watch::Sender::new(false),
            changes: (0..CHANGE_LOCKS).map(|_| tokio::sync::Mutex::new(())).collect(),
        };
        let mut start: Option<Key> = None;
        loop {
            let range = KeyRange { start, end: None };
            let rows = shared.store.scan(&QUEUES, Scan::range(range, PAGE_ROWS)).map_err(|error| of_store(&error))?;
            for row in &rows {
                shared.load(row)?;
            }
            match rows.last() {
                // The first key behind the last one.
                Some(last) if rows.len() == PAGE_ROWS => start = Some(last.key.clone().fixed(&[0])),
                _ => return Ok(shared),
            }
        }
    }

    fn load(&self, row: &Row) -> Result<(), Fault> {
        let name = record::name_of(row).ok_or_else(|| Fault::internal("a stored queue has no name"))?;
        let record = Record::read(&row.value)?;
        let queue = Queue::load(name, record, &self.store, &self.residents, self.now_ms())?;
        self.catalogue.insert(Arc::new(queue));
        Ok(())
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.now)().as_ms()
    }

    /// Turns true when the service stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// There is debris to sweep.
    pub(crate) fn debris_fell(&self) {
        self.debris.notify_one();
    }

    /// Only one at a time changes a queue of that name.
    pub(crate) async fn changing(&self, name: &QueueName) -> tokio::sync::MutexGuard<'_, ()> {
        self.changes[usize::from(shard_of(&name.arn())) % CHANGE_LOCKS].lock().await
    }
}

/// Runs to its end, even when the caller is gone by then.
///
/// # Errors
/// What the work answers, or that it broke off.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::spawn(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Fault::internal(format!("a call broke off: {error}"))),
    }
}
