//! A service over a store in memory, a queue, and services that write down what
//! they are called for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use windlass_pipes::Pipes;
use windlass_protocol::{Body, BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_store::{MemoryFaults, Store};
use windlass_value::{Now, Timestamp, Value, object, parse};

/// Against hanging only.
const WAIT_MAX: Duration = Duration::from_secs(20);

pub(crate) const SOURCE: &str = "arn:aws:sqs:us-east-1:123456789012:in";

/// A queue named `in`, and anything else that can be called.
#[derive(Default)]
pub(crate) struct Outside {
    pub(crate) calls: Mutex<Vec<Call>>,
    /// What calls are answered beside those of the queue `in`; else well.
    pub(crate) answers: Mutex<VecDeque<Outcome>>,
    /// Messages that can be seen, and those that were received: id and body.
    pub(crate) visible: Mutex<VecDeque<(String, String)>>,
    pub(crate) in_flight: Mutex<Vec<(String, String)>>,
    pub(crate) deleted: Mutex<Vec<String>>,
}

struct Named(&'static str, Arc<Outside>);

impl Service for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(async move { self.1.answer(call).await })
    }
}

impl Outside {
    async fn answer(&self, call: Call) -> Outcome {
        match &*call.operation {
            "ReceiveMessage" => Ok(self.receive(&call).await),
            "DeleteMessageBatch" => {
                for entry in call.input["Entries"].as_array().unwrap().iter() {
                    let id = entry["ReceiptHandle"].as_str().unwrap();
                    self.in_flight.lock().unwrap().retain(|(flying, _)| flying != id);
                    self.deleted.lock().unwrap().push(id.to_owned());
                }
                Ok(Reply::default())
            }
            _ => {
                self.calls.lock().unwrap().push(call);
                self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(Reply::default()))
            }
        }
    }

    async fn receive(&self, call: &Call) -> Reply {
        let max = call.input["MaxNumberOfMessages"].as_i64().unwrap() as usize;
        let waits = Duration::from_secs(call.input["WaitTimeSeconds"].as_i64().unwrap().unsigned_abs());
        let until = Instant::now() + waits;
        loop {
            let taken: Vec<_> = {
                let mut visible = self.visible.lock().unwrap();
                let count = max.min(visible.len());
                visible.drain(..count).collect()
            };
            if !taken.is_empty() || Instant::now() >= until {
                let messages = taken.iter().map(|(id, body)| {
                    object! { "MessageId" => id, "ReceiptHandle" => id, "Body" => body, "Attributes" => object! { "SentTimestamp" => "1" } }
                });
                let output = object! { "Messages" => Value::array(messages.collect()) };
                self.in_flight.lock().unwrap().extend(taken);
                return Reply::from(output);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The visibility timeout of everything in flight passes.
    pub(crate) fn show_again(&self) {
        let flying: Vec<_> = self.in_flight.lock().unwrap().drain(..).collect();
        self.visible.lock().unwrap().extend(flying);
    }
}

pub(crate) struct World {
    pub(crate) pipes: Arc<Pipes>,
    pub(crate) outside: Arc<Outside>,
    faults: MemoryFaults,
}

fn open(store: &Store, outside: &Arc<Outside>) -> Arc<Pipes> {
    let now: Now = Arc::new(|| Timestamp(1_795_366_800_000));
    let dispatcher = Dispatcher::new();
    let pipes = Pipes::open(store, dispatcher.clone(), now).unwrap();
    let mut services: Vec<Arc<dyn Service>> = vec![pipes.clone()];
    for name in ["sqs", "sns", "lambda", "states", "events", "logs"] {
        services.push(Arc::new(Named(name, outside.clone())));
    }
    dispatcher.wire(Wiring { services, ..Wiring::default() });
    pipes.start();
    pipes
}

impl World {
    pub(crate) fn new() -> World {
        let faults = MemoryFaults::new();
        let outside = Arc::new(Outside::default());
        let pipes = open(&Store::memory(windlass_pipes::TABLES, faults.clone()), &outside);
        World { pipes, outside, faults }
    }

    pub(crate) async fn restart(&mut self) {
        self.faults.crash();
        self.pipes.stop().await;
        self.pipes = open(&self.faults.restart(windlass_pipes::TABLES), &self.outside);
    }

    pub(crate) async fn call(&self, operation: &str, input: &str) -> Result<Value, Fault> {
        let call = Call {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            service: "pipes".into(),
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
        };
        self.pipes.call(call).await.map(|reply| reply.output)
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

    /// A pipe `p` from the queue `in`.
    pub(crate) async fn pipe(&self, target: &str, more: &str) {
        self.ok("CreatePipe", &pipe("p", target, more)).await;
    }

    pub(crate) fn send(&self, id: &str, body: &str) {
        self.outside.visible.lock().unwrap().push_back((id.to_owned(), body.to_owned()));
    }

    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Outcome>) {
        self.outside.answers.lock().unwrap().extend(answers);
    }

    pub(crate) async fn calls(&self, count: usize) -> Vec<Call> {
        let started = Instant::now();
        loop {
            let calls = self.outside.calls.lock().unwrap().clone();
            if calls.len() >= count {
                return calls;
            }
            assert!(started.elapsed() < WAIT_MAX, "{} of {count} calls came", calls.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until that many messages were deleted; answers their ids, sorted.
    pub(crate) async fn deleted(&self, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let mut deleted = self.outside.deleted.lock().unwrap().clone();
            if deleted.len() >= count {
                deleted.sort();
                return deleted;
            }
            assert!(started.elapsed() < WAIT_MAX, "{} of {count} messages were deleted", deleted.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub(crate) fn json(text: &str) -> Value {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

pub(crate) fn pipe(name: &str, target: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        r#"{{"Name":"{name}","Source":"{SOURCE}","Target":"{target}","RoleArn":"arn:aws:iam::123456789012:role/r"{comma}{more}}}"#
    )
}
