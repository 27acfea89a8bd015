//! The one place where services are made from the configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use windlass_journal::{Clock, Journal, JournalConfig, SystemClock};
use windlass_lambda::{Lambda, LambdaConfig};
use windlass_logs::Logs;
use windlass_protocol::{Dispatcher, Service, Wiring};
use windlass_sqs::{Sqs, SqsConfig};
use windlass_stepfunctions::{Environment, Integrations, StepFunctions};
use windlass_store::{SqliteOptions, Store, Table};
use windlass_value::Now;
use windlass_workflow::Limits;

use crate::backend::Backends;
use crate::config::Config;
use crate::hosted::Hosted;
use crate::meters::Measurement;
use crate::sts::Sts;

/// The tables of all services.
fn tables() -> Vec<&'static Table> {
    [
        windlass_lambda::TABLES,
        windlass_journal::TABLES,
        windlass_stepfunctions::TABLES,
        windlass_outbox::TABLES,
        windlass_logs::TABLES,
        windlass_sqs::TABLES,
    ]
    .concat()
}

/// Makes every service this binary hosts, over one store in the data folder.
/// Services call each other through `dispatcher`, whose services are set after;
/// `address` is where this server listens. Blocks while the store opens.
///
/// # Errors
/// What stands in the way (the store is locked, a folder cannot be made), with
/// what to do.
pub async fn build_services(config: &Config, address: SocketAddr, dispatcher: &Dispatcher) -> Result<Hosted, String> {
    let store = open_store(&config.data)?;
    let lambda = Lambda::open(store.clone(), lambda_config(config, address))
        .await
        .map_err(|error| format!("Lambda cannot start: {error}"))?;
    let clock: Arc<dyn Clock> = Arc::new(clock()?);
    let now: Now = {
        let clock = clock.clone();
        Arc::new(move || clock.now())
    };
    let outgoing = config.outgoing.client()?;
    outgoing.guard().add_listener(address);
    let environment = Environment::new(clock.clone());
    let integrations = Arc::new(Integrations::new(&store, dispatcher.clone(), environment.clone()));
    let journal = Journal::open(store.clone(), integrations.clone(), clock, journal_config(config))
        .map_err(|error| format!("the journal of executions cannot be opened: {error}"))?;
    let states = StepFunctions::open(&store, journal.clone(), &integrations, dispatcher.clone(), environment)
        .map_err(|fault| format!("Step Functions cannot start: {fault}"))?;
    let states = Arc::new(states);
    let logs = Logs::open(&store, now.clone()).map_err(|fault| format!("CloudWatch Logs cannot start: {fault}"))?;
    let base_url = format!("{}://{}", config.scheme(), reachable(address));
    let sqs = Sqs::open(store.clone(), SqsConfig::new(base_url.clone()), now.clone())
        .map_err(|fault| format!("SQS cannot start: {fault}"))?;
    let services: Vec<Arc<dyn Service>> = vec![Arc::new(Sts), lambda.clone(), states.clone(), logs, sqs.clone()];
    let (measured, measured_journal) = (store.clone(), journal.clone());
    let measured_sqs = sqs.clone();
    let (recovered, watched) = (journal.clone(), store.clone());
    let hosted = services.iter().map(|service| service.name()).collect();
    let router = Backends::new(&config.backends, config.outgoing.authorities.as_deref(), hosted)?;
    Ok(Hosted {
        wiring: Wiring { services, authorizer: None, router: Some(Arc::new(router)) },
        uploads: None,
        recover: Box::pin(async move {
            let woken = recovered.recover().await.map_err(|error| format!("executions cannot be taken up: {error}"))?;
            states.resume().map_err(|fault| format!("Step Functions cannot go on: {fault}"))?;
            tracing::info!(executions = woken, "took up what an earlier run left");
            Ok(())
        }),
        close: Box::new(move |end| {
            Box::pin(async move {
                journal.stop_accepting();
                sqs.stop();
                let left = end.saturating_duration_since(tokio::time::Instant::now());
                lambda.drain(left).await;
                tokio::task::spawn_blocking(move || store.close())
                    .await
                    .map_err(|error| format!("the store did not close: {error}"))
            })
        }),
        unfit: Box::new(move || {
            watched.stats().poisoned.then(|| {
                "The store stopped after a failed write: nothing new can be made durable. See the log, mend the disk, and start again.".to_owned()
            })
        }),
        measure: Box::new(move || {
            let mut measurements = store_measurements(&measured);
            measurements.extend(journal_measurements(&measured_journal));
            measurements.extend(sqs_measurements(&measured_sqs));
            measurements
        }),
    })
}

fn open_store(data: &Path) -> Result<Store, String> {
    Store::open(data, &tables(), SqliteOptions::default()).map_err(|error| {
        format!(
            "cannot open the store in {}: {error}\n\
             If another windlass uses that folder, stop it or choose another: --data DIR",
            data.display()
        )
    })
}

