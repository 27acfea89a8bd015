//! Generated definitions under generated answers: the invariants hold whatever
//! an author writes, and every execution comes to its end.

use proptest::prelude::*;
use windlass_asl::load_definition;
use windlass_value::{Object, Payload, Value, object};
use windlass_workflow::{EventKind, Limits};

use crate::script::Script;
use crate::world::run;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";
const CALLBACK: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

/// A state without name and transition.
#[derive(Clone, Debug)]
enum Shape {
    Pass { wraps: bool },
    Wait { seconds: u8 },
    Task { resource: &'static str, timeout: Option<u8>, heartbeat: bool, retries: u8, catches: bool },
    Choice { takes_first: bool },
    Fail,
    Succeed,
    Parallel { branches: Vec<Vec<Shape>>, retries: u8, catches: bool },
    Map { body: Vec<Shape>, concurrency: u8, items: u8, retries: u8, catches: bool },
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        3 => any::<bool>().prop_map(|wraps| Shape::Pass { wraps }),
        2 => (0..4_u8).prop_map(|seconds| Shape::Wait { seconds }),
        6 => (
            prop::sample::select(vec![FUNCTION, FUNCTION, ACTIVITY, CALLBACK]),
            prop::option::of(2..9_u8),
            any::<bool>(),
            0..3_u8,
            any::<bool>(),
        )
            .prop_map(|(resource, timeout, heartbeat, retries, catches)| Shape::Task { resource, timeout, heartbeat, retries, catches }),
        1 => any::<bool>().prop_map(|takes_first| Shape::Choice { takes_first }),
        1 => Just(Shape::Fail),
        1 => Just(Shape::Succeed),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let body = prop::collection::vec(inner, 1..4);
        prop_oneof![
            (prop::collection::vec(body.clone(), 1..4), 0..2_u8, any::<bool>())
                .prop_map(|(branches, retries, catches)| Shape::Parallel { branches, retries, catches }),
            (body, 0..4_u8, 0..5_u8, 0..2_u8, any::<bool>()).prop_map(
                |(body, concurrency, items, retries, catches)| Shape::Map {
                    body,
                    concurrency,
                    items,
                    retries,
                    catches
                }
            ),
        ]
    })
}

/// Writes states one after the other; the last one ends.
fn machine(shapes: &[Shape], next_name: &mut u32) -> Value {
    let names: Vec<String> = shapes
        .iter()
        .map(|_| {
            *next_name += 1;
            format!("S{next_name}")
        })
        .collect();
    let mut states = Object::new();
    for (at, shape) in shapes.iter().enumerate() {
        let mut state = Object::new();
        let next = names.get(at + 1);
        let errors = |state: &mut Object, retries: u8, catches: bool| {
            if retries > 0 {
                let retrier =
                    object! { "ErrorEquals" => vec![Value::from("States.ALL")], "MaxAttempts" => i64::from(retries) };
                state.insert("Retry", vec![retrier]);
            }
            if catches && let Some(next) = next {
                let catcher = object! { "ErrorEquals" => vec![Value::from("States.ALL")], "Next" => next, "ResultPath" => "$.error" };
                state.insert("Catch", vec![catcher]);
            }
        };
        let kind = match shape {
            Shape::Pass { wraps } => {
                if *wraps {
                    state.insert("Parameters", object! { "was.$" => "$" });
                }
                "Pass"
            }
            Shape::Wait { seconds } => {
                state.insert("Seconds", i64::from(*seconds));
                "Wait"
            }
            Shape::Task { resource, timeout, heartbeat, retries, catches } => {
                state.insert("Resource", *resource);
                if *resource == CALLBACK {
                    state.insert(
                        "Parameters",
                        object! { "QueueUrl" => "q", "MessageBody" => object! { "t.$" => "$$.Task.Token" } },
                    );
                }
                if let Some(timeout) = timeout {
                    state.insert("TimeoutSeconds", i64::from(*timeout) + 2);
                    if *heartbeat && *resource != FUNCTION {
                        state.insert("HeartbeatSeconds", i64::from(*timeout));
                    }
                }
                errors(&mut state, *retries, *catches);
                "Task"
            }
            Shape::Choice { takes_first } => {
                let to = next.unwrap_or(&names[at]);
                if next.is_none() {
                    "Succeed"
                } else {
                    let rule = object! { "Variable" => "$", "IsPresent" => *takes_first, "Next" => to };
                    state.insert("Choices", vec![rule]);
                    state.insert("Default", to);
                    "Choice"
                }
            }
            Shape::Fail => {
                state.insert("Error", "Wrong");
                "Fail"
            }
            Shape::Succeed => "Succeed",
            Shape::Parallel { branches, retries, catches } => {
                let branches: Vec<Value> = branches.iter().map(|branch| machine(branch, next_name)).collect();
                state.insert("Branches", branches);
                errors(&mut state, *retries, *catches);
                "Parallel"
            }
            Shape::Map { body, concurrency, items, retries, catches } => {
                state.insert("ItemProcessor", machine(body, next_name));
                let items = if *items == 0 { "$$.Execution.Input.none" } else { "$$.Execution.Input.some" };
                state.insert("ItemsPath", items);
                state.insert("MaxConcurrency", i64::from(*concurrency));
                errors(&mut state, *retries, *catches);
                "Map"
            }
        };
        state.insert("Type", kind);
        if !matches!(kind, "Fail" | "Succeed" | "Choice") {
            match next {
                Some(next) => state.insert("Next", next),
                None => state.insert("End", true),
            };
        }
        states.insert(names[at].as_str(), state);
    }
    object! { "StartAt" => names[0].as_str(), "States" => states }
}

