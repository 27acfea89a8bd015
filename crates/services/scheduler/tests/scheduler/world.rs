//! A service over a store in memory, a clock that tests set, and services that
//! write down what they are called for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use windlass_protocol::{Body, BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_scheduler::{Scheduler, SchedulerOptions};
use windlass_store::{MemoryFaults, Store, Table};
use windlass_value::{Now, Timestamp, Value, parse};

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

/// A clock that stands, or goes on by some milliseconds each time it is looked at.
#[derive(Default)]
pub(crate) struct Clock {
    pub(crate) now_ms: AtomicI64,
    pub(crate) step_ms: AtomicI64,
}

impl Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.fetch_add(self.step_ms.load(Ordering::SeqCst), Ordering::SeqCst))
    }
}

pub(crate) struct World {
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) faults: MemoryFaults,
    options: SchedulerOptions,
}

fn tables() -> Vec<&'static Table> {
    [windlass_scheduler::TABLES, windlass_outbox::TABLES].concat()
}

fn open(store: &Store, clock: &Arc<Clock>, recorder: &Arc<Recorder>, options: SchedulerOptions) -> Arc<Scheduler> {
    let clock = clock.clone();
    let now: Now = Arc::new(move || clock.now());
    let dispatcher = Dispatcher::new();
    let scheduler = Scheduler::open(store, dispatcher.clone(), now, options).unwrap();
    let mut services: Vec<Arc<dyn Service>> = vec![scheduler.clone()];
    for name in ["sqs", "sns", "lambda", "states", "events"] {
        services.push(Arc::new(Named(name, recorder.clone())));
    }
    dispatcher.wire(Wiring { services, ..Wiring::default() });
    scheduler.start();
    scheduler
}

impl World {
    pub(crate) fn new() -> World {
        World::with(SchedulerOptions::default())
    }

    pub(crate) fn with(options: SchedulerOptions) -> World {
        let faults = MemoryFaults::new();
        let store = Store::memory(&tables(), faults.clone());
        let clock = Arc::new(Clock::default());
        clock.now_ms.store(Timestamp::parse_rfc3339(START).unwrap().as_ms(), Ordering::SeqCst);
        let recorder = Arc::new(Recorder::default());
        let scheduler = open(&store, &clock, &recorder, options);
        World { scheduler, recorder, clock, faults, options }
    }

    /// A crash and a new start, at a later time.
    pub(crate) async fn restart(&mut self, later_ms: i64) {
        self.faults.crash();
        self.scheduler.stop().await;
        self.clock.now_ms.fetch_add(later_ms, Ordering::SeqCst);
        let store = self.faults.restart(&tables());
        self.scheduler = open(&store, &self.clock, &self.recorder, self.options);
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.clock.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) async fn call(&self, operation: &str, input: &str) -> Result<Value, Fault> {
        self.scheduler.call(call(operation, input)).await.map(|reply| reply.output)
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
            Err(fault) => format!("{} {}: {}", fault.status, fault.code, fault.message),
        }
    }

    /// A schedule that sends to a queue.
    pub(crate) async fn schedule(&self, name: &str, expression: &str, more: &str) -> Value {
        self.ok("CreateSchedule", &schedule(name, expression, more)).await
    }

    /// Waits until that many calls were made, and answers them.
    pub(crate) async fn calls(&self, count: usize) -> Vec<Call> {
        let started = Instant::now();
        loop {
            let calls = self.recorder.calls.lock().unwrap().clone();
            if calls.len() >= count {
                return calls;
            }
            assert!(started.elapsed() < WAIT_MAX, "{} of {count} calls came", calls.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What queues were sent, sorted.
    pub(crate) fn sent(&self) -> Vec<String> {
        let calls = self.recorder.calls.lock().unwrap();
        let mut sent: Vec<_> =
            calls.iter().map(|call| call.input["MessageBody"].as_str().unwrap_or_default().to_owned()).collect();
        sent.sort();
        sent
    }

    /// Lets everything that is due happen.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1300)).await;
    }
}

pub(crate) fn json(text: &str) -> Value {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

pub(crate) const OFF: &str = r#""FlexibleTimeWindow":{"Mode":"OFF"}"#;

/// A schedule whose message says when it was due.
pub(crate) fn schedule(name: &str, expression: &str, more: &str) -> String {
    let target = r#"{"Arn":"arn:aws:sqs:us-east-1:123456789012:q","RoleArn":"arn:aws:iam::123456789012:role/r","Input":"<aws.scheduler.scheduled-time>"}"#;
    let window = if more.contains("FlexibleTimeWindow") { "" } else { OFF };
    let comma = if more.is_empty() || window.is_empty() { "" } else { "," };
    format!(r#"{{"Name":"{name}","ScheduleExpression":"{expression}","Target":{target},{window}{comma}{more}}}"#)
}

pub(crate) fn call(operation: &str, input: &str) -> Call {
    Call {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        service: "scheduler".into(),
        operation: operation.into(),
        input: json(input),
        body: Body::empty(),
        principal: Principal {
            arn: "arn:aws:iam::123456789012:root".into(),
            account: "123456789012".into(),
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
