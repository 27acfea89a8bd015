use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use windlass_store::{Batch, CommitError, Key, Store};
use windlass_value::{Object, Payload, Text};
use windlass_workflow::{EventKind, Execution, Identity, Limits, Status, TaskId};

use crate::clock::Clock;
use crate::definition::JournalDefinition;
use crate::error::{JournalError, StartError, TokenError};
use crate::heartbeats::Heartbeats;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::record::Record;
use crate::slot::{Applied, Delivery, Slot, Slots, What};
use crate::stored::Place;
use crate::tables::{DEFINITIONS, EXECUTIONS, FACTS};
use crate::tasks::Tasks;
use crate::timers::Timers;
use crate::token::TokenKey;

/// Events of one execution that one turn takes at most.
const TURN_EVENTS_MAX: usize = 256;
/// Definitions kept compiled.
const DEFINITIONS_MAX: usize = 1_024;
/// Pauses before something is stored again that the store could not write.
const RETRY_MS_MIN: u64 = 100;
const RETRY_MS_MAX: u64 = 5_000;
/// How long a look at the free disk space holds.
const DISK_CHECK_MS: i64 = 1_000;

/// How a journal runs.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// Quotas and turn budgets.
    pub limits: Limits,
    /// Below this many free bytes new executions are refused.
    pub disk_free_bytes_min: u64,
    /// Executions open at once.
    pub open_executions_max: usize,
    /// Closed executions older than this are removed.
    pub retention_ms: i64,
    /// The store's size above which the oldest closed executions are removed.
    pub retention_bytes: Option<u64>,
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        JournalConfig {
            limits: Limits::default(),
            disk_free_bytes_min: 256 << 20,
            open_executions_max: 1_000_000,
            retention_ms: 90 * 86_400_000,
            retention_bytes: None,
        }
    }
}

/// An execution to start.
pub struct NewExecution {
    /// What never changes about it.
    pub identity: Identity,
    /// What it runs.
    pub definition: Arc<JournalDefinition>,
    /// Kept in its record for whoever started it.
    pub details: Object,
}

/// An answer to a task by its token.
#[derive(Clone, Debug)]
pub enum Answer {
    /// `SendTaskSuccess`.
    Success(Payload),
    /// `SendTaskFailure`.
    Failure {
        /// Error name.
        error: Option<Text>,
        /// Cause.
        cause: Option<Text>,
    },
    /// `SendTaskHeartbeat`.
    Heartbeat,
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
}

