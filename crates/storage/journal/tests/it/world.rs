//! A server on a store in memory, with time that moves only when nothing else does.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use windlass_asl::load_definition;
use windlass_blob::BlobStore;
use windlass_journal::{
    Answer, Clock, ExecutionKey, ExecutionOptions, HistoryQuery, Journal, JournalConfig, JournalDefinition,
    JournalError, NewExecution, Qualifiers, Record, StartError, TABLES, TokenError,
};
use windlass_store::{MemoryFaults, Store, Table};
use windlass_value::{Object, Payload, Timestamp};
use windlass_workflow::{EventKind, FrameId, HistoryEvent, Identity, Limits, TimerId};

use crate::tasks::{FakeTasks, Outside};

/// When the world begins.
const BEGIN_MS: i64 = 1_735_689_600_000;

/// Tokio's paused time, and how far it was moved by hand.
pub(crate) struct TestClock {
    began: tokio::time::Instant,
    ahead_ms: AtomicI64,
    seeds: AtomicU64,
}

impl TestClock {
    pub(crate) fn move_ahead(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.began.elapsed().as_millis() as i64;
        Timestamp(BEGIN_MS + elapsed + self.ahead_ms.load(Ordering::Relaxed))
    }

    fn seed(&self) -> u64 {
        self.seeds.fetch_add(0x9e37_79b9, Ordering::Relaxed)
    }
}

/// Runs a test in virtual time, on one thread.
pub(crate) fn in_virtual_time<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(test)
}

/// A server and the world around it. Crashes replace the server.
pub(crate) struct World {
    pub(crate) faults: MemoryFaults,
    pub(crate) store: Store,
    pub(crate) outside: Arc<Mutex<Outside>>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) journal: Journal,
    pub(crate) config: JournalConfig,
    pub(crate) admits: bool,
    pub(crate) kept: Kept,
    /// Where contents are.
    pub(crate) folder: tempfile::TempDir,
}

/// How the data of executions is kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    /// Payloads of more bytes are contents.
    pub(crate) inline_bytes_max: Option<usize>,
    /// Sealed.
    pub(crate) seals: bool,
}

/// The tables of the journal and of its contents.
pub(crate) fn tables() -> Vec<&'static Table> {
    [TABLES, windlass_blob::TABLES].concat()
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:m:{name}")
}

impl World {
    pub(crate) async fn new(config: JournalConfig, admits: bool) -> World {
        World::keeping(config, admits, Kept::default()).await
    }

    /// The same, with data kept otherwise than in plain turns.
    pub(crate) async fn keeping(config: JournalConfig, admits: bool, kept: Kept) -> World {
        let faults = MemoryFaults::new();
        let store = Store::memory(&tables(), faults.clone());
        let mut world = World { faults, kept, ..World::over(store, config, admits).await };
        if kept.inline_bytes_max.is_some() {
            world.reopen().await;
        }
        world
    }

    /// A server on a store of any kind.
    pub(crate) async fn over(store: Store, config: JournalConfig, admits: bool) -> World {
        let outside = Arc::new(Mutex::new(Outside::default()));
        let clock = Arc::new(TestClock {
            began: tokio::time::Instant::now(),
            ahead_ms: AtomicI64::new(0),
            seeds: AtomicU64::new(7),
        });
        let journal = open(store.clone(), &outside, &clock, &config, admits);
        journal.recover().await.expect("the store reads");
        let (kept, folder) = (Kept::default(), tempfile::tempdir().expect("a folder"));
        World { faults: MemoryFaults::new(), store, outside, clock, journal, config, admits, kept, folder }
    }

    /// A new process on what survived. Answers how many executions it woke.
    pub(crate) async fn restart(&mut self) -> usize {
        self.store = self.faults.restart(&tables());
        self.reopen().await
    }

    /// A new journal on the same store.
    pub(crate) async fn reopen(&mut self) -> usize {
        self.journal.stop_accepting();
        if let Some(inline_bytes_max) = self.kept.inline_bytes_max {
            let blobs = BlobStore::open(self.folder.path(), self.store.clone()).expect("the folder");
            self.config = JournalConfig { contents: Some(blobs), inline_bytes_max, ..self.config.clone() };
        }
        self.journal = open(self.store.clone(), &self.outside, &self.clock, &self.config, self.admits);
        self.journal.recover().await.expect("the store recovers")
    }

    pub(crate) fn new_execution(&self, name: &str, definition: &str, input: &str) -> NewExecution {
        let new = new_execution(self.clock.now(), name, definition, input);
        let data_key = self.kept.seals.then(|| self.outside.lock().make_key(self.clock.now()));
        NewExecution { options: ExecutionOptions { data_key, ..ExecutionOptions::default() }, ..new }
    }

