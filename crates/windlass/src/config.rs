//! The configuration: flag before environment before file before default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use windlass_iam::AuthorizationMode;
use windlass_keyring::MasterKeySource;
use windlass_protocol::RequestBounds;
use windlass_sns::SmtpConfig;
use windlass_stepfunctions::ExpressRetention;
use windlass_workflow::{Limits, PAYLOAD_BYTES_MAX_AWS, PAYLOAD_BYTES_MAX_DEFAULT, Quotas};

use crate::access_log::LogFormat;
use crate::backend::BackendRule;
pub use crate::config_error::ConfigError;
use crate::config_file::ConfigFile;
use crate::credential::{self, Credential};
use crate::outgoing_settings::OutgoingSettings;
use crate::tracing_settings::TracingSettings;
use crate::webhook_settings::Webhook;

/// Where the server listens when nothing is said.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:4566";
/// The account of everything when nothing is said.
pub const ACCOUNT_ID_DEFAULT: &str = "000000000000";
/// Closed executions are kept this long, as on AWS.
const RETENTION_DAYS_DEFAULT: u32 = 90;
/// Free bytes below which new executions are refused.
const DISK_FREE_BYTES_MIN_DEFAULT: u64 = 256 << 20;
/// The region that examples name.
pub const REGION_DEFAULT: &str = "us-east-1";
/// How long running calls may finish when the server is told to stop.
pub const DRAIN_MS_DEFAULT: u64 = 10_000;
/// Connections at once when nothing is said.
pub const CONNECTIONS_MAX_DEFAULT: usize = 32_768;
/// Lambda invocations at once when nothing is said.
pub const LAMBDA_CONCURRENCY_MAX_DEFAULT: usize = 64;
/// How long an idle function process lives when nothing is said.
pub const LAMBDA_IDLE_TIMEOUT_MS_DEFAULT: u64 = 300_000;
const HOUR_MS: i64 = 3_600_000;
/// Express executions are kept this long when nothing is said.
const EXPRESS_RETENTION_HOURS_DEFAULT: u32 = 24;
/// The configuration file's name.
pub const FILE_NAME: &str = "windlass.toml";

const LOG_DEFAULT: &str = "info";

/// The environment variables that are read.
const VARIABLES: [&str; 30] = [
    "WINDLASS_ACCESS_KEY_ID",
    "WINDLASS_ACCESS_LOG",
    "WINDLASS_ACCOUNT_ID",
    "WINDLASS_AUTHORIZATION_MODE",
    "WINDLASS_CONFIG",
    "WINDLASS_CONNECTIONS_MAX",
    "WINDLASS_DATA",
    "WINDLASS_DISK_FREE_BYTES_MIN",
    "WINDLASS_DRAIN_MS",
    "WINDLASS_EXECUTIONS_AWS_LIMITS",
    "WINDLASS_EXECUTIONS_AWS_RATES",
    "WINDLASS_EXECUTIONS_PAYLOAD_BYTES_MAX",
    "WINDLASS_EXECUTIONS_RETENTION_BYTES",
    "WINDLASS_EXECUTIONS_RETENTION_DAYS",
    "WINDLASS_LAMBDA_CONCURRENCY_MAX",
    "WINDLASS_LAMBDA_IDLE_TIMEOUT_MS",
    "WINDLASS_LISTEN",
    "WINDLASS_LOG",
    "WINDLASS_LOG_FORMAT",
    "WINDLASS_MASTER_KEY",
    "WINDLASS_MASTER_KEY_FILE",
    "WINDLASS_METRICS_PUBLIC",
    "WINDLASS_REGION",
    "WINDLASS_SECRET_ACCESS_KEY",
    "WINDLASS_SECRET_ACCESS_KEY_FILE",
    "WINDLASS_STEPFUNCTIONS_EXPRESS_EVENTS",
    "WINDLASS_STEPFUNCTIONS_EXPRESS_RETENTION",
    "WINDLASS_STEPFUNCTIONS_EXPRESS_RETENTION_HOURS",
    "WINDLASS_TLS_CERT",
    "WINDLASS_TLS_KEY",
];