/// Executions on a store. A handle; clones share it.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    store: Store,
    tasks: Arc<dyn Tasks>,
    clock: Arc<dyn Clock>,
    config: JournalConfig,
    token_key: TokenKey,
    slots: Slots,
    timers: Timers,
    heartbeats: Heartbeats,
    definitions: Mutex<HashMap<Text, Arc<JournalDefinition>>>,
    stored_definitions: Mutex<HashSet<Text>>,
    stopping: AtomicBool,
    open: AtomicUsize,
    disk_checked_at: AtomicI64,
    disk_low: AtomicBool,
    started: AtomicU64,
    closed: AtomicU64,
    turns: AtomicU64,
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
            clock,
            config,
            token_key,
            slots: Slots::new(),
            timers: Timers::default(),
            heartbeats: Heartbeats::default(),
            definitions: Mutex::default(),
            stored_definitions: Mutex::default(),
            stopping: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            disk_checked_at: AtomicI64::new(i64::MIN),
            disk_low: AtomicBool::new(false),
            started: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            turns: AtomicU64::new(0),
        })))
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

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.config.limits
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.0.timers
    }

    pub(crate) fn heartbeats(&self) -> &Heartbeats {
        &self.0.heartbeats
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
        }
    }

    /// Stops timers and refuses new executions; answers of calls under way are
    /// still taken until the store closes.
    pub fn stop_accepting(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.timers.changed.notify_one();
    }

    /// Starts a Standard execution: answers once it is durable.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(&self, new: NewExecution) -> Result<Record, StartError> {
        self.admit_start()?;
        let identity = Arc::new(new.identity);
        let unavailable = StartError::Unavailable;
        let key = ExecutionKey::from_arn(&identity.arn).ok_or_else(|| {
            unavailable(JournalError::Record { arn: identity.arn.to_string(), reason: "not an ARN".into() })
        })?;
        let slot = match self.claim(&key).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(record)) => return Err(StartError::Exists(Box::new(record))),
            Err(error) => return Err(unavailable(error)),
        };
        let record = Record::new(&identity, &new.definition.hash, &new.details);
        let mut live = Box::new(Live {
            key: key.clone(),
            record,
            definition: new.definition.clone(),
            execution: Execution::new_with(identity),
            turn: 0,
            snapshot_turn: 0,
            bytes_since_snapshot: 0,
            snapshot_bytes: 0,
            timer_rows: HashSet::new(),
            task_rows: HashSet::new(),
            continue_row: false,
        });
        let begun = self.first_turn(&mut live).await;
        match begun {
            Ok(continues) => {
                self.0.started.fetch_add(1, Ordering::Relaxed);
                if live.execution.is_running() {
                    self.0.open.fetch_add(1, Ordering::Relaxed);
                }
                let record = live.record.clone();
                self.release(slot, live, continues);
                Ok(record)
            }
            Err(error) => {
                self.abandon(&key, &slot, &error);
                match error {
                    JournalError::Write(CommitError::Expectation { .. } | CommitError::Duplicate { .. }) => {
                        match self.record(key.arn()) {
                            Ok(Some(record)) => Err(StartError::Exists(Box::new(record))),
                            Ok(None) => Err(unavailable(error)),
                            Err(error) => Err(unavailable(error)),
                        }
                    }
                    error => Err(unavailable(error)),
                }
            }
        }
    }

    pub(crate) fn admit_start(&self) -> Result<(), StartError> {
        if self.is_stopping() {
            return Err(StartError::Unavailable(JournalError::Stopping));
        }
        let open_max = self.0.config.open_executions_max;
        if self.0.open.load(Ordering::Relaxed) >= open_max {
            return Err(StartError::TooManyOpen(open_max));
        }
        let now = self.clock().now().as_ms();
        let checked = self.0.disk_checked_at.load(Ordering::Relaxed);
        if checked.saturating_add(DISK_CHECK_MS) <= now {
            self.0.disk_checked_at.store(now, Ordering::Relaxed);
            let low = self.0.store.free_bytes().is_some_and(|free| free < self.0.config.disk_free_bytes_min);
            self.0.disk_low.store(low, Ordering::Relaxed);
        }
        if self.0.disk_low.load(Ordering::Relaxed) {
            let min = self.0.config.disk_free_bytes_min;
            return Err(StartError::DiskFull(format!(
                "Less than {min} bytes are free where the data folder is. Running executions go on; free some space to start new ones."
            )));
        }
        Ok(())
    }

    /// The first turn, with what only a start writes. Answers whether the
    /// machine has more to do.
    async fn first_turn(&self, live: &mut Box<Live>) -> Result<bool, JournalError> {
        let start = Delivery { what: What::Event(EventKind::Start), reply: None };
        let mut turn = self.make_turn(live, vec![start])?;
        let row = live.key.row();
        turn.batch.expect_absent(&EXECUTIONS, row.clone());
        if turn.finished.is_none() {
            turn.batch.put(&EXECUTIONS, row, live.record.columns(), live.record.value());
        }
        let new_definition = self.store_definition(&live.definition, &mut turn.batch);
        let continues = live.continue_row;
        self.commit_turn(live, turn).await?;
        if new_definition {
            self.definition_stored(live.definition.clone());
        }
        Ok(continues)
    }

    /// Makes a turn durable, then lets its effects out.
    async fn commit_turn(&self, live: &mut Box<Live>, mut turn: crate::turn::Turn) -> Result<(), JournalError> {
        let batch = std::mem::take(&mut turn.batch);
        let finished = turn.finished.is_some();
        let outcome =
            if batch.is_empty() { Ok(()) } else { self.0.store.commit(batch).await.map_err(JournalError::from) };
        if outcome.is_ok() {
            self.0.turns.fetch_add(1, Ordering::Relaxed);
            if finished {
                self.0.closed.fetch_add(1, Ordering::Relaxed);
            }
        }
        match self.finish_turn(live, turn, outcome) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The slot of an execution that is to start, or the record of one that did.
    /// Somebody else may hold the slot: to start it too, or to find that a late
    /// event has nobody to go to.
    async fn claim(&self, key: &ExecutionKey) -> Result<Result<Arc<Slot>, Record>, JournalError> {
        const LOOKS_MAX: usize = 1_000;
        for _ in 0..LOOKS_MAX {
            if let Some(slot) = self.0.slots.claim(key.uid()) {
                return Ok(Ok(slot));
            }
            if let Some(record) = self.record(key.arn())? {
                return Ok(Err(record));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err(JournalError::Stopping)
    }

    /// Hands an event to an execution. Answers once it is durable: true when it
    /// was applied, false when it came too late.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn deliver(&self, key: &ExecutionKey, event: EventKind) -> Applied {
        let (reply, answer) = oneshot::channel();
        self.enqueue(key, Delivery { what: What::Event(event), reply: Some(reply) });
        answer.await.unwrap_or(Err(JournalError::Stopping))
    }

    /// Hands a task's answer to its execution, again and again while the store
    /// cannot write: the work is done, and nobody would tell of it once more.
    /// Answers whether it was applied.
    pub(crate) async fn deliver_at_last(&self, key: &ExecutionKey, task: TaskId, event: EventKind) -> bool {
        let mut event = event;
        let mut pause_ms = RETRY_MS_MIN;
        loop {
            match self.deliver(key, event.clone()).await {
                Ok(applied) => return applied,
                Err(error) if error.is_passing() && !self.is_stopping() => {
                    tracing::warn!(execution = %key.arn(), %task, %error, "a task's answer could not be stored yet");
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                    pause_ms = (pause_ms * 2).min(RETRY_MS_MAX);
                    event = without_places(event);
                }
                Err(error) => {
                    tracing::error!(execution = %key.arn(), %task, %error, "a task's answer could not be stored");
                    return false;
                }
            }
        }
    }

    /// Delivers again what nobody waits for and nobody else would repeat.
    fn deliver_later(&self, key: &ExecutionKey, whats: Vec<What>) {
        if whats.is_empty() {
            return;
        }
        let (journal, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(RETRY_MS_MAX)).await;
            if journal.is_stopping() {
                return;
            }
            for what in whats {
                journal.enqueue(&key, Delivery { what, reply: None });
            }
        });
    }

    /// Queues a delivery and sees to it that a turn takes it.
    pub(crate) fn enqueue(&self, key: &ExecutionKey, delivery: Delivery) {
        let mut delivery = Some(delivery);
        loop {
            let slot = self.0.slots.get_or_insert(key.uid());
            let mut state = slot.state.lock();
            if state.gone {
                drop(state);
                self.0.slots.remove(key.uid(), &slot);
                continue;
            }
            state.queue.extend(delivery.take());
            if !state.running {
                state.running = true;
                drop(state);
                tokio::spawn(drive(self.clone(), key.clone(), slot));
            }
            return;
        }
    }

    /// Gives a slot back after a turn: to another turn if something is queued,
    /// else to rest, in memory or only in the store.
    fn release(&self, slot: Arc<Slot>, live: Box<Live>, continues: bool) {
        let key = live.key.clone();
        let mut state = slot.state.lock();
        if continues {
            state.queue.push_back(Delivery { what: What::Event(EventKind::Continue), reply: None });
        }
        if !live.execution.is_running() {
            self.retire(&key, &slot, &mut state, Ok(false));
            return;
        }
        state.live = Some(live);
        if state.queue.is_empty() {
            self.rest(&key, &slot, &mut state);
        } else {
            drop(state);
            tokio::spawn(drive(self.clone(), key, slot));
        }
    }

    /// Nothing is queued: an execution that only waits leaves memory, unless a
    /// timer of it is due soon.
    fn rest(&self, key: &ExecutionKey, slot: &Arc<Slot>, state: &mut crate::slot::SlotState) {
        state.running = false;
        let parks = state.live.as_ref().is_none_or(|live| {
            crate::turn::may_park(live) && !live.timer_rows.iter().any(|timer| self.0.timers.holds(key, *timer))
        });
        if parks {
            state.live = None;
            state.gone = true;
            self.0.slots.remove(key.uid(), slot);
        }
    }

    /// The execution is closed or gone: whatever is queued came too late.
    fn retire(&self, key: &ExecutionKey, slot: &Arc<Slot>, state: &mut crate::slot::SlotState, answer: Applied) {
        state.running = false;
        state.live = None;
        state.gone = true;
        let mut again = Vec::new();
        for delivery in state.queue.drain(..) {
            match (delivery.reply, &answer) {
                (Some(reply), _) => {
                    let _ = reply.send(answer.clone());
                }
                (None, Err(error)) if error.is_passing() => again.push(delivery.what),
                // A row that outlived its execution. After a failure it stays: the wait is not over.
                (None, Ok(_)) => {
                    if let What::Event(EventKind::TimerFired { timer }) = &delivery.what {
                        self.forget_timer(key, *timer);
                    }
                }
                (None, Err(_)) => {}
            }
        }
        self.0.slots.remove(key.uid(), slot);
        self.deliver_later(key, again);
    }

    /// Removes the row of a timer whose execution is closed.
    fn forget_timer(&self, key: &ExecutionKey, timer: windlass_workflow::TimerId) {
        let mut batch = Batch::default();
        batch.delete(&crate::tables::TIMERS, crate::turn::timer_key(&key.row(), timer));
        // The row is inert; if the store refuses now, the next scan finds it again.
        drop(self.0.store.commit(batch));
    }

    /// A start or turn failed to become durable: memory is not to be trusted.
    fn abandon(&self, key: &ExecutionKey, slot: &Arc<Slot>, error: &JournalError) {
        let mut state = slot.state.lock();
        self.retire(key, slot, &mut state, Err(error.clone()));
    }

    /// `StopExecution`. `None` when there is no such execution; a closed one is
    /// answered as it is.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn stop(
        &self,
        arn: &str,
        error: Option<Text>,
        cause: Option<Text>,
    ) -> Result<Option<Record>, JournalError> {
        let Some(key) = ExecutionKey::from_arn(arn) else { return Ok(None) };
        match self.record(arn)? {
            Some(record) if record.status == Status::Running => {}
            other => return Ok(other),
        }
        self.deliver(&key, EventKind::Stop { error, cause }).await?;
        self.record(arn)
    }

    /// Answers a task by its token.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn answer(&self, token: &str, answer: Answer) -> Result<(), TokenError> {
        let Some((key, task)) = self.0.token_key.open(token) else { return Err(TokenError::Invalid) };
        match self.record(key.arn()).map_err(TokenError::Unavailable)? {
            None => return Err(TokenError::DoesNotExist),
            Some(record) if record.status != Status::Running => return Err(TokenError::TimedOut),
            Some(_) => {}
        }
        let event = match answer {
            Answer::Success(output) => EventKind::TaskSucceeded { task, output },
            Answer::Failure { error, cause } => {
                EventKind::TaskFailed { task, error, cause, failure: windlass_workflow::TaskFailure::Run }
            }
            Answer::Heartbeat => {
                return if self.is_waiting(&key, task).map_err(TokenError::Unavailable)? {
                    self.0.heartbeats.beat(key.uid(), task, self.clock().now());
                    Ok(())
                } else {
                    Err(TokenError::TimedOut)
                };
            }
        };
        match self.deliver(&key, event).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(TokenError::TimedOut),
            Err(error) => Err(TokenError::Unavailable(error)),
        }
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

    /// Whether a task still waits for its answer.
    fn is_waiting(&self, key: &ExecutionKey, task: TaskId) -> Result<bool, JournalError> {
        let slot = self.0.slots.get_or_insert(key.uid());
        {
            let state = slot.state.lock();
            if let Some(live) = &state.live {
                return Ok(live.execution.task(task).is_some());
            }
            if state.running {
                // Its turn is running: the beat counts, a stale one harms nobody.
                return Ok(true);
            }
        }
        let live = self.load(key)?;
        let mut state = slot.state.lock();
        if !state.running && state.queue.is_empty() && state.live.is_none() {
            state.gone = true;
            self.0.slots.remove(key.uid(), &slot);
        }
        Ok(live.is_some_and(|live| live.execution.task(task).is_some()))
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

    /// A definition by its hash.
    ///
    /// # Errors
    /// Where storage fails or the text does not load any more.
    pub fn definition(&self, hash: &str) -> Result<Option<Arc<JournalDefinition>>, JournalError> {
        if let Some(definition) = self.0.definitions.lock().get(hash) {
            return Ok(Some(definition.clone()));
        }
        let Some(row) = self.0.store.get(&DEFINITIONS, &definition_key(hash))? else { return Ok(None) };
        let failed = |reason: String| JournalError::Definition { arn: hash.to_owned(), reason };
        let text = std::str::from_utf8(&row.value).map_err(|error| failed(error.to_string()))?;
        let program = windlass_asl::load_definition(text).map_err(|error| failed(error.to_string()))?;
        let definition =
            Arc::new(JournalDefinition { hash: hash.into(), text: text.into(), program: Arc::new(program) });
        self.keep_definition(definition.clone());
        self.0.stored_definitions.lock().insert(hash.into());
        Ok(Some(definition))
    }

    pub(crate) fn definition_of(&self, record: &Record) -> Result<Arc<JournalDefinition>, JournalError> {
        self.definition(&record.definition_hash)?
            .ok_or_else(|| JournalError::Definition { arn: record.arn.to_string(), reason: "it is not stored".into() })
    }

    fn keep_definition(&self, definition: Arc<JournalDefinition>) {
        let mut definitions = self.0.definitions.lock();
        if definitions.len() >= DEFINITIONS_MAX {
            // Any one may go: it is read again from the store.
            let any = definitions.keys().next().cloned();
            any.and_then(|hash| definitions.remove(&hash));
        }
        definitions.insert(definition.hash.clone(), definition);
    }

    /// Adds a definition to a batch, unless the store has it. Answers whether it
    /// was added: then [`Journal::definition_stored`] follows the commit.
    pub(crate) fn store_definition(&self, definition: &JournalDefinition, batch: &mut Batch) -> bool {
        let new = !self.0.stored_definitions.lock().contains(&definition.hash);
        if new {
            batch.put(&DEFINITIONS, definition_key(&definition.hash), Vec::new(), definition.text.as_bytes().to_vec());
        }
        new
    }

    pub(crate) fn definition_stored(&self, definition: Arc<JournalDefinition>) {
        self.0.stored_definitions.lock().insert(definition.hash.clone());
        self.keep_definition(definition);
    }
}

