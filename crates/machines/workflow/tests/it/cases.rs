//! `tests/cases/*.json`: a definition, what its tasks answer, and what must
//! come of it. A history row is `[id, previousEventId, type, details]`, where
//! details name some members, `null` an absent one, and `@` seconds since the
//! start (two numbers: a range). A `previousEventId` of `null` is any: no rule
//! is known for it.

use std::path::Path;

use windlass_asl::{Options, parse_definition};
use windlass_value::{Text, Timestamp, Value, parse};
use windlass_workflow::{EventKind, FrameId, HistoryEvent, Limits, RestartPoint};

use crate::script::{Script, payload};
use crate::world::{START, run};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder of cases").map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let only = std::env::var("CASE").ok();
    let mut count = 0;
    let mut failed = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "json")) {
        let text = std::fs::read_to_string(file).expect("a case");
        let document = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in document.as_array().expect("an array of cases").iter() {
            let name = case["name"].as_str().expect("a case has a name");
            if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                continue;
            }
            count += 1;
            if let Err(panic) = std::panic::catch_unwind(|| check(case)) {
                let reason = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                failed.push(format!("=== {name}\n{}", reason.unwrap_or_default()));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} cases fail:\n{}", failed.len(), failed.join("\n"));
    assert!(count >= 80 || only.is_some(), "only {count} cases were found");
}

fn limits(case: &Value) -> Limits {
    // The cases speak of AWS; only the bound of the history is set where it is meant.
    let mut limits = Limits { history_events_max: None, standard_seconds_max: None, ..Limits::aws() };
    for (name, value) in case["limits"].as_object().map(|limits| limits.iter().collect::<Vec<_>>()).unwrap_or_default()
    {
        let number = value.as_i64().expect("a limit is a number");
        match &**name {
            "history_events_max" => limits.history_events_max = Some(number as u64),
            "payload_bytes_max" => limits.payload_bytes_max = number as usize,
            "assign_bytes_max" => limits.assign_bytes_max = number as usize,
            "variables_bytes_max" => limits.variables_bytes_max = number as usize,
            "expression_bytes_max" => limits.expression_bytes_max = number as usize,
            "standard_seconds_max" => limits.standard_seconds_max = Some(number as u64),
            "express_seconds_max" => limits.express_seconds_max = number as u64,
            "turn_transitions_max" => limits.turn_transitions_max = number as u32,
            "turn_bytes_max" => limits.turn_bytes_max = number as usize,
            "turn_fuel_max" => limits.turn_fuel_max = number as u64,
            "error_chars_max" => limits.error_chars_max = number as usize,
            "cause_chars_max" => limits.cause_chars_max = number as usize,
            "map_concurrency_default" => limits.map_concurrency_default = number as u32,
            "depth_max" => limits.depth_max = number as u32,
            other => panic!("unknown limit {other}"),
        }
    }
    limits
}

