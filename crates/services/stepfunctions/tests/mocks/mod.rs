//! Executions whose tasks a mock file answers: definition, file and input give a
//! history. `cases/mocks.json` says how; below is what a crash must not change.

use std::time::Duration;

use windlass_value::{Object, Value, object, parse};

use crate::compare;
use crate::world::World;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
/// Looks at an execution before a test gives up on its end.
const LOOKS_MAX: usize = 1_000;

async fn create(world: &World, definition: &Value, kind: Option<&str>) {
    let mut machine = Object::new();
    machine.insert("name", "m");
    machine.insert("definition", definition.to_text());
    machine.insert("roleArn", "arn:aws:iam::123456789012:role/r");
    machine.insert("type", kind.unwrap_or("STANDARD"));
    world.call("CreateStateMachine", machine.into()).await.unwrap();
}

fn write(world: &World, file: &Value) {
    let text = file.as_str().map_or_else(|| file.to_text(), str::to_owned);
    std::fs::write(&world.mocks.0, text).unwrap();
}

async fn start(world: &World, suffix: &str, input: &Value) -> windlass_protocol::Outcome {
    let start = object! { "stateMachineArn" => format!("{MACHINE}{suffix}"), "input" => input.to_text() };
    world.call("StartExecution", start).await
}

async fn end_of(world: &World, arn: &Value) -> Result<Value, String> {
    for _ in 0..LOOKS_MAX {
        let described = world.call("DescribeExecution", object! { "executionArn" => arn }).await.unwrap().output;
        if described["status"].as_str() != Some("RUNNING") {
            return Ok(described);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err("the execution does not end".to_owned())
}

async fn events_of(world: &World, arn: &Value) -> Vec<Value> {
    let asked = object! { "executionArn" => arn, "maxResults" => 1000 };
    let answer = world.call("GetExecutionHistory", asked).await.unwrap().output;
    answer["events"].as_array().map(|events| Vec::clone(events)).unwrap_or_default()
}

/// Texts with JSON in them as documents, and what the world makes up left out.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(['{', '[']) => parse(text).unwrap_or_else(|_| value.clone()),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Object>().into()
        }
        other => other.clone(),
    }
}

