//! The service's answers, call by call.
//!
//! `cases/*.json` hold sequences of steps: `call` with `input` and either the
//! exact `answer`, members it `contains`, or the `fault`; `as` names an answer
//! for `${name.member}` in later steps. `"*"` matches anything, `{"$json": x}`
//! is `x` as text. `spawn` makes a call without waiting, `join` takes its
//! answer; `await` waits until an execution is over; `history` compares the
//! types of its events. A case's `quotas` are those of [`quotas`].

mod integrations;
mod mocks;
mod telemetry;
mod world;

use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::task::JoinHandle;
use windlass_protocol::Outcome;
use windlass_value::{Object, Value, object, parse};
use windlass_workflow::Quotas;
use world::World;

/// Looks at an execution before a test gives up on its end.
const LOOKS_MAX: usize = 10_000;

struct Run {
    world: std::sync::Arc<World>,
    named: HashMap<String, Value>,
    spawned: HashMap<String, JoinHandle<Outcome>>,
}

impl Run {
    fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.resolve_text(text),
            Value::Array(items) => Value::array(items.iter().map(|item| self.resolve(item)).collect()),
            Value::Object(members) => match members.get("$json") {
                Some(document) => self.resolve(document).to_text().into(),
                None if members.contains_key("$repeat") => {
                    let count = members.get("times").and_then(Value::as_i64).unwrap_or_default();
                    let more = value["$repeat"].as_str().unwrap_or_default().repeat(count as usize);
                    format!("{}{more}", value["before"].as_str().unwrap_or_default()).into()
                }
                None => {
                    members.iter().map(|(name, value)| (name.clone(), self.resolve(value))).collect::<Object>().into()
                }
            },
            other => other.clone(),
        }
    }

    fn resolve_text(&self, text: &str) -> Value {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (path, after) = after.split_once('}').unwrap_or_else(|| panic!("unclosed: {text}"));
            let mut steps = path.split('.');
            let name = steps.next().unwrap_or_default();
            let root = self.named.get(name).unwrap_or_else(|| panic!("nothing is named {name}"));
            let value = steps.fold(root.clone(), |value, step| match step.parse::<usize>() {
                Ok(index) => value.at(index).cloned().unwrap_or_default(),
                Err(_) => value[step].clone(),
            });
            out.push_str(before);
            match value {
                Value::String(text) => out.push_str(&text),
                other => out.push_str(&other.to_text()),
            }
            rest = after;
        }
        out.push_str(rest);
        out.into()
    }

    async fn step(&mut self, step: &Value) -> Result<(), String> {
        if let Some(arn) = step.get("await") {
            return self.await_end(&self.resolve(arn)).await;
        }
        if let Some(ms) = step.get("sleepMs").and_then(Value::as_i64) {
            tokio::time::sleep(Duration::from_millis(ms as u64)).await;
            return Ok(());
        }
        if let Some(arn) = step.get("history") {
            let input = object! { "executionArn" => self.resolve(arn) };
            let reply = self.world.call("GetExecutionHistory", input).await.map_err(|fault| fault.to_string())?;
            let events = reply.output["events"].as_array().cloned().unwrap_or_default();
            let types = Value::array(events.iter().map(|event| event["type"].clone()).collect());
            return compare(&types, &step["types"], true);
        }
        let outcome = if let Some(name) = step.get("join").and_then(Value::as_str) {
            let handle = self.spawned.remove(name).unwrap_or_else(|| panic!("nothing was spawned as {name}"));
            handle.await.map_err(|error| error.to_string())?
        } else {
            let operation = step["call"].as_str().unwrap_or_else(|| panic!("no call in {step}")).to_owned();
            let input = self.resolve(step.get("input").unwrap_or(&Value::empty_object()));
            if let Some(name) = step.get("spawn").and_then(Value::as_str) {
                let world = self.world.clone();
                let handle = tokio::spawn(async move { world.call(&operation, input).await });
                self.spawned.insert(name.to_owned(), handle);
                tokio::task::yield_now().await;
                return Ok(());
            }
            self.world.call(&operation, input).await
        };
        self.check(step, outcome)
    }

    fn check(&mut self, step: &Value, outcome: Outcome) -> Result<(), String> {
        match (outcome, step.get("fault")) {
            (Err(fault), Some(expected)) => {
                let mut found = Object::new();
                found.insert("code", fault.code.as_str());
                found.insert("message", fault.message.as_str());
                compare(&found.into(), &self.resolve(expected), false)
            }
            (Err(fault), None) => Err(format!("fault {fault}")),
            (Ok(reply), Some(_)) => Err(format!("no fault but {}", reply.output)),
            (Ok(reply), None) => {
                if let Some(name) = step.get("as").and_then(Value::as_str) {
                    self.named.insert(name.to_owned(), reply.output.clone());
                }
                if let Some(expected) = step.get("answer") {
                    compare(&reply.output, &self.resolve(expected), true)?;
                }
                match step.get("contains") {
                    Some(expected) => compare(&reply.output, &self.resolve(expected), false),
                    None => Ok(()),
                }
            }
        }
    }

    async fn await_end(&self, arn: &Value) -> Result<(), String> {
        for _ in 0..LOOKS_MAX {
            let described = self.world.call("DescribeExecution", object! { "executionArn" => arn }).await;
            let described = described.map_err(|fault| fault.to_string())?;
            if described.output["status"].as_str() != Some("RUNNING") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("the execution does not end".to_owned())
    }
}