/// Runs turns of one execution until nothing is queued for it.
async fn drive(journal: Journal, key: ExecutionKey, slot: Arc<Slot>) {
    loop {
        let (live, deliveries) = {
            let mut state = slot.state.lock();
            if state.queue.is_empty() {
                journal.rest(&key, &slot, &mut state);
                return;
            }
            let count = turn_events(&state.queue, journal.limits().turn_bytes_max);
            (state.live.take(), state.queue.drain(..count).collect::<Vec<_>>())
        };
        let loaded = match live {
            Some(live) => Ok(Some(live)),
            None => load_blocking(&journal, &key).await,
        };
        let mut live = match loaded {
            Ok(Some(live)) => live,
            other => {
                let answer = match other {
                    Err(error) => {
                        tracing::error!(execution = %key.arn(), %error, "an execution could not be read");
                        Err(error)
                    }
                    Ok(_) => Ok(false),
                };
                let mut state = slot.state.lock();
                deliveries.into_iter().rev().for_each(|delivery| state.queue.push_front(delivery));
                journal.retire(&key, &slot, &mut state, answer);
                return;
            }
        };
        let unanswered = unanswered(&deliveries);
        let outcome = match journal.make_turn(&mut live, deliveries) {
            Ok(turn) => journal.commit_turn(&mut live, turn).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::error!(execution = %key.arn(), %error, "a turn could not be stored");
            journal.abandon(&key, &slot, &error);
            if error.is_passing() {
                journal.deliver_later(&key, unanswered);
            }
            return;
        }
        let mut state = slot.state.lock();
        if !live.execution.is_running() {
            journal.0.open.fetch_sub(1, Ordering::Relaxed);
            journal.retire(&key, &slot, &mut state, Ok(false));
            return;
        }
        if live.continue_row {
            state.queue.push_back(Delivery { what: What::Event(EventKind::Continue), reply: None });
        }
        state.live = Some(live);
    }
}

