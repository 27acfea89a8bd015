//! Status changes over crashes: what was acknowledged is told, and nothing else is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use windlass_journal::{Clock, Journal, JournalConfig};
use windlass_protocol::{Body, BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_stepfunctions::{Environment, Integrations, StepFunctions, Telemetry, TelemetryOptions};
use windlass_store::{MemoryFaults, Store, Table, UnsyncedOutcome};
use windlass_value::{Text, Timestamp, Value, object, parse};

use crate::world::{ACCOUNT, REGION};

/// Times by hand, so that a restart does not set it back.
struct Hand {
    now: AtomicI64,
    seed: AtomicU64,
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.fetch_add(1, Ordering::Relaxed))
    }

    fn seed(&self) -> u64 {
        self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

/// The bus: what it was told, and whether anybody listens.
#[derive(Default)]
struct Bus {
    /// (execution, status) to the ids it was told under.
    told: Mutex<BTreeMap<(String, String), Vec<String>>>,
    calls: AtomicU64,
    is_listened: AtomicBool,
    /// So many calls fail.
    failures: AtomicI64,
}

impl Service for Bus {
    fn name(&self) -> &'static str {
        "events"
    }

    fn awaits_event(&self, account: &str, region: &str, source: &str, detail_type: &str) -> bool {
        assert_eq!(
            (account, region, source, detail_type),
            (ACCOUNT, REGION, "aws.states", "Step Functions Execution Status Change")
        );
        self.is_listened.load(Ordering::Relaxed)
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(async move { self.put(&call) })
    }
}

impl Bus {
    fn put(&self, call: &Call) -> Outcome {
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!((&*call.principal.arn, call.depth, &*call.operation), ("states.amazonaws.com", 1, "PutEvents"));
        if self.failures.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Err(Fault::internal("the bus has a bad day"));
        }
        let entries = call.input["Entries"].as_array().expect("entries");
        assert!((1..=10).contains(&entries.len()));
        for entry in entries.iter() {
            let detail = parse(entry["Detail"].as_str().expect("a text")).expect("JSON");
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            assert_eq!(text(&detail["input"]), "{\"n\":1}");
            let change = (text(&detail["executionArn"]), text(&detail["status"]));
            assert_eq!(detail["output"].is_null(), change.1 == "RUNNING");
            self.told.lock().entry(change).or_default().push(text(&entry["Id"]));
        }
        let results = entries.iter().map(|entry| object! { "EventId" => &entry["Id"] }).collect();
        Ok(Reply::from(object! { "FailedEntryCount" => 0, "Entries" => Value::array(results) }))
    }
}

struct World {
    faults: MemoryFaults,
    clock: Arc<Hand>,
    bus: Arc<Bus>,
    server: Server,
}

struct Server {
    dispatcher: Dispatcher,
    journal: Journal,
    telemetry: Telemetry,
}

fn tables() -> Vec<&'static Table> {
    windlass_journal::TABLES.iter().chain(windlass_stepfunctions::TABLES).copied().collect()
}

async fn serve(store: Store, clock: &Arc<Hand>, bus: &Arc<Bus>) -> Server {
    let dispatcher = Dispatcher::new();
    let environment = Environment::new(clock.clone());
    let integrations = Arc::new(Integrations::new(&store, dispatcher.clone(), environment.clone()));
    let config = JournalConfig::default();
    let journal = Journal::open(store.clone(), integrations.clone(), clock.clone(), config).expect("it opens");
    let options = TelemetryOptions::default();
    let telemetry =
        Telemetry::open(&store, &journal, &integrations, &dispatcher, &environment, options).expect("it opens");
    let states = StepFunctions::open(&store, journal.clone(), &integrations, dispatcher.clone(), environment);
    let states = states.expect("it opens").with_telemetry(telemetry.clone());
    let services: Vec<Arc<dyn Service>> = vec![Arc::new(states), bus.clone()];
    dispatcher.wire(Wiring { services, ..Wiring::default() });
    journal.recover().await.expect("it recovers");
    telemetry.start();
    Server { dispatcher, journal, telemetry }
}

async fn call(dispatcher: &Dispatcher, operation: &str, input: Value) -> Outcome {
    let principal =
        Principal { arn: "arn:aws:iam::123456789012:user/u".into(), account: ACCOUNT.into(), access_key_id: None };
    let call = Call {
        account: ACCOUNT.into(),
        region: REGION.into(),
        service: "states".into(),
        operation: operation.into(),
        input,
        body: Body::empty(),
        principal,
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: "r".into(),
    };
    dispatcher.call(call).await
}

