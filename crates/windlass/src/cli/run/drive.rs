//! Drives the workflow machine to its end, in memory: timers and mocked answers
//! in, effects out.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use windlass_asl::{Machine, Pattern, Resource};
use windlass_stepfunctions::mocked_result_problem;
use windlass_task_mock::{Answer, Call, Given, Refusal, Validation};
use windlass_value::{Payload, Text, Timestamp, object};
use windlass_workflow::{
    Effect, Event, EventKind, Execution, History, HistoryEvent, Identity, Limits, MOCK_ASSERTION_FAILED, TaskCall,
    TaskFailure, TaskId, TimerId, World, step,
};

use super::mocks::Mocks;

/// How often a display is brought up to date while nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// The time of a run: the system's, and what was skipped of it.
#[derive(Debug)]
pub(super) struct Clock {
    started_at: Timestamp,
    started: Instant,
    skipped_ms: i64,
}

impl Clock {
    pub(super) fn start() -> Clock {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at = Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX));
        Clock { started_at, started: Instant::now(), skipped_ms: 0 }
    }

    pub(super) fn now(&self) -> Timestamp {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_at.plus_ms(elapsed_ms).plus_ms(self.skipped_ms)
    }

    fn skip_to(&mut self, at: Timestamp) {
        self.skipped_ms += (at.as_ms() - self.now().as_ms()).max(0);
    }

    pub(super) fn skipped_ms(&self) -> i64 {
        self.skipped_ms
    }
}

/// Someone who looks on.
pub(super) trait Watcher {
    /// A turn is over and wrote these events.
    fn turn(&mut self, execution: &Execution, events: Vec<HistoryEvent>);
    /// Nothing is to do until a timer fires; called about every [`TICK`].
    fn idle(&mut self, execution: &Execution, now: Timestamp);
}

/// Why driving ended.
#[derive(Debug)]
pub(super) enum End {
    /// The execution is closed.
    Closed,
    /// These tasks have no mock; the execution stands still.
    Unanswered(Vec<TaskCall>),
    /// Nothing will ever happen: a fault of the machine's.
    Stuck,
}

/// A run on its way.
pub(super) struct Run<'a> {
    pub(super) program: &'a Machine,
    pub(super) limits: Limits,
    pub(super) mocks: Mocks,
    pub(super) clock: Clock,
    pub(super) skip_waits: bool,
    /// Source of all randomness.
    pub(super) seed: u64,
    /// Says that the run is to be stopped, and why.
    pub(super) stop: mpsc::UnboundedReceiver<&'static str>,
}

/// What is about to happen beside timers.
#[derive(Default)]
struct Pending {
    at_once: VecDeque<EventKind>,
    /// Answers that take their time, in the order in which they were given.
    later: BTreeMap<(Timestamp, u64), EventKind>,
    given: u64,
}

impl Pending {
    fn add(&mut self, now: Timestamp, answered: Answered) {
        self.at_once.extend(answered.begin);
        match answered.delay_ms {
            0 => self.at_once.push_back(answered.end),
            delay_ms => {
                self.given += 1;
                let at = now.plus_ms(i64::try_from(delay_ms).unwrap_or(i64::MAX));
                self.later.insert((at, self.given), answered.end);
            }
        }
    }

    fn take(&mut self, now: Timestamp) -> Option<EventKind> {
        if let Some(kind) = self.at_once.pop_front() {
            return Some(kind);
        }
        let first = self.later.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn next(&self) -> Option<Timestamp> {
        self.later.first_key_value().map(|((at, _), _)| *at)
    }
}

#[derive(Default)]
struct Timers {
    in_order: BTreeSet<(Timestamp, TimerId)>,
    instants: HashMap<TimerId, Timestamp>,
}

impl Timers {
    fn set(&mut self, timer: TimerId, at: Timestamp) {
        self.cancel(timer);
        self.instants.insert(timer, at);
        self.in_order.insert((at, timer));
    }

    fn cancel(&mut self, timer: TimerId) {
        if let Some(at) = self.instants.remove(&timer) {
            self.in_order.remove(&(at, timer));
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.in_order.first().map(|(at, _)| *at)
    }

    fn take_due(&mut self, now: Timestamp) -> Option<TimerId> {
        let (_, timer) = *self.in_order.first().filter(|(at, _)| *at <= now)?;
        self.cancel(timer);
        Some(timer)
    }
}

impl Run<'_> {
    /// Drives an execution that has not begun to its end.
    pub(super) async fn drive(&mut self, execution: &mut Execution, watcher: &mut impl Watcher) -> End {
        let token = |task: TaskId| Text::from(format!("run-{task}"));
        let mut history = History::On(Vec::new());
        let mut pending = Pending { at_once: VecDeque::from([EventKind::Start]), ..Pending::default() };
        let mut timers = Timers::default();
        while execution.is_running() {
            let kind = match self.next(&mut pending, &mut timers, execution, watcher).await {
                Ok(Some(kind)) => kind,
                Ok(None) => continue,
                Err(end) => return end,
            };
            let event = Event { at: self.clock.now(), seed: self.next_seed(), kind };
            let world = World { limits: &self.limits, refusal: &|_| None, token: &token };
            let effects = step(self.program, execution, &event, &world, &mut history);
            execution.take_changes();
            let mut unanswered = Vec::new();
            for effect in effects {
                match effect {
                    Effect::SetTimer { timer, at, .. } => timers.set(timer, at),
                    Effect::CancelTimer(timer) => timers.cancel(timer),
                    Effect::Call(call) => match self.answer(&execution.identity, &call) {
                        Some(answered) => pending.add(self.clock.now(), answered),
                        None => unanswered.push(call),
                    },
                    Effect::Continue => pending.at_once.push_back(EventKind::Continue),
                    // Answers are there before anyone could take their task back; what
                    // comes too late the machine knows as stale.
                    Effect::CancelTask(_) | Effect::Finished(_) => {}
                }
            }
            watcher.turn(execution, history.take());
            if !unanswered.is_empty() && execution.is_running() {
                return End::Unanswered(unanswered);
            }
        }
        End::Closed
    }

