//! The one place where services are made from the configuration.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use windlass_blob::BlobStore;
use windlass_events::{Events, EventsOptions};
use windlass_iam::{AuthorizationMode, IamConfig};
use windlass_journal::{Clock, Journal, JournalConfig, SystemClock};
use windlass_keyring::Keyring;
use windlass_lambda::{Lambda, LambdaConfig};
use windlass_logs::Logs;
use windlass_pipes::Pipes;
use windlass_protocol::{Authorizer, Dispatcher, Service, Wiring};
use windlass_s3::{S3, S3Config};
use windlass_scheduler::{Scheduler, SchedulerOptions};
use windlass_sns::{Sns, SnsConfig};
use windlass_sqs::{Sqs, SqsConfig};
use windlass_stepfunctions::{
    Environment, Integrations, MockConfig, StepFunctions, Telemetry, TelemetryOptions, Tracing,
};
use windlass_store::{SqliteOptions, Store, Table};
use windlass_value::Now;

use crate::backend::Backends;
use crate::config::Config;
use crate::cors::Cors;
use crate::hosted::{AccessControl, Certificate, Hosted, Task};
use crate::http_tasks;
use crate::measurements;
use crate::meters::Measurement;
use crate::otlp::SpanExporter;

/// The tables of all services.
fn tables() -> Vec<&'static Table> {
    [
        windlass_lambda::TABLES,
        windlass_journal::TABLES,
        windlass_stepfunctions::TABLES,
        windlass_outbox::TABLES,
        windlass_blob::TABLES,
        windlass_s3::TABLES,
        windlass_logs::TABLES,
        windlass_sqs::TABLES,
        windlass_keyring::TABLES,
        windlass_iam::TABLES,
        windlass_kms::TABLES,
        windlass_sns::TABLES,
        windlass_secretsmanager::TABLES,
        windlass_ssm::TABLES,
        windlass_events::TABLES,
        windlass_scheduler::TABLES,
        windlass_pipes::TABLES,
    ]
    .concat()
}

/// What is hosted, gathered service by service.
#[derive(Default)]
struct Gathered {
    services: Vec<Arc<dyn Service>>,
    /// Begin background work, once every service can be called.
    starts: Vec<Box<dyn FnOnce() + Send>>,
    /// End background work; each waits for what is under way.
    stops: Vec<Task<()>>,
    measures: Vec<Box<dyn Fn() -> Vec<Measurement> + Send + Sync>>,
    /// Where large bodies are written while they come in.
    uploads: Option<PathBuf>,
    certificate: Option<Certificate>,
    cors: Option<Cors>,
    access: Option<AccessControl>,
}

impl Gathered {
    fn host(&mut self, service: Arc<dyn Service>) {
        self.services.push(service);
    }

    fn start(&mut self, start: impl FnOnce() + Send + 'static) {
        self.starts.push(Box::new(start));
    }

    fn stop(&mut self, stop: impl Future<Output = ()> + Send + 'static) {
        self.stops.push(Box::pin(stop));
    }

    fn measure(&mut self, measure: impl Fn() -> Vec<Measurement> + Send + Sync + 'static) {
        self.measures.push(Box::new(measure));
    }
}