impl World {
    async fn new() -> World {
        let faults = MemoryFaults::new();
        let clock = Arc::new(Hand { now: AtomicI64::new(1_700_000_000_000), seed: AtomicU64::new(1) });
        let bus = Arc::new(Bus { is_listened: AtomicBool::new(true), ..Bus::default() });
        let server = serve(Store::memory(&tables(), faults.clone()), &clock, &bus).await;
        let pass = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
        let role = "arn:aws:iam::123456789012:role/r";
        let input = object! { "name" => "m", "definition" => pass, "roleArn" => role };
        call(&server.dispatcher, "CreateStateMachine", input).await.expect("a machine");
        World { faults, clock, bus, server }
    }

    async fn restart(&mut self) {
        self.server.journal.stop_accepting();
        self.server = serve(self.faults.restart(&tables()), &self.clock, &self.bus).await;
    }

    fn start(&self, name: &str) -> tokio::task::JoinHandle<Outcome> {
        let dispatcher = self.server.dispatcher.clone();
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
        let input = object! { "stateMachineArn" => machine, "name" => name, "input" => "{\"n\":1}" };
        tokio::spawn(async move { call(&dispatcher, "StartExecution", input).await })
    }
}

async fn moment() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

const EXECUTIONS: usize = 3;

/// Starts executions one after the other, with a crash at one group of commits.
/// Answers how many groups there were.
async fn run(crash: Option<(usize, UnsyncedOutcome)>) -> usize {
    let mut world = World::new().await;
    world.faults.pause_syncs();
    let (mut groups, mut idle, mut started) = (0, 0, 0);
    let mut running: Option<tokio::task::JoinHandle<Outcome>> = None;
    let mut acknowledged: Vec<String> = Vec::new();
    while idle < 2_000 {
        moment().await;
        if running.is_none() && started < EXECUTIONS {
            started += 1;
            running = Some(world.start(&format!("e{started}")));
        }
        if let Some(start) = running.take_if(|start| start.is_finished())
            && let Ok(reply) = start.await.expect("no panic")
        {
            acknowledged.push(reply.output["executionArn"].as_str().expect("an ARN").to_owned());
        }
        idle += 1;
        if world.faults.unsynced() == 0 {
            continue;
        }
        idle = 0;
        groups += 1;
        match crash {
            Some((at, outcome)) if at == groups => {
                world.faults.crash_with(outcome);
                world.restart().await;
                world.faults.pause_syncs();
            }
            _ => world.faults.sync_once(),
        }
    }
    world.faults.release_syncs();
    let told = world.bus.told.lock().clone();
    for execution in &acknowledged {
        for status in ["RUNNING", "SUCCEEDED"] {
            assert!(told.contains_key(&(execution.clone(), status.to_owned())), "{execution} {status}: {told:?}");
        }
    }
    for ((execution, _), ids) in &told {
        assert!(ids.iter().all(|id| *id == ids[0]), "one change has one id");
        let described =
            call(&world.server.dispatcher, "DescribeExecution", object! { "executionArn" => execution.as_str() }).await;
        assert!(described.is_ok(), "{execution} was told and is not there");
    }
    if crash.is_none() {
        assert_eq!((acknowledged.len(), told.len()), (EXECUTIONS, 2 * EXECUTIONS));
        assert!(told.values().all(|ids| ids.len() == 1));
        let calls = world.bus.calls.load(Ordering::Relaxed);
        assert!(calls <= EXECUTIONS as u64, "{calls} calls for what one could tell");
    }
    // Everything is told: a restart finds nothing to tell.
    let calls = world.bus.calls.load(Ordering::Relaxed);
    world.restart().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.bus.calls.load(Ordering::Relaxed), calls, "rows are left");
    groups
}

