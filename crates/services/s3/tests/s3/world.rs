use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use tempfile::TempDir;
use windlass_blob::BlobStore;
use windlass_protocol::{Body, BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring};
use windlass_s3::{S3, S3Config};
use windlass_store::{MemoryFaults, Store, Table};
use windlass_value::{Now, Object, Timestamp, Value, object, parse};

pub(crate) const ACCOUNT: &str = "111122223333";
/// 2026-11-22T12:00:00Z
pub(crate) const START_MS: i64 = 1_795_348_800_000;

fn tables() -> Vec<&'static Table> {
    [windlass_s3::TABLES, windlass_blob::TABLES, windlass_outbox::TABLES].concat()
}

/// A service over a store in memory and a folder of its own; both outlive it.
pub(crate) struct World {
    pub(crate) faults: MemoryFaults,
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) others: Arc<Others>,
    pub(crate) s3: Arc<S3>,
    pub(crate) blobs: BlobStore,
}

impl World {
    pub(crate) fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let (faults, clock) = (MemoryFaults::default(), Arc::new(AtomicI64::new(START_MS)));
        let others = Arc::new(Others::default());
        let (s3, blobs) = open(&faults, folder.path(), &clock, &others);
        World { faults, folder, clock, others, s3, blobs }
    }

    /// The process dies and another takes its place.
    pub(crate) fn crash(&mut self) {
        self.faults.crash();
        (self.s3, self.blobs) = open(&self.faults, self.folder.path(), &self.clock, &self.others);
    }

    pub(crate) fn later(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// A call with a body, as from the wire.
    pub(crate) async fn send(&self, operation: &str, input: &str, body: impl Into<Body>) -> Outcome {
        let input = parse(input).unwrap_or_else(|error| panic!("{input}: {error}"));
        self.s3.call(call(operation, input, body.into())).await
    }

    pub(crate) async fn ask(&self, operation: &str, input: &str) -> Result<Value, Fault> {
        self.send(operation, input, Body::empty()).await.map(|reply| reply.output)
    }

    pub(crate) async fn ok(&self, operation: &str, input: &str) -> Value {
        self.ask(operation, input).await.unwrap_or_else(|fault| panic!("{operation} {input}: {fault}"))
    }

    /// The error's name of a call that fails.
    pub(crate) async fn fails(&self, operation: &str, input: &str) -> String {
        match self.ask(operation, input).await {
            Ok(output) => panic!("{operation} {input} answered {output}"),
            Err(fault) => fault.code,
        }
    }

    pub(crate) async fn bucket(&self, name: &str) {
        self.ok("CreateBucket", &format!(r#"{{"Bucket": "{name}"}}"#)).await;
    }

    /// Puts an object and answers the output.
    pub(crate) async fn put(&self, bucket: &str, key: &str, content: &[u8]) -> Value {
        let input = object! { "Bucket" => bucket, "Key" => key };
        let reply = self.s3.call(call("PutObject", input, content.to_vec().into())).await;
        reply.unwrap_or_else(|fault| panic!("{key}: {fault}")).output
    }

    /// The content of an object.
    pub(crate) async fn content(&self, bucket: &str, key: &str) -> Result<Vec<u8>, Fault> {
        let input = object! { "Bucket" => bucket, "Key" => key };
        let reply = self.s3.call(call("GetObject", input, Body::empty())).await?;
        Ok(read(&reply))
    }

    /// How many files the contents take.
    pub(crate) fn files(&self) -> usize {
        let blobs = self.folder.path().join("blobs");
        let folders = std::fs::read_dir(blobs).expect("a folder").map(|folder| folder.expect("readable").path());
        folders.map(|folder| std::fs::read_dir(folder).expect("a folder").count()).sum()
    }
}

pub(crate) fn read(reply: &Reply) -> Vec<u8> {
    reply.body.read(u64::MAX).expect("readable").to_vec()
}

fn open(faults: &MemoryFaults, folder: &Path, clock: &Arc<AtomicI64>, others: &Arc<Others>) -> (Arc<S3>, BlobStore) {
    let store = Store::memory(&tables(), faults.clone());
    let blobs = BlobStore::open(folder, store.clone()).expect("the folder opens");
    let clock = clock.clone();
    let now: Now = Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)));
    let dispatcher = Dispatcher::new();
    let s3 = S3::open(store, blobs.clone(), dispatcher.clone(), S3Config::default(), now).expect("the service opens");
    let mut services: Vec<Arc<dyn Service>> = vec![s3.clone()];
    for name in ["sqs", "sns", "lambda", "events"] {
        services.push(Arc::new(Other { name, others: others.clone() }));
    }
    dispatcher.wire(Wiring { services, ..Wiring::default() });
    (s3, blobs)
}

pub(crate) fn call(operation: &str, input: Value, body: Body) -> Call {
    Call {
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        service: "s3".into(),
        operation: operation.into(),
        input,
        body,
        principal: Principal {
            arn: format!("arn:aws:iam::{ACCOUNT}:user/tester").into(),
            account: ACCOUNT.into(),
            access_key_id: Some("AKIATEST".into()),
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

/// What the other services were asked.
#[derive(Default)]
pub(crate) struct Others {
    pub(crate) calls: Mutex<Vec<Call>>,
    /// Services that answer an error.
    pub(crate) failing: Mutex<Vec<&'static str>>,
}

struct Other {
    name: &'static str,
    others: Arc<Others>,
}

impl Service for Other {
    fn name(&self) -> &'static str {
        self.name
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        let fails = self.others.failing.lock().contains(&self.name);
        self.others.calls.lock().push(call);
        let outcome = if fails {
            Err(Fault::new("ServiceUnavailable", "not now").with_status(503))
        } else {
            Ok(Value::from(Object::new()).into())
        };
        Box::pin(std::future::ready(outcome))
    }
}
