use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use windlass_blob::BlobStore;
use windlass_store::{Batch, Key, Store};
use windlass_value::{Object, Payload, Text};
use windlass_workflow::{Bucket, Identity, Limits, PAYLOAD_BYTES_MAX_AWS, TaskId};

use crate::clock::Clock;
use crate::concurrency::{ConcurrencyLimit, Lines};
use crate::data_key::OpenKeys;
use crate::definition::JournalDefinition;
use crate::error::JournalError;
use crate::heartbeats::Heartbeats;
use crate::key::ExecutionKey;
use crate::map_run::MapRuns;
use crate::observer::{Observer, Subject, Watch};
use crate::options::ExecutionOptions;
use crate::record::Record;
use crate::slot::Slots;
use crate::stored::Place;
use crate::tables::{EXECUTIONS, FACTS};
use crate::tasks::Tasks;
use crate::timers::Timers;
use crate::token::TokenKey;
use crate::transitions::Transitions;

/// How a journal runs.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// Quotas and turn budgets of executions that have no profile of their own.
    pub limits: Limits,
    /// Those of executions started with AWS's limits.
    pub limits_aws: Limits,
    /// Those of executions started with this server's own.
    pub limits_own: Limits,
    /// The state transitions of an account; further ones wait. `None`: no bound.
    pub transitions: Option<Bucket>,
    /// Where payloads of more than `inline_bytes_max` are kept; `None`: in their
    /// turns, as large as a batch of the store may be.
    pub contents: Option<BlobStore>,
    /// The largest payload that is kept in its turn.
    pub inline_bytes_max: usize,
    /// Below this many free bytes new executions are refused.
    pub disk_free_bytes_min: u64,
    /// Executions open at once.
    pub open_executions_max: usize,
    /// Map Runs at work at once; further ones wait where they began. AWS: 1,000.
    pub open_map_runs_max: usize,
    /// Closed executions older than this are removed.
    pub retention_ms: i64,
    /// The store's size above which the oldest closed executions are removed.
    pub retention_bytes: Option<u64>,
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        JournalConfig {
            limits: Limits::default(),
            limits_aws: Limits::aws(),
            limits_own: Limits::default(),
            transitions: None,
            contents: None,
            inline_bytes_max: PAYLOAD_BYTES_MAX_AWS,
            disk_free_bytes_min: 256 << 20,
            open_executions_max: 1_000_000,
            open_map_runs_max: 1_000,
            retention_ms: 90 * 86_400_000,
            retention_bytes: None,
        }
    }
}

/// Through what of its state machine an execution was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qualifiers {
    /// The version it runs, unless that is the machine as it is.
    pub version_arn: Option<Text>,
    /// The alias that chose the version.
    pub alias_arn: Option<Text>,
}

/// An execution to start.
pub struct NewExecution {
    /// What never changes about it.
    pub identity: Identity,
    /// What it runs.
    pub definition: Arc<JournalDefinition>,
    /// Kept in its record, for lists by version and by alias.
    pub qualifiers: Qualifiers,
    /// Kept in its record for whoever started it.
    pub details: Object,
    /// Its limits and how its data is kept.
    pub options: ExecutionOptions,
    /// How many of its kind run at once; `None`: any number.
    pub concurrency: Option<ConcurrencyLimit>,
}

/// Counters for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Executions in memory.
    pub live: usize,
    /// Timers in memory.
    pub timers: usize,
    /// Executions started.
    pub started: u64,
    /// Executions closed.
    pub closed: u64,
    /// Turns made durable.
    pub turns: u64,
    /// Turns that waited for the rate of transitions.
    pub throttled: u64,
    /// Executions that wait for others of their key.
    pub waiting: usize,
}

/// Executions on a store. A handle; clones share it.
#[derive(Clone)]
pub struct Journal(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) tasks: Arc<dyn Tasks>,
    observer: OnceLock<Arc<dyn Observer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: JournalConfig,
    pub(crate) token_key: TokenKey,
    pub(crate) slots: Slots,
    pub(crate) timers: Timers,
    pub(crate) heartbeats: Heartbeats,
    pub(crate) map_runs: MapRuns,
    pub(crate) lines: Lines,
    pub(crate) definitions: Mutex<HashMap<Text, Arc<JournalDefinition>>>,
    pub(crate) stored_definitions: Mutex<HashSet<Text>>,
    /// When this journal took up what an earlier one left.
    pub(crate) recovered_at: AtomicI64,
    pub(crate) stopping: AtomicBool,
    pub(crate) open: AtomicUsize,
    pub(crate) disk_checked_at: AtomicI64,
    pub(crate) disk_low: AtomicBool,
    pub(crate) started: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) turns: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) transitions: Transitions,
    pub(crate) open_keys: OpenKeys,
}

