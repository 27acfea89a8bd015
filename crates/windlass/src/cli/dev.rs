//! `windlass dev`

mod deploy;
mod folder;
mod package;
mod settings;
mod substitution;
mod tail;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use windlass_value::{Arn, object};

use self::deploy::Deployer;
use self::folder::Snapshot;
use self::substitution::Names;
use self::tail::Tail;
use super::client::{Client, Connection};
use super::serve::{self, INTERRUPTED_EXIT_CODE, Signals};
use super::terminal::{Palette, Style};
use super::{Failure, say};
use crate::access_log::{AccessLog, LogFormat};
use crate::config::{Config, FILE_NAME, Flags};
use crate::log_sink::LogSink;
use crate::meters::Meters;
use crate::open_files;
use crate::server::Server;

/// The pause between two looks at the folder and at the server.
const LOOK_INTERVAL: Duration = Duration::from_millis(300);
/// The data folder, in the folder that is served.
const DATA: &str = ".windlass";
const LOG: &str = "server.log";

const AFTER_HELP: &str = r#"THE FOLDER
  NAME.asl.json            a state machine; its name is the file's
  NAME.toml                what is said of it, if anything: type = "EXPRESS" (or express = true),
                           role = "arn:…", tags = { team = "orders" }
  functions/NAME/          a function, known by its file: main.py (or handler.py) with `handler`,
                           index.mjs, index.js or index.cjs with `handler`, bootstrap
  windlass.toml            the server's configuration (windlass serve --help), and what is said of
                           machines and functions together:

    [machine.orders]
    express = true

    [function.charge]
    runtime = "python3.13"             # else by the file
    handler = "app.run"
    timeout_seconds = 30
    memory_mb = 128
    environment = { QUEUE = "orders" }

NAMES IN DEFINITIONS
  ${function:NAME} and ${machine:NAME} become the ARNs of what is in the folder; in environment
  variables of functions too. A qualifier is written behind it:

    {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
     "Parameters": {"FunctionName": "${function:charge}", "Payload.$": "$"}, "End": true}

WHAT IT DOES
  Deploys the folder, and again what changes in it. A definition is checked first, as by
  `windlass validate`; one that is broken is told and the version before stays deployed. What is
  removed from the folder stays deployed too. States of executions that start and, of a server in
  this process, lines that functions write are printed as they come.

  The server is in this process, with its data in DIR/.windlass; its own log is server.log there.
  With --endpoint the folder is deployed to a server that runs already.

EXAMPLES
  windlass dev orders
  windlass dev orders --listen 127.0.0.1:8000
  windlass dev orders --endpoint http://127.0.0.1:4566
  windlass dev orders --once --endpoint http://127.0.0.1:4566"#;

/// What `windlass dev` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DevArgs {
    /// The folder of workflows and functions
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where the server listens [default: 127.0.0.1:4566]
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "endpoint")]
    listen: Option<String>,
    /// The server's data folder [default: DIR/.windlass]
    #[arg(long, value_name = "DATA", conflicts_with = "endpoint")]
    data: Option<PathBuf>,
    /// Deploy once and end; exit code 1 where something was not deployed
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Serves a folder until it is told to stop.
pub(super) fn dev(args: &DevArgs) -> Result<ExitCode, Failure> {
    if !args.folder.is_dir() {
        return Err(Failure(format!(
            "{} is no folder\nMake it, with a definition in it: NAME.asl.json",
            args.folder.display()
        )));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("windlass").build()?;
    let outcome =
        if args.connection.endpoint.is_some() { runtime.block_on(elsewhere(args)) } else { embedded(args, &runtime) };
    runtime.shutdown_background();
    outcome
}

/// Deploys to a server that runs already.
async fn elsewhere(args: &DevArgs) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let client = Client::new(&args.connection)?;
    say(&mut io::stdout(), &format!("deploying {} to {}", args.folder.display(), client.endpoint.value));
    tokio::select! {
        () = signals.next() => Ok(ExitCode::SUCCESS),
        code = work(args, &client, None) => code,
    }
}

fn embedded(args: &DevArgs, runtime: &tokio::runtime::Runtime) -> Result<ExitCode, Failure> {
    let file = Some(args.folder.join(FILE_NAME)).filter(|file| file.is_file());
    let data = args.data.clone().unwrap_or_else(|| args.folder.join(DATA));
    let flags = Flags { listen: args.listen.clone(), data: Some(data), config: file, mock_config: None };
    let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    let config = Config::resolve(&flags, &|name| std::env::var(name).ok(), &names, &args.folder)?;
    if config.tls.is_some() {
        return Err(Failure::from(
            "dev serves plain HTTP on this machine, and a TLS certificate is configured\n\
             Start `windlass serve` and name it: windlass dev DIR --endpoint https://NAME:PORT",
        ));
    }
    serve::make_data_folder(&config)?;
    // Nobody wants a server's data in a repository.
    let ignore = config.data.join(".gitignore");
    if args.data.is_none() && !ignore.exists() {
        std::fs::write(&ignore, "*\n").map_err(|error| format!("{}: {error}", ignore.display()))?;
    }
    let path = config.data.join(LOG);
    let log = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path);
    let sink = LogSink::spawn(log.map_err(|error| format!("{}: {error}", path.display()))?)?;
    serve::start_logging(&config, LogFormat::Human, false, sink.clone())?;
    if let Err(fit) = open_files::allow(config.connections_max) {
        tracing::debug!(fit, "the limit of open files is lower than connections may need");
    }
    let access_log = if config.access_log { AccessLog::new(sink.clone(), LogFormat::Human) } else { AccessLog::off() };
    let outcome = runtime.block_on(serve_and_work(args, &config, access_log));
    sink.flush();
    outcome
}

