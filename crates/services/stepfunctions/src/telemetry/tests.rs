//! History in, records, spans and details out: `cases/*.json`.
//!
//! An event is written as `GetExecutionHistory` shows it, with `at` in milliseconds
//! after the start; only members that matter stand there.

use std::collections::HashMap;
use std::sync::Arc;

use windlass_journal::Qualifiers;
use windlass_value::{Object, Payload, Text, Timestamp, Value, object, parse};
use windlass_workflow::{Details, EventType, HistoryEvent, Identity};

use super::log_level::LogLevel;
use super::log_record::{About, record};
use super::spans::{SpanBuilder, SpanKind};
use super::status_event::{StatusChange, add_data, detail, event_id};
use super::traces::{ExecutionTrace, span_id};

const ARN: &str = "arn:aws:states:us-east-1:123456789012:execution:m:e";
const START_MS: i64 = 1_700_000_000_000;

fn event(given: &Value) -> HistoryEvent {
    let name = given["type"].as_str().expect("a type");
    let event_type = EventType::parse(name).unwrap_or_else(|| panic!("no event is called {name}"));
    let of = given.get(event_type.details_member()).cloned().unwrap_or_else(Value::empty_object);
    let text = |member: &str| of[member].as_str().map(Text::from);
    let required = |member: &str| text(member).unwrap_or_else(|| panic!("{name} needs {member}"));
    let payload = |member: &str| Payload::from_valid_text(&*required(member));
    let number = |member: &str| of[member].as_i64().unwrap_or_default();
    let (error, cause) = (text("error"), text("cause"));
    let details = match event_type.details_member() {
        "" => Details::None,
        "executionStartedEventDetails" => {
            Details::ExecutionStarted { input: payload("input"), role_arn: required("roleArn") }
        }
        "stateEnteredEventDetails" => Details::StateEntered { name: required("name"), input: payload("input") },
        "stateExitedEventDetails" => Details::StateExited {
            name: required("name"),
            output: payload("output"),
            assigned: of["assignedVariables"].as_object().map_or_else(Vec::new, |assigned| {
                assigned.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a text").into())).collect()
            }),
        },
        "lambdaFunctionScheduledEventDetails" => Details::LambdaScheduled {
            resource: required("resource"),
            input: payload("input"),
            timeout_seconds: of["timeoutInSeconds"].as_i64(),
            role_arn: None,
        },
        "taskScheduledEventDetails" => Details::TaskScheduled {
            resource_type: required("resourceType"),
            resource: required("resource"),
            region: required("region"),
            parameters: payload("parameters"),
            timeout_seconds: of["timeoutInSeconds"].as_i64(),
            heartbeat_seconds: None,
            role_arn: None,
        },
        "taskSubmittedEventDetails" | "taskSucceededEventDetails" => Details::TaskOutput {
            resource_type: required("resourceType"),
            resource: required("resource"),
            output: payload("output"),
        },
        "taskStartedEventDetails" => {
            Details::TaskStarted { resource_type: required("resourceType"), resource: required("resource") }
        }
        "mapStateStartedEventDetails" => Details::MapStarted { length: number("length") as u32 },
        member if member.starts_with("mapIteration") => {
            Details::Iteration { name: required("name"), index: number("index") as u32 }
        }
        "evaluationFailedEventDetails" => Details::EvaluationFailed {
            error: required("error"),
            cause: required("cause"),
            location: text("location"),
            state: required("state"),
        },
        _ if of.get("output").is_some() => Details::Output { output: payload("output") },
        _ => Details::Failure { error, cause },
    };
    HistoryEvent {
        id: given["id"].as_i64().expect("an id").unsigned_abs(),
        previous_event_id: given["previousEventId"].as_i64().unwrap_or_default().unsigned_abs(),
        at: Timestamp(START_MS + given["at"].as_i64().unwrap_or_default()),
        event_type,
        details,
    }
}

fn cases(text: &str) -> Vec<Value> {
    parse(text).expect("JSON").as_array().expect("cases").as_ref().clone()
}

fn events(case: &Value) -> Vec<HistoryEvent> {
    case["history"].as_array().expect("a history").iter().map(event).collect()
}

#[test]
fn events_become_records() {
    for case in cases(include_str!("cases/records.json")) {
        let level = LogLevel::parse(case["level"].as_str().unwrap_or("ALL")).expect("a level");
        let qualifiers = Qualifiers {
            version_arn: case["version"].as_str().map(Text::from),
            alias_arn: case["alias"].as_str().map(Text::from),
        };
        let execution_arn: Text = ARN.into();
        let about = About {
            execution_arn: &execution_arn,
            qualifiers: &qualifiers,
            redrive_count: 0,
            include_data: case["data"].as_bool().unwrap_or(true),
        };
        let taken = events(&case).into_iter().filter(|event| level.takes(event.event_type));
        let found: Vec<Value> = taken.map(|event| parse(&record(&event, about)).expect("JSON")).collect();
        for record in &found {
            assert_eq!((record["execution_arn"].as_str(), record["redrive_count"].as_str()), (Some(ARN), Some("0")));
            assert!(record["event_timestamp"].as_str().is_some_and(|at| at.starts_with("17000000")), "{record:?}");
        }
        let shown = found.iter().map(|record| {
            let members = ["id", "type", "previous_event_id", "details"];
            members.iter().map(|name| (*name, record[*name].clone())).collect::<Object>().into()
        });
        assert_eq!(Value::array(shown.collect()), case["records"], "{}", case["name"].to_text());
    }
}

