//! A world for the machine: its clock moves from event to event, its tasks
//! answer as their script says, and every turn is held to the invariants.

use std::collections::{BTreeMap, HashMap};

use windlass_asl::{Items, Machine, StateKind};
use windlass_value::{Payload, Text, Timestamp, Value, object};
use windlass_workflow::{
    Effect, Event, EventKind, Execution, History, HistoryEvent, Identity, ItemOf, Limits, MapRunPlan, MapSource,
    TaskCall, TaskId, TimerId, TimerKind, World, item_input, step,
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
    pub(crate) map_runs: Vec<MapRunPlan>,
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

/// What a Map Run whose children only hand their inputs on comes to.
fn children_inputs(program: &Machine, plan: &MapRunPlan, at: Timestamp) -> Result<Payload, (Text, Text)> {
    let items = match &plan.source {
        MapSource::Items(items) => items,
        MapSource::Refused { cause } => return Err(("States.ItemReaderFailed".into(), cause.clone())),
        MapSource::Reader { arguments, config, items_max, .. } => {
            let max = items_max.map_or(Value::Null, Value::from);
            return Ok(object! { "arguments" => arguments, "config" => config, "max" => max }.into());
        }
    };
    let items = match items.value() {
        Value::Array(items) => Items::Array(items.clone()),
        Value::Object(object) => Items::Object(object.clone()),
        other => panic!("no items: {other}"),
    };
    let Some(StateKind::Map(map)) = program.find(&plan.state).map(|state| &state.kind) else { panic!("no Map") };
    let input = |index: usize| {
        let value = items.item(index).unwrap_or_default();
        let item = ItemOf { index: index as u64, value, key: items.key(index).cloned(), source: "STATE_DATA".into() };
        item_input(plan, map, &item, at, index as u64)
            .map_err(|failure| (Text::from(failure.error), Text::from(failure.cause)))
    };
    let inputs: Result<Vec<Value>, _> = (0..items.len()).map(input).collect();
    Ok(Payload::from_value(Value::array(inputs?)))
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
        map_runs: Vec::new(),
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
                Effect::StartMapRun(plan) => {
                    let (task, answer) = (plan.task, script.next(&plan.state));
                    if let Some((ms, end)) = answer.end {
                        let kind = match end {
                            End::Succeed(output) => EventKind::MapRunSucceeded { task, output },
                            End::Fail { error, cause, .. } => EventKind::MapRunFailed { task, error, cause },
                            End::Echo | End::Invoke => match children_inputs(program, &plan, at) {
                                Ok(output) => EventKind::MapRunSucceeded { task, output },
                                Err((error, cause)) => {
                                    EventKind::MapRunFailed { task, error: Some(error), cause: Some(cause) }
                                }
                            },
                        };
                        push(&mut queue, at.plus_ms(ms), Due::Event(kind));
                    }
                    run.map_runs.push(*plan);
                }
                Effect::RedriveMapRun { task, arn } => {
                    let plan = run.map_runs.iter().rev().find(|plan| plan.arn == arn).expect("it was started");
                    if let Some((ms, end)) = script.next(&plan.state).end {
                        let kind = match end {
                            End::Succeed(output) => EventKind::MapRunSucceeded { task, output },
                            End::Fail { error, cause, .. } => EventKind::MapRunFailed { task, error, cause },
                            End::Echo | End::Invoke => EventKind::MapRunSucceeded { task, output: plan.input.clone() },
                        };
                        push(&mut queue, at.plus_ms(ms), Due::Event(kind));
                    }
                }
                Effect::SetTimer { timer, at, kind } => push(&mut queue, at, Due::Timer(timer, kind)),
                Effect::Continue => {
                    run.continued += 1;
                    push(&mut queue, at, Due::Event(EventKind::Continue));
                }
                // Timers and answers that come anyway are stale: they must change nothing.
                Effect::CancelTask(_) | Effect::CancelTimer(_) | Effect::AbortMapRun { .. } | Effect::Finished(_) => {}
            }
        }
    }
    watch.end(&run.execution, &run.events);
    run
}