/// Makes every service this binary hosts, over one store in the data folder.
/// Services call each other through `dispatcher`, which is wired after; `address`
/// is where this server listens. Blocks while the store opens.
///
/// # Errors
/// What stands in the way (the store is locked, a folder cannot be made), with
/// what to do.
pub async fn build_services(config: &Config, address: SocketAddr, dispatcher: &Dispatcher) -> Result<Hosted, String> {
    let store = open_store(&config.data)?;
    let base_url = format!("{}://{}", config.scheme(), reachable(address));
    let clock: Arc<dyn Clock> = Arc::new(clock()?);
    let now: Now = {
        let clock = clock.clone();
        Arc::new(move || clock.now())
    };
    let outgoing = config.outgoing.client()?;
    outgoing.guard().add_listener(address);
    let keyring = open_keyring(config, &store)?;
    let mut gathered = Gathered::default();

    host_iam(config, &store, &keyring, dispatcher, &now, &mut gathered)?;

    let lambda = Lambda::open(store.clone(), lambda_config(config, base_url.clone(), dispatcher))
        .await
        .map_err(|error| format!("Lambda cannot start: {error}"))?;
    gathered.host(lambda.clone());

    let environment = Environment::new(clock.clone()).with_quotas(config.quotas(), config.own_limits());
    let blobs = BlobStore::open(&config.data, store.clone())
        .map_err(|error| format!("the folder of contents cannot be opened: {error}"))?;
    let integrations = Integrations::new(&store, dispatcher.clone(), environment.clone());
    let integrations = Arc::new(integrations.with_outside(http_tasks::outside(config, &outgoing)));
    let journal = Journal::open(store.clone(), integrations.clone(), clock, journal_config(config, &blobs))
        .map_err(|error| format!("the journal of executions cannot be opened: {error}"))?;
    let exporter = span_exporter(config)?;
    let tracing = exporter.clone().zip(config.tracing.as_ref());
    let tracing = tracing.map(|(sink, settings)| Tracing { sink: sink as _, sample_ratio: settings.sample_ratio });
    let options = TelemetryOptions { express: config.express, tracing };
    let telemetry = Telemetry::open(&store, &journal, &integrations, dispatcher, &environment, options)
        .map_err(|fault| format!("what executions tell cannot be taken up: {fault}"))?;
    let states = StepFunctions::open(&store, journal.clone(), &integrations, dispatcher.clone(), environment)
        .map_err(|fault| format!("Step Functions cannot start: {fault}"))?;
    let states = Arc::new(states.with_mocks(mock_config(config)).with_telemetry(telemetry.clone()));
    gathered.host(states.clone());
    let measured = journal.clone();
    gathered.measure(move || measurements::of_journal(&measured));

    let logs = Logs::open(&store, now.clone()).map_err(|fault| format!("CloudWatch Logs cannot start: {fault}"))?;
    gathered.host(logs);

    let sqs = Sqs::open(store.clone(), SqsConfig::new(base_url.clone()), now.clone())
        .map_err(|fault| format!("SQS cannot start: {fault}"))?;
    gathered.host(sqs.clone());
    let measured = sqs.clone();
    gathered.measure(move || measurements::of_sqs(&measured));
    gathered.stop(async move { sqs.stop() });

    let sns = Sns::open(&store, dispatcher.clone(), outgoing.clone(), sns_config(config, &base_url), now.clone())
        .map_err(|fault| format!("SNS cannot start: {fault}"))?;
    let sns = Arc::new(sns);
    gathered.host(sns.clone());
    let started = sns.clone();
    gathered.start(move || started.start());
    let measured = sns.clone();
    gathered.measure(move || measurements::of_sns(&measured));
    let certified = sns.clone();
    gathered.stop(async move { sns.stop().await });

    host_s3(&base_url, &store, blobs, dispatcher, &now, &mut gathered)?;

    let kms = windlass_kms::open(&store, keyring.clone(), now.clone())
        .map_err(|error| format!("KMS cannot start: {error}"))?;
    gathered.host(kms.clone());
    gathered.stop(async move { kms.stop().await });

    let secrets = windlass_secretsmanager::open(&store, keyring.clone(), dispatcher.clone(), now.clone())
        .map_err(|error| format!("the Secrets Manager cannot start: {error}"))?;
    gathered.host(secrets.clone());
    gathered.stop(async move { secrets.stop().await });

    let parameters = windlass_ssm::open(&store, keyring.clone(), dispatcher.clone(), now.clone())
        .map_err(|error| format!("the Parameter Store cannot start: {error}"))?;
    gathered.host(parameters.clone());
    gathered.stop(async move { parameters.stop().await });

    let events = Events::open(&store, dispatcher.clone(), outgoing, keyring, now.clone(), EventsOptions::default())
        .map_err(|fault| format!("EventBridge cannot start: {fault}"))?;
    gathered.host(events.clone());
    let started = events.clone();
    gathered.start(move || started.start());
    let measured = events.clone();
    gathered.measure(move || measurements::of_service(measured.measure()));
    gathered.stop(async move { events.stop().await });

    let scheduler = Scheduler::open(&store, dispatcher.clone(), now.clone(), SchedulerOptions::default())
        .map_err(|fault| format!("EventBridge Scheduler cannot start: {fault}"))?;
    gathered.host(scheduler.clone());
    let started = scheduler.clone();
    gathered.start(move || started.start());
    let measured = scheduler.clone();
    gathered.measure(move || measurements::of_service(measured.measure()));
    gathered.stop(async move { scheduler.stop().await });

    let pipes = Pipes::open(&store, dispatcher.clone(), now)
        .map_err(|fault| format!("EventBridge Pipes cannot start: {fault}"))?;
    gathered.host(pipes.clone());
    let started = pipes.clone();
    gathered.start(move || started.start());
    let measured = pipes.clone();
    gathered.measure(move || measurements::of_service(measured.measure()));
    gathered.stop(async move { pipes.stop().await });

    let measured = store.clone();
    gathered.measure(move || measurements::of_store(&measured));
    // Last, for what the others end may still be told.
    host_telemetry(telemetry, exporter, &mut gathered);
    gathered.certificate = Some(certificate(certified));
    hosted(config, gathered, store, journal, states, lambda)
}

