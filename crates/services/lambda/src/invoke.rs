use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Timestamp, Value};

use crate::concurrency::Permit;
use crate::configuration::Configuration;
use crate::environment::{Assignment, Done, Environment, Start};
use crate::faults;
use crate::function_name::{FunctionName, LATEST};
use crate::input;
use crate::lambda::{Lambda, Shared};
use crate::pool::PoolKey;
use crate::random;
use crate::role_credentials::ProcessCredentials;
use crate::url_function::{Target, UrlAnswer};

/// AWS's bound on what a function is invoked with, synchronously.
const REQUEST_BYTES_MAX: usize = 6_291_456;
/// The same asynchronously.
const EVENT_BYTES_MAX: usize = 1_048_576;
/// AWS's bound on a client context.
const CLIENT_CONTEXT_BYTES_MAX: usize = 3583;
/// How often an invocation goes to another process when one ended before it took it.
const STARTS_MAX: usize = 3;

/// What to run: a version, reached by a qualifier.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) function: FunctionName,
    pub(crate) qualifier: Option<String>,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) reserved: Option<u32>,
}

/// One invocation's input.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) trace: String,
    pub(crate) client_context: Option<String>,
}

/// What came of the start of a process.
enum Started {
    Running(Environment),
    /// The package has nothing to start, in AWS's words.
    Invalid(String),
}

/// What an invocation ended in.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) payload: Bytes,
    /// The payload is an error document.
    pub(crate) is_error: bool,
    /// The last 4 KiB of what was logged.
    pub(crate) tail: Vec<u8>,
    pub(crate) version: String,
}

impl Lambda {
    /// `Invoke`.
    pub(crate) async fn invoke(&self, call: &Call) -> Outcome {
        let (function, qualifier) = self.function_name(call)?;
        let shared = &self.shared;
        let document = &call.input;
        let invocation_type = input::text(document, "InvocationType")?.unwrap_or("RequestResponse");
        let log_type = input::text(document, "LogType")?.unwrap_or("None");
        if !["None", "Tail"].contains(&log_type) {
            let bound = "Member must satisfy enum value set: [None, Tail]";
            return Err(faults::constraint(log_type, "logType", bound));
        }
        input::refuse_unbuilt(document, &["DurableExecutionName", "TenantId"])?;
        let bytes_max = match invocation_type {
            "Event" => EVENT_BYTES_MAX,
            "RequestResponse" | "DryRun" => REQUEST_BYTES_MAX,
            other => {
                let bound = "Member must satisfy enum value set: [Event, RequestResponse, DryRun]";
                return Err(faults::constraint(other, "invocationType", bound));
            }
        };
        let target = shared.resolve(&function, qualifier.as_deref())?;
        let Some(event) = call.body.in_memory().filter(|event| event.len() <= bytes_max) else {
            return Err(faults::request_too_large(format!(
                "{} byte payload is too large for the {invocation_type} invocation type (limit {bytes_max} bytes)",
                call.body.len()
            )));
        };
        let client_context = client_context(document)?;
        let payload = checked_payload(event)?;
        let version = target.configuration.version.clone();
        if invocation_type == "DryRun" {
            return Ok(Reply::from(windlass_value::object! { "StatusCode" => 204, "ExecutedVersion" => version }));
        }
        let invocation = Invocation {
            request_id: if call.request_id.is_empty() { random::uuid()? } else { call.request_id.to_string() },
            payload,
            trace: match &call.trace {
                Some(trace) => trace.to_string(),
                None => new_trace()?,
            },
            client_context,
        };
        if invocation_type == "Event" {
            shared.accept_event(&function, qualifier, invocation, call.idempotency_key.as_deref()).await?;
            return Ok(Reply::from(windlass_value::object! { "StatusCode" => 202 }));
        }
        // A task of its own: as at AWS, a caller who hangs up does not stop the function.
        let shared = shared.clone();
        let running = tokio::spawn(async move { shared.run(target, invocation).await });
        let ended =
            running.await.map_err(|error| faults::service(format!("the invocation ended early: {error}")))??;
        let mut output = Object::new();
        output.insert("StatusCode", 200);
        if ended.is_error {
            output.insert("FunctionError", "Unhandled");
        }
        if log_type == "Tail" {
            output.insert("LogResult", STANDARD.encode(&ended.tail));
        }
        output.insert("ExecutedVersion", ended.version);
        Ok(Reply { output: output.into(), body: ended.payload.into() })
    }
}

