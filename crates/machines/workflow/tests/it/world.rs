//! A world for the machine: its clock moves from event to event, its tasks
//! answer as their script says, and every turn is held to the invariants.

use std::collections::{BTreeMap, HashMap};

use windlass_asl::Machine;
use windlass_value::{Payload, Text, Timestamp, object};
use windlass_workflow::{
    Effect, Event, EventKind, Execution, History, HistoryEvent, Identity, Limits, TaskCall, TaskId, TimerId, TimerKind,
    World, step,
};

use crate::invariants::Watch;
use crate::script::{End, Script};

/// When every execution starts: 2025-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp(1_735_689_600_000);
/// Events one execution takes at most, so that a loop ends the test.
const EVENTS_MAX: usize = 200_000;

/// What is to happen.
#[derive(Clone, Debug)]
enum Due {
    Event(EventKind),
    Timer(TimerId, TimerKind),
    Beat(TaskId),
}

/// A run of one execution.
pub(crate) struct Run {
    pub(crate) execution: Execution,
    pub(crate) events: Vec<HistoryEvent>,
    /// Turns that ended on their budget.
    pub(crate) continued: usize,
    pub(crate) calls: Vec<TaskCall>,
    /// Where time stands.
    pub(crate) now: Timestamp,
}

/// An identity for tests.
pub(crate) fn identity(input: Payload) -> Identity {
    Identity {
        arn: "arn:aws:states:us-east-1:123456789012:execution:machine:run".into(),
        name: "run".into(),
        machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:machine".into(),
        machine_name: "machine".into(),
        role_arn: "arn:aws:iam::123456789012:role/role".into(),
        region: "us-east-1".into(),
        started_at: START,
        input,
        express: false,
        mocks: None,
    }
}

/// The token of a task, as a world of tests makes it.
pub(crate) fn token(task: TaskId) -> Text {
    format!("token-{task}").into()
}

/// Runs an execution until it closes or nothing is left to happen.
pub(crate) fn run(
    program: &Machine,
    input: Payload,
    mut script: Script,
    limits: &Limits,
    seed: u64,
    extra: Vec<(i64, EventKind)>,
) -> Run {
    let mut queue: BTreeMap<(Timestamp, u64), Due> = BTreeMap::new();
    let mut serial = 0;
    let mut push = |queue: &mut BTreeMap<(Timestamp, u64), Due>, at: Timestamp, due: Due| {
        serial += 1;
        queue.insert((at, serial), due);
    };
    push(&mut queue, START, Due::Event(EventKind::Start));
    for (ms, event) in extra {
        push(&mut queue, START.plus_ms(ms), Due::Event(event));
    }
    let refusal = |call: &TaskCall| (call.state.ends_with("Refused")).then(|| format!("{} is refused.", call.arn));
    let world = World { limits, refusal: &refusal, token: &token };
    let mut run = Run {
        execution: Execution::new(identity(input)),
        events: Vec::new(),
        continued: 0,
        calls: Vec::new(),
        now: START,
    };
    let mut watch = Watch::default();
    let mut beats: HashMap<TaskId, Timestamp> = HashMap::new();
    let mut steps = 0;
    while let Some(((at, _), due)) = queue.pop_first() {
        steps += 1;
        assert!(steps < EVENTS_MAX, "the execution does not end");
        run.now = at;
        let kind = match due {
            Due::Event(kind) => kind,
            Due::Timer(timer, TimerKind::Heartbeat { task, interval_ms })
                if beats.get(&task).is_some_and(|beat| beat.plus_ms(interval_ms) > at) =>
            {
                push(
                    &mut queue,
                    beats[&task].plus_ms(interval_ms),
                    Due::Timer(timer, TimerKind::Heartbeat { task, interval_ms }),
                );
                continue;
            }
            Due::Timer(timer, _) => EventKind::TimerFired { timer },
            Due::Beat(task) => {
                beats.insert(task, at);
                continue;
            }
        };
        let event = Event { at, seed: seed.wrapping_add(steps as u64), kind };
        watch.before(program, &run.execution, &event, &world);
        let mut history = History::On(Vec::new());
        let effects = step(program, &mut run.execution, &event, &world, &mut history);
        let events = history.take();
        watch.after(program, &run.execution, &event, &effects, &events, &world);
        run.events.extend(events);
        for effect in effects {
            match effect {
                Effect::Call(call) => {
                    let (task, answer) = (call.task, script.next(&call.state));
                    let mut tell = |ms: i64, due: Due| push(&mut queue, at.plus_ms(ms), due);
                    if let Some(ms) = answer.start_ms {
                        tell(ms, Due::Event(EventKind::TaskStarted { task, worker: answer.worker.clone() }));
                    }
                    if let Some((ms, output)) = answer.submit {
                        tell(ms, Due::Event(EventKind::TaskSubmitted { task, output }));
                    }
                    answer.beats_ms.iter().for_each(|ms| tell(*ms, Due::Beat(task)));
                    if let Some((ms, end)) = answer.end {
                        let kind = match end {
                            End::Echo => EventKind::TaskSucceeded { task, output: call.parameters.clone() },
                            End::Invoke => {
                                let payload = call.parameters.value()["Payload"].clone();
                                let output = object! { "ExecutedVersion" => "$LATEST", "Payload" => payload, "StatusCode" => 200 };
                                EventKind::TaskSucceeded { task, output: output.into() }
                            }
                            End::Succeed(output) => EventKind::TaskSucceeded { task, output },
                            End::Fail { error, cause, failure } => {
                                EventKind::TaskFailed { task, error, cause, failure }
                            }
                        };
                        tell(ms, Due::Event(kind));
                    }
                    run.calls.push(call);
                }
                Effect::SetTimer { timer, at, kind } => push(&mut queue, at, Due::Timer(timer, kind)),
                Effect::Continue => {
                    run.continued += 1;
                    push(&mut queue, at, Due::Event(EventKind::Continue));
                }
                // Timers and answers that come anyway are stale: they must change nothing.
                Effect::CancelTask(_) | Effect::CancelTimer(_) | Effect::Finished(_) => {}
            }
        }
    }
    watch.end(&run.execution, &run.events);
    run
}
