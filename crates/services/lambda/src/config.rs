use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use windlass_protocol::Dispatcher;

/// How the service runs on this machine.
#[derive(Clone)]
pub struct LambdaConfig {
    /// The server's data folder; code, unpacked functions and logs live in it.
    pub data: PathBuf,
    /// What functions find in `AWS_ENDPOINT_URL`: this server, as seen from this machine.
    pub account_endpoint_url: String,
    /// How many invocations run at once, over all functions; at least 1.
    pub concurrency_max: usize,
    /// Where set, functions find temporary credentials of their execution role in
    /// their environment, asked of `sts` through this; else those below.
    pub dispatcher: Option<Dispatcher>,
    /// Credentials that functions find in their environment where nobody checks them.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The session token, where the credentials have one.
    pub session_token: Option<String>,
    /// How long a process may start, until it first asks for work.
    pub init_timeout: Duration,
    /// How long a process may wait for work before it is ended.
    pub idle_timeout: Duration,
    /// The pauses before each further attempt of an asynchronous invocation;
    /// their number is the number of retries.
    pub event_retry_delays: Vec<Duration>,
    /// Where GetFunction says that the zip lies: this text and the SHA-256 in
    /// hex are its `Code.Location`. `None` leaves the member out.
    pub code_location_base: Option<String>,
    /// Folders to look for `python3` and `node` in, separated as in `PATH`;
    /// `None` takes the server's own `PATH`.
    pub path: Option<String>,
}

impl LambdaConfig {
    /// AWS's own figures where it has some; credentials `test`/`test`.
    pub fn new(data: impl Into<PathBuf>, account_endpoint_url: impl Into<String>) -> LambdaConfig {
        LambdaConfig {
            data: data.into(),
            account_endpoint_url: account_endpoint_url.into(),
            concurrency_max: 64,
            dispatcher: None,
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
            init_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            event_retry_delays: vec![Duration::from_secs(60), Duration::from_secs(120)],
            code_location_base: None,
            path: None,
        }
    }
}

impl fmt::Debug for LambdaConfig {
    /// Without the secrets: a configuration is printed into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaConfig")
            .field("data", &self.data)
            .field("account_endpoint_url", &self.account_endpoint_url)
            .field("concurrency_max", &self.concurrency_max)
            .field("access_key_id", &self.access_key_id)
            .field("init_timeout", &self.init_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("event_retry_delays", &self.event_retry_delays)
            .field("code_location_base", &self.code_location_base)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store did not answer.
    #[error("the store does not answer: {0}")]
    Store(String),
    /// A stored row cannot be read.
    #[error("a row of the table '{table}' cannot be read: {reason}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder of the service cannot be made or written.
    #[error("{path}: {source}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
