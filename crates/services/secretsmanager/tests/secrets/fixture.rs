use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use windlass_keyring::Keyring;
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_secretsmanager::{SecretsManager, TABLES, open};
use windlass_store::{MemoryFaults, Scan, Store, Table};
use windlass_value::{Now, Timestamp, Value, object};

pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Answers a call to another service.
pub(crate) type Answer = Arc<dyn Fn(Dispatcher, Call) -> BoxFuture<'static, Outcome> + Send + Sync>;

pub(crate) struct Fixture {
    pub(crate) service: Arc<SecretsManager>,
    pub(crate) store: Store,
    faults: MemoryFaults,
    keyring: Keyring,
    now: Now,
    clock: Arc<Mutex<Timestamp>>,
    lambda: Answer,
}

fn tables() -> Vec<&'static Table> {
    [TABLES, windlass_outbox::TABLES, windlass_keyring::TABLES].concat()
}

/// Another service.
struct Other {
    name: &'static str,
    dispatcher: Dispatcher,
    answer: Answer,
}

impl Service for Other {
    fn name(&self) -> &'static str {
        self.name
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        (self.answer)(self.dispatcher.clone(), call)
    }
}

/// KMS, as far as it is asked.
fn kms() -> Answer {
    Arc::new(|_, call| {
        let state = match call.input["KeyId"].as_str() {
            Some("alias/good") => object! { "Enabled" => true, "KeyUsage" => "ENCRYPT_DECRYPT" },
            Some("alias/disabled") => object! { "Enabled" => false, "KeyUsage" => "ENCRYPT_DECRYPT" },
            _ => return Box::pin(std::future::ready(Err(Fault::new("NotFoundException", "no key")))),
        };
        Box::pin(std::future::ready(Ok(Reply::from(object! { "KeyMetadata" => state }))))
    })
}

fn started(store: &Store, keyring: &Keyring, now: &Now, lambda: &Answer) -> Arc<SecretsManager> {
    let dispatcher = Dispatcher::new();
    let service = open(store, keyring.clone(), dispatcher.clone(), now.clone()).expect("a service");
    let other =
        |name, answer: Answer| -> Arc<dyn Service> { Arc::new(Other { name, dispatcher: dispatcher.clone(), answer }) };
    let services: Vec<Arc<dyn Service>> = vec![service.clone(), other("kms", kms()), other("lambda", lambda.clone())];
    dispatcher.wire(Wiring { services, ..Wiring::default() });
    service
}

pub(crate) fn world() -> Fixture {
    world_with(Arc::new(|_, _| Box::pin(std::future::ready(Err(Fault::not_built("Lambda"))))))
}

/// A service whose clock the test sets, with that Lambda.
pub(crate) fn world_with(lambda: Answer) -> Fixture {
    let faults = MemoryFaults::new();
    let store = Store::memory(&tables(), faults.clone());
    let keyring = Keyring::ephemeral().expect("a keyring");
    let clock = Arc::new(Mutex::new(START));
    let read = clock.clone();
    let now: Now = Arc::new(move || *read.lock());
    let service = started(&store, &keyring, &now, &lambda);
    Fixture { service, store, faults, keyring, now, clock, lambda }
}

pub(crate) fn call(operation: &str, input: Value) -> Call {
    Call {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        service: "secretsmanager".into(),
        operation: operation.into(),
        input,
        body: Default::default(),
        principal: Principal {
            arn: "arn:aws:iam::000000000000:root".into(),
            account: "000000000000".into(),
            access_key_id: None,
        },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: "8f9c1f5e-0000-4000-8000-000000000001".into(),
    }
}

/// A token of a request: the letter 36 times.
pub(crate) fn token(letter: char) -> String {
    letter.to_string().repeat(36)
}

impl Fixture {
    /// Sets the clock forward, and waits until that is noticed.
    pub(crate) async fn ms_pass(&self, ms: i64) {
        let later = self.clock.lock().plus_ms(ms);
        *self.clock.lock() = later;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }

    pub(crate) async fn days_pass(&self, days: i64) {
        self.ms_pass(days * DAY_MS).await;
    }

    pub(crate) fn restart(&mut self) {
        self.faults.crash();
        self.store = self.faults.restart(&tables());
        self.service = started(&self.store, &self.keyring, &self.now, &self.lambda);
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Outcome {
        self.service.call(call(operation, input)).await
    }

    pub(crate) async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|fault| panic!("{operation}: {fault}")).output
    }

    pub(crate) async fn fault(&self, operation: &str, input: Value) -> Fault {
        match self.call(operation, input).await {
            Ok(reply) => panic!("{operation} succeeded: {}", reply.output),
            Err(fault) => fault,
        }
    }

    /// Checks a fault's name and text.
    pub(crate) async fn refused(&self, operation: &str, input: Value, code: &str, message: &str) {
        let fault = self.fault(operation, input.clone()).await;
        assert_eq!((fault.code.as_str(), fault.message.as_str()), (code, message), "{operation} {input}");
    }

    /// Makes a secret; its ARN.
    pub(crate) async fn secret(&self, name: &str, value: &str) -> String {
        let created = self
            .ok("CreateSecret", object! { "Name" => name, "SecretString" => value, "ClientRequestToken" => token('1') })
            .await;
        created["ARN"].as_str().expect("an ARN").to_owned()
    }

    /// The text of a secret's version.
    pub(crate) async fn read(&self, secret_id: &str, stage: &str) -> String {
        let value = self.ok("GetSecretValue", object! { "SecretId" => secret_id, "VersionStage" => stage }).await;
        value["SecretString"].as_str().expect("a text").to_owned()
    }

    /// Every byte that is stored.
    pub(crate) fn everything_stored(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for table in tables() {
            for row in self.store.scan(table, Scan { limit: 100_000, ..Scan::default() }).expect("rows") {
                bytes.extend(format!("{:?}", row.columns).bytes());
                bytes.extend(row.key.as_bytes());
                bytes.extend(&row.value[..]);
            }
        }
        bytes
    }
}

pub(crate) fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}
