use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windlass_protocol::{Body, Call, Fault, Principal, Service};
use windlass_sqs::{Sqs, SqsConfig};
use windlass_store::{MemoryFaults, Store, Table, UnsyncedOutcome};
use windlass_value::{Now, Timestamp, Value, object};

pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "eu-west-1";
const START_MS: i64 = 1_700_000_000_000;

/// A service over a disk that outlives it, in a runtime whose time is paused.
pub(crate) struct World {
    pub(crate) faults: MemoryFaults,
    pub(crate) sqs: Arc<Sqs>,
    config: SqsConfig,
    now: Now,
}

fn tables() -> Vec<&'static Table> {
    [windlass_sqs::TABLES, windlass_outbox::TABLES].concat()
}

fn open(store: Store, config: &SqsConfig, now: &Now) -> Arc<Sqs> {
    Sqs::open(store, config.clone(), now.clone()).expect("the service opens")
}

impl World {
    pub(crate) fn new() -> World {
        World::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut SqsConfig)) -> World {
        let mut config = SqsConfig::new("http://localhost:4599");
        change(&mut config);
        let start = Instant::now();
        // Tokio's time, which tests advance.
        let now: Now =
            Arc::new(move || Timestamp(START_MS + i64::try_from(start.elapsed().as_millis()).expect("a short test")));
        let faults = MemoryFaults::new();
        let sqs = open(Store::memory(&tables(), faults.clone()), &config, &now);
        World { faults, sqs, config, now }
    }

    /// Ends the process as a power cut does, and starts another over the disk.
    pub(crate) fn crash(&mut self, outcome: UnsyncedOutcome) {
        self.faults.crash_with(outcome);
        self.sqs = open(self.faults.restart(&tables()), &self.config, &self.now);
    }

    pub(crate) fn restart(&mut self) {
        self.crash(UnsyncedOutcome::Lost);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.now)().as_ms()
    }

    pub(crate) async fn try_call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        try_call(&self.sqs, operation, input).await
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Value {
        self.try_call(operation, input.clone()).await.unwrap_or_else(|fault| panic!("{operation} {input}: {fault}"))
    }

    /// The name and text of the refusal.
    pub(crate) async fn refused(&self, operation: &str, input: Value) -> (String, String) {
        match self.try_call(operation, input.clone()).await {
            Ok(answer) => panic!("{operation} {input} answered {answer}"),
            Err(fault) => (fault.code, fault.message),
        }
    }

    /// Makes a queue; answers its URL.
    pub(crate) async fn queue(&self, name: &str, attributes: Value) -> String {
        let answer = self.call("CreateQueue", object! { "QueueName" => name, "Attributes" => attributes }).await;
        answer["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    pub(crate) async fn send(&self, url: &str, body: &str) -> Value {
        self.call("SendMessage", object! { "QueueUrl" => url, "MessageBody" => body }).await
    }

    pub(crate) async fn send_group(&self, url: &str, group: &str, body: &str) -> Value {
        let input = object! {
            "QueueUrl" => url, "MessageBody" => body, "MessageGroupId" => group, "MessageDeduplicationId" => body,
        };
        self.call("SendMessage", input).await
    }

    /// At most ten messages with all their attributes.
    pub(crate) async fn receive(&self, url: &str) -> Vec<Value> {
        self.receive_with(url, object! { "MaxNumberOfMessages" => 10 }).await
    }

    pub(crate) async fn receive_with(&self, url: &str, more: Value) -> Vec<Value> {
        let answer = self.call("ReceiveMessage", receive_input(url, &more)).await;
        answer["Messages"].as_array().map(|messages| messages.to_vec()).unwrap_or_default()
    }

    pub(crate) async fn bodies(&self, url: &str) -> Vec<String> {
        bodies(&self.receive(url).await)
    }

    pub(crate) async fn delete(&self, url: &str, message: &Value) {
        self.call("DeleteMessage", object! { "QueueUrl" => url, "ReceiptHandle" => &message["ReceiptHandle"] }).await;
    }

    pub(crate) async fn attribute(&self, url: &str, name: &str) -> String {
        let input = object! { "QueueUrl" => url, "AttributeNames" => vec![Value::from(name)] };
        let answer = self.call("GetQueueAttributes", input).await;
        answer["Attributes"][name].as_str().unwrap_or_default().to_owned()
    }

    /// Visible, in flight and delayed messages.
    pub(crate) async fn counts(&self, url: &str) -> [String; 3] {
        let mut counts = [const { String::new() }; 3];
        for (count, name) in counts.iter_mut().zip(["", "NotVisible", "Delayed"]) {
            *count = self.attribute(url, &format!("ApproximateNumberOfMessages{name}")).await;
        }
        counts
    }
}

pub(crate) fn receive_input(url: &str, more: &Value) -> Value {
    let mut input = object! {
        "QueueUrl" => url,
        "AttributeNames" => vec![Value::from("All")],
        "MessageAttributeNames" => vec![Value::from("All")],
    };
    if let (Value::Object(input), Some(more)) = (&mut input, more.as_object()) {
        Arc::make_mut(input).extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    input
}

pub(crate) async fn try_call(sqs: &Arc<Sqs>, operation: &str, input: Value) -> Result<Value, Fault> {
    sqs.call(call(operation, input)).await.map(|reply| reply.output)
}

pub(crate) fn call(operation: &str, input: Value) -> Call {
    Call {
        account: ACCOUNT.into(),
        region: REGION.into(),
        service: "sqs".into(),
        operation: operation.into(),
        input,
        body: Body::empty(),
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
        request_id: "00000000-0000-4000-8000-000000000000".into(),
    }
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

pub(crate) fn bodies(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message["Body"].as_str().expect("a body").to_owned()).collect()
}

pub(crate) fn texts(texts: &[&str]) -> Value {
    texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>().into()
}

/// Moves the clock.
pub(crate) async fn pass_ms(ms: u64) {
    tokio::time::advance(Duration::from_millis(ms)).await;
}

/// Lets the tasks that can go on do so.
pub(crate) async fn pass_turns() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
