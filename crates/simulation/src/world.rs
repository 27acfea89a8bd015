use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use windlass_asl::load_definition;
use windlass_journal::{
    Answer, Clock, HistoryQuery, Journal, JournalConfig, JournalDefinition, NewExecution, Qualifiers, Record, Redrive,
    RedriveError, Redriven, StartError, TABLES, TokenError,
};
use windlass_store::{MemoryFaults, Store, UnsyncedOutcome};
use windlass_value::{Object, Payload};
use windlass_workflow::{HistoryEvent, Identity, Limits, Status};

use crate::clock::VirtualClock;
use crate::generate::generate;
use crate::outside::{HeldToken, Outside, SimulatedTasks};
use crate::predicates;
use crate::random::Random;

/// Executions of one seed.
const EXECUTIONS: u64 = 3;
/// Faults happen in the first moments only: then everything must come to its end.
const FAULTS_UNTIL_MS: u64 = 20_000;
/// Virtual time after which an execution that runs has not come to its end.
const PATIENCE_MS: u64 = 3_600_000;

/// Groups of commits after which whole histories are read.
const HISTORY_EVERY: u64 = 8;

/// What became of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Every event of every execution, as text.
    pub histories: String,
    /// Groups of commits that were synced.
    pub groups: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Executions that were redriven.
    pub redrives: u64,
    /// How often an execution at rest was compared with what is stored of it.
    pub comparisons: u64,
}

/// Runs one seed in virtual time.
///
/// # Errors
/// The predicate that does not hold, with the seed.
pub fn simulate(seed: u64) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async { World::new(seed)?.run().await }).map_err(|error| format!("seed {seed}: {error}"))
}

struct World {
    seed: u64,
    random: Random,
    faults: MemoryFaults,
    clock: Arc<VirtualClock>,
    outside: Arc<Mutex<Outside>>,
    journal: Journal,
    config: JournalConfig,
    executions: Vec<Simulated>,
    holders: Vec<JoinHandle<()>>,
    /// What those who hold tokens call: replaced by every restart.
    current: Arc<Mutex<Journal>>,
    report: Report,
}

/// An execution that somebody wants to start.
struct Simulated {
    name: String,
    definition: Arc<JournalDefinition>,
    start_at_ms: u64,
    stop_at_ms: Option<u64>,
    starting: Option<JoinHandle<Result<Record, StartError>>>,
    acknowledged: bool,
    stopped: bool,
    /// How often it is redriven at most, should it not succeed.
    redrives_left: u32,
    redriving: Option<JoinHandle<Result<Redriven, RedriveError>>>,
    /// A redrive was asked for, and nobody said yet that it was made.
    unsure: bool,
    /// Redrives that were acknowledged.
    redriven: u32,
}

fn arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:m:{name}")
}

impl World {
    fn new(seed: u64) -> Result<World, String> {
        let mut random = Random::new(seed);
        let faults = MemoryFaults::new();
        let outside = Arc::new(Mutex::new(Outside::default()));
        let clock = Arc::new(VirtualClock::new(seed));
        let limits = Limits { turn_transitions_max: 1 + random.below(20) as u32, ..Limits::default() };
        let config = JournalConfig { limits, ..JournalConfig::default() };
        let mut executions = Vec::new();
        for at in 0..EXECUTIONS {
            let text = generate(&mut random).to_text();
            let program = load_definition(&text).map_err(|error| format!("{error}: {text}"))?;
            executions.push(Simulated {
                name: format!("e{at}"),
                definition: Arc::new(JournalDefinition::new(text, Arc::new(program))),
                start_at_ms: random.below(2_000),
                stop_at_ms: random.chance(15).then(|| 1 + random.below(15_000)),
                starting: None,
                acknowledged: false,
                stopped: false,
                redrives_left: random.below(3) as u32,
                redriving: None,
                unsure: false,
                redriven: 0,
            });
        }
        let journal = open(Store::memory(TABLES, faults.clone()), seed, &outside, &clock, &config)?;
        let current = Arc::new(Mutex::new(journal.clone()));
        let report = Report { histories: String::new(), groups: 0, faults: 0, redrives: 0, comparisons: 0 };
        Ok(World {
            seed,
            random,
            faults,
            clock,
            outside,
            journal,
            config,
            executions,
            holders: Vec::new(),
            current,
            report,
        })
    }

    async fn run(mut self) -> Result<Report, String> {
        self.journal.recover().await.map_err(|error| error.to_string())?;
        self.faults.pause_syncs();
        let mut now_ms = 0;
        while !self.is_over()? {
            if now_ms > PATIENCE_MS {
                let running: Vec<String> =
                    self.executions.iter().map(|one| format!("{}: {:?}", one.name, self.history(&one.name))).collect();
                return Err(format!("an execution does not end: {}", running.join("\n")));
            }
            let step_ms = if self.faults.unsynced() > 0 { 1 } else { 10 };
            tokio::time::sleep(Duration::from_millis(step_ms)).await;
            now_ms += step_ms;
            self.start_and_stop(now_ms).await?;
            self.redrive().await?;
            self.hand_out_tokens();
            if self.faults.unsynced() > 0 {
                self.report.groups += 1;
                if now_ms < FAULTS_UNTIL_MS && self.random.chance(8) {
                    self.strike().await?;
                } else {
                    self.faults.sync_once();
                }
                self.check_moment()?;
            }
        }
        self.faults.release_syncs();
        self.check_end().await?;
        Ok(self.report)
    }