fn check(case: &Value) {
    let text = case["definition"].to_text();
    let definition = parse_definition(&text, &Options::default());
    let Some(program) = definition.machine else { panic!("the definition is refused: {:?}", definition.diagnostics) };
    let mut extra = Vec::new();
    let optional = |value: &Value| value.as_str().map(Text::from);
    if let Some(stop) = case.get("stop") {
        let at = stop["at"].as_f64().unwrap_or(0.0) * 1000.0;
        extra.push((at as i64, EventKind::Stop { error: optional(&stop["error"]), cause: optional(&stop["cause"]) }));
    }
    let redrives = case["redrives"].as_array().map(|redrives| redrives.to_vec()).unwrap_or_default();
    for redrive in redrives {
        let at = redrive["at"].as_f64().unwrap_or(0.0) * 1000.0;
        let from = redrive["state"].as_str().map(|state| RestartPoint {
            frame: FrameId(redrive["frame"].as_i64().unwrap_or(0) as u64),
            state: state.into(),
            input: redrive.get("input").map(payload),
            variables: redrive.get("variables").map(payload),
        });
        extra.push((at as i64, EventKind::Redrive { from }));
    }
    let input = payload(&case["input"]);
    let outcome = run(&program, input, Script::read(&case["tasks"]), &limits(case), 1, extra);
    let execution = &outcome.execution;
    let expect = &case["expect"];
    let mut wrong = Vec::new();
    let mut compare = |what: &str, expected: Value, actual: Value| {
        if expected != actual {
            wrong.push(format!("{what}: expected {expected}\n        but was {actual}"));
        }
    };
    compare("status", expect["status"].clone(), execution.status.as_str().into());
    if let Some(output) = expect.get("output") {
        let actual = execution.output.as_ref().map(|output| output.value().clone());
        compare("output", payload(output).value().clone(), actual.unwrap_or_default());
    } else {
        compare(
            "output",
            Value::Bool(false),
            Value::Bool(execution.output.is_some() && expect["status"] == Value::from("FAILED")),
        );
    }
    compare("error", expect["error"].clone(), execution.error.clone().into());
    compare("cause", expect["cause"].clone(), execution.cause.clone().into());
    if let Some(seconds) = expect.get("ends_at") {
        compare("ends at", seconds.clone(), seconds_since_start(execution.stopped_at.unwrap_or(START)));
    }
    if let Some(continued) = expect.get("continued") {
        compare("turns continued", continued.clone(), outcome.continued.into());
    }
    if let Some(count) = expect.get("events") {
        compare("number of events", count.clone(), outcome.events.len().into());
    }
    if let Some(tail) = expect.get("tail") {
        let rows = tail.as_array().expect("a tail is an array");
        let from = outcome.events.len().saturating_sub(rows.len());
        compare_history(rows, &outcome.events[from..], &mut wrong);
    }
    if let Some(rows) = expect.get("history") {
        let rows = rows.as_array().expect("a history is an array");
        compare_history(rows, &outcome.events, &mut wrong);
    }
    if !wrong.is_empty() {
        let actual: Vec<String> = outcome.events.iter().map(row).collect();
        panic!("{}\nactual history:\n{}", wrong.join("\n"), actual.join("\n"));
    }
}

fn seconds_since_start(at: Timestamp) -> Value {
    let seconds = (at.as_ms() - START.as_ms()) as f64 / 1000.0;
    windlass_value::Number::from_f64(seconds).map_or(Value::Null, Value::Number)
}

/// The details of an event, flat, with payloads as values.
fn details(event: &HistoryEvent) -> Value {
    let value = event.to_value(true);
    let mut details =
        value[event.event_type.details_member()].as_object().map(|details| (**details).clone()).unwrap_or_default();
    for member in ["input", "output", "parameters"] {
        if let Some(text) = details.get(member).and_then(Value::as_str) {
            let value = parse(text).expect("a payload of the history is JSON");
            details.insert(member, value);
        }
    }
    details.into()
}

fn row(event: &HistoryEvent) -> String {
    let mut text =
        format!("[{}, {}, \"{}\", {}]", event.id, event.previous_event_id, event.event_type.name(), details(event));
    if text.len() > 400 {
        text.truncate((0..=400).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        text.push('…');
    }
    text
}

fn compare_history(rows: &[Value], events: &[HistoryEvent], wrong: &mut Vec<String>) {
    if rows.len() != events.len() {
        wrong.push(format!("expected {} events, but there are {}", rows.len(), events.len()));
    }
    for (expected, event) in rows.iter().zip(events) {
        let member = |index: usize| expected.at(index).cloned().unwrap_or_default();
        // A previous event that no rule names is written as null.
        let mut differs = member(0) != Value::from(event.id)
            || (!member(1).is_null() && member(1) != Value::from(event.previous_event_id))
            || member(2) != Value::from(event.event_type.name());
        let actual = details(event);
        if let Some(members) = member(3).as_object() {
            for (name, value) in members.iter() {
                differs |= match &**name {
                    "@" => !time_fits(value, seconds_since_start(event.at)),
                    name => *value != actual[name],
                };
            }
        }
        if differs {
            wrong.push(format!("expected {expected}\n but was {} @ {}", row(event), seconds_since_start(event.at)));
        }
    }
}

fn time_fits(expected: &Value, actual: Value) -> bool {
    match expected.as_array() {
        Some(range) => {
            let bound = |index: usize| range[index].as_f64().expect("a bound");
            let seconds = actual.as_f64().unwrap_or(-1.0);
            bound(0) <= seconds && seconds <= bound(1)
        }
        None => *expected == actual,
    }
}