impl Shared {
    /// The version that a name and qualifier stand for, drawn by weight where an alias has weights.
    ///
    /// # Errors
    /// There is no such function, version or alias.
    pub(crate) fn resolve(&self, name: &FunctionName, qualifier: Option<&str>) -> Result<Destination, Fault> {
        let function = self.catalogue.find(name, Some(qualifier.unwrap_or("$LATEST")))?;
        let mut configuration = function.qualified(qualifier)?.clone();
        let alias = qualifier.and_then(|qualifier| function.aliases.get(qualifier));
        if let Some(alias) = alias.filter(|alias| !alias.weights.is_empty()) {
            let mut drawn = random::fraction()?;
            for (version, weight) in &alias.weights {
                if drawn < *weight {
                    let other = function.version(version);
                    configuration = other.ok_or_else(|| faults::function_not_found(&name.arn(Some(version))))?.clone();
                    break;
                }
                drawn -= weight;
            }
        }
        Ok(Destination {
            function: name.clone(),
            qualifier: qualifier.map(str::to_owned),
            configuration,
            reserved: function.reserved_concurrency,
        })
    }

    /// Runs one invocation, in a waiting process of its version or a new one.
    ///
    /// # Errors
    /// No place is free, the service ends, or the machine fails; what the
    /// function does wrong is an [`Ended`].
    pub(crate) async fn run(&self, target: Destination, invocation: Invocation) -> Result<Ended, Fault> {
        if self.is_draining() {
            return Err(faults::service("the service is ending"));
        }
        let permit = self.concurrency.acquire(&target.function, target.reserved).await?;
        let running = async {
            match target.configuration.url().and_then(Target::read) {
                Some(url) => self.run_url(&url, &target, invocation, permit).await,
                None => self.run_process(&target, invocation, permit).await,
            }
        };
        tokio::select! {
            ended = running => ended,
            // Dropped where it stands, with its process.
            () = self.cut_off() => Err(faults::service("the service ended during the invocation")),
        }
    }

    async fn run_process(&self, target: &Destination, invocation: Invocation, _permit: Permit) -> Result<Ended, Fault> {
        let key = PoolKey {
            function: target.function.clone(),
            version: target.configuration.version.clone(),
            revision_id: target.configuration.revision_id.clone(),
        };
        let mut starts = 0;
        loop {
            let environment = match self.pool.take(&key) {
                Some(environment) => environment,
                None if starts == STARTS_MAX => break,
                None => match self.start_environment(target).await? {
                    Started::Running(environment) => {
                        starts += 1;
                        environment
                    }
                    Started::Invalid(text) => {
                        return Ok(self.broken(target, &invocation, "Runtime.InvalidEntrypoint", &text, Vec::new()));
                    }
                },
            };
            if let Some(ended) = self.run_in(&environment, target, &invocation).await {
                if ended.1 && environment.is_usable() && self.is_current(&key) && !self.is_draining() {
                    self.pool.put(key, environment, self.config.concurrency_max);
                }
                return Ok(ended.0);
            }
        }
        let text = "Runtime exited without providing a reason";
        Ok(self.broken(target, &invocation, "Runtime.ExitError", text, Vec::new()))
    }

    /// Runs an invocation in that process. `None`: it never took it. The flag:
    /// the process can be used again.
    async fn run_in(
        &self,
        environment: &Environment,
        target: &Destination,
        invocation: &Invocation,
    ) -> Option<(Ended, bool)> {
        let configuration = &target.configuration;
        let output = environment.output();
        let timeout = Duration::from_secs(configuration.timeout_s.into());
        let request_id = &invocation.request_id;
        output.drain();
        output.clear_tail();
        output.note(&format!("START RequestId: {request_id} Version: {}\n", configuration.version));
        let initialised = environment.initialised().await;
        let started = Instant::now();
        let done = match initialised {
            Ok(()) => {
                let assignment = Assignment {
                    request_id: request_id.clone(),
                    payload: invocation.payload.clone(),
                    function_arn: target.function.arn(target.qualifier.as_deref()),
                    trace: invocation.trace.clone(),
                    client_context: invocation.client_context.clone(),
                    timeout,
                };
                environment.invoke(assignment, now_ms() + timeout.as_millis() as i64).await
            }
            Err(done) => done,
        };
        let duration = started.elapsed();
        output.drain();
        let status = match &done {
            Done::NotTaken => return None,
            Done::Broken(kind, text) if *kind == "Sandbox.Timedout" => {
                let now = Timestamp(now_ms()).to_rfc3339();
                output.note(&format!("{now} {request_id} {text}\n\n"));
                "\tStatus: timeout"
            }
            Done::Broken(kind, text) => {
                output.note(&format!("RequestId: {request_id} Error: {text}\n{kind}\n"));
                "\tStatus: error"
            }
            Done::InitError(_) => "\tStatus: error",
            Done::Response(_) | Done::Error(_) => "",
        };
        output.note(&report(environment, configuration, request_id, duration, status));
        let tail = output.tail();
        let version = configuration.version.clone();
        Some(match done {
            Done::Response(payload) => (Ended { payload, is_error: false, tail, version }, true),
            Done::Error(payload) => (Ended { payload, is_error: true, tail, version }, true),
            Done::InitError(payload) => (Ended { payload, is_error: true, tail, version }, false),
            Done::Broken(kind, text) => (self.broken(target, invocation, kind, &text, tail), false),
            Done::NotTaken => return None,
        })
    }

