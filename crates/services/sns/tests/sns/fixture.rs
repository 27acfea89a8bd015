use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use windlass_outgoing::{Guard, Outgoing};
use windlass_protocol::{Body, BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_sns::{Sns, SnsConfig};
use windlass_store::{MemoryFaults, Scan, Store, Table};
use windlass_value::{Now, Object, Timestamp, Value, object};

pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const BASE_URL: &str = "http://localhost:4566";
/// A bound against hanging only.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

type Answerer = Box<dyn FnMut(&Call) -> Outcome + Send>;

/// A receiver that writes its calls down.
pub(crate) struct Receiver {
    name: &'static str,
    calls: UnboundedSender<Call>,
    answer: Arc<Mutex<Answerer>>,
}

impl Service for Receiver {
    fn name(&self) -> &'static str {
        self.name
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        let outcome = (self.answer.lock())(&call);
        let _ = self.calls.send(call);
        Box::pin(std::future::ready(outcome))
    }
}

/// A server, what it runs over, and who it delivers to.
pub(crate) struct World {
    pub(crate) sns: Arc<Sns>,
    pub(crate) store: Store,
    pub(crate) faults: MemoryFaults,
    pub(crate) clock: Arc<AtomicI64>,
    /// What queues were sent.
    pub(crate) queues: UnboundedReceiver<Call>,
    /// What functions were invoked with.
    pub(crate) functions: UnboundedReceiver<Call>,
    pub(crate) queue_answers: Arc<Mutex<Answerer>>,
    pub(crate) config: SnsConfig,
    dispatcher: Dispatcher,
}

fn tables() -> Vec<&'static Table> {
    [windlass_sns::TABLES, windlass_outbox::TABLES].concat()
}

impl World {
    pub(crate) fn new() -> World {
        World::with(SnsConfig::new(BASE_URL))
    }

    pub(crate) fn with(config: SnsConfig) -> World {
        let faults = MemoryFaults::new();
        let store = Store::memory(&tables(), faults.clone());
        let clock = Arc::new(AtomicI64::new(1_795_000_000_000));
        let (queue_calls, queues) = unbounded_channel();
        let (function_calls, functions) = unbounded_channel();
        let answer = |answer: fn(&Call) -> Outcome| -> Arc<Mutex<Answerer>> { Arc::new(Mutex::new(Box::new(answer))) };
        let queue_answers = answer(|_| Ok(Reply::from(object! { "MessageId" => "1" })));
        let queue = Receiver { name: "sqs", calls: queue_calls, answer: queue_answers.clone() };
        let function =
            Receiver { name: "lambda", calls: function_calls, answer: answer(|_| Ok(Reply::from(Value::Null))) };
        let dispatcher = Dispatcher::new();
        dispatcher.wire(Wiring { services: vec![Arc::new(queue), Arc::new(function)], authorizer: None, router: None });
        let sns = open(&store, &dispatcher, &config, &clock);
        World { sns, store, faults, clock, queues, functions, queue_answers, config, dispatcher }
    }

    /// The server is killed and started again.
    pub(crate) fn restart(&mut self) {
        self.faults.crash();
        self.store = self.faults.restart(&tables());
        self.sns = open(&self.store, &self.dispatcher, &self.config, &self.clock);
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) async fn try_call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        self.sns.call(call(operation, input)).await.map(|reply| reply.output)
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Value {
        let shown = format!("{operation} {input}");
        self.try_call(operation, input).await.unwrap_or_else(|fault| panic!("{shown}: {fault}"))
    }

    /// Follows a link.
    pub(crate) async fn follow(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let mut call = call(operation, input);
        call.principal = Principal { arn: "".into(), account: ACCOUNT.into(), access_key_id: None };
        self.sns.call(call).await.map(|reply| reply.output)
    }

    pub(crate) async fn topic(&self, name: &str, attributes: Value) -> String {
        let input = object! { "Name" => name, "Attributes" => attributes };
        text(&self.call("CreateTopic", input).await, "TopicArn")
    }

    /// Subscribes a queue of that name; the subscription's ARN.
    pub(crate) async fn subscribe(&self, topic: &str, queue: &str, attributes: Value) -> String {
        let input = object! {
            "TopicArn" => topic, "Protocol" => "sqs", "Endpoint" => queue_arn(queue),
            "Attributes" => attributes, "ReturnSubscriptionArn" => "true",
        };
        text(&self.call("Subscribe", input).await, "SubscriptionArn")
    }

    pub(crate) async fn publish(&self, topic: &str, message: &str, more: Value) -> Value {
        let mut input = Object::new();
        input.insert("TopicArn", topic);
        input.insert("Message", message);
        input.extend(more.as_object().into_iter().flat_map(|more| more.iter()).map(|(k, v)| (k.clone(), v.clone())));
        self.call("Publish", input.into()).await
    }

    /// What a queue is sent next.
    pub(crate) async fn next_sent(&mut self) -> Call {
        tokio::time::timeout(PATIENCE, self.queues.recv()).await.expect("something is sent").expect("the queue lives")
    }

    /// What a function is invoked with next.
    pub(crate) async fn next_invoked(&mut self) -> Call {
        tokio::time::timeout(PATIENCE, self.functions.recv()).await.expect("an invocation").expect("the function lives")
    }

    /// Waits until no delivery is left, stored or under way.
    pub(crate) async fn settled(&self) {
        let left = || {
            let entries = tables().into_iter().filter(|table| matches!(table.name, "outbox_entries" | "sns_messages"));
            entries
                .map(|table| self.store.scan(table, Scan::range(Default::default(), 10)).unwrap().len())
                .sum::<usize>()
        };
        tokio::time::timeout(PATIENCE, async {
            while left() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("every delivery ends");
    }

    pub(crate) fn rows(&self, table: &str) -> usize {
        let table = tables().into_iter().find(|one| one.name == table).unwrap();
        self.store.scan(table, Scan::range(Default::default(), 1_000)).unwrap().len()
    }
}

fn open(store: &Store, dispatcher: &Dispatcher, config: &SnsConfig, clock: &Arc<AtomicI64>) -> Arc<Sns> {
    let clock = clock.clone();
    let now: Now = Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)));
    let outgoing = Outgoing::new(Guard::trusting(), None).unwrap();
    let sns = Arc::new(Sns::open(store, dispatcher.clone(), outgoing, config.clone(), now).unwrap());
    sns.start();
    sns
}

pub(crate) fn call(operation: &str, input: Value) -> Call {
    Call {
        account: ACCOUNT.into(),
        region: REGION.into(),
        service: "sns".into(),
        operation: operation.into(),
        input,
        body: Body::empty(),
        principal: Principal {
            arn: format!("arn:aws:iam::{ACCOUNT}:user/test").into(),
            account: ACCOUNT.into(),
            access_key_id: Some("test".into()),
        },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: "request".into(),
    }
}

pub(crate) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

pub(crate) fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

pub(crate) fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// The body of a queue's message.
pub(crate) fn body(call: &Call) -> String {
    text(&call.input, "MessageBody")
}
