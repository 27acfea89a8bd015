//! Runs the state: effects are answered by the mock, or performed as an execution's.

use std::time::Duration;

use tokio::sync::mpsc;
use windlass_asl::Resource;
use windlass_journal::{Answers, TaskJob};
use windlass_protocol::Fault;
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{
    Budget, Effect, Event, EventKind, Execution, FrameId, History, Identity, Limits, Phase, Probe, ProbeAnswer, Status,
    TaskCall, TaskFailure, TaskId, TimerId, Traced, World, step_probed,
};

use super::Hands;
use super::mock::Mock;
use super::subject::Subject;
use crate::environment::Environment;
use crate::integration::{Exchange, parameters_refusal};

/// The longest a test takes.
const TEST_MS_MAX: i64 = 300_000;

/// How a state ended.
pub(super) enum Ending {
    /// It was left; with its output.
    Left(Payload),
    /// A retrier grants another attempt.
    Retriable,
    /// It failed.
    Failed { error: Option<Text>, cause: Option<Text> },
}

/// What is known of a state that has run.
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) traced: Vec<Traced>,
    /// The last request of an HTTP task, where somebody watched.
    pub(super) exchange: Option<Exchange>,
}

/// A run to make.
pub(super) struct Run<'a> {
    pub(super) environment: &'a Environment,
    pub(super) hands: Option<&'a Hands>,
    pub(super) limits: Limits,
    pub(super) mock: Option<&'a Mock>,
    pub(super) probe: &'a Probe,
    pub(super) depth: u8,
    /// Whether requests of HTTP tasks are noted.
    pub(super) is_watched: bool,
}

/// Takes back the tasks that are under way when nobody waits for them any more.
struct Underway<'a> {
    hands: Option<&'a Hands>,
    arn: Text,
    tasks: Vec<TaskId>,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(hands) = self.hands {
            self.tasks.iter().for_each(|task| hands.tasks.cancel(&self.arn, *task));
        }
    }
}

impl Run<'_> {
    /// Runs the state to its end.
    pub(super) async fn drive(
        &self,
        subject: &Subject,
        identity: Identity,
        variables: Option<Payload>,
    ) -> Result<Ended, Fault> {
        let mut execution = Probe::execution(identity, subject.name().clone(), variables);
        let arn = execution.identity.arn.clone();
        let _entered = self.hands.map(|hands| hands.depths.enter(&arn, self.depth));
        let watched = self.hands.filter(|_| self.is_watched).map(|hands| hands.exchanges.watch(&arn));
        let name = execution.identity.name.clone();
        let token = |task: TaskId| Text::from(format!("{name}/{task}"));
        let refusal = |call: &TaskCall| match call.resource {
            Resource::Activity => None,
            _ => parameters_refusal(call),
        };
        let world = World { limits: &self.limits, refusal: &refusal, token: &token };
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let mut budget = Budget::default();
        let mut timers: Vec<(Timestamp, TimerId)> = Vec::new();
        let mut underway = Underway { hands: self.hands, arn: arn.clone(), tasks: Vec::new() };
        let latest = self.environment.now().plus_ms(TEST_MS_MAX);
        let mut next = EventKind::Continue;
        let ending = loop {
            let event = Event { at: self.environment.now(), seed: self.environment.seed(), kind: next };
            let effects = step_probed(
                subject.machine(),
                &mut execution,
                &event,
                &world,
                &mut History::Off,
                &mut budget,
                self.probe,
            );
            for effect in effects {
                match effect {
                    Effect::SetTimer { timer, at, .. } => timers.push((at, timer)),
                    Effect::CancelTimer(timer) => timers.retain(|(_, set)| *set != timer),
                    Effect::CancelTask(task) => {
                        underway.tasks.retain(|other| *other != task);
                        if let Some(hands) = self.hands {
                            hands.tasks.cancel(&arn, task);
                        }
                    }
                    Effect::Call(call) => {
                        underway.tasks.push(call.task);
                        self.perform(call, &execution, &sender)?;
                    }
                    // The state is over: another would follow, or nothing does.
                    Effect::Continue | Effect::Finished(_) => {}
                }
            }
            if let Some(ending) = ending(&execution) {
                break ending;
            }
            timers.sort_unstable();
            match self.next(&mut receiver, &mut timers, latest, underway.tasks.is_empty()).await {
                Some(kind) => next = kind,
                None => break Ending::Failed { error: Some("States.Timeout".into()), cause: None },
            }
        };
        drop(underway);
        Ok(Ended { ending, traced: self.probe.trace.take(), exchange: watched.and_then(|watched| watched.take()) })
    }

    /// Has a task answered by the mock, or by whoever performs those of executions.
    fn perform(
        &self,
        call: TaskCall,
        execution: &Execution,
        sender: &mpsc::UnboundedSender<EventKind>,
    ) -> Result<(), Fault> {
        let task = call.task;
        // The channel outlives the run, so events are always taken.
        let tell = |kind: EventKind| {
            let _ = sender.send(kind);
        };
        match (self.mock.map(Mock::answer), self.hands) {
            (Some(answer), _) => {
                tell(EventKind::TaskStarted { task, worker: None });
                tell(match answer {
                    ProbeAnswer::Result(output) => EventKind::TaskSucceeded { task, output },
                    ProbeAnswer::Failure { error, cause } => {
                        EventKind::TaskFailed { task, error: Some(error), cause, failure: TaskFailure::Run }
                    }
                });
            }
            (None, Some(hands)) => {
                let started = hands.tasks.admit(&call);
                if started.is_some() {
                    tell(EventKind::TaskStarted { task, worker: None });
                }
                let answers = Answers::memory(sender.clone(), task);
                let job = TaskJob { identity: execution.identity.clone(), call, started, answers };
                hands.tasks.clone().perform(job);
            }
            (None, None) => {
                return Err(Fault::validation("There is no service here that a task could call. Specify a mock."));
            }
        }
        Ok(())
    }

    /// What happens next; `None`: nothing will in time. `is_idle`: no task is under way.
    async fn next(
        &self,
        receiver: &mut mpsc::UnboundedReceiver<EventKind>,
        timers: &mut Vec<(Timestamp, TimerId)>,
        latest: Timestamp,
        is_idle: bool,
    ) -> Option<EventKind> {
        loop {
            let now = self.environment.now();
            let first = timers.first().copied();
            if let Some((at, timer)) = first
                && at <= now
            {
                timers.remove(0);
                return Some(EventKind::TimerFired { timer });
            }
            // A wait beyond the end of the test needs no waiting.
            if now >= latest || (is_idle && first.is_none_or(|(at, _)| at > latest)) {
                return None;
            }
            let due = first.map_or(latest, |(at, _)| at.min(latest));
            let wait_ms = (due.as_ms() - now.as_ms()).max(0).unsigned_abs();
            tokio::select! {
                event = receiver.recv() => return event,
                () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            }
        }
    }
}

/// How the state ended, if it did.
fn ending(execution: &Execution) -> Option<Ending> {
    match execution.status {
        Status::Running => {
            let frame = execution.frames.get(&FrameId::ROOT)?;
            match frame.phase {
                Phase::Enter if frame.entered.is_none() => Some(Ending::Left(frame.input.clone())),
                Phase::Retry { .. } => Some(Ending::Retriable),
                _ => None,
            }
        }
        Status::Succeeded => execution.output.clone().map(Ending::Left),
        Status::Failed | Status::TimedOut | Status::Aborted => {
            Some(Ending::Failed { error: execution.error.clone(), cause: execution.cause.clone() })
        }
    }
}