/// Compares by `"*"`, JSON text given as a document, and (unless `exact`) by
/// the expected members only.
fn compare(found: &Value, expected: &Value, exact: bool) -> Result<(), String> {
    let differ = || Err(format!("found {found}, expected {expected}"));
    match (found, expected) {
        (_, Value::String(text)) if &**text == "*" && !found.is_null() => Ok(()),
        (Value::String(text), Value::Object(members)) if members.contains_key("$parsed") => {
            let document = parse(text).map_err(|error| error.to_string())?;
            compare(&document, &expected["$parsed"], exact)
        }
        (Value::Object(here), Value::Object(there)) => {
            if exact && here.len() != there.len() {
                return differ();
            }
            for (name, expected) in there.iter() {
                let found = here.get(name).unwrap_or(&Value::Null);
                compare(found, expected, exact).map_err(|reason| format!("{name}: {reason}"))?;
            }
            Ok(())
        }
        (Value::Array(here), Value::Array(there)) if here.len() == there.len() => {
            here.iter().zip(there.iter()).try_for_each(|(found, expected)| compare(found, expected, exact))
        }
        _ if found == expected => Ok(()),
        _ => differ(),
    }
}

/// `"aws"`, or an object of the bounds that are set; else this server's own.
fn quotas(case: &Value) -> Quotas {
    let mut quotas = if case.as_str() == Some("aws") { Quotas::aws() } else { Quotas::default() };
    for (name, value) in case.as_object().map(|quotas| quotas.iter().collect::<Vec<_>>()).unwrap_or_default() {
        let number = value.as_i64().unwrap_or_else(|| panic!("{name} is a number")) as usize;
        match &**name {
            "state_machines_max" => quotas.state_machines_max = Some(number),
            "activities_max" => quotas.activities_max = Some(number),
            "versions_max" => quotas.versions_max = number,
            "aliases_max" => quotas.aliases_max = number,
            "open_executions_max" => quotas.open_executions_max = number,
            "pollers_max" => quotas.pollers_max = number,
            "rates" => quotas = quotas.with_aws_rates(),
            other => panic!("unknown quota {other}"),
        }
    }
    quotas
}

async fn run_file(text: &str) {
    let cases = parse(text).unwrap();
    let mut failures = Vec::new();
    for case in cases.as_array().unwrap().iter() {
        let name = case["name"].as_str().unwrap();
        let world = std::sync::Arc::new(World::with_quotas(quotas(&case["quotas"])).await);
        let mut run = Run { world, named: HashMap::new(), spawned: HashMap::new() };
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            if let Err(reason) = run.step(step).await {
                failures.push(format!("{name}, step {at}: {reason}"));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

macro_rules! files {
    ($($name:ident),* $(,)?) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            run_file(include_str!(concat!("cases/", stringify!($name), ".json"))).await;
        })*
    };
}