/// What tasks answer, one after the other.
fn answers() -> impl Strategy<Value = Value> {
    let answer = prop_oneof![
        4 => (0..3_i64).prop_map(|at| object! { "at" => at, "echo" => true }),
        3 => (0..3_i64).prop_map(|at| object! { "at" => at, "fail" => object! { "error" => "E", "cause" => "C" } }),
        1 => Just(object! { "fail" => object! { "error" => "E" }, "how" => "schedule" }),
        1 => Just(object! { "fail" => object! { "error" => "E" }, "how" => "submit" }),
        2 => (0..2_i64, 0..9_i64).prop_map(|(submit, at)| object! { "submit" => "m", "submit_at" => submit, "at" => at, "echo" => true, "beats" => vec![Value::from(1), Value::from(3)] }),
        1 => (0..30_i64).prop_map(|at| object! { "at" => at, "echo" => true }),
    ];
    prop::collection::vec(answer, 1..12).prop_map(Value::from)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_of_any_definition(
        shapes in prop::collection::vec(shape(), 1..5),
        answers in answers(),
        stop in prop::option::weighted(0.2, 0..20_000_i64),
        turn_bytes_max in prop::sample::select(vec![1, 100, 1 << 20]),
        turn_transitions_max in prop::sample::select(vec![1, 2, 3, 1000]),
        history_events_max in prop::option::weighted(0.2, 3..60_u64),
        timeout in prop::option::weighted(0.1, 1..20_i64),
        redrives in prop::collection::vec(0..60_000_i64, 0..4),
        seed in any::<u64>(),
    ) {
        let mut definition = machine(&shapes, &mut 0).as_object().unwrap().as_ref().clone();
        if let Some(timeout) = timeout {
            definition.insert("TimeoutSeconds", timeout);
        }
        let text = Value::from(definition).to_text();
        let program = load_definition(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let input = object! { "some" => vec![Value::from(1), Value::from("two"), object! { "three" => 3 }], "none" => Vec::<Value>::new() };
        let limits = Limits { turn_bytes_max, turn_transitions_max, history_events_max, ..Limits::default() };
        let script = Script::read(&object! { "*" => answers });
        let stop = stop.map(|ms| (ms, EventKind::Stop { error: None, cause: None }));
        let redrives = redrives.into_iter().map(|ms| (ms, EventKind::Redrive { from: None }));
        let extra = stop.into_iter().chain(redrives).collect();
        let outcome = run(&program, Payload::from_value(input), script, &limits, seed, extra);
        // Every task answers or times out here, or the execution was left waiting for a token that never comes.
        let waits = outcome.execution.frames.values().any(|frame| matches!(frame.phase, windlass_workflow::Phase::Task(_)));
        prop_assert!(!outcome.execution.is_running() || waits);
    }
}