/// How many deliveries one turn takes: results that come together must still
/// fit into one batch of the store.
fn turn_events(queue: &VecDeque<Delivery>, bytes_max: usize) -> usize {
    let mut bytes = 0_usize;
    let fitting = queue.iter().take(TURN_EVENTS_MAX).take_while(|delivery| {
        let before = bytes;
        if let What::Event(EventKind::TaskSucceeded { output, .. } | EventKind::TaskSubmitted { output, .. }) =
            &delivery.what
        {
            bytes = bytes.saturating_add(output.bytes_len_within(bytes_max).unwrap_or(bytes_max));
        }
        before < bytes_max
    });
    fitting.count()
}

/// What a failed turn took in and nobody waits for.
fn unanswered(deliveries: &[Delivery]) -> Vec<What> {
    deliveries.iter().filter(|delivery| delivery.reply.is_none()).map(|delivery| delivery.what.clone()).collect()
}

/// An event whose payloads have forgotten where a turn that failed would have
/// stored them.
fn without_places(event: EventKind) -> EventKind {
    match event {
        EventKind::TaskSubmitted { task, output } => EventKind::TaskSubmitted { task, output: output.without_place() },
        EventKind::TaskSucceeded { task, output } => EventKind::TaskSucceeded { task, output: output.without_place() },
        other => other,
    }
}

/// Reading an execution may touch the disk, so it leaves the runtime's threads.
async fn load_blocking(journal: &Journal, key: &ExecutionKey) -> Result<Option<Box<Live>>, JournalError> {
    let (journal, key) = (journal.clone(), key.clone());
    match tokio::task::spawn_blocking(move || journal.load(&key)).await {
        Ok(loaded) => loaded,
        Err(_) => Err(JournalError::Stopping),
    }
}

fn definition_key(hash: &str) -> Key {
    Key::new(windlass_store::shard_of(hash), "", "").text(hash)
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