/// A `Wait` and an activity on a machine, started.
async fn started(world: &World, definition: Value) -> Value {
    let machine = object! { "name" => "m", "definition" => definition.to_text(), "roleArn" => "arn:aws:iam::123456789012:role/r" };
    let machine = world.call("CreateStateMachine", machine).await.unwrap().output;
    let start = object! { "stateMachineArn" => &machine["stateMachineArn"], "input" => "7" };
    world.call("StartExecution", start).await.unwrap().output["executionArn"].clone()
}

fn one_task(resource: &str) -> Value {
    let task = object! { "Type" => "Task", "Resource" => resource, "End" => true };
    object! { "StartAt" => "T", "States" => object! { "T" => task } }
}

async fn status_of(world: &World, arn: &Value) -> Value {
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.call("DescribeExecution", object! { "executionArn" => arn }).await.unwrap().output
}

const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";
const SLOW: &str = "arn:aws:lambda:us-east-1:123456789012:function:slow";

#[tokio::test(start_paused = true)]
async fn stopping_an_execution_drops_its_calls() {
    let world = World::new().await;
    let arn = started(&world, one_task(SLOW)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((world.lambda.calls.load(SeqCst), world.lambda.dropped.load(SeqCst)), (1, 0));
    world.call("StopExecution", object! { "executionArn" => &arn }).await.unwrap();
    assert_eq!(status_of(&world, &arn).await["status"], Value::from("ABORTED"));
    assert_eq!(world.lambda.dropped.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_crash_cut_off_fails_with_the_error_that_retries_name() {
    let world = World::new().await;
    let arn = started(&world, one_task(SLOW)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let world = world.restarted().await;
    let end = status_of(&world, &arn).await;
    assert_eq!((&end["status"], &end["error"]), (&"FAILED".into(), &"Lambda.SdkClientException".into()));
    assert_eq!(world.lambda.calls.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn an_activity_task_waits_over_a_restart_and_is_handed_out_once() {
    let world = World::new().await;
    world.call("CreateActivity", object! { "name" => "a" }).await.unwrap();
    let arn = started(&world, one_task(ACTIVITY)).await;
    let world = world.restarted().await;
    let poll = || world.call("GetActivityTask", object! { "activityArn" => ACTIVITY });
    let task = poll().await.unwrap().output;
    assert_eq!(task["input"], Value::from("7"));
    let world = world.restarted().await;
    let again = world.call("GetActivityTask", object! { "activityArn" => ACTIVITY }).await.unwrap().output;
    assert_eq!(again, Value::empty_object());
    let answer = object! { "taskToken" => &task["taskToken"], "output" => "8" };
    world.call("SendTaskSuccess", answer).await.unwrap();
    assert_eq!(status_of(&world, &arn).await["output"], Value::from("8"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_leaves_while_its_task_is_handed_over_strands_nothing() {
    let world = std::sync::Arc::new(World::new().await);
    world.call("CreateActivity", object! { "name" => "a" }).await.unwrap();
    let arn = started(&world, one_task(ACTIVITY)).await;
    world.disk.pause_syncs();
    let worker = {
        let world = world.clone();
        tokio::spawn(async move { world.call("GetActivityTask", object! { "activityArn" => ACTIVITY }).await })
    };
    tokio::time::sleep(Duration::from_millis(10)).await;
    worker.abort();
    assert!(worker.await.is_err(), "the worker has its answer before the start is durable");
    world.disk.release_syncs();
    let task = world.call("GetActivityTask", object! { "activityArn" => ACTIVITY }).await.unwrap().output;
    let answer = object! { "taskToken" => &task["taskToken"], "output" => "8" };
    world.call("SendTaskSuccess", answer).await.unwrap();
    assert_eq!(status_of(&world, &arn).await["output"], Value::from("8"));
}

#[tokio::test(start_paused = true)]
async fn a_start_with_an_idempotency_key_is_applied_once() {
    let world = World::new().await;
    let pass = object! { "Type" => "Pass", "End" => true };
    let first = started(&world, object! { "StartAt" => "P", "States" => object! { "P" => pass } }).await;
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
    for (name, key) in [(None, "k1"), (Some("named"), "k2")] {
        let mut start = windlass_value::Object::new();
        start.insert("stateMachineArn", machine);
        if let Some(name) = name {
            start.insert("name", name);
        }
        let once = world.call_once("StartExecution", start.clone().into(), Some(key)).await.unwrap().output;
        status_of(&world, &once["executionArn"]).await;
        let again = world.call_once("StartExecution", start.clone().into(), Some(key)).await.unwrap().output;
        assert_eq!(once, again);
        assert_ne!(once["executionArn"], first);
        let other = world.call_once("StartExecution", start.into(), Some("k3")).await;
        assert_eq!(other.is_err(), name.is_some(), "another call is another start");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_a_crash_cut_off_is_taken_up_again() {
    let world = World::new().await;
    let wait = object! { "Type" => "Wait", "Seconds" => 1000, "End" => true };
    let arn = started(&world, object! { "StartAt" => "W", "States" => object! { "W" => wait } }).await;
    let machine = object! { "stateMachineArn" => "arn:aws:states:us-east-1:123456789012:stateMachine:m" };
    world.call("DeleteStateMachine", machine.clone()).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(status_of(&world, &arn).await["status"], Value::from("ABORTED"));
    let gone = world.call("DescribeStateMachine", machine).await.unwrap_err();
    assert_eq!(gone.code, "StateMachineDoesNotExist");
}

fn pass(result: &str) -> String {
    let pass = object! { "Type" => "Pass", "Result" => result, "End" => true };
    object! { "StartAt" => "P", "States" => object! { "P" => pass } }.to_text()
}

#[tokio::test(start_paused = true)]
async fn versions_and_aliases_outlive_a_restart() {
    const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
    let version = |number: u64| format!("{MACHINE}:{number}");
    let alias = format!("{MACHINE}:live");
    let world = World::new().await;
    let machine = object! {
        "name" => "m", "definition" => pass("one"), "roleArn" => "arn:aws:iam::123456789012:role/r", "publish" => true,
    };
    world.call("CreateStateMachine", machine).await.unwrap();
    for result in ["two", "three"] {
        let update = object! { "stateMachineArn" => MACHINE, "definition" => pass(result), "publish" => true };
        world.call("UpdateStateMachine", update).await.unwrap();
    }
    let route = |number, weight: u64| object! { "stateMachineVersionArn" => version(number), "weight" => weight };
    let routes = Value::array(vec![route(1, 0), route(2, 100)]);
    let made = object! { "name" => "live", "description" => "d", "routingConfiguration" => routes };
    world.call("CreateStateMachineAlias", made).await.unwrap();
    world.call("DeleteStateMachineVersion", object! { "stateMachineVersionArn" => version(3) }).await.unwrap();
    let described = object! { "stateMachineAliasArn" => &*alias };
    let before = world.call("DescribeStateMachineAlias", described.clone()).await.unwrap().output;

    let world = world.restarted().await;
    assert_eq!(world.call("DescribeStateMachineAlias", described).await.unwrap().output, before);
    let start = object! { "stateMachineArn" => &*alias };
    let arn = world.call("StartExecution", start).await.unwrap().output["executionArn"].clone();
    let end = status_of(&world, &arn).await;
    assert_eq!((&end["output"], &end["stateMachineVersionArn"]), (&"\"two\"".into(), &version(2).into()));
    assert_eq!(end["stateMachineAliasArn"], Value::from(&*alias));
    let refused = object! { "stateMachineVersionArn" => version(1) };
    assert_eq!(world.call("DeleteStateMachineVersion", refused).await.unwrap_err().code, "ConflictException");
    let published = world.call("PublishStateMachineVersion", object! { "stateMachineArn" => MACHINE }).await;
    assert_eq!(published.unwrap().output["stateMachineVersionArn"], Value::from(version(4)));
}

#[tokio::test(start_paused = true)]
async fn an_alias_draws_the_version_of_each_start() {
    const STARTS: usize = 200;
    const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
    let world = World::new().await;
    let machine = object! {
        "name" => "m", "definition" => pass("one"), "roleArn" => "arn:aws:iam::123456789012:role/r", "publish" => true,
    };
    world.call("CreateStateMachine", machine).await.unwrap();
    let update = object! { "stateMachineArn" => MACHINE, "definition" => pass("two"), "publish" => true };
    world.call("UpdateStateMachine", update).await.unwrap();
    let route = |number: u64, weight: u64| {
        object! { "stateMachineVersionArn" => format!("{MACHINE}:{number}"), "weight" => weight }
    };
    let routes = Value::array(vec![route(1, 30), route(2, 70)]);
    let made = object! { "name" => "live", "routingConfiguration" => routes };
    world.call("CreateStateMachineAlias", made).await.unwrap();
    for _ in 0..STARTS {
        world.call("StartExecution", object! { "stateMachineArn" => format!("{MACHINE}:live") }).await.unwrap();
    }
    let mut counts = Vec::new();
    for qualifier in ["1", "2", "live"] {
        let query = object! { "stateMachineArn" => format!("{MACHINE}:{qualifier}"), "maxResults" => 1000 };
        let listed = world.call("ListExecutions", query).await.unwrap().output;
        counts.push(listed["executions"].as_array().map_or(0, |items| items.len()));
    }
    assert_eq!((counts[0] + counts[1], counts[2]), (STARTS, STARTS));
    // The clock's seeds are fixed, so this is the same in every run.
    assert!((45..=75).contains(&counts[0]), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn page_tokens_outlive_a_restart() {
    let world = World::new().await;
    for name in ["a", "b"] {
        world.call("CreateActivity", object! { "name" => name }).await.unwrap();
    }
    let page = world.call("ListActivities", object! { "maxResults" => 1 }).await.unwrap().output;
    let world = world.restarted().await;
    let next = object! { "nextToken" => &page["nextToken"] };
    let page = world.call("ListActivities", next).await.unwrap().output;
    assert_eq!(page["activities"].at(0).map(|item| item["name"].clone()), Some("b".into()));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_did_not_keep_is_not_acknowledged() {
    let world = World::new().await;
    world.disk.refuse_next_sync("full");
    let refused = world.call("CreateActivity", object! { "name" => "a" }).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.status), ("ServiceUnavailable", 503));
    let listed = world.call("ListActivities", Value::empty_object()).await.unwrap().output;
    assert_eq!(listed["activities"].as_array().map(|items| items.len()), Some(0));
}

/// A test that runs into its end lets go of the call it made.
#[tokio::test(start_paused = true)]
async fn a_test_of_one_state_ends_after_five_minutes() {
    let world = World::new().await;
    for (timeout, minutes) in [(Value::Null, 5), (60.into(), 1)] {
        let mut task = Object::new();
        task.insert("Type", "Task");
        task.insert("Resource", "arn:aws:lambda:us-east-1:123456789012:function:slow");
        task.insert("End", true);
        if !timeout.is_null() {
            task.insert("TimeoutSeconds", timeout);
        }
        let began = tokio::time::Instant::now();
        let dropped = world.lambda.dropped.load(SeqCst);
        let input = object! {
            "definition" => Value::from(task).to_text(), "roleArn" => "arn:aws:iam::123456789012:role/r",
        };
        let tested = world.call("TestState", input).await.unwrap().output;
        compare(&tested, &object! { "status" => "FAILED", "error" => "States.Timeout" }, true).unwrap();
        assert_eq!(began.elapsed().as_secs(), minutes * 60);
        tokio::task::yield_now().await;
        assert_eq!(world.lambda.dropped.load(SeqCst), dropped + 1);
    }
}

files!(
    quota,
    concurrency,
    state_machines,
    executions,
    express,
    activities,
    tags,
    tasks,
    test_state,
    logging,
    pages,
    versions
);