fn lambda_config(config: &Config, address: SocketAddr) -> LambdaConfig {
    let endpoint = format!("{}://{}", config.scheme(), reachable(address));
    let mut lambda = LambdaConfig::new(&config.data, endpoint);
    lambda.concurrency_max = config.lambda.concurrency_max;
    lambda.idle_timeout = Duration::from_millis(config.lambda.idle_timeout_ms);
    if let Some(credential) = config.function_credential() {
        lambda.access_key_id.clone_from(&credential.access_key_id);
        lambda.secret_access_key = credential.secret_access_key.reveal().to_owned();
    }
    lambda
}

/// Where a program on this machine reaches a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn journal_config(config: &Config) -> JournalConfig {
    const DAY_MS: i64 = 86_400_000;
    let executions = &config.executions;
    JournalConfig {
        limits: if executions.aws_limits { Limits::aws() } else { Limits::default() },
        disk_free_bytes_min: executions.disk_free_bytes_min,
        retention_ms: i64::from(executions.retention_days) * DAY_MS,
        retention_bytes: executions.retention_bytes,
        ..JournalConfig::default()
    }
}

/// The machine's clock. Test builds may set it forward.
#[cfg(feature = "test-clock")]
fn clock() -> Result<SystemClock, String> {
    const OFFSET: &str = "WINDLASS_TEST_CLOCK_OFFSET_MS";
    match std::env::var(OFFSET) {
        Ok(offset) => offset.parse().map(SystemClock::new).map_err(|_| format!("{OFFSET} is no number: {offset}")),
        Err(_) => Ok(SystemClock::new(0)),
    }
}

/// The machine's clock.
#[cfg(not(feature = "test-clock"))]
fn clock() -> Result<SystemClock, String> {
    Ok(SystemClock::new(0))
}

fn journal_measurements(journal: &Journal) -> Vec<Measurement> {
    let stats = journal.stats();
    [
        ("windlass_executions_in_memory", "Executions held in memory", stats.live as f64),
        ("windlass_timers_in_memory", "Timers due soon", stats.timers as f64),
        ("windlass_executions_started", "Standard executions started since the start", stats.started as f64),
        ("windlass_executions_closed", "Standard executions closed since the start", stats.closed as f64),
        ("windlass_turns", "Turns made durable since the start", stats.turns as f64),
    ]
    .into_iter()
    .map(|(name, help, value)| Measurement { name, help, value })
    .collect()
}

fn sqs_measurements(sqs: &Sqs) -> Vec<Measurement> {
    let stats = sqs.measure();
    [
        ("windlass_sqs_queues", "Queues", stats.queues as f64),
        ("windlass_sqs_messages_visible", "Messages that may be received", stats.visible as f64),
        ("windlass_sqs_messages_in_flight", "Messages received and not deleted", stats.in_flight as f64),
        ("windlass_sqs_messages_delayed", "Messages whose delay is not over", stats.delayed as f64),
        ("windlass_sqs_messages_in_memory", "Messages indexed in memory", stats.resident as f64),
        ("windlass_sqs_receivers_waiting", "Receivers that wait", stats.waiters as f64),
        ("windlass_sqs_messages_sent", "Messages sent since the start", stats.sent as f64),
        ("windlass_sqs_messages_received", "Messages received since the start", stats.received as f64),
        ("windlass_sqs_messages_deleted", "Messages deleted by receivers since the start", stats.deleted as f64),
    ]
    .into_iter()
    .map(|(name, help, value)| Measurement { name, help, value })
    .collect()
}

fn store_measurements(store: &Store) -> Vec<Measurement> {
    const NANOSECONDS_PER_SECOND: f64 = 1e9;
    let stats = store.stats();
    let mut measurements: Vec<Measurement> = [
        ("windlass_store_commits", "Groups committed since the start, each with one sync", stats.commits as f64),
        ("windlass_store_batches", "Batches applied since the start", stats.batches as f64),
        ("windlass_store_batches_refused", "Batches refused since the start", stats.refused as f64),
        ("windlass_store_bytes", "Bytes of the batches applied since the start", stats.bytes as f64),
        (
            "windlass_store_commit_seconds",
            "Time spent in commits since the start",
            stats.sync_ns as f64 / NANOSECONDS_PER_SECOND,
        ),
        (
            "windlass_store_commit_max_seconds",
            "The longest commit since the start",
            stats.sync_ns_max as f64 / NANOSECONDS_PER_SECOND,
        ),
        ("windlass_store_checkpoints", "Checkpoints since the start", stats.checkpoints as f64),
        (
            "windlass_store_checkpoint_seconds",
            "Time spent in checkpoints since the start",
            stats.checkpoint_ns as f64 / NANOSECONDS_PER_SECOND,
        ),
        ("windlass_store_wal_bytes", "Size of the write-ahead log", stats.wal_bytes as f64),
        (
            "windlass_store_poisoned",
            "1 after a failed sync: the store no longer writes",
            f64::from(u8::from(stats.poisoned)),
        ),
        ("windlass_store_queued_batches", "Batches that wait for the writer", stats.queued as f64),
    ]
    .into_iter()
    .map(|(name, help, value)| Measurement { name, help, value })
    .collect();
    if let Some(free) = store.free_bytes() {
        let help = "Bytes available where the store lives";
        measurements.push(Measurement { name: "windlass_store_free_bytes", help, value: free as f64 });
    }
    measurements
}