async fn run(world: &World, run: &Value) -> Result<(), String> {
    let suffix = run["start"].as_str().unwrap_or_default();
    let input = run.get("input").cloned().unwrap_or_else(Value::empty_object);
    let started = match (start(world, suffix, &input).await, run.get("fault")) {
        (Ok(reply), None) => reply.output["executionArn"].clone(),
        (Ok(_), Some(_)) => return Err("it started".to_owned()),
        (Err(fault), None) => return Err(fault.to_string()),
        (Err(fault), Some(expected)) => {
            let code = expected["code"].as_str().unwrap_or_default();
            let part = expected["part"].as_str().unwrap_or_default();
            let fits = fault.code == code && fault.status == 400 && fault.message.contains(part);
            return if fits { Ok(()) } else { Err(format!("found {fault:?}, expected {expected}")) };
        }
    };
    let described = end_of(world, &started).await?;
    if let Some(expected) = run.get("end") {
        compare(&plain(&described), expected, false)?;
    }
    let events = events_of(world, &started).await;
    if let Some(expected) = run.get("types") {
        let types = Value::array(events.iter().map(|event| event["type"].clone()).collect());
        compare(&types, expected, true)?;
    }
    for (id, expected) in run.get("events").and_then(Value::as_object).into_iter().flat_map(|events| events.iter()) {
        let found = events.iter().find(|event| event["id"].to_text() == **id).cloned().unwrap_or_default();
        let details = found.as_object().into_iter().flat_map(|event| event.iter());
        let mut details = details.filter(|(name, _)| name.ends_with("Details")).map(|(_, value)| plain(value));
        let details = details.next_back().unwrap_or_else(Value::empty_object);
        compare(&details, expected, true).map_err(|reason| format!("event {id}: {reason}"))?;
    }
    if let Some(seconds) = run.get("seconds").and_then(Value::as_f64) {
        let took = described["stopDate"].as_f64().unwrap_or(0.0) - described["startDate"].as_f64().unwrap_or(0.0);
        if (took - seconds).abs() > 0.5 {
            return Err(format!("it took {took} s, expected {seconds}"));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn mocks() {
    let cases = parse(include_str!("../cases/mocks.json")).unwrap();
    let mut failures = Vec::new();
    for case in cases.as_array().unwrap().iter() {
        let name = case["name"].as_str().unwrap();
        let world = World::new().await;
        create(&world, &case["definition"], case.get("type").and_then(Value::as_str)).await;
        for (at, one) in case["runs"].as_array().unwrap().iter().enumerate() {
            if let Some(file) = one.get("file").or_else(|| case.get("file").filter(|_| at == 0)) {
                write(&world, file);
            }
            if let Err(reason) = run(&world, one).await {
                failures.push(format!("{name}, run {at}: {reason}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn without_a_mock_file_no_start_names_a_test_case() {
    let world = World::new().await;
    create(&world, &parse(r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#).unwrap(), None).await;
    let refused = start(&world, "#Case", &Value::empty_object()).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.status), ("ValidationException", 400));
    assert!(refused.message.contains("cannot be read"), "{}", refused.message);
    // What does not need the file is not kept from running.
    for suffix in ["", "#"] {
        start(&world, suffix, &Value::empty_object()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_synchronous_start_takes_no_test_case() {
    let world = World::new().await;
    let definition = parse(r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#).unwrap();
    create(&world, &definition, Some("EXPRESS")).await;
    for suffix in ["#Case", "#"] {
        let start = object! { "stateMachineArn" => format!("{MACHINE}{suffix}") };
        assert_eq!(world.call("StartSyncExecution", start).await.unwrap_err().code, "InvalidArn");
    }
}

/// A loop, a Map, an activity, a callback and a job, each answer taking its time.
fn long_way() -> (Value, Value) {
    let definition = r#"{"StartAt": "First", "States": {
        "First": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "Again?",
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 20, "MaxAttempts": 5, "BackoffRate": 1}]},
        "Again?": {"Type": "Choice", "Choices": [{"Variable": "$.again", "BooleanEquals": true, "Next": "First"}], "Default": "Each"},
        "Each": {"Type": "Map", "ItemsPath": "$.items", "Next": "Worker", "ItemProcessor": {"StartAt": "Item", "States": {
            "Item": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:g", "End": true,
                "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 7, "MaxAttempts": 5, "BackoffRate": 1}]}}}},
        "Worker": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:nobody", "Next": "Callback", "ResultPath": "$[0]"},
        "Callback": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}, "Next": "Job", "ResultPath": "$[1]"},
        "Job": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:none"}, "End": true, "ResultPath": "$[2]"}}}"#;
    let file = r#"{"StateMachines": {"m": {"TestCases": {"Long": {"First": "Loop", "Each": "Loop", "Item": "Items", "Worker": "Slow", "Callback": "Slow", "Job": "Slow"}}}},
        "MockedResponses": {
            "Loop": {"0": {"Throw": {"Error": "Busy"}, "Delay": 30}, "1": {"Return": {"again": true}, "Delay": 30},
                "2": {"Throw": {"Error": "Busy"}}, "3": {"Return": {"again": false, "items": [1, 2, 3]}, "Delay": 30}},
            "Items": {"Iterations": {
                "1": {"0-1": {"Throw": {"Error": "Busy"}, "Delay": 30}, "2": {"Return": "late", "Delay": 5}},
                "*": {"0": {"Throw": {"Error": "Busy"}}, "1": {"Script": "{% $states.input * 10 %}", "Delay": 30}}}},
            "Slow": {"0": {"Return": {"done": true}, "Submitted": {"id": 1}, "Delay": 30}}}}"#;
    (parse(definition).unwrap(), parse(file).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_the_same_case_and_counts() {
    // At every ten seconds of its way, the last one after its end.
    for crash_after_s in (0..=270).step_by(10) {
        let world = World::new().await;
        let (definition, file) = long_way();
        create(&world, &definition, None).await;
        write(&world, &file);
        let arn = start(&world, "#Long", &Value::empty_object()).await.unwrap().output["executionArn"].clone();
        tokio::time::sleep(Duration::from_secs(crash_after_s)).await;
        // An edit counts for later starts only.
        write(&world, &parse(r#"{"StateMachines": {}}"#).unwrap());
        let world = world.restarted().await;
        let end = end_of(&world, &arn).await.unwrap();
        assert_eq!(end["status"], Value::from("SUCCEEDED"), "crash after {crash_after_s} s: {end}");
        let done = parse(r#"[{"done": true}, {"done": true}, {"done": true}]"#).unwrap();
        assert_eq!(plain(&end)["output"], done, "crash after {crash_after_s} s");
        let mut counts = std::collections::BTreeMap::new();
        for event in events_of(&world, &arn).await {
            *counts.entry(event["type"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
        // Each call was counted once, whatever was cut off: four of the loop, two, three and two of the items.
        assert_eq!(counts.get("LambdaFunctionScheduled"), Some(&11), "crash after {crash_after_s} s: {counts:?}");
        assert_eq!(counts.get("LambdaFunctionFailed"), Some(&6), "crash after {crash_after_s} s: {counts:?}");
        assert_eq!(counts.get("TaskSubmitted"), Some(&2), "crash after {crash_after_s} s: {counts:?}");
        assert_eq!(counts.get("ActivityStarted"), Some(&1), "crash after {crash_after_s} s: {counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_activity_that_is_not_mocked_waits_for_its_worker_over_a_restart() {
    let world = World::new().await;
    world.call("CreateActivity", object! { "name" => "a" }).await.unwrap();
    let activity = "arn:aws:states:us-east-1:123456789012:activity:a";
    let task = object! { "Type" => "Task", "Resource" => activity, "End" => true };
    create(&world, &object! { "StartAt" => "T", "States" => object! { "T" => task } }, None).await;
    write(&world, &parse(r#"{"StateMachines": {"m": {"TestCases": {"Real": {}}}}}"#).unwrap());
    let arn = start(&world, "#Real", &Value::empty_object()).await.unwrap().output["executionArn"].clone();
    let poll = object! { "activityArn" => activity };
    let task = world.call("GetActivityTask", poll.clone()).await.unwrap().output;
    let world = world.restarted().await;
    assert_eq!(world.call("GetActivityTask", poll).await.unwrap().output, Value::empty_object());
    let answer = object! { "taskToken" => &task["taskToken"], "output" => "8" };
    world.call("SendTaskSuccess", answer).await.unwrap();
    assert_eq!(end_of(&world, &arn).await.unwrap()["output"], Value::from("8"));
}
