//! One task against services that answer as a case says.
//!
//! `cases/integrations.json` holds cases: a `task` (without its `Type`), the `answers` of
//! operations, the calls that were `sent`, and the `end` of the execution: members of
//! DescribeExecution, `output` and `cause` as documents where they are JSON. `events` are
//! the types of the history.

mod http;

use std::time::Duration;

use windlass_value::{Object, Timestamp, Value, object, parse};

use crate::world::World;
use crate::{compare, started, status_of};

const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:m:";

async fn run(case: &Value) -> Result<(), String> {
    let world = World::new().await;
    if let Some(Value::Object(answers)) = case.get("answers") {
        for (operation, answer) in answers.iter() {
            world.apis.answer(operation, answer);
        }
    }
    let mut task = case["task"].as_object().map_or_else(Object::new, |task| Object::clone(task));
    task.insert("Type", "Task");
    task.insert("End", true);
    let arn = started(&world, object! { "StartAt" => "T", "States" => object! { "T" => task } }).await;
    let end = status_of(&world, &arn).await;
    let documents = |value: &Value| match value {
        Value::String(text) => parse(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    };
    let mut found = Object::new();
    for name in ["status", "output", "error", "cause"] {
        if let Some(value) = end.get(name) {
            found.insert(name, documents(value));
        }
    }
    compare(&found.into(), &case["end"], false).map_err(|reason| format!("end: {reason}"))?;
    if let Some(sent) = case.get("sent") {
        compare(&world.apis.sent(), sent, true).map_err(|reason| format!("sent: {reason}"))?;
    }
    if let Some(types) = case.get("events") {
        let history = world.call("GetExecutionHistory", object! { "executionArn" => &arn }).await;
        let events = history.map_err(|fault| fault.to_string())?.output["events"].clone();
        let found = events.as_array().map_or_else(Vec::new, |events| Vec::clone(events));
        let found = Value::array(found.iter().map(|event| event["type"].clone()).collect());
        compare(&found, types, true).map_err(|reason| format!("events: {reason}"))?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn tasks_call_services_as_integrations_do() {
    let cases = parse(include_str!("../cases/integrations.json")).unwrap();
    let mut failures = Vec::new();
    for case in cases.as_array().unwrap().iter() {
        if let Err(reason) = run(case).await {
            failures.push(format!("{}: {reason}", case["name"].as_str().unwrap_or_default()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn machine(world: &World, name: &str, definition: &str) -> Value {
    let machine =
        object! { "name" => name, "definition" => definition, "roleArn" => "arn:aws:iam::123456789012:role/r" };
    world.call("CreateStateMachine", machine).await.unwrap().output["stateMachineArn"].clone()
}

fn parent(pattern: &str, more: &str) -> String {
    format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"arn:aws:states:::states:startExecution{pattern}","Parameters":{{"StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:child","Input":{{"a":1}}}}{more},"End":true}}}}}}"#
    )
}

/// A parent that waits for a child which waits `seconds`.
async fn nested(seconds: u32, pattern: &str, more: &str) -> (World, Value) {
    let world = World::new().await;
    let child = format!(
        r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":{seconds},"Next":"P"}},"P":{{"Type":"Pass","Result":{{"b":2}},"End":true}}}}}}"#
    );
    machine(&world, "child", &child).await;
    let arn = started(&world, parse(&parent(pattern, more)).unwrap()).await;
    (world, arn)
}

async fn children(world: &World) -> Vec<Value> {
    let child = "arn:aws:states:us-east-1:123456789012:stateMachine:child";
    let listed = world.call("ListExecutions", object! { "stateMachineArn" => child }).await.unwrap().output;
    Vec::clone(listed["executions"].as_array().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_nested_execution_is_waited_for() {
    for (pattern, input, output) in
        [(".sync", r#""{\"a\":1}""#, r#""{\"b\":2}""#), (".sync:2", r#"{"a":1}"#, r#"{"b":2}"#)]
    {
        let (world, arn) = nested(2, pattern, "").await;
        let end = status_of(&world, &arn).await;
        assert_eq!(end["status"], Value::from("SUCCEEDED"), "{end}");
        let result = parse(end["output"].as_str().unwrap()).unwrap();
        assert_eq!((result["Input"].to_text().as_str(), result["Output"].to_text().as_str()), (input, output));
        assert_eq!(result["Status"], Value::from("SUCCEEDED"));
        assert_eq!(result["InputDetails"].to_text(), r#"{"Included":true}"#);
        assert!(result["StopDate"].as_i64().is_some_and(|at| at > 1_000_000_000_000), "{result}");
        assert!(result.get("SdkHttpMetadata").is_none());
        // The parent went on the moment its child was done, not at a later look.
        let history = world.call("GetExecutionHistory", object! { "executionArn" => &arn }).await.unwrap().output;
        let events = history["events"].as_array().unwrap();
        let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);
        let at = |index: usize| (events[index]["timestamp"].as_f64().unwrap() * 1000.0) as i64;
        assert_eq!(Timestamp(at(5)).as_ms() - Timestamp(at(4)).as_ms(), 2_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_nested_execution_that_fails_fails_its_task() {
    let world = World::new().await;
    machine(&world, "child", r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Mine","Cause":"because"}}}"#)
        .await;
    let arn = started(&world, parse(&parent(".sync:2", "")).unwrap()).await;
    let end = status_of(&world, &arn).await;
    assert_eq!((&end["status"], &end["error"]), (&"FAILED".into(), &"States.TaskFailed".into()));
    let cause = parse(end["cause"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&cause["Error"], &cause["Cause"], &cause["Status"]),
        (&"Mine".into(), &"because".into(), &"FAILED".into())
    );
    assert_eq!(cause["Input"].to_text(), r#"{"a":1}"#);
}

#[tokio::test(start_paused = true)]
async fn stopping_a_parent_stops_its_child() {
    for more in ["", r#","TimeoutSeconds":3"#] {
        let (world, arn) = nested(1_000, ".sync", more).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if more.is_empty() {
            world.call("StopExecution", object! { "executionArn" => &arn }).await.unwrap();
        }
        let end = status_of(&world, &arn).await;
        let expected = if more.is_empty() { "ABORTED" } else { "FAILED" };
        assert_eq!(end["status"], Value::from(expected));
        let children = children(&world).await;
        assert_eq!(children.iter().map(|child| child["status"].to_text()).collect::<Vec<_>>(), [r#""ABORTED""#]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_nested_execution_is_waited_for_over_a_restart() {
    let (world, arn) = nested(3, ".sync:2", "").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let world = world.restarted().await;
    let end = status_of(&world, &arn).await;
    assert_eq!(end["status"], Value::from("SUCCEEDED"), "{end}");
    assert_eq!(children(&world).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_knows_its_parent_and_is_named_by_its_attempt() {
    let (world, arn) = nested(1_000, ".sync", "").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let child = &children(&world).await[0];
    let record = world.record(child["executionArn"].as_str().unwrap());
    assert_eq!(record.details().get("startedByExecution"), Some(&arn));
    assert!(arn.as_str().unwrap().starts_with(EXECUTION));
}

const BATCH: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::batch:submitJob.sync","Parameters":{"JobName":"n","JobQueue":"q","JobDefinition":"d"},"End":true}}}"#;

async fn with_batch(describe: &str) -> (World, Value) {
    let world = World::new().await;
    world.apis.answer("SubmitJob", &parse(r#"{"jobId":"j","jobName":"n"}"#).unwrap());
    world.apis.answer("DescribeJobs", &parse(describe).unwrap());
    world.apis.answer("TerminateJob", &Value::empty_object());
    let arn = started(&world, parse(BATCH).unwrap()).await;
    (world, arn)
}

fn operations(world: &World) -> Vec<String> {
    let sent = world.apis.sent();
    sent.as_array().unwrap().iter().map(|call| call["operation"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_is_watched_over_a_restart_and_submitted_once() {
    let (world, arn) = with_batch(r#"{"jobs":[{"jobId":"j","status":"RUNNING"}]}"#).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let world = world.restarted().await;
    world.apis.answer("DescribeJobs", &parse(r#"{"jobs":[{"jobId":"j","status":"SUCCEEDED"}]}"#).unwrap());
    let end = status_of(&world, &arn).await;
    assert_eq!(end["output"], Value::from(r#"{"JobId":"j","Status":"SUCCEEDED"}"#), "{end}");
    assert_eq!(operations(&world).iter().filter(|operation| *operation == "SubmitJob").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn stopping_an_execution_ends_its_job() {
    let (world, arn) = with_batch(r#"{"jobs":[{"jobId":"j","status":"RUNNING"}]}"#).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.call("StopExecution", object! { "executionArn" => &arn }).await.unwrap();
    status_of(&world, &arn).await;
    assert_eq!(operations(&world).last().map(String::as_str), Some("TerminateJob"));
    let sent = world.apis.sent();
    let last = sent.as_array().unwrap().last().unwrap();
    assert_eq!(last["input"]["jobId"], Value::from("j"));
}

/// The server dies after each of the first commits of a parent and its child: there is
/// always one child, and the parent always gets its result.
#[tokio::test(start_paused = true)]
async fn a_nested_execution_is_started_once_wherever_the_server_dies() {
    const COMMITS_MAX: usize = 8;
    for pattern in ["", ".sync:2"] {
        for commits in 0..COMMITS_MAX {
            let world = World::new().await;
            let child = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}"#;
            machine(&world, "child", child).await;
            machine(&world, "m", &parent(pattern, "")).await;
            world.disk.pause_syncs();
            let start = object! { "stateMachineArn" => "arn:aws:states:us-east-1:123456789012:stateMachine:m", "name" => "e", "input" => "7" };
            let world = std::sync::Arc::new(world);
            let starting = {
                let (world, start) = (world.clone(), start.clone());
                tokio::spawn(async move { world.call("StartExecution", start).await })
            };
            let mut done = 0;
            for _ in 0..2_000 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if done < commits && world.disk.unsynced() > 0 {
                    world.disk.sync_once();
                    done += 1;
                }
            }
            starting.abort();
            let _ = starting.await;
            let Ok(world) = std::sync::Arc::try_unwrap(world) else { panic!("the start is gone") };
            let world = world.restarted().await;
            // As a caller does that got no answer; it may have ended meanwhile.
            if let Err(fault) = world.call("StartExecution", start).await {
                assert_eq!(fault.code, "ExecutionAlreadyExists");
            }
            let arn = Value::from("arn:aws:states:us-east-1:123456789012:execution:m:e");
            let end = status_of(&world, &arn).await;
            assert_eq!(end["status"], Value::from("SUCCEEDED"), "{pattern} after {commits} commits: {end}");
            assert_eq!(children(&world).await.len(), 1, "{pattern} after {commits} commits");
        }
    }
}