/// Begins and ends what executions tell the outside.
fn host_telemetry(telemetry: Telemetry, exporter: Option<Arc<SpanExporter>>, gathered: &mut Gathered) {
    let (started, started_exporter) = (telemetry.clone(), exporter.clone());
    gathered.start(move || {
        started.start();
        if let Some(exporter) = started_exporter {
            exporter.start();
        }
    });
    let (measured, measured_exporter) = (telemetry.clone(), exporter.clone());
    gathered.measure(move || {
        let spans = measured_exporter.as_ref().map(|exporter| exporter.measure()).unwrap_or_default();
        measurements::of_service(measured.measure().into_iter().chain(spans).collect())
    });
    gathered.stop(async move {
        telemetry.stop().await;
        if let Some(exporter) = exporter {
            exporter.stop().await;
        }
    });
}

/// What sends spans, if a collector is configured.
fn span_exporter(config: &Config) -> Result<Option<Arc<SpanExporter>>, String> {
    let settings = config.tracing.clone();
    settings.map(|settings| SpanExporter::new(settings, config.outgoing.authorities.as_deref())).transpose()
}

/// IAM and STS, and with keys the decision about every call.
fn host_iam(
    config: &Config,
    store: &Store,
    keyring: &Keyring,
    dispatcher: &Dispatcher,
    now: &Now,
    gathered: &mut Gathered,
) -> Result<(), String> {
    let access = windlass_iam::open(store, keyring.clone(), now.clone(), iam_config(config))
        .map_err(|error| format!("IAM cannot start: {error}"))?;
    gathered.host(access.iam.clone());
    gathered.host(access.sts.clone());
    let authorization = (!config.is_open())
        .then(|| access.authorization(dispatcher.clone(), config.authorization, config.tls.is_some()));
    gathered.access = Some(AccessControl { identities: access.identities, authorization });
    Ok(())
}

/// S3 and the contents it shares.
fn host_s3(
    base_url: &str,
    store: &Store,
    blobs: BlobStore,
    dispatcher: &Dispatcher,
    now: &Now,
    gathered: &mut Gathered,
) -> Result<(), String> {
    gathered.uploads = Some(blobs.incoming_folder().to_owned());
    let options = S3Config { endpoint: Some(base_url.to_owned()), ..S3Config::default() };
    let s3 = S3::open(store.clone(), blobs.clone(), dispatcher.clone(), options, now.clone())
        .map_err(|error| format!("S3 cannot start: {error}"))?;
    gathered.host(s3.clone());
    let asked = s3.clone();
    gathered.cors = Some(Box::new(move |bucket, origin, method, headers| {
        // A store that cannot be read allows nothing.
        asked.cors(bucket, origin, method, headers).ok().flatten()
    }));
    let (started, started_blobs) = (s3.clone(), blobs.clone());
    gathered.start(move || {
        started.start();
        started_blobs.start();
    });
    let measured = blobs.clone();
    gathered.measure(move || measurements::of_blobs(&measured));
    gathered.stop(async move {
        s3.stop().await;
        blobs.stop().await;
    });
    Ok(())
}

