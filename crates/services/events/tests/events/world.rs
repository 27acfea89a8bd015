//! A service over a store in memory, a clock that tests set, and services that
//! write down what they are called for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use windlass_events::{Events, EventsOptions};
use windlass_keyring::Keyring;
use windlass_outgoing::{Guard, Outgoing};
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_store::{MemoryFaults, Store, Table};
use windlass_value::{Now, Timestamp, Value, object, parse};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const START: &str = "2026-11-22T17:00:00Z";
/// Against hanging only.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A service that writes down its calls, and answers what it is told, else well.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) answers: Mutex<VecDeque<Outcome>>,
}

struct Named(&'static str, Arc<Recorder>);

impl Service for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        self.1.calls.lock().unwrap().push(call);
        let answer = self.1.answers.lock().unwrap().pop_front();
        Box::pin(std::future::ready(answer.unwrap_or_else(|| Ok(Reply::default()))))
    }
}

pub(crate) struct World {
    pub(crate) events: Arc<Events>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) faults: MemoryFaults,
    keyring: Keyring,
    options: EventsOptions,
}

fn tables() -> Vec<&'static Table> {
    [windlass_events::TABLES, windlass_outbox::TABLES].concat()
}

fn open(
    store: &Store,
    clock: &Arc<AtomicI64>,
    recorder: &Arc<Recorder>,
    keyring: &Keyring,
    options: EventsOptions,
) -> Arc<Events> {
    let clock = clock.clone();
    let now: Now = Arc::new(move || Timestamp(clock.load(Ordering::SeqCst)));
    let dispatcher = Dispatcher::new();
    let outgoing = Outgoing::new(Guard::trusting(), None).unwrap();
    let events = Events::open(store, dispatcher.clone(), outgoing, keyring.clone(), now, options).unwrap();
    let mut services: Vec<Arc<dyn Service>> = vec![events.clone()];
    for name in ["sqs", "sns", "lambda", "states", "logs"] {
        services.push(Arc::new(Named(name, recorder.clone())));
    }
    dispatcher.wire(Wiring { services, ..Wiring::default() });
    events.start();
    events
}

impl World {
    pub(crate) fn new() -> World {
        World::with(EventsOptions::default())
    }

    pub(crate) fn with(options: EventsOptions) -> World {
        let faults = MemoryFaults::new();
        let store = Store::memory(&tables(), faults.clone());
        let start = Timestamp::parse_rfc3339(START).unwrap();
        let clock = Arc::new(AtomicI64::new(start.as_ms()));
        let recorder = Arc::new(Recorder::default());
        let keyring = Keyring::ephemeral().unwrap();
        let events = open(&store, &clock, &recorder, &keyring, options);
        World { events, recorder, clock, faults, keyring, options }
    }

    /// A crash and a new start, at a later time.
    pub(crate) async fn restart(&mut self, later_ms: i64) {
        self.faults.crash();
        self.events.stop().await;
        self.clock.fetch_add(later_ms, Ordering::SeqCst);
        let store = self.faults.restart(&tables());
        self.events = open(&store, &self.clock, &self.recorder, &self.keyring, self.options);
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) async fn raw(&self, call: Call) -> Result<Value, Fault> {
        self.events.call(call).await.map(|reply| reply.output)
    }

    pub(crate) async fn call(&self, operation: &str, input: &str) -> Result<Value, Fault> {
        self.raw(call(operation, input)).await
    }

    pub(crate) async fn ok(&self, operation: &str, input: &str) -> Value {
        match self.call(operation, input).await {
            Ok(output) => output,
            Err(fault) => panic!("{operation} {input}: {fault}"),
        }
    }

    pub(crate) async fn refusal(&self, operation: &str, input: &str) -> String {
        match self.call(operation, input).await {
            Ok(output) => panic!("{operation} {input} was taken: {output}"),
            Err(fault) => format!("{}: {}", fault.code, fault.message),
        }
    }

    /// Waits until that many calls were made of an operation, and answers them.
    pub(crate) async fn calls(&self, operation: &str, count: usize) -> Vec<Call> {
        let started = Instant::now();
        loop {
            let calls = self.calls_so_far(operation);
            if calls.len() >= count {
                return calls;
            }
            assert!(started.elapsed() < WAIT_MAX, "{} of {count} calls of {operation} came", calls.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn calls_so_far(&self, operation: &str) -> Vec<Call> {
        let calls = self.recorder.calls.lock().unwrap();
        calls.iter().filter(|call| &*call.operation == operation).cloned().collect()
    }

    /// Lets everything that is due happen.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1300)).await;
    }

    /// A rule for a pattern, with one target.
    pub(crate) async fn rule(&self, name: &str, pattern: &str, target: &str) {
        let rule = object! { "Name" => name, "EventPattern" => pattern };
        self.ok("PutRule", &rule.to_text()).await;
        self.target(name, target).await;
    }

    pub(crate) async fn target(&self, rule: &str, target: &str) {
        let targets = object! { "Rule" => rule, "Targets" => Value::array(vec![json(target)]) };
        self.ok("PutTargets", &targets.to_text()).await;
    }

    /// Puts one event and answers its id.
    pub(crate) async fn put(&self, source: &str, detail: &str) -> String {
        let entry = object! { "Source" => source, "DetailType" => "test", "Detail" => detail };
        let output = self.ok("PutEvents", &object! { "Entries" => Value::array(vec![entry]) }.to_text()).await;
        assert_eq!(output["FailedEntryCount"], Value::int(0), "{output}");
        output.pointer("/Entries/0/EventId").and_then(Value::as_str).unwrap().to_owned()
    }
}

pub(crate) fn json(text: &str) -> Value {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

pub(crate) fn call(operation: &str, input: &str) -> Call {
    Call {
        account: ACCOUNT.into(),
        region: REGION.into(),
        service: "events".into(),
        operation: operation.into(),
        input: json(input),
        body: windlass_protocol::Body::empty(),
        principal: Principal {
            arn: format!("arn:aws:iam::{ACCOUNT}:root").into(),
            account: ACCOUNT.into(),
            access_key_id: None,
        },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: "r".into(),
    }
}

pub(crate) const QUEUE: &str = r#"{"Id":"q","Arn":"arn:aws:sqs:us-east-1:123456789012:q"}"#;

pub(crate) fn body(call: &Call) -> Value {
    json(call.input["MessageBody"].as_str().unwrap())
}
