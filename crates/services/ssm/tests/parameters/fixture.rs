use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use windlass_keyring::Keyring;
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_ssm::{Ssm, TABLES, open};
use windlass_store::{MemoryFaults, Scan, Store, Table};
use windlass_value::{Now, Timestamp, Value, object};

pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);

/// Answers a call to another service.
type Answer = fn(Call) -> Outcome;

pub(crate) struct Fixture {
    pub(crate) service: Arc<Ssm>,
    pub(crate) store: Store,
    faults: MemoryFaults,
    keyring: Keyring,
    now: Now,
    clock: Arc<Mutex<Timestamp>>,
}

fn tables() -> Vec<&'static Table> {
    [TABLES, windlass_outbox::TABLES, windlass_keyring::TABLES].concat()
}

/// Another service.
struct Other {
    name: &'static str,
    answer: Answer,
}

impl Service for Other {
    fn name(&self) -> &'static str {
        self.name
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(std::future::ready((self.answer)(call)))
    }
}

/// KMS, as far as it is asked.
fn kms(call: Call) -> Outcome {
    match call.input["KeyId"].as_str() {
        Some("alias/good") => {
            Ok(Reply::from(object! { "KeyMetadata" => object! { "Enabled" => true, "KeyUsage" => "ENCRYPT_DECRYPT" } }))
        }
        _ => Err(Fault::new("NotFoundException", "no key")),
    }
}

/// The Secrets Manager, as far as it is asked.
fn secrets(call: Call) -> Outcome {
    match call.input["SecretId"].as_str() {
        Some("app/db") => Ok(Reply::from(object! {
            "ARN" => "arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-AbCdEf",
            "Name" => "app/db",
            "SecretString" => format!("stage {}", call.input["VersionStage"].as_str().unwrap_or("none")),
            "CreatedDate" => 1_700_000_000,
        })),
        _ => Err(Fault::new("ResourceNotFoundException", "no secret")),
    }
}

fn started(store: &Store, keyring: &Keyring, now: &Now) -> Arc<Ssm> {
    let dispatcher = Dispatcher::new();
    let service = open(store, keyring.clone(), dispatcher.clone(), now.clone()).expect("a service");
    let other = |name, answer: Answer| -> Arc<dyn Service> { Arc::new(Other { name, answer }) };
    let services: Vec<Arc<dyn Service>> = vec![service.clone(), other("kms", kms), other("secretsmanager", secrets)];
    dispatcher.wire(Wiring { services, ..Wiring::default() });
    service
}

/// A service whose clock the test sets.
pub(crate) fn world() -> Fixture {
    let faults = MemoryFaults::new();
    let store = Store::memory(&tables(), faults.clone());
    let keyring = Keyring::ephemeral().expect("a keyring");
    let clock = Arc::new(Mutex::new(START));
    let read = clock.clone();
    let now: Now = Arc::new(move || *read.lock());
    let service = started(&store, &keyring, &now);
    Fixture { service, store, faults, keyring, now, clock }
}

pub(crate) fn call(operation: &str, input: Value) -> Call {
    Call {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        service: "ssm".into(),
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

impl Fixture {
    /// Sets the clock forward, and waits until that is noticed.
    pub(crate) async fn ms_pass(&self, ms: i64) {
        let later = self.clock.lock().plus_ms(ms);
        *self.clock.lock() = later;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }

    pub(crate) fn restart(&mut self) {
        self.faults.crash();
        self.store = self.faults.restart(&tables());
        self.service = started(&self.store, &self.keyring, &self.now);
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

    pub(crate) async fn put(&self, name: &str, kind: &str, value: &str) -> Value {
        self.ok("PutParameter", object! { "Name" => name, "Type" => kind, "Value" => value, "Overwrite" => true }).await
    }

    /// The opened value of a parameter.
    pub(crate) async fn value(&self, name: &str) -> String {
        let got = self.ok("GetParameter", object! { "Name" => name, "WithDecryption" => true }).await;
        got["Parameter"]["Value"].as_str().expect("a text").to_owned()
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