    /// The error document of an invocation whose process did not write one.
    fn broken(&self, target: &Destination, invocation: &Invocation, kind: &str, text: &str, tail: Vec<u8>) -> Ended {
        let message = match kind {
            "Function.ResponseSizeTooLarge" => text.to_owned(),
            _ => format!("RequestId: {} Error: {text}", invocation.request_id),
        };
        let document = windlass_value::object! { "errorType" => kind, "errorMessage" => message };
        Ended {
            payload: Bytes::from(document.to_text()),
            is_error: true,
            tail,
            version: target.configuration.version.clone(),
        }
    }

    async fn start_environment(&self, target: &Destination) -> Result<Started, Fault> {
        let configuration = &target.configuration;
        // A machine has room for so many processes, busy and idle together.
        let busy = self.concurrency.running();
        self.pool.shrink_to(self.config.concurrency_max.saturating_sub(busy));
        let folder = self.code.unpacked(&configuration.code_sha256).await?;
        let program = self.runtimes.program(&configuration.runtime, &folder).await.map_err(|gone| {
            // It was there when the function was made.
            Fault::new("InvalidRuntimeException", gone.message).with_status(502).with_member("Type", "User")
        })?;
        if let Some(reason) = program.invalid_entrypoint() {
            return Ok(Started::Invalid(reason));
        }
        let stream = log_stream(&configuration.version)?;
        let mut variables: BTreeMap<String, OsString> = BTreeMap::new();
        let credentials = ProcessCredentials::obtain(&self.config, &target.function, &configuration.role).await?;
        let fresh_until = credentials.fresh_until;
        for (name, value) in self.standard_variables(target, &stream, credentials) {
            variables.insert(name.to_owned(), value.into());
        }
        let tasks = folder.display();
        variables.insert("LAMBDA_TASK_ROOT".to_owned(), folder.clone().into());
        variables.insert("LD_LIBRARY_PATH".to_owned(), format!("{tasks}:{tasks}/lib").into());
        for (name, value) in configuration.environment.iter().flatten() {
            variables.insert(name.clone(), value.into());
        }
        let start = Start {
            program,
            folder,
            variables,
            memory_mb: configuration.memory_mb,
            init_timeout: self.config.init_timeout,
            stream,
            log: self.logs.of(&target.function),
            fresh_until,
        };
        let environment = Environment::start(start).await;
        environment.map(Started::Running).map_err(|error| faults::service(format!("cannot start a process: {error}")))
    }

    fn standard_variables(
        &self,
        target: &Destination,
        stream: &str,
        credentials: ProcessCredentials,
    ) -> Vec<(&'static str, String)> {
        let configuration = &target.configuration;
        let config = &self.config;
        let mut variables = vec![
            ("PATH", self.runtimes.path().to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TZ", ":UTC".to_owned()),
            ("HOME", "/tmp".to_owned()),
            ("_HANDLER", configuration.handler.clone()),
            ("AWS_REGION", target.function.region.clone()),
            ("AWS_DEFAULT_REGION", target.function.region.clone()),
            ("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", configuration.runtime)),
            ("AWS_LAMBDA_FUNCTION_NAME", target.function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", configuration.version.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", configuration.memory_mb.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", configuration.log_group_of(&target.function)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", stream.to_owned()),
            ("AWS_ENDPOINT_URL", config.account_endpoint_url.clone()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
        ];
        if let Some(token) = credentials.session_token {
            variables.push(("AWS_SESSION_TOKEN", token));
        }
        variables
    }

    async fn run_url(
        &self,
        url: &Target,
        target: &Destination,
        invocation: Invocation,
        _permit: Permit,
    ) -> Result<Ended, Fault> {
        let configuration = &target.configuration;
        let timeout = Duration::from_secs(configuration.timeout_s.into());
        let log = self.logs.of(&target.function);
        let stream = log_stream(&configuration.version)?;
        let request_id = invocation.request_id.clone();
        let mut headers = vec![
            ("Lambda-Runtime-Aws-Request-Id", request_id.clone()),
            ("Lambda-Runtime-Deadline-Ms", (now_ms() + timeout.as_millis() as i64).to_string()),
            ("Lambda-Runtime-Invoked-Function-Arn", target.function.arn(target.qualifier.as_deref())),
            ("Lambda-Runtime-Trace-Id", invocation.trace.clone()),
        ];
        if let Some(context) = &invocation.client_context {
            headers.push(("Lambda-Runtime-Client-Context", context.clone()));
        }
        let started = Instant::now();
        let answered = tokio::time::timeout(timeout, url.invoke(invocation.payload.clone(), &headers)).await;
        let mut lines = format!("START RequestId: {request_id} Version: {}\n", configuration.version);
        let answer = match answered {
            Ok(UrlAnswer::Response(payload)) => Ok(payload),
            Ok(UrlAnswer::Failed(kind, text)) => Err((kind, text)),
            Err(_) => Err(("Sandbox.Timedout", format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()))),
        };
        if let Err((kind, text)) = &answer {
            lines.push_str(&format!("RequestId: {request_id} Error: {text}\n{kind}\n"));
        }
        let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
        lines.push_str(&format!(
            "END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {duration_ms:.2} ms\n"
        ));
        log.write(&stream, &lines);
        Ok(match answer {
            Ok(payload) => {
                Ended { payload, is_error: false, tail: lines.into_bytes(), version: configuration.version.clone() }
            }
            Err((kind, text)) => self.broken(target, &invocation, kind, &text, lines.into_bytes()),
        })
    }