    /// What happens next. Timers that are due come before answers and before
    /// `Continue`, else a loop without end would outlive its time-out.
    async fn next(
        &mut self,
        pending: &mut Pending,
        timers: &mut Timers,
        execution: &Execution,
        watcher: &mut impl Watcher,
    ) -> Result<Option<EventKind>, End> {
        if let Ok(why) = self.stop.try_recv() {
            return Ok(Some(EventKind::Stop { error: None, cause: Some(why.into()) }));
        }
        if let Some(timer) = timers.take_due(self.clock.now()) {
            return Ok(Some(EventKind::TimerFired { timer }));
        }
        if let Some(kind) = pending.take(self.clock.now()) {
            return Ok(Some(kind));
        }
        let at = timers.next().into_iter().chain(pending.next()).min().ok_or(End::Stuck)?;
        if self.skip_waits {
            self.clock.skip_to(at);
            return Ok(None);
        }
        watcher.idle(execution, self.clock.now());
        let due_ms = (at.as_ms() - self.clock.now().as_ms()).max(0);
        let sleep = TICK.min(Duration::from_millis(due_ms.unsigned_abs()));
        tokio::select! {
            Some(why) = self.stop.recv() => Ok(Some(EventKind::Stop { error: None, cause: Some(why.into()) })),
            () = tokio::time::sleep(sleep) => Ok(None),
        }
    }

    /// What the test case answers to a task; `None` where it says nothing of the state.
    fn answer(&mut self, identity: &Identity, call: &TaskCall) -> Option<Answered> {
        let mocked = call.mocked.as_ref()?;
        let seed = self.next_seed();
        let execution = object! { "Id" => &identity.arn, "Name" => &identity.name, "Input" => identity.input.value() };
        let asked = Call {
            state: &call.state,
            parameters: call.parameters.value(),
            number: mocked.number,
            iteration: mocked.iteration.as_ref().map(|call| (&*call.indexes, call.number)),
            retry_count: call.retry_count,
            execution: &execution,
            at: self.clock.now(),
            seed,
        };
        let task = call.task;
        let failed = |error: Text, cause: Option<Text>| EventKind::TaskFailed {
            task,
            error: Some(error),
            cause,
            failure: TaskFailure::Run,
        };
        let mut begin = vec![EventKind::TaskStarted { task, worker: None }];
        let given = match self.mocks.answer(&asked)?.and_then(|given| checked(given, call)) {
            Ok(given) => given,
            Err(Refusal { is_assertion, cause }) => {
                let error = if is_assertion { MOCK_ASSERTION_FAILED } else { "States.Runtime" };
                return Some(Answered { begin, delay_ms: 0, end: failed(error.into(), Some(cause.into())) });
            }
        };
        if matches!(&call.resource, Resource::Integration { pattern, .. } if *pattern != Pattern::RequestResponse) {
            begin.push(EventKind::TaskSubmitted { task, output: Payload::from_value(given.submitted) });
        }
        let end = match given.answer {
            Answer::Return(result) => EventKind::TaskSucceeded { task, output: Payload::from_value(result) },
            Answer::Throw { error, cause } => failed(error, cause),
        };
        Some(Answered { begin, delay_ms: given.delay_ms, end })
    }

    fn next_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.seed
    }
}

/// Holds a result to its API, as far as the mock asks for it.
fn checked(given: Given, call: &TaskCall) -> Result<Given, Refusal> {
    let is_strict = given.validation == Validation::Strict;
    match &given.answer {
        Answer::Return(result) if given.validation != Validation::None => {
            let problem = mocked_result_problem(&call.resource, result, is_strict);
            problem.map_or(Ok(given), |problem| Err(Refusal::unfit(&call.state, &problem)))
        }
        _ => Ok(given),
    }
}

/// The events of a task that a mock answers.
struct Answered {
    begin: Vec<EventKind>,
    /// Between those and the end.
    delay_ms: u64,
    end: EventKind,
}