/// Certificate chain and private key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's certificate first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How Lambda functions run on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LambdaSettings {
    /// Invocations at once, over all functions; at least 1.
    pub concurrency_max: usize,
    /// How long a function's process waits for work before it is ended, in milliseconds.
    pub idle_timeout_ms: u64,
}

/// How executions are kept: `[executions]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionSettings {
    /// AWS's quotas (262,144 bytes, 25,000 events, …) instead of our larger ones.
    pub aws_limits: bool,
    /// AWS's rates of calls and of state transitions.
    pub aws_rates: bool,
    /// Largest input, output or result without AWS's limits, in UTF-8 bytes.
    pub payload_bytes_max: usize,
    /// Closed executions are kept this long, in days.
    pub retention_days: u32,
    /// Above this size of the store the oldest closed executions are removed.
    pub retention_bytes: Option<u64>,
    /// Below this many free bytes new executions are refused; running ones go on.
    pub disk_free_bytes_min: u64,
}

/// Everything `windlass serve` is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder everything durable is in.
    pub data: PathBuf,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The account of calls in open mode and of credentials that name none.
    pub account_id: String,
    /// The region that examples name; a call's is in its signature.
    pub region: String,
    /// How long running calls may finish when told to stop, in milliseconds.
    pub drain_ms: u64,
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// A `tracing` filter: `info`, `windlass=debug,info`, …
    pub log: String,
    /// `None`: human at a terminal, JSON elsewhere.
    pub log_format: Option<LogFormat>,
    /// Whether a line is written for every request.
    pub access_log: bool,
    /// Whether `/_windlass/metrics` answers to other machines.
    pub metrics_public: bool,
    /// Set: HTTPS; unset: HTTP.
    pub tls: Option<TlsFiles>,
    /// Empty: open mode; else every request's signature is checked.
    pub credentials: Vec<Credential>,
    /// Whether refusals of calls refuse; in open mode nobody is refused.
    pub authorization: AuthorizationMode,
    /// How executions are kept.
    pub executions: ExecutionSettings,
    /// The mock file that starts may take a test case of; `None`: tasks are never mocked.
    pub mock_config: Option<PathBuf>,
    /// Which Express executions are kept for lists.
    pub express: ExpressRetention,
    /// Where traces go; `None`: nothing is traced.
    pub tracing: Option<TracingSettings>,
    /// How Lambda functions run.
    pub lambda: LambdaSettings,
    /// What secrets are sealed with before they are stored.
    pub master_key: MasterKeySource,
    /// Who answers which calls, where it is not the service hosted here.
    pub backends: Vec<BackendRule>,
    /// The relay for e-mail subscriptions; `None`: there are none.
    pub smtp: Option<SmtpConfig>,
    /// Web addresses that start workflows.
    pub webhooks: Vec<Webhook>,
    /// What calls to the outside may reach.
    pub outgoing: OutgoingSettings,
    /// Environment variables that look like ours and are not.
    pub unknown_variables: Vec<String>,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--mock-config`
    pub mock_config: Option<PathBuf>,
}

/// Where a value came from, to name it when it is wrong.
pub(crate) struct Sources<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    file_name: String,
}

impl Sources<'_> {
    pub(crate) fn env(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// (name of the source, value), the environment first.
    fn text(&self, variable: &str, key: &str, file: Option<String>) -> Option<(String, String)> {
        let from_file = || file.map(|value| (format!("{key} in {}", self.file_name), value));
        self.env(variable).map(|value| (variable.to_owned(), value)).or_else(from_file)
    }

    fn parsed<T: std::str::FromStr>(
        &self,
        variable: &str,
        file: Option<T>,
        default: T,
        expected: &'static str,
    ) -> Result<T, ConfigError> {
        match self.env(variable) {
            None => Ok(file.unwrap_or(default)),
            Some(value) => {
                value.parse().map_err(|_| ConfigError::Value { source_name: variable.to_owned(), value, expected })
            }
        }
    }
}

impl Config {
    /// Puts flags, environment, file and defaults together and checks that the
    /// result is safe to serve.
    ///
    /// `folder` is where a relative `windlass.toml` is looked for; `env` reads
    /// a variable; `names` are the names of all variables, to find misspelt ones.
    ///
    /// # Errors
    /// What is wrong, where it was said, and what to do.
    pub fn resolve(
        flags: &Flags,
        env: &dyn Fn(&str) -> Option<String>,
        names: &[String],
        folder: &Path,
    ) -> Result<Config, ConfigError> {
        let no_file = Sources { env, file_name: String::new() };
        let data_so_far = flags.data.clone().or_else(|| no_file.env("WINDLASS_DATA").map(PathBuf::from));
        let named = flags.config.clone().or_else(|| no_file.env("WINDLASS_CONFIG").map(PathBuf::from));
        let default_data = default_data(env);
        let in_data = data_so_far.as_ref().or(default_data.as_ref()).map(|data| data.join(FILE_NAME));
        let (path, file) = read_file(named, [in_data, Some(folder.join(FILE_NAME))])?;
        let sources =
            Sources { env, file_name: path.as_ref().map(|path| path.display().to_string()).unwrap_or_default() };

        let listen = match &flags.listen {
            Some(listen) => parse_listen("--listen", listen)?,
            None => match sources.text("WINDLASS_LISTEN", "listen", file.listen) {
                Some((name, value)) => parse_listen(&name, &value)?,
                None => parse_listen("the default", LISTEN_DEFAULT)?,
            },
        };
        let data = data_so_far.or(file.data).or(default_data).ok_or_else(|| {
            ConfigError::Incomplete(
                "there is no home folder to keep data in\nName one: windlass serve --data DIR".to_owned(),
            )
        })?;
        let account_id = match sources.text("WINDLASS_ACCOUNT_ID", "account_id", file.account_id) {
            Some((name, value)) => parse_account(name, value)?,
            None => ACCOUNT_ID_DEFAULT.to_owned(),
        };
        let log_format = match sources.text("WINDLASS_LOG_FORMAT", "log_format", file.log_format) {
            Some((name, value)) => parse_log_format(name, value)?,
            None => None,
        };
        let number = "it must be a whole number";
        let switch = "it must be true or false";
        let connections_max =
            sources.parsed("WINDLASS_CONNECTIONS_MAX", file.connections_max, CONNECTIONS_MAX_DEFAULT, number)?;
        if !(1..=CONNECTIONS_MAX_LIMIT).contains(&connections_max) {
            return Err(ConfigError::Value {
                source_name: "connections_max".to_owned(),
                value: connections_max.to_string(),
                expected: "it must be between 1 and 1000000",
            });
        }
        let lambda = LambdaSettings {
            concurrency_max: sources.parsed(
                "WINDLASS_LAMBDA_CONCURRENCY_MAX",
                file.lambda.concurrency_max,
                LAMBDA_CONCURRENCY_MAX_DEFAULT,
                number,
            )?,
            idle_timeout_ms: sources.parsed(
                "WINDLASS_LAMBDA_IDLE_TIMEOUT_MS",
                file.lambda.idle_timeout_ms,
                LAMBDA_IDLE_TIMEOUT_MS_DEFAULT,
                number,
            )?,
        };
        let executions = ExecutionSettings {
            aws_limits: sources.parsed("WINDLASS_EXECUTIONS_AWS_LIMITS", file.executions.aws_limits, false, switch)?,
            aws_rates: sources.parsed("WINDLASS_EXECUTIONS_AWS_RATES", file.executions.aws_rates, false, switch)?,
            payload_bytes_max: sources.parsed(
                "WINDLASS_EXECUTIONS_PAYLOAD_BYTES_MAX",
                file.executions.payload_bytes_max,
                PAYLOAD_BYTES_MAX_DEFAULT,
                number,
            )?,
            retention_days: sources.parsed(
                "WINDLASS_EXECUTIONS_RETENTION_DAYS",
                file.executions.retention_days,
                RETENTION_DAYS_DEFAULT,
                number,
            )?,
            // 0 stands for no bound, which a variable could not say otherwise.
            retention_bytes: Some(sources.parsed(
                "WINDLASS_EXECUTIONS_RETENTION_BYTES",
                file.executions.retention_bytes,
                0,
                number,
            )?)
            .filter(|bytes| *bytes > 0),
            disk_free_bytes_min: sources.parsed(
                "WINDLASS_DISK_FREE_BYTES_MIN",
                file.executions.disk_free_bytes_min,
                DISK_FREE_BYTES_MIN_DEFAULT,
                number,
            )?,
        };
        if !(PAYLOAD_BYTES_MAX_AWS..=PAYLOAD_BYTES_MAX_LIMIT).contains(&executions.payload_bytes_max) {
            return Err(ConfigError::Value {
                source_name: "executions.payload_bytes_max".to_owned(),
                value: executions.payload_bytes_max.to_string(),
                expected: "it must be between 262144 and 134217728",
            });
        }
        let express_default = ExpressRetention::default();
        let section = file.stepfunctions;
        let express = ExpressRetention {
            count: sources.parsed(
                "WINDLASS_STEPFUNCTIONS_EXPRESS_RETENTION",
                section.express_retention,
                express_default.count,
                number,
            )?,
            age_ms: HOUR_MS
                * i64::from(sources.parsed(
                    "WINDLASS_STEPFUNCTIONS_EXPRESS_RETENTION_HOURS",
                    section.express_retention_hours,
                    EXPRESS_RETENTION_HOURS_DEFAULT,
                    number,
                )?),
            events: sources.parsed(
                "WINDLASS_STEPFUNCTIONS_EXPRESS_EVENTS",
                section.express_events,
                express_default.events,
                switch,
            )?,
        };
        if lambda.concurrency_max == 0 {
            return Err(ConfigError::Value {
                source_name: "lambda.concurrency_max".to_owned(),
                value: "0".to_owned(),
                expected: "it must be at least 1",
            });
        }
        let authorization =
            match sources.text("WINDLASS_AUTHORIZATION_MODE", "authorization.mode", file.authorization.mode) {
                Some((name, value)) => parse_authorization(name, value)?,
                None => AuthorizationMode::Enforced,
            };
        let backends = file.backend.into_iter().map(|section| section.read(&sources, path.as_deref()));
        let webhooks = file.webhook.into_iter().map(|section| section.read(&sources, path.as_deref()));
        let config = Config {
            smtp: file.smtp.map(|section| section.read(&sources, path.as_deref())).transpose()?,
            master_key: master_key(&sources, file.master_key_file, path.as_deref()),
            webhooks: webhooks.collect::<Result<_, _>>()?,
            backends: backends.collect::<Result<_, _>>()?,
            outgoing: OutgoingSettings::read(file.outgoing, path.as_deref())?,
            tracing: TracingSettings::read(file.tracing, &sources)?,
            authorization,
            mock_config: flags
                .mock_config
                .clone()
                .or_else(|| sources.env("SFN_MOCK_CONFIG").map(PathBuf::from))
                .or_else(|| section.mock_config.map(|named| beside(path.as_deref(), named))),
            express,
            lambda,
            executions,
            listen,
            data,
            account_id: account_id.clone(),
            region: sources
                .text("WINDLASS_REGION", "region", file.region)
                .map_or_else(|| REGION_DEFAULT.to_owned(), |(_, region)| region),
            drain_ms: sources.parsed("WINDLASS_DRAIN_MS", file.drain_ms, DRAIN_MS_DEFAULT, number)?,
            connections_max,
            log: sources.text("WINDLASS_LOG", "log", file.log).map_or_else(|| LOG_DEFAULT.to_owned(), |(_, log)| log),
            log_format,
            access_log: sources.parsed("WINDLASS_ACCESS_LOG", file.access_log, true, switch)?,
            metrics_public: sources.parsed("WINDLASS_METRICS_PUBLIC", file.metrics_public, false, switch)?,
            tls: tls_files(&sources, file.tls.cert, file.tls.key, path.as_deref())?,
            credentials: credential::all(&sources, file.credentials, &account_id, path.as_deref())?,
            unknown_variables: unknown_variables(names),
            file: path,
        };
        config.check_safe()?;
        Ok(config)
    }

    /// Whether credentials are not checked.
    pub fn is_open(&self) -> bool {
        self.credentials.is_empty()
    }

    /// What executions may have and do.
    pub fn quotas(&self) -> Quotas {
        let own = Quotas { limits: self.own_limits(), ..Quotas::default() };
        let quotas = if self.executions.aws_limits { Quotas::aws() } else { own };
        if self.executions.aws_rates { quotas.with_aws_rates() } else { quotas }
    }

    /// What executions run under that are tagged to have this server's own limits.
    pub fn own_limits(&self) -> Limits {
        Limits::with_payloads(self.executions.payload_bytes_max)
    }

    /// Where requests may be larger than AWS takes them.
    pub(crate) fn request_bounds(&self) -> RequestBounds {
        let executions = &self.executions;
        RequestBounds { states_payload_bytes_max: (!executions.aws_limits).then_some(executions.payload_bytes_max) }
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    fn check_safe(&self) -> Result<(), ConfigError> {
        let missing = match (self.tls.is_some(), self.is_open()) {
            _ if self.listen.ip().is_loopback() => return Ok(()),
            (true, false) => return Ok(()),
            (true, true) => "access keys",
            (false, false) => "a TLS certificate",
            (false, true) => "a TLS certificate and access keys",
        };
        Err(ConfigError::Unsafe(format!(
            "{listen} can be reached from other machines, and the server has no {missing}.\n\
             Without them anybody there could run code here, so it does not start.\n\
             \n\
             To use it from this machine only, listen on loopback:\n\
             \n    windlass serve --listen 127.0.0.1:{port}\n\
             \n\
             To serve other machines, write both into {file}:\n\
             \n    [tls]\n    cert = \"/path/to/fullchain.pem\"\n    key = \"/path/to/privkey.pem\"\n\
             \n    [[credentials]]\n    access_key_id = \"AKIAEXAMPLE\"\n    secret_access_key_file = \"/path/to/secret\"\n\
             \n\
             or into the environment: WINDLASS_TLS_CERT, WINDLASS_TLS_KEY, WINDLASS_ACCESS_KEY_ID,\n\
             WINDLASS_SECRET_ACCESS_KEY_FILE.",
            listen = self.listen,
            missing = missing.trim_start_matches("a "),
            port = self.listen.port(),
            file = self.file.clone().unwrap_or_else(|| self.data.join(FILE_NAME)).display(),
        )))
    }
}

const CONNECTIONS_MAX_LIMIT: usize = 1_000_000;
/// More would not fit among the bodies that are worked on at once.
const PAYLOAD_BYTES_MAX_LIMIT: usize = 128 << 20;

fn default_data(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    // The base directory rules: a relative XDG_DATA_HOME is ignored.
    let xdg = env("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env("HOME").filter(|home| !home.is_empty()).map(|home| Path::new(&home).join(".local/share"));
    xdg.or_else(home).map(|base| base.join("windlass"))
}

fn read_file(
    named: Option<PathBuf>,
    defaults: [Option<PathBuf>; 2],
) -> Result<(Option<PathBuf>, ConfigFile), ConfigError> {
    let unreadable = |path: &Path, error| ConfigError::Unreadable {
        what: "the configuration file",
        path: path.to_owned(),
        error,
        next: "Check the path given with --config or WINDLASS_CONFIG, and its permissions.",
    };
    let parse = |path: PathBuf, text: String| match ConfigFile::parse(&text) {
        Ok(file) => Ok((Some(path), file)),
        Err(error) => Err(ConfigError::File { path, error }),
    };
    if let Some(path) = named {
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        return parse(path, text);
    }
    for path in defaults.into_iter().flatten() {
        match std::fs::read_to_string(&path) {
            Ok(text) => return parse(path, text),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(unreadable(&path, error)),
        }
    }
    Ok((None, ConfigFile::default()))
}

fn parse_listen(source_name: &str, value: &str) -> Result<SocketAddr, ConfigError> {
    let numeric = value.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(value).parse().map_err(|_| ConfigError::Value {
        source_name: source_name.to_owned(),
        value: value.to_owned(),
        expected: "it must be an IP address and a port, such as 127.0.0.1:4566 or [::1]:4566",
    })
}

pub(crate) fn parse_account(source_name: String, value: String) -> Result<String, ConfigError> {
    if value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(value);
    }
    Err(ConfigError::Value { source_name, value, expected: "an account id has 12 digits, such as \"000000000000\"" })
}

fn parse_authorization(source_name: String, value: String) -> Result<AuthorizationMode, ConfigError> {
    match value.as_str() {
        "enforced" => Ok(AuthorizationMode::Enforced),
        "logged" => Ok(AuthorizationMode::Logged),
        _ => Err(ConfigError::Value { source_name, value, expected: "it must be enforced or logged" }),
    }
}

fn parse_log_format(source_name: String, value: String) -> Result<Option<LogFormat>, ConfigError> {
    match value.as_str() {
        "json" => Ok(Some(LogFormat::Json)),
        "human" => Ok(Some(LogFormat::Human)),
        "auto" => Ok(None),
        _ => Err(ConfigError::Value { source_name, value, expected: "it must be json, human or auto" }),
    }
}

fn tls_files(
    sources: &Sources<'_>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    file: Option<&Path>,
) -> Result<Option<TlsFiles>, ConfigError> {
    let cert = sources.env("WINDLASS_TLS_CERT").map(PathBuf::from).or_else(|| cert.map(|path| beside(file, path)));
    let key = sources.env("WINDLASS_TLS_KEY").map(PathBuf::from).or_else(|| key.map(|path| beside(file, path)));
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (Some(_), None) => Err(ConfigError::Incomplete(
            "there is a TLS certificate but no private key\nSet tls.key or WINDLASS_TLS_KEY too.".to_owned(),
        )),
        (None, Some(_)) => Err(ConfigError::Incomplete(
            "there is a TLS private key but no certificate\nSet tls.cert or WINDLASS_TLS_CERT too.".to_owned(),
        )),
    }
}

fn master_key(sources: &Sources<'_>, file: Option<PathBuf>, config_file: Option<&Path>) -> MasterKeySource {
    let named = sources.env("WINDLASS_MASTER_KEY_FILE").map(PathBuf::from);
    match sources.env("WINDLASS_MASTER_KEY") {
        Some(key) => MasterKeySource::Environment(key),
        None => match named.or_else(|| file.map(|path| beside(config_file, path))) {
            Some(path) => MasterKeySource::File(path),
            None => MasterKeySource::Generate,
        },
    }
}

/// A relative path in the file is meant beside the file.
pub(crate) fn beside(file: Option<&Path>, path: PathBuf) -> PathBuf {
    match file.and_then(Path::parent) {
        Some(folder) => folder.join(path),
        None => path,
    }
}

/// Kubernetes sets WINDLASS_PORT…, WINDLASS_SERVICE_… for a service of our
/// name; those are nobody's mistake.
fn unknown_variables(names: &[String]) -> Vec<String> {
    let set_by_kubernetes = |name: &str| name.starts_with("WINDLASS_PORT") || name.starts_with("WINDLASS_SERVICE_");
    let unknown = |name: &&String| {
        name.starts_with("WINDLASS_") && !VARIABLES.contains(&name.as_str()) && !set_by_kubernetes(name)
    };
    names.iter().filter(unknown).cloned().collect()
}