    /// Reads what may be sealed, as somebody who may.
    pub(crate) fn unlocked<T>(&self, mut read: impl FnMut() -> Result<T, JournalError>) -> T {
        loop {
            match read() {
                Ok(read) => return read,
                Err(JournalError::Locked { wrapped, .. }) => {
                    let key = self.outside.lock().open_key(&wrapped, self.clock.now());
                    self.journal.unlock(key);
                }
                Err(error) => panic!("the journal does not read: {error}"),
            }
        }
    }

    pub(crate) fn output(&self, record: &Record) -> Option<Payload> {
        self.unlocked(|| self.journal.output(record))
    }

    pub(crate) async fn start(&self, name: &str, definition: &str, input: &str) -> Result<Record, StartError> {
        self.journal.start(self.new_execution(name, definition, input)).await
    }

    /// Hands an execution an event that comes too late, without waiting.
    pub(crate) fn late(&self, name: &str) {
        let key = ExecutionKey::from_arn(&arn(name)).expect("an ARN");
        let journal = self.journal.clone();
        tokio::spawn(async move {
            let timer = TimerId { frame: FrameId::ROOT, serial: 1_000_000 };
            let _ = journal.deliver(&key, EventKind::TimerFired { timer }).await;
        });
    }

    pub(crate) fn record(&self, name: &str) -> Option<Record> {
        self.journal.record(&arn(name)).expect("the store reads")
    }

    pub(crate) fn history(&self, name: &str) -> Vec<HistoryEvent> {
        let (mut after, mut events) = (None::<String>, Vec::new());
        loop {
            let query = HistoryQuery { reverse: false, after: after.as_deref(), limit: 100_000 };
            let (page, next) = self.unlocked(|| self.journal.history(&arn(name), query));
            events.extend(page);
            after = next;
            if after.is_none() {
                return events;
            }
        }
    }

    /// Answers the tokens that the world holds. What the server could not store is kept.
    pub(crate) async fn answer_tokens(&self) {
        let tokens = std::mem::take(&mut self.outside.lock().tokens);
        for (token, output) in tokens {
            match self.journal.answer(&token, Answer::Success(output.without_place())).await {
                Ok(()) | Err(TokenError::TimedOut | TokenError::DoesNotExist) => {}
                Err(TokenError::Invalid) => panic!("a token did not survive"),
                Err(TokenError::Unavailable(_)) => self.outside.lock().tokens.push((token, output)),
            }
        }
    }

    /// Lets everything happen that needs no time, then a moment of time.
    pub(crate) async fn moment(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Waits until an execution is closed.
    pub(crate) async fn closed(&self, name: &str) -> Record {
        for _ in 0..100_000 {
            if let Some(record) = self.record(name)
                && record.stopped_at.is_some()
            {
                return record;
            }
            self.answer_tokens().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the execution {name} does not end: {:?}", self.history(name));
    }

    /// Nothing is left of closed executions: no timer, no task, nothing to wake.
    pub(crate) async fn check_quiet(&mut self) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let stats = self.journal.stats();
        assert_eq!((stats.live, stats.timers), (0, 0), "closed executions are still in memory");
        assert_eq!(self.restart().await, 0, "closed executions are woken");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let stats = self.journal.stats();
        assert_eq!((stats.live, stats.timers), (0, 0), "a restart finds something to do");
    }
}

pub(crate) fn new_execution(now: Timestamp, name: &str, definition: &str, input: &str) -> NewExecution {
    let program = load_definition(definition).unwrap_or_else(|error| panic!("{error}: {definition}"));
    NewExecution {
        identity: Identity {
            arn: arn(name).into(),
            name: name.into(),
            machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
            machine_name: "m".into(),
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            region: "us-east-1".into(),
            started_at: now,
            input: Payload::from_text(input).expect("JSON"),
            express: false,
            mocks: None,
        },
        definition: Arc::new(JournalDefinition::new(definition, Arc::new(program))),
        qualifiers: Qualifiers::default(),
        details: Object::new(),
        options: ExecutionOptions::default(),
        concurrency: None,
    }
}

fn open(
    store: Store,
    outside: &Arc<Mutex<Outside>>,
    clock: &Arc<TestClock>,
    config: &JournalConfig,
    admits: bool,
) -> Journal {
    let tasks = Arc::new(FakeTasks { clock: clock.clone(), outside: outside.clone(), admits });
    Journal::open(store, tasks, clock.clone(), config.clone()).expect("the store opens")
}

pub(crate) fn small_turns() -> JournalConfig {
    JournalConfig { limits: Limits { turn_transitions_max: 3, ..Limits::default() }, ..JournalConfig::default() }
}