#[test]
fn only_what_is_too_long_is_cut() {
    let long = format!("\"{}\"", "é\\\"".repeat(60_000));
    let (qualifiers, execution_arn) = (Qualifiers::default(), ARN.into());
    let about = About { execution_arn: &execution_arn, qualifiers: &qualifiers, redrive_count: 2, include_data: true };
    let entered = HistoryEvent {
        id: 2,
        previous_event_id: 0,
        at: Timestamp(START_MS),
        event_type: EventType::PassStateEntered,
        details: Details::StateEntered { name: "S".into(), input: Payload::from_valid_text(&*long) },
    };
    let text = record(&entered, about);
    assert!(text.len() <= 250 * 1024, "{}", text.len());
    let found = parse(&text).expect("JSON");
    let input = found["details"]["input"].as_str().expect("a text");
    assert!(long.starts_with(input) && input.len() > 150_000, "{}", input.len());
    assert_eq!(found["details"]["inputDetails"], object! { "truncated" => true });
    assert_eq!(found["redrive_count"].as_str(), Some("2"));
}

#[test]
fn histories_become_spans() {
    for case in cases(include_str!("cases/spans.json")) {
        let name = case["name"].to_text();
        let identity = Arc::new(Identity {
            arn: ARN.into(),
            name: "e".into(),
            machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
            machine_name: "m".into(),
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            region: "us-east-1".into(),
            started_at: Timestamp(START_MS),
            input: Payload::from_valid_text("{}"),
            express: false,
            mocks: None,
        });
        let trace = Arc::new(ExecutionTrace::of(ARN, identity.started_at, None, Some(1.0)));
        let mut builder = SpanBuilder::new(identity, trace.clone());
        let history = events(&case);
        let ids: HashMap<[u8; 8], u64> = history.iter().map(|event| (span_id(ARN, event.id), event.id)).collect();
        let mut found = Vec::new();
        for event in &history {
            for span in builder.push(event) {
                assert_eq!(span.trace_id, trace.trace_id, "{name}");
                let kind = match span.kind {
                    SpanKind::Server => "execution",
                    SpanKind::Internal => "state",
                    SpanKind::Client => "attempt",
                };
                let mut shown = Object::new();
                shown.insert("of", ids[&span.span_id]);
                if let Some(parent) = &span.parent_id {
                    shown.insert("in", ids[parent]);
                }
                shown.insert("name", span.name.as_str());
                shown.insert("kind", kind);
                let ms = |at: Timestamp| at.as_ms() - START_MS;
                shown.insert("from", ms(span.started_at));
                shown.insert("to", ms(span.ended_at));
                if let Some(failure) = &span.failure {
                    shown.insert("failure", failure.as_str());
                }
                found.push(Value::from(shown));
            }
        }
        let expected: Vec<Value> = case["spans"].as_array().expect("spans").as_ref().clone();
        let lines = |spans: &[Value]| spans.iter().map(Value::to_text).collect::<Vec<_>>().join("\n");
        assert_eq!(lines(&found), lines(&expected), "{name}");
    }
}

#[test]
fn details_of_status_changes() {
    let (execution_arn, machine_arn, name) = (ARN.into(), Text::from("arn:m"), Text::from("e"));
    let (error, cause) = (Text::from("E"), Text::from("c"));
    let qualifiers = Qualifiers { version_arn: Some("arn:m:1".into()), alias_arn: None };
    let change = |status: &'static str, ended: bool| StatusChange {
        execution_arn: &execution_arn,
        machine_arn: &machine_arn,
        name: &name,
        qualifiers: &qualifiers,
        status,
        started_at: Timestamp(1_000),
        stopped_at: ended.then_some(Timestamp(2_000)),
        error: (status == "FAILED").then_some(&error),
        cause: (status == "FAILED").then_some(&cause),
        redrive_count: 0,
        redriven_at: None,
    };
    let mut failed = detail(change("FAILED", true));
    add_data(&mut failed, "{}", None);
    let expected = r#"{"executionArn":"arn:aws:states:us-east-1:123456789012:execution:m:e","stateMachineArn":"arn:m","name":"e","status":"FAILED","startDate":1000,"stopDate":2000,"input":"{}","output":null,"stateMachineVersionArn":"arn:m:1","stateMachineAliasArn":null,"redriveCount":0,"redriveDate":null,"redriveStatus":"REDRIVABLE","redriveStatusReason":null,"inputDetails":{"included":true},"outputDetails":null,"error":"E","cause":"c"}"#;
    assert_eq!(Value::from(failed).to_text(), expected);
    // (input bytes, output bytes, whether each is shown)
    let max = 248 * 1024;
    for (input, output, shows_input, shows_output) in [
        (max, 0, true, true),
        (max, 1, false, true),
        (max + 1, 0, false, true),
        (1, max, false, true),
        (1, max + 1, true, false),
    ] {
        let mut detail = detail(change("SUCCEEDED", true));
        add_data(&mut detail, &"1".repeat(input), Some(&"1".repeat(output)));
        let shown = |member: &str| detail.get(member).is_some_and(|value| !value.is_null());
        let told = |member: &str| detail.get(member).and_then(|value| value["included"].as_bool());
        assert_eq!((shown("input"), shown("output")), (shows_input, shows_output), "{input} {output}");
        assert_eq!((told("inputDetails"), told("outputDetails")), (Some(shows_input), Some(shows_output)));
    }
    assert_eq!(event_id(ARN, 1), event_id(ARN, 1));
    assert_ne!(event_id(ARN, 1), event_id(ARN, 4));
}
