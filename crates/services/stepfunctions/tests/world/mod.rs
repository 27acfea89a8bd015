//! A whole service over stores in memory, with a clock that follows tokio's
//! paused time and a Lambda service made of a few behaviours.

mod apis;
mod lambda;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use windlass_journal::{Clock, Journal, JournalConfig};
use windlass_protocol::{Body, Call, Dispatcher, Outcome, Principal, Wiring};
use windlass_stepfunctions::{Environment, Integrations, MockConfig, Outside, StepFunctions};
use windlass_store::{MemoryFaults, Store, Table};
use windlass_value::{Timestamp, Value};
use windlass_workflow::{Limits, Quotas};

pub(crate) use apis::Apis;
pub(crate) use lambda::FakeLambda;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";
const START_MS: i64 = 1_700_000_000_000;

struct TestClock {
    start: Instant,
    seed: AtomicU64,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(START_MS + self.start.elapsed().as_millis() as i64)
    }

    fn seed(&self) -> u64 {
        self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

/// The service, and what it runs on.
pub(crate) struct World {
    dispatcher: Dispatcher,
    clock: Arc<dyn Clock>,
    pub(crate) disk: MemoryFaults,
    pub(crate) lambda: Arc<FakeLambda>,
    pub(crate) apis: Arc<Apis>,
    journal: Journal,
    quotas: Quotas,
    /// The mock file: there once a test writes it.
    pub(crate) mocks: Arc<MockPath>,
}

/// The path of a world's mock file, which goes with it.
pub(crate) struct MockPath(pub(crate) PathBuf);

impl Drop for MockPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn mock_path() -> Arc<MockPath> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("windlass-mocks-{}-{number}.json", std::process::id());
    Arc::new(MockPath(std::env::temp_dir().join(name)))
}

fn tables() -> Vec<&'static Table> {
    windlass_journal::TABLES.iter().chain(windlass_stepfunctions::TABLES).copied().collect()
}

impl World {
    /// A new world with an empty disk.
    pub(crate) async fn new() -> World {
        let clock = Arc::new(TestClock { start: Instant::now(), seed: AtomicU64::new(1) });
        World::on(MemoryFaults::new(), clock, Arc::default(), Outside::default(), Quotas::default(), mock_path()).await
    }

    /// The same under other quotas.
    pub(crate) async fn with_quotas(quotas: Quotas) -> World {
        let clock = Arc::new(TestClock { start: Instant::now(), seed: AtomicU64::new(1) });
        World::on(MemoryFaults::new(), clock, Arc::default(), Outside::default(), quotas, mock_path()).await
    }

    /// The same, with a way to the outside.
    pub(crate) async fn with_outside(outside: Outside) -> World {
        let clock = Arc::new(TestClock { start: Instant::now(), seed: AtomicU64::new(1) });
        World::on(MemoryFaults::new(), clock, Arc::default(), outside, Quotas::default(), mock_path()).await
    }

    async fn on(
        disk: MemoryFaults,
        clock: Arc<dyn Clock>,
        apis: Arc<Apis>,
        outside: Outside,
        quotas: Quotas,
        mocks: Arc<MockPath>,
    ) -> World {
        let store = Store::memory(&tables(), disk.clone());
        let dispatcher = Dispatcher::new();
        let environment = Environment::new(clock.clone()).with_quotas(quotas.clone(), Limits::default());
        let config = JournalConfig {
            limits: quotas.limits.clone(),
            open_executions_max: quotas.open_executions_max,
            transitions: quotas.transitions,
            ..JournalConfig::default()
        };
        let integrations = Integrations::new(&store, dispatcher.clone(), environment.clone()).with_outside(outside);
        let integrations = Arc::new(integrations);
        let journal = Journal::open(store.clone(), integrations.clone(), clock.clone(), config).unwrap();
        let service =
            StepFunctions::open(&store, journal.clone(), &integrations, dispatcher.clone(), environment).unwrap();
        let service = service.with_mocks(MockConfig::from_file(mocks.0.clone()));
        service.resume().unwrap();
        let lambda = Arc::new(FakeLambda::default());
        let mut services = apis.services();
        services.push(Arc::new(service));
        services.push(lambda.clone());
        dispatcher.wire(Wiring { services, ..Wiring::default() });
        journal.recover().await.unwrap();
        World { dispatcher, clock, disk, lambda, apis, journal, quotas, mocks }
    }

    /// What the journal keeps of an execution.
    pub(crate) fn record(&self, arn: &str) -> windlass_journal::Record {
        self.journal.record(arn).unwrap().unwrap()
    }

    /// The same disk after the process was killed.
    pub(crate) async fn restarted(self) -> World {
        self.journal.stop_accepting();
        self.disk.crash();
        let (disk, clock, apis) = (self.disk.clone(), self.clock.clone(), self.apis.clone());
        World::on(disk, clock, apis, Outside::default(), self.quotas.clone(), self.mocks.clone()).await
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Outcome {
        self.call_once(operation, input, None).await
    }

    /// A call that carries an idempotency key.
    pub(crate) async fn call_once(&self, operation: &str, input: Value, key: Option<&str>) -> Outcome {
        let principal =
            Principal { arn: "arn:aws:iam::123456789012:user/u".into(), account: ACCOUNT.into(), access_key_id: None };
        self.dispatcher
            .call(Call {
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
                idempotency_key: key.map(Into::into),
                trace: None,
                depth: 0,
                request_id: "r".into(),
            })
            .await
    }
}
