use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use windlass_keyring::Keyring;
use windlass_kms::{Kms, TABLES, open};
use windlass_protocol::{Call, Fault, Outcome, Principal, Service};
use windlass_store::{MemoryFaults, Scan, Store, Table};
use windlass_value::{Now, Timestamp, Value};

pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) struct Fixture {
    pub(crate) kms: Arc<Kms>,
    pub(crate) store: Store,
    pub(crate) faults: MemoryFaults,
    pub(crate) keyring: Keyring,
    pub(crate) now: Now,
    clock: Arc<Mutex<Timestamp>>,
}

fn tables() -> Vec<&'static Table> {
    [TABLES, windlass_outbox::TABLES, windlass_keyring::TABLES].concat()
}

/// A service whose clock the test sets.
pub(crate) fn world() -> Fixture {
    let faults = MemoryFaults::new();
    let store = Store::memory(&tables(), faults.clone());
    let keyring = Keyring::ephemeral().expect("a keyring");
    let clock = Arc::new(Mutex::new(START));
    let read = clock.clone();
    let now: Now = Arc::new(move || *read.lock());
    let kms = open(&store, keyring.clone(), now.clone()).expect("a service");
    Fixture { kms, store, faults, keyring, now, clock }
}

pub(crate) fn call(operation: &str, input: Value) -> Call {
    Call {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        service: "kms".into(),
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

pub(crate) fn blob(text: &str) -> String {
    STANDARD.encode(text)
}

impl Fixture {
    /// Sets the clock forward, and waits until that is noticed.
    pub(crate) async fn days_pass(&self, days: i64) {
        let later = self.clock.lock().plus_ms(days * DAY_MS);
        *self.clock.lock() = later;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }

    pub(crate) fn restart(&mut self) {
        self.faults.crash();
        self.store = self.faults.restart(&tables());
        self.kms = open(&self.store, self.keyring.clone(), self.now.clone()).expect("a service");
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Outcome {
        self.kms.call(call(operation, input)).await
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

    pub(crate) async fn key(&self, input: Value) -> (String, String) {
        let created = self.ok("CreateKey", input).await;
        let text = |name: &str| created["KeyMetadata"][name].as_str().expect("a text").to_owned();
        (text("KeyId"), text("Arn"))
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

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