fn hosted(
    config: &Config,
    gathered: Gathered,
    store: Store,
    journal: Journal,
    states: Arc<StepFunctions>,
    lambda: Arc<Lambda>,
) -> Result<Hosted, String> {
    let Gathered { services, starts, stops, measures, uploads, certificate, cors, access } = gathered;
    let authorization = access.as_ref().and_then(|access| access.authorization.clone());
    let authorizer = authorization.map(|authorization| authorization as Arc<dyn Authorizer>);
    let names = services.iter().map(|service| service.name()).collect();
    let router = Backends::new(&config.backends, config.outgoing.authorities.as_deref(), names)?;
    let (recovered, watched) = (journal.clone(), store.clone());
    Ok(Hosted {
        wiring: Wiring { services, authorizer, router: Some(Arc::new(router)) },
        access,
        uploads,
        certificate,
        cors,
        recover: Box::pin(async move {
            let woken = recovered.recover().await.map_err(|error| format!("executions cannot be taken up: {error}"))?;
            states.resume().map_err(|fault| format!("Step Functions cannot go on: {fault}"))?;
            starts.into_iter().for_each(|start| start());
            tracing::info!(executions = woken, "took up what an earlier run left");
            Ok(())
        }),
        close: Box::new(move |end| {
            Box::pin(async move {
                journal.stop_accepting();
                // Deliveries first: they may call the functions that are drained after.
                for stop in stops {
                    if tokio::time::timeout_at(end, stop).await.is_err() {
                        tracing::debug!("background work was cut off; it is taken up at the next start");
                    }
                }
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
        measure: Box::new(move || measures.iter().flat_map(|measure| measure()).collect()),
    })
}

/// How SNS notifications look to their receivers.
fn sns_config(config: &Config, base_url: &str) -> SnsConfig {
    SnsConfig { smtp: config.smtp.clone(), ..SnsConfig::new(base_url) }
}

/// The certificate that SNS signs with, if the path is the one it is served under.
fn certificate(sns: Arc<Sns>) -> Certificate {
    Box::new(move |path| {
        let sns = sns.clone();
        Box::pin(async move {
            match sns.certificate_path().await {
                Ok(own) if own == path => sns.certificate_pem().await.ok(),
                _ => None,
            }
        })
    })
}

/// The master key, from the environment or a file beside the store.
fn open_keyring(config: &Config, store: &Store) -> Result<Keyring, String> {
    Keyring::open(store, &config.data, &config.master_key).map_err(|error| error.to_string())
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

fn iam_config(config: &Config) -> IamConfig {
    let keys = config.credentials.iter();
    IamConfig {
        enforced: !config.is_open() && config.authorization == AuthorizationMode::Enforced,
        configured_keys: keys.map(|key| (key.access_key_id.as_str().into(), key.account_id.as_str().into())).collect(),
    }
}

/// The mock file, if one is named: never one that only lies there.
fn mock_config(config: &Config) -> MockConfig {
    let Some(path) = &config.mock_config else { return MockConfig::default() };
    tracing::warn!(file = %path.display(), "tasks of executions that are started on MACHINE#CASE are mocked");
    MockConfig::from_file(path.clone())
}

fn lambda_config(config: &Config, endpoint: String, dispatcher: &Dispatcher) -> LambdaConfig {
    let mut lambda = LambdaConfig::new(&config.data, endpoint);
    lambda.concurrency_max = config.lambda.concurrency_max;
    lambda.idle_timeout = Duration::from_millis(config.lambda.idle_timeout_ms);
    // Where keys are checked, functions sign with credentials of their role.
    lambda.dispatcher = (!config.is_open()).then(|| dispatcher.clone());
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

fn journal_config(config: &Config, blobs: &BlobStore) -> JournalConfig {
    const DAY_MS: i64 = 86_400_000;
    let (executions, quotas) = (&config.executions, config.quotas());
    JournalConfig {
        limits: quotas.limits,
        limits_own: config.own_limits(),
        transitions: quotas.transitions,
        open_executions_max: quotas.open_executions_max,
        contents: Some(blobs.clone()),
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