    /// Whether processes of that key run what the function is now.
    fn is_current(&self, key: &PoolKey) -> bool {
        let function = self.catalogue.get(&key.function);
        let configuration = function.as_ref().and_then(|function| function.version(&key.version));
        configuration.is_some_and(|configuration| configuration.revision_id == key.revision_id)
    }
}

fn report(
    environment: &Environment,
    configuration: &Configuration,
    request_id: &str,
    duration: Duration,
    status: &str,
) -> String {
    let duration_ms = duration.as_secs_f64() * 1000.0;
    let mut report = format!(
        "END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {duration_ms:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB",
        duration_ms.ceil() as u64,
        configuration.memory_mb
    );
    if let Some(peak_bytes) = environment.peak_bytes() {
        report.push_str(&format!("\tMax Memory Used: {} MB", peak_bytes.div_ceil(1024 * 1024)));
    }
    if let Some(init) = environment.take_init_duration() {
        report.push_str(&format!("\tInit Duration: {:.2} ms", init.as_secs_f64() * 1000.0));
    }
    report.push_str(status);
    report.push('\n');
    report
}

/// AWS's form: `2026/11/22/[$LATEST]` and 32 hexadecimal digits.
fn log_stream(version: &str) -> Result<String, Fault> {
    let date = Timestamp(now_ms()).to_rfc3339();
    let date = date.get(..10).unwrap_or_default().replace('-', "/");
    let id = random::uuid()?.replace('-', "");
    let version = if version == LATEST { "$LATEST" } else { version };
    Ok(format!("{date}/[{version}]{id}"))
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn new_trace() -> Result<String, Fault> {
    let random = random::uuid()?.replace('-', "");
    Ok(format!("Root=1-{:08x}-{};Sampled=0", now_ms() / 1000, &random[..24]))
}

/// The payload as functions get it: JSON, `{}` when there is none.
fn checked_payload(body: &Bytes) -> Result<Bytes, Fault> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    let refused = |reason: String| {
        faults::invalid_content(format!(
            "Could not parse request body into json: Could not parse payload into json: {reason}"
        ))
    };
    let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
    windlass_value::validate(text).map_err(|error| {
        refused(format!("{}\n at {}", error.message, error.source_location(text).replace("(String)", "(byte[])")))
    })?;
    Ok(body.clone())
}

/// JSON text of printable ASCII, the same document: what else a header may not
/// hold stands within strings, where it can be escaped.
fn ascii_json(value: &Value) -> String {
    let text = value.to_text();
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, ' '..='~') {
            ascii.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            ascii.push_str(&format!("\\u{unit:04x}"));
        }
    }
    ascii
}

/// The client context as JSON that a header can hold.
fn client_context(document: &Value) -> Result<Option<String>, Fault> {
    let Some(encoded) = input::text(document, "ClientContext")?.filter(|encoded| !encoded.is_empty()) else {
        return Ok(None);
    };
    let refused = || faults::invalid_content("Could not parse the client context: it must be base64 of a JSON object.");
    if encoded.len() > CLIENT_CONTEXT_BYTES_MAX {
        return Err(faults::request_too_large(format!(
            "ClientContext must be smaller than {CLIENT_CONTEXT_BYTES_MAX} bytes"
        )));
    }
    let decoded = STANDARD.decode(encoded).map_err(|_| refused())?;
    let text = std::str::from_utf8(&decoded).map_err(|_| refused())?;
    let value = windlass_value::parse(text).map_err(|_| refused())?;
    match value {
        Value::Object(_) => Ok(Some(ascii_json(&value))),
        _ => Err(refused()),
    }
}
