use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Failure, say};
use crate::access_log::{AccessLog, LogFormat};
use crate::config::{Config, Flags};
use crate::log_sink::LogSink;
use crate::meters::Meters;
use crate::open_files;
use crate::server::Server;
use crate::services::build_services;

/// How long the end waits for stderr to take a notice. Who reads it may have
/// stopped reading.
const NOTICE_TIMEOUT: Duration = Duration::from_millis(250);

/// The exit code after a second signal, as shells count an interrupt.
pub(super) const INTERRUPTED_EXIT_CODE: i32 = 130;

const AFTER_HELP: &str = r#"MODES
  open   Without access keys the server listens on loopback only and believes every
         program of this machine: any access key will do, but there must be one.
  keys   With access keys every request's signature is checked, and policies say
         what each caller may. Any address but loopback needs this, and TLS.

CONFIGURATION
  A flag wins over the environment, that over the file, that over the default.
  The file is the one named by --config, else windlass.toml in the data folder,
  else windlass.toml in the current folder. All keys are optional:

    listen = "127.0.0.1:4566"      # WINDLASS_LISTEN
    data = "/var/lib/windlass"     # WINDLASS_DATA
    account_id = "000000000000"    # WINDLASS_ACCOUNT_ID
    region = "us-east-1"           # WINDLASS_REGION, named in the example shown
    drain_ms = 10000               # WINDLASS_DRAIN_MS, for running calls at the end
    connections_max = 32768        # WINDLASS_CONNECTIONS_MAX
    log = "info"                   # WINDLASS_LOG: error, warn, info, debug, or a filter
    log_format = "auto"            # WINDLASS_LOG_FORMAT: json, human; auto asks stdout
    access_log = true              # WINDLASS_ACCESS_LOG, one line a request
    metrics_public = false         # WINDLASS_METRICS_PUBLIC, to other machines too
    master_key_file = "master.key" # WINDLASS_MASTER_KEY[_FILE]; made in the data folder
                                   #   if absent. Keep a copy: it seals every secret

    [executions]
    aws_limits = false             # WINDLASS_EXECUTIONS_AWS_LIMITS, AWS's quotas
    aws_rates = false              # WINDLASS_EXECUTIONS_AWS_RATES, AWS's rates of calls
    payload_bytes_max = 67108864   # WINDLASS_EXECUTIONS_PAYLOAD_BYTES_MAX, 64 MiB
    retention_days = 90            # WINDLASS_EXECUTIONS_RETENTION_DAYS
    retention_bytes = 0            # WINDLASS_EXECUTIONS_RETENTION_BYTES, 0: no bound
    disk_free_bytes_min = 268435456     # WINDLASS_DISK_FREE_BYTES_MIN

    [stepfunctions]
    mock_config = "mocks.json"     # SFN_MOCK_CONFIG, --mock-config: mocks for MACHINE#CASE

    [lambda]
    concurrency_max = 64           # WINDLASS_LAMBDA_CONCURRENCY_MAX, invocations at once
    idle_timeout_ms = 300000       # WINDLASS_LAMBDA_IDLE_TIMEOUT_MS

    [tls]                          # WINDLASS_TLS_CERT, WINDLASS_TLS_KEY
    cert = "fullchain.pem"
    key = "privkey.pem"

    [[credentials]]                # WINDLASS_ACCESS_KEY_ID and
    access_key_id = "AKIAEXAMPLE"  #   WINDLASS_SECRET_ACCESS_KEY[_FILE]
    secret_access_key_file = "secret"   # or secret_access_key_env, secret_access_key
    account_id = "000000000000"
    user = "alice"                 # absent: the account's root

    [authorization]
    mode = "enforced"              # WINDLASS_AUTHORIZATION_MODE: enforced, logged

    [[backend]]                    # who answers what is not hosted here
    service = "dynamodb"           # "*": every service that is not hosted
    kind = "endpoint"              # embedded, endpoint, http, mock
    url = "http://127.0.0.1:8000"  # absent: AWS itself; it needs an access key
    operations = ["GetItem"]       # optional; resource = "arn:…*" too

    [[webhook]]                    # POST /_start/orders starts this machine
    name = "orders"
    state_machine = "arn:aws:states:us-east-1:000000000000:stateMachine:orders"
    secret_file = "hook-secret"    # or secret_env, secret; role_arn is optional

    [outgoing]                     # what addresses that users name may be
    allow = ["hooks.internal:8443", "10.1.0.0/16"]
    ca_file = "corporate-ca.pem"   # beside the certificates the machine trusts
    plain_http = false             # http:// in HTTP tasks
    timeout_ms = 60000
    response_bytes_max = 262145

    [smtp]                         # for SNS subscriptions by e-mail
    host = "mail.example"
    from = "windlass@example.com"
    security = "starttls"          # tls, none
    user = "windlass"              # optional, with password_file, password_env, password
    password_file = "smtp-password"

ENDPOINTS
  /_windlass/health    200 while the process lives
  /_windlass/ready     200 when calls are taken, else 503 and why
  /_windlass/version   the version
  /_windlass/metrics   Prometheus text
  /_windlass/refusals  why calls were refused: windlass explain-access
  /_start/NAME         POST starts a workflow, by webhook; in open mode by name

SIGNALS
  The first SIGINT or SIGTERM lets running calls finish (drain_ms), then stops.
  The second stops at once.

EXAMPLES
  windlass serve
  windlass serve --listen 127.0.0.1:8000 --data ./data
  aws --endpoint-url http://127.0.0.1:4566 stepfunctions list-state-machines"#;