impl Journal {
    /// A journal on a store that declares [`crate::TABLES`]. Call
    /// [`Journal::recover`] before serving.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub fn open(
        store: Store,
        tasks: Arc<dyn Tasks>,
        clock: Arc<dyn Clock>,
        config: JournalConfig,
    ) -> Result<Journal, JournalError> {
        let token_key = TokenKey::new(token_key(&store, clock.as_ref())?);
        Ok(Journal(Arc::new(Inner {
            store,
            tasks,
            observer: OnceLock::new(),
            clock,
            token_key,
            slots: Slots::new(),
            timers: Timers::default(),
            heartbeats: Heartbeats::default(),
            map_runs: MapRuns::new(config.open_map_runs_max),
            config,
            lines: Lines::default(),
            definitions: Mutex::default(),
            stored_definitions: Mutex::default(),
            recovered_at: AtomicI64::new(i64::MIN),
            stopping: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            disk_checked_at: AtomicI64::new(i64::MIN),
            disk_low: AtomicBool::new(false),
            started: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            transitions: Transitions::default(),
            open_keys: OpenKeys::default(),
        })))
    }

    /// Has every execution that comes into memory from now on observed. Call before
    /// [`Journal::recover`]; a second observer is refused with false.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> bool {
        self.0.observer.set(observer).is_ok()
    }

    /// Who watches an execution.
    pub(crate) fn watch(&self, subject: Subject<'_>) -> Option<Arc<dyn Watch>> {
        self.0.observer.get()?.watch(subject)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn tasks(&self) -> &Arc<dyn Tasks> {
        &self.0.tasks
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    pub(crate) fn config(&self) -> &JournalConfig {
        &self.0.config
    }

    /// What the server's executions run under that have no profile of their own.
    pub fn limits(&self) -> &Limits {
        &self.0.config.limits
    }

    /// What an execution runs under.
    pub(crate) fn limits_of(&self, aws_limits: Option<bool>) -> &Limits {
        match aws_limits {
            None => &self.0.config.limits,
            Some(true) => &self.0.config.limits_aws,
            Some(false) => &self.0.config.limits_own,
        }
    }

    pub(crate) fn count_throttled(&self) {
        self.0.throttled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.0.timers
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.0.lines
    }

    pub(crate) fn heartbeats(&self) -> &Heartbeats {
        &self.0.heartbeats
    }

    pub(crate) fn map_runs(&self) -> &MapRuns {
        &self.0.map_runs
    }

    pub(crate) fn seal(&self, arn: &str, task: TaskId) -> Text {
        self.0.token_key.seal(arn, task)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn count_open(&self, executions: usize) {
        self.0.open.store(executions, Ordering::Relaxed);
    }

    /// Counters for metrics.
    pub fn stats(&self) -> JournalStats {
        JournalStats {
            live: self.0.slots.len(),
            timers: self.0.timers.len(),
            started: self.0.started.load(Ordering::Relaxed),
            closed: self.0.closed.load(Ordering::Relaxed),
            turns: self.0.turns.load(Ordering::Relaxed),
            throttled: self.0.throttled.load(Ordering::Relaxed),
            waiting: self.0.lines.waiting(),
        }
    }

    /// Standard executions that are open now.
    pub fn open_executions(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Stops timers and refuses new executions; answers of calls under way are
    /// still taken until the store closes.
    pub fn stop_accepting(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.timers.changed.notify_one();
    }

    /// Compares an execution at rest in memory with what the store gives back.
    /// `None` when they are equal, or when it is not at rest in memory; else
    /// both, for people to read. For simulations and for whoever suspects a bug.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn compare_with_store(&self, arn: &str) -> Result<Option<(String, String)>, JournalError> {
        let Some(key) = ExecutionKey::from_arn(arn) else { return Ok(None) };
        let Some(slot) = self.0.slots.get(key.uid()) else { return Ok(None) };
        let state = slot.state.lock();
        let Some(live) = state.live.as_ref().filter(|_| !state.running) else { return Ok(None) };
        let stored = self.load(&key)?;
        let (live, stored) = (live.picture(), stored.map(|stored| stored.picture()).unwrap_or_default());
        Ok((live != stored).then_some((live, stored)))
    }

    /// What is known of an execution.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn record(&self, arn: &str) -> Result<Option<Record>, JournalError> {
        let Some(key) = ExecutionKey::from_arn(arn) else { return Ok(None) };
        let row = self.0.store.get(&EXECUTIONS, &key.row())?;
        row.as_ref().map(Record::read).transpose()
    }

    /// An execution's input.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn input(&self, record: &Record) -> Result<Payload, JournalError> {
        let (key, _) = record.key()?;
        self.read_payload(&key, Place(1, 0))
    }

    /// An execution's input and, of a successful one, its output.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn data(&self, record: &Record) -> Result<(Payload, Option<Payload>), JournalError> {
        let (key, _) = record.key()?;
        match record.output {
            Some(output) => self.read_payloads(&key, Place(1, 0), output).map(|(input, output)| (input, Some(output))),
            None => Ok((self.read_payload(&key, Place(1, 0))?, None)),
        }
    }

    /// A successful execution's output.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn output(&self, record: &Record) -> Result<Option<Payload>, JournalError> {
        let (key, _) = record.key()?;
        record.output.map(|place| self.read_payload(&key, place)).transpose()
    }
}

/// The key that seals tokens, made at the first start and kept in the store.
fn token_key(store: &Store, clock: &dyn Clock) -> Result<[u8; 32], JournalError> {
    let key = Key::new(0, "", "").text("task_token_key");
    if let Some(row) = store.get(&FACTS, &key)?
        && let Ok(bytes) = <[u8; 32]>::try_from(&row.value[..])
    {
        return Ok(bytes);
    }
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&clock.seed().to_be_bytes());
    }
    let mut batch = Batch::default();
    batch.put(&FACTS, key, Vec::new(), bytes.to_vec());
    store.commit(batch).wait()?;
    Ok(bytes)
}
