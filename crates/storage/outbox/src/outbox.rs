use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use windlass_store::{Batch, Key, Store, StoreError, shard_of};
use windlass_value::Now;

use crate::deliver::{Deliver, Entry, OutboxOptions};
use crate::pending::Pending;
use crate::row::{ENTRIES, Held, RUNS, entry_key};

/// How many adds one run may make: the low bits of a position.
const RUN_BITS: u32 = 40;
/// How often the number of the run is tried to be taken, against others who do.
const OPEN_ATTEMPTS_MAX: u32 = 16;

/// Durable deliveries of one service: rows added in the batch of the effect that
/// causes them, delivered at least once, in order within a lane.
///
/// Clones share one outbox. A name is opened once at a time.
#[derive(Clone)]
pub struct Outbox {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) name: &'static str,
    pub(crate) now: Now,
    pub(crate) concurrency_max: usize,
    next_position: AtomicI64,
    pub(crate) state: Mutex<State>,
    /// Wakes the pump.
    pub(crate) wake: Arc<Notify>,
    /// Tells that a worker ended.
    pub(crate) worker_ended: Notify,
    pub(crate) stopping: AtomicBool,
}

pub(crate) struct State {
    pub(crate) pending: Pending,
    pub(crate) workers: usize,
    pub(crate) running: Option<Running>,
    /// Removals whose rows are looked at by the pump: id, key, instant.
    pub(crate) removals: Vec<(windlass_value::Text, Key, windlass_value::Timestamp)>,
}

#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) deliver: Arc<dyn Deliver>,
    pub(crate) runtime: Handle,
}

impl Outbox {
    /// Opens an outbox over a store that declares [`crate::TABLES`]. Makes one
    /// small commit and waits for it.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn open(store: &Store, name: &'static str, now: Now, options: OutboxOptions) -> Result<Outbox, StoreError> {
        let run = next_run(store, name)?;
        Ok(Outbox {
            shared: Arc::new(Shared {
                store: store.clone(),
                name,
                now,
                concurrency_max: options.concurrency_max.max(1),
                next_position: AtomicI64::new(run << RUN_BITS),
                state: Mutex::new(State { pending: Pending::new(), workers: 0, running: None, removals: Vec::new() }),
                wake: Arc::new(Notify::new()),
                worker_ended: Notify::new(),
                stopping: AtomicBool::new(false),
            }),
        })
    }

    /// Puts an entry into the batch of its effect. Commit the batch soon, and in
    /// the order of adds where lanes matter: an entry waits (a second at most)
    /// for earlier adds of its lane whose commits have not ended.
    pub fn add(&self, batch: &mut Batch, account: &str, region: &str, entry: &Entry) {
        let now = (self.shared.now)();
        let mut state = self.shared.state.lock();
        let held = Held {
            key: entry_key(account, region, self.shared.name, &entry.id),
            id: entry.id.clone(),
            lane: entry.lane.clone(),
            due: entry.due,
            // Under the lock, so that positions are announced in their order.
            position: self.shared.next_position.fetch_add(1, Ordering::Relaxed),
            attempt: 0,
            added: now,
            body: entry.body.clone(),
            failures: 0,
            doubtful: false,
        };
        held.put(self.shared.name, batch);
        state.pending.announce(held, now);
    }

    /// Hands over entries whose batch is committed: those due now are delivered
    /// from memory. No I/O. Where it is not called (a caller gave up), the
    /// entries are found in the store a second later.
    pub fn committed(&self, entries: &[Entry]) {
        let now = (self.shared.now)();
        let mut state = self.shared.state.lock();
        let mut is_looked_at = false;
        for entry in entries {
            is_looked_at |= state.pending.confirm(&entry.id, entry.due, |held| held.is_of(entry));
        }
        if is_looked_at {
            self.shared.spawn_workers(&mut state, now);
            drop(state);
            // Its timer may have to move, or a lane be read.
            self.shared.wake.notify_one();
        }
    }

    /// Forgets entries whose batch was refused. Not needed, but lanes go on sooner.
    pub fn refused(&self, entries: &[Entry]) {
        let mut state = self.shared.state.lock();
        for entry in entries {
            state.pending.withdraw(&entry.id);
        }
        drop(state);
        self.shared.wake.notify_one();
    }

    /// Begins to deliver; takes up what an earlier run left. A second call
    /// changes nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&self, deliver: Arc<dyn Deliver>) {
        let runtime = Handle::current();
        let mut state = self.shared.state.lock();
        if state.running.is_none() {
            state.running = Some(Running { deliver, runtime: runtime.clone() });
            drop(state);
            runtime.spawn(crate::pump::pump(Arc::downgrade(&self.shared), self.shared.wake.clone()));
        }
    }

    /// Begins no delivery any more, and waits for those under way.
    pub async fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.wake.notify_one();
        loop {
            let ended = self.shared.worker_ended.notified();
            let mut ended = std::pin::pin!(ended);
            // Before the count is looked at, so that no end is missed.
            ended.as_mut().enable();
            if self.shared.state.lock().workers == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Cancels an entry in a batch; one that is not there is no error. A
    /// delivery under way goes on, but is not tried again.
    pub fn remove(&self, batch: &mut Batch, account: &str, region: &str, id: &str) {
        let key = entry_key(account, region, self.shared.name, id);
        batch.delete(&ENTRIES, key.clone());
        let now = (self.shared.now)();
        let mut state = self.shared.state.lock();
        if state.pending.doubt(id) {
            state.removals.push((id.into(), key, now));
        }
    }

    /// Whether the store holds an entry of that id.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn contains(&self, account: &str, region: &str, id: &str) -> Result<bool, StoreError> {
        let key = entry_key(account, region, self.shared.name, id);
        Ok(self.shared.store.get(&ENTRIES, &key)?.is_some())
    }

    /// How many deliveries are under way.
    pub fn under_way(&self) -> usize {
        self.shared.state.lock().workers
    }
}

impl Shared {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Outbox").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// Numbers the openings of an outbox, so that positions ascend over restarts
/// whatever the clock does.
fn next_run(store: &Store, name: &'static str) -> Result<i64, StoreError> {
    let key = Key::new(shard_of(name), "", "").text(name);
    let mut refusal = String::new();
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let mut batch = Batch::default();
        let run = match store.get(&RUNS, &key)? {
            None => {
                batch.expect_absent(&RUNS, key.clone());
                1
            }
            Some(row) => {
                batch.expect_version(&RUNS, key.clone(), row.version);
                match row.columns.get(1) {
                    Some(windlass_store::ColumnValue::Integer(runs)) => runs + 1,
                    _ => return Err(StoreError::Invalid(format!("the outbox {name} has no number of runs"))),
                }
            }
        };
        batch.put(&RUNS, key.clone(), vec![name.into(), run.into()], Vec::new());
        match store.commit(batch).wait() {
            Ok(()) => return Ok(run),
            Err(error @ windlass_store::CommitError::Expectation { .. }) => refusal = error.to_string(),
            Err(windlass_store::CommitError::Closed) => return Err(StoreError::Closed),
            Err(error) => return Err(StoreError::Storage(error.to_string())),
        }
    }
    Err(StoreError::Storage(format!("the outbox {name} cannot be opened: {refusal}")))
}