/// What `windlass serve` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ServeArgs {
    /// Where to listen [default: 127.0.0.1:4566]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// The folder everything durable is in [default: $XDG_DATA_HOME/windlass or ~/.local/share/windlass]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file [default: windlass.toml in the data folder or here]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The mock file of Step Functions Local: executions started on MACHINE#CASE have their
    /// tasks mocked [without FILE: MockConfigFile.json here]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "MockConfigFile.json")]
    mock_config: Option<PathBuf>,
}

pub(super) fn serve(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let flags = Flags {
        listen: args.listen.clone(),
        data: args.data.clone(),
        config: args.config.clone(),
        mock_config: args.mock_config.clone(),
    };
    let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    let folder = std::env::current_dir().unwrap_or_default();
    let config = Config::resolve(&flags, &|name| std::env::var(name).ok(), &names, &folder)?;
    make_data_folder(&config)?;
    let format = config
        .log_format
        .unwrap_or_else(|| if io::stdout().is_terminal() { LogFormat::Human } else { LogFormat::Json });
    let sink = LogSink::spawn(io::stdout())?;
    start_logging(&config, format, io::stdout().is_terminal(), sink.clone())?;
    if !config.unknown_variables.is_empty() {
        tracing::warn!(names = ?config.unknown_variables, "environment variables that mean nothing to windlass");
    }
    if let Err(fit) = open_files::allow(config.connections_max) {
        tracing::debug!(fit, connections_max = config.connections_max, "the limit of open files is lower (ulimit -n)");
    }
    let access_log = if config.access_log { AccessLog::new(sink.clone(), format) } else { AccessLog::off() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("windlass").build()?;
    let outcome = runtime.block_on(live(&config, access_log));
    // Before the runtime ends, so that a second signal is still heard. What an
    // output that stalled has not taken by then is lost.
    sink.flush();
    // What still runs was given its time; it is not waited for again.
    runtime.shutdown_background();
    outcome
}

/// From listening to the end.
async fn live(config: &Config, access_log: AccessLog) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let meters = Arc::new(Meters::new()?);
    meters.install();
    let mut server = Server::listen(config, meters, access_log).await?;
    tokio::select! {
        hosted = host(config, &mut server) => hosted?,
        () = signals.next() => {
            tracing::info!("told to stop while starting");
            server.drain(0).await?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    announce(config, &server);
    signals.next().await;
    // First of all, for what follows writes to outputs that may have stalled.
    tokio::spawn(async move {
        signals.next().await;
        // The journal is made for this: what was acknowledged is on disk.
        std::process::exit(INTERRUPTED_EXIT_CODE);
    });
    tracing::info!(drain_ms = config.drain_ms, "draining: running calls may finish, new ones are refused");
    let notice = tokio::task::spawn_blocking(|| {
        say(&mut io::stderr(), "windlass: stopping when running calls are done; once more to stop at once");
    });
    if tokio::time::timeout(NOTICE_TIMEOUT, notice).await.is_err() {
        tracing::debug!("stderr takes no notices");
    }
    let drained = server.drain(config.drain_ms).await?;
    if drained.calls_dropped > 0 {
        tracing::warn!(calls = drained.calls_dropped, "calls were cut off when the time to drain was up");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn host(config: &Config, server: &mut Server) -> Result<(), Failure> {
    let hosted = build_services(config, server.address(), server.dispatcher()).await?;
    server.host(hosted).await?;
    Ok(())
}

pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The folder holds payloads and secrets, so it is its owner's alone.
pub(super) fn make_data_folder(config: &Config) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data).map_err(|error| {
        Failure(format!(
            "cannot make the data folder {}: {error}\nChoose one you may write to: windlass serve --data DIR",
            config.data.display()
        ))
    })
}

pub(super) fn start_logging(config: &Config, format: LogFormat, colours: bool, sink: LogSink) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        Failure(format!("the log filter {:?} is wrong: {error}\nUse error, warn, info or debug.", config.log))
    })?;
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(sink);
    match format {
        LogFormat::Json => base.json().flatten_event(true).finish().try_init()?,
        LogFormat::Human => base.with_ansi(colours).finish().try_init()?,
    }
    Ok(())
}

/// Tells a person what was started and what to do with it.
fn announce(config: &Config, server: &Server) {
    let (scheme, address) = (config.scheme(), server.address());
    let mode = if config.is_open() {
        "open: any access key, this machine only".to_owned()
    } else {
        format!("keys: every signature is checked ({} access keys)", config.credentials.len())
    };
    let file = config.file.as_ref().map_or_else(|| "none".to_owned(), |file| file.display().to_string());
    let keys = if config.is_open() { "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test " } else { "" };
    let text = format!(
        "windlass {version} is ready\n\
         \x20 listens on   {scheme}://{address}\n\
         \x20 data         {data}\n\
         \x20 config file  {file}\n\
         \x20 mode         {mode}\n\
         \n\
         Next, in another terminal:\n\
         \x20 {keys}AWS_DEFAULT_REGION={region} \\\n\
         \x20   aws --endpoint-url {scheme}://{address} stepfunctions list-state-machines\n\
         \n\
         SDKs put \"sync-\" before the host for StartSyncExecution and TestState. Where that name does not\n\
         resolve, set AWS_DISABLE_HOST_PREFIX_INJECTION=true.",
        version = env!("CARGO_PKG_VERSION"),
        data = config.data.display(),
        region = config.region,
    );
    say(&mut io::stderr(), &text);
    let mode = if config.is_open() { "open" } else { "keys" };
    tracing::info!(%address, scheme, mode, data = %config.data.display(), "ready");
}