#[tokio::test(start_paused = true)]
async fn any_commit_may_be_the_last() {
    let groups = run(None).await;
    assert!(groups > EXECUTIONS, "{groups}");
    for at in 1..=groups {
        for outcome in [UnsyncedOutcome::Lost, UnsyncedOutcome::Kept, UnsyncedOutcome::Torn(1)] {
            run(Some((at, outcome))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_fails_is_told_later() {
    let world = World::new().await;
    world.bus.failures.store(7, Ordering::Relaxed);
    for number in 0..5 {
        world.start(&format!("e{number}")).await.expect("no panic").expect("it starts");
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.bus.told.lock().len(), 10);
    world.server.telemetry.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_where_nobody_listens() {
    let world = World::new().await;
    world.bus.is_listened.store(false, Ordering::Relaxed);
    world.start("e1").await.expect("no panic").expect("it starts");
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.bus.is_listened.store(true, Ordering::Relaxed);
    world.start("e2").await.expect("no panic").expect("it starts");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let told: Vec<Text> = world.bus.told.lock().keys().map(|(execution, _)| execution.as_str().into()).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|execution| execution.ends_with(":e2")));
}

#[tokio::test(start_paused = true)]
async fn more_than_fits_into_memory_is_told_from_its_rows() {
    const MANY: usize = 10_000;
    let world = World::new().await;
    // Each lane fails once, and pauses while the others come.
    world.bus.failures.store(8, Ordering::Relaxed);
    let mut starts = Vec::new();
    for number in 0..MANY {
        starts.push(world.start(&format!("e{number}")));
    }
    for start in starts {
        start.await.expect("no panic").expect("it starts");
    }
    let in_memory = world.server.telemetry.measure().into_iter().find(|(name, ..)| name.ends_with("events_waiting"));
    let in_memory = in_memory.map_or(0.0, |(.., value)| value) as usize + world.bus.told.lock().len();
    assert!(in_memory < 2 * MANY, "some are only in their rows: {in_memory}");
    tokio::time::sleep(Duration::from_secs(120)).await;
    let told = world.bus.told.lock();
    assert_eq!(told.len(), 2 * MANY);
    assert!(told.values().all(|ids| ids.len() == 1), "without a crash nothing is told twice");
}

#[tokio::test(start_paused = true)]
async fn express_executions_are_listed_and_described() {
    let mut world = World::new().await;
    let role = "arn:aws:iam::123456789012:role/r";
    let pass = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
    let fail = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}}"#;
    for (name, definition) in [("p", pass), ("f", fail)] {
        let input = object! { "name" => name, "definition" => definition, "roleArn" => role, "type" => "EXPRESS" };
        call(&world.server.dispatcher, "CreateStateMachine", input).await.expect("a machine");
    }
    let machine = |name: &str| format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}");
    let mut last = Value::Null;
    for name in ["p", "f", "p", "p"] {
        let input = object! { "stateMachineArn" => machine(name) };
        let dispatcher = &world.server.dispatcher;
        last = call(dispatcher, "StartSyncExecution", input).await.expect("it runs").output["executionArn"].clone();
    }
    for restarted in [false, true] {
        if restarted {
            world.server.telemetry.stop().await;
            world.restart().await;
        }
        let dispatcher = &world.server.dispatcher;
        let ask = |input: Value| call(dispatcher, "windlass:ListExpressExecutions", input);
        let listed = async |input: Value| {
            let output = ask(input).await.expect("a list").output;
            let statuses = output["executions"].as_array().expect("executions").iter();
            let statuses: Vec<String> =
                statuses.map(|one| one["status"].as_str().expect("a text").to_owned()).collect();
            (statuses.join(" "), output["nextToken"].clone())
        };
        let all = listed(object! {}).await;
        assert_eq!(all, ("SUCCEEDED SUCCEEDED FAILED SUCCEEDED".to_owned(), Value::Null));
        assert_eq!(listed(object! { "stateMachineArn" => machine("f") }).await.0, "FAILED");
        assert_eq!(listed(object! { "statusFilter" => "FAILED" }).await.0, "FAILED");
        let (first, token) = listed(object! { "maxResults" => 3 }).await;
        assert_eq!(first, "SUCCEEDED SUCCEEDED FAILED");
        assert_eq!(listed(object! { "maxResults" => 3, "nextToken" => token.clone() }).await.0, "SUCCEEDED");
        let stolen = object! { "statusFilter" => "FAILED", "nextToken" => token };
        assert_eq!(ask(stolen).await.expect_err("a token of another list").code, "InvalidToken");
        assert_eq!(ask(object! { "statusFilter" => "X" }).await.expect_err("no status").code, "ValidationException");
        let input = object! { "executionArn" => last.clone() };
        let found = call(dispatcher, "windlass:DescribeExpressExecution", input).await.expect("it is kept").output;
        assert_eq!((&found["status"], &found["hasEvents"]), (&"SUCCEEDED".into(), &false.into()));
        let missing = object! { "executionArn" => "arn:aws:states:us-east-1:123456789012:express:p:e:0" };
        let fault = call(dispatcher, "windlass:DescribeExpressExecution", missing).await.expect_err("it is not kept");
        assert_eq!(fault.code, "ExecutionDoesNotExist");
    }
}