async fn serve_and_work(args: &DevArgs, config: &Config, access_log: AccessLog) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let meters = Arc::new(Meters::new()?);
    meters.install();
    let mut server = Server::listen(config, meters, access_log).await?;
    tokio::select! {
        hosted = serve::host(config, &mut server) => hosted?,
        () = signals.next() => {
            server.drain(0).await?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    let endpoint = format!("http://{}", server.address());
    let (key, secret) = match config.credentials.first() {
        Some(credential) => (&*credential.access_key_id, credential.secret_access_key.reveal()),
        None => ("test", "test"),
    };
    let client = Client::of_own_server(endpoint, config.region.clone(), key, secret)?;
    announce(args, config, &client);
    let outcome = tokio::select! {
        () = signals.next() => Ok(ExitCode::SUCCESS),
        code = work(args, &client, Some(&config.data)) => code,
    };
    tokio::spawn(async move {
        signals.next().await;
        // What was acknowledged is on disk.
        std::process::exit(INTERRUPTED_EXIT_CODE);
    });
    say(&mut io::stderr(), "windlass: stopping when running calls are done; once more to stop at once");
    server.drain(config.drain_ms).await?;
    outcome
}

fn announce(args: &DevArgs, config: &Config, client: &Client) {
    let keys = if config.is_open() { " AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test" } else { "" };
    let text = format!(
        "windlass dev serves {folder}\n\
         \x20 listens on   {endpoint}\n\
         \x20 data         {data}\n\
         \x20 log          {log}\n\
         \x20 for others   export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region}{keys}\n",
        folder = args.folder.display(),
        endpoint = client.endpoint.value,
        data = config.data.display(),
        log = config.data.join(LOG).display(),
        region = config.region,
    );
    say(&mut io::stdout(), &text);
}

/// Deploys and tells, until the end of the process or, with --once, of the first deployment.
async fn work(args: &DevArgs, client: &Client, data: Option<&Path>) -> Result<ExitCode, Failure> {
    let palette = Palette::of(&io::stdout());
    let names = names(client).await?;
    let logs = data.map(|data| data.join("logs/lambda").join(&names.account).join(&names.region));
    let mut tail = Tail::new(palette, logs);
    let mut deployer = Deployer::new(args.folder.clone(), names, palette);
    let mut deployed: Option<Snapshot> = None;
    let mut last: Option<Snapshot> = None;
    let mut away = false;
    loop {
        let folder = args.folder.clone();
        let snapshot = tokio::task::spawn_blocking(move || Snapshot::take(&folder)).await?;
        match snapshot {
            Err(error) if deployed.is_none() => {
                return Err(Failure(format!("cannot read {}: {error}", args.folder.display())));
            }
            // It may come back: editors and version control move folders about.
            Err(error) => tracing::warn!(%error, "the folder cannot be read"),
            Ok(snapshot) => {
                // A change is taken up once it has settled: files are written in pieces.
                let settled = last.is_none() || last.as_ref() == Some(&snapshot);
                if settled && deployed.as_ref() != Some(&snapshot) {
                    let outcome = deployer.deploy(client, &snapshot).await;
                    match outcome {
                        Ok(()) => {
                            if args.once {
                                return Ok(if deployer.all_deployed() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
                            }
                            if deployed.is_none() {
                                begin(&snapshot, palette);
                            }
                            deployed = Some(snapshot.clone());
                            away = false;
                        }
                        Err(text) if args.once => return Err(Failure(text)),
                        Err(text) => told_once(&mut away, &text, palette),
                    }
                }
                last = Some(snapshot);
            }
        }
        if deployed.is_some() {
            tail.logs(&deployer.names);
            let machines: BTreeMap<String, String> = deployer.standard.clone().into_iter().collect();
            match tail.executions(client, &machines).await {
                Ok(()) => away = false,
                Err(error) => told_once(&mut away, &error.to_string(), palette),
            }
        }
        let _ = io::stdout().flush();
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn begin(snapshot: &Snapshot, palette: Palette) {
    let counted = format!(
        "{} and {}",
        super::terminal::plural(snapshot.machines.len(), "state machine"),
        super::terminal::plural(snapshot.functions.len(), "function")
    );
    let truncated = if snapshot.truncated { "; there are too many files, not all are watched" } else { "" };
    say(&mut io::stdout(), &palette.paint(Style::Dim, &format!("watching {counted}{truncated}; Ctrl-C ends\n")));
}

/// A server that is away is told once, until it is back.
fn told_once(away: &mut bool, text: &str, palette: Palette) {
    if !std::mem::replace(away, true) {
        say(&mut io::stdout(), &format!("{} {text}", palette.paint(Style::Yellow, "!")));
    }
}

/// Where things are deployed.
async fn names(client: &Client) -> Result<Names, Failure> {
    let identity = client.call("sts", "GetCallerIdentity", object! {}).await?;
    let partition = identity["Arn"].as_str().and_then(Arn::parse).map(|arn| arn.partition.to_string());
    let account = identity["Account"].as_str().unwrap_or_default().to_owned();
    Ok(Names {
        partition: partition.unwrap_or_else(|| "aws".to_owned()),
        region: client.region.clone(),
        account,
        functions: BTreeSet::new(),
        machines: BTreeSet::new(),
    })
}