    fn is_over(&self) -> Result<bool, String> {
        for one in &self.executions {
            let record = self.journal.record(&arn(&one.name)).map_err(|error| error.to_string())?;
            if !one.acknowledged || one.redriving.is_some() {
                return Ok(false);
            }
            let over = record.is_some_and(|record| match record.status {
                Status::Running => false,
                Status::Succeeded => true,
                Status::Failed | Status::TimedOut | Status::Aborted => one.redrives_left == 0,
            });
            if !over {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Clients start, start again what was not acknowledged, and stop.
    async fn start_and_stop(&mut self, now_ms: u64) -> Result<(), String> {
        for one in &mut self.executions {
            if let Some(starting) = one.starting.take_if(|starting| starting.is_finished()) {
                match starting.await.map_err(|error| error.to_string())? {
                    Ok(_) | Err(StartError::Exists(_)) => one.acknowledged = true,
                    Err(_) => one.start_at_ms = now_ms + 50,
                }
            }
            if !one.acknowledged && one.starting.is_none() && now_ms >= one.start_at_ms {
                let new = new_execution(&one.name, one.definition.clone(), self.clock.as_ref())?;
                let journal = self.journal.clone();
                one.starting = Some(tokio::spawn(async move { journal.start(new).await }));
            }
            if one.acknowledged && !one.stopped && one.stop_at_ms.is_some_and(|at| now_ms >= at) {
                one.stopped = true;
                let (journal, arn) = (self.journal.clone(), arn(&one.name));
                tokio::spawn(async move { journal.stop(&arn, Some("Stopped".into()), None).await });
            }
        }
        Ok(())
    }

    /// What did not succeed is redriven, and again with the same token while nobody
    /// says that it was.
    async fn redrive(&mut self) -> Result<(), String> {
        for one in &mut self.executions {
            let arn = arn(&one.name);
            if let Some(redriving) = one.redriving.take_if(|redriving| redriving.is_finished()) {
                match redriving.await.map_err(|error| error.to_string())? {
                    Ok(_) => {
                        one.unsure = false;
                        one.redriven += 1;
                        one.redrives_left -= 1;
                    }
                    Err(RedriveError::Refused(_)) => {}
                    Err(error) => return Err(format!("{}: a redrive is refused: {error}", one.name)),
                }
                continue;
            }
            let record = self.journal.record(&arn).map_err(|error| error.to_string())?;
            let failed = record.is_some_and(|record| !matches!(record.status, Status::Running | Status::Succeeded));
            // One that was made and not acknowledged may run, or be over, by now.
            let asked = one.redrives_left > 0 && one.redriving.is_none() && one.acknowledged;
            if asked && (failed || one.unsure) {
                one.unsure = true;
                let redrive = Redrive { client_token: Some(format!("t{}", one.redriven).into()), from: None };
                let journal = self.journal.clone();
                one.redriving = Some(tokio::spawn(async move { journal.redrive(&arn, redrive).await }));
            }
        }
        Ok(())
    }

    /// Whoever holds a token answers in time, and again while the server is away.
    fn hand_out_tokens(&mut self) {
        let tokens = std::mem::take(&mut self.outside.lock().tokens);
        for held in tokens {
            self.holders.push(tokio::spawn(answer(held, self.current.clone(), self.outside.clone())));
        }
    }

    /// The store fails, and in all cases but one a new process takes over.
    async fn strike(&mut self) -> Result<(), String> {
        self.report.faults += 1;
        match self.random.below(5) {
            0 => self.faults.crash(),
            1 => self.faults.crash_with(UnsyncedOutcome::Kept),
            2 | 3 => {
                let outcome = if self.random.chance(50) { UnsyncedOutcome::Lost } else { UnsyncedOutcome::Kept };
                self.faults.fail_next_sync("drawn", outcome);
                self.faults.sync_once();
            }
            _ => {
                self.faults.refuse_next_sync("drawn");
                self.faults.sync_once();
                return Ok(());
            }
        }
        self.restart().await.map(|_| ())?;
        self.faults.pause_syncs();
        Ok(())
    }

    async fn restart(&mut self) -> Result<usize, String> {
        self.journal.stop_accepting();
        self.journal = open(self.faults.restart(TABLES), self.seed, &self.outside, &self.clock, &self.config)?;
        *self.current.lock() = self.journal.clone();
        self.journal.recover().await.map_err(|error| error.to_string())
    }

    fn history(&self, name: &str) -> Result<Vec<HistoryEvent>, String> {
        let query = HistoryQuery { reverse: false, after: None, limit: usize::MAX };
        let mut after: Option<String> = None;
        let mut events = Vec::new();
        loop {
            let query = HistoryQuery { after: after.as_deref(), ..query };
            let (page, next) = self.journal.history(&arn(name), query).map_err(|error| error.to_string())?;
            events.extend(page);
            after = next;
            if after.is_none() {
                return Ok(events);
            }
        }
    }

    /// What holds after every group of commits.
    fn check_moment(&mut self) -> Result<(), String> {
        for one in &self.executions {
            let arn = arn(&one.name);
            let record = self.journal.record(&arn).map_err(|error| error.to_string())?;
            if one.acknowledged && record.is_none() {
                return Err(format!("the acknowledged start of {} is lost", one.name));
            }
            if record.is_some() && self.report.groups.is_multiple_of(HISTORY_EVERY) {
                let events = self.history(&one.name)?;
                predicates::history(&events).map_err(|error| format!("{}: {error}", one.name))?;
            }
            self.report.comparisons += 1;
            if let Some((live, stored)) = self.journal.compare_with_store(&arn).map_err(|error| error.to_string())? {
                return Err(format!("{}: memory and store differ\nmemory: {live}\nstore: {stored}", one.name));
            }
        }
        Ok(())
    }

    /// What holds when everything has come to its end.
    async fn check_end(&mut self) -> Result<(), String> {
        let settle = Duration::from_secs(60);
        tokio::time::sleep(settle).await;
        let mut names = BTreeSet::new();
        for one in &self.executions {
            let record = self.journal.record(&arn(&one.name)).map_err(|error| error.to_string())?;
            let record = record.ok_or_else(|| format!("{} is gone", one.name))?;
            let events = self.history(&one.name)?;
            if record.redrive_count != one.redriven {
                return Err(format!("{} was redriven {} times, not {}", one.name, record.redrive_count, one.redriven));
            }
            self.report.redrives += u64::from(one.redriven);
            predicates::closed(&record, &events, &self.outside.lock())
                .map_err(|error| format!("{}: {error}\n{}\n{events:#?}", one.name, one.definition.text))?;
            names.insert(one.name.clone());
            for event in &events {
                let _ = writeln!(self.report.histories, "{} {event:?}", one.name);
            }
        }
        for _ in 0..2 {
            let stats = self.journal.stats();
            if (stats.live, stats.timers) != (0, 0) {
                return Err(format!("{} executions and {} timers are left in memory", stats.live, stats.timers));
            }
            let woken = self.restart().await?;
            if woken != 0 {
                return Err(format!("a restart wakes {woken} closed executions"));
            }
            tokio::time::sleep(settle).await;
        }
        self.journal.stop_accepting();
        for holder in &self.holders {
            holder.abort();
        }
        Ok(())
    }
}

fn open(
    store: Store,
    seed: u64,
    outside: &Arc<Mutex<Outside>>,
    clock: &Arc<VirtualClock>,
    config: &JournalConfig,
) -> Result<Journal, String> {
    let tasks = Arc::new(SimulatedTasks { seed, outside: outside.clone() });
    Journal::open(store, tasks, clock.clone(), config.clone()).map_err(|error| error.to_string())
}

fn new_execution(name: &str, definition: Arc<JournalDefinition>, clock: &VirtualClock) -> Result<NewExecution, String> {
    let input =
        Payload::from_text(r#"{"items": [1.50, "two", {"three": null}]}"#).map_err(|error| error.to_string())?;
    Ok(NewExecution {
        identity: Identity {
            arn: arn(name).into(),
            name: name.into(),
            machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
            machine_name: "m".into(),
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            region: "us-east-1".into(),
            started_at: clock.now(),
            input,
            express: false,
            mocks: None,
        },
        definition,
        qualifiers: Qualifiers::default(),
        details: Object::new(),
        options: windlass_journal::ExecutionOptions::default(),
        concurrency: None,
    })
}

async fn answer(held: HeldToken, journal: Arc<Mutex<Journal>>, outside: Arc<Mutex<Outside>>) {
    let mut left_ms = held.after_ms;
    while left_ms > 1_000 {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        left_ms -= 1_000;
        if held.beats {
            let journal = journal.lock().clone();
            // A beat that is lost may cost the attempt, which is the caller's risk.
            let _ = journal.answer(&held.token, Answer::Heartbeat).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(left_ms)).await;
    loop {
        let answer = match &held.output {
            Some(output) => Answer::Success(output.without_place()),
            None => Answer::Failure { error: Some("Outside".into()), cause: None },
        };
        let journal = journal.lock().clone();
        match journal.answer(&held.token, answer).await {
            Ok(()) => {
                outside.lock().taken.insert((held.execution, held.task), held.output.is_some());
                return;
            }
            Err(TokenError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(TokenError::Invalid | TokenError::TimedOut | TokenError::DoesNotExist) => return,
        }
    }
}
