use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

use crate::logs::FunctionLog;
use crate::memory;
use crate::output::Output;
use crate::random;
use crate::runtime::Program;
use crate::runtime_api::{self, Answer, Bridge, Work};

/// Starts the program in `"$@"` under a watch that lives exactly as long as the
/// server: a process of the same group waits at the read end of a pipe whose
/// write end only the server holds. When the server ends, however it ends, the
/// pipe closes and the whole group is killed. The watch is no child of the
/// program (it is started by a shell that ends at once), so the program never
/// meets it. Nothing here depends on which of our threads started it.
const WATCHED_START: &str = r#"exec 3<&0 </dev/null
( ( read -r _ <&3; kill -9 0 ) >/dev/null 2>&1 & )
exec 3<&-
ulimit -d "$WINDLASS_DATA_KIB" 2>/dev/null
unset WINDLASS_DATA_KIB
exec "$@""#;

/// A process may map this much more than its function's memory before the system
/// refuses: interpreters map far more than they use.
const DATA_ALLOWANCE_MB: u64 = 1024;
/// How often the memory of a busy process is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(100);

/// How to start a process.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) program: Program,
    pub(crate) folder: PathBuf,
    /// The whole environment but the Runtime API's address.
    pub(crate) variables: BTreeMap<String, OsString>,
    pub(crate) memory_mb: u32,
    pub(crate) init_timeout: Duration,
    /// Names the process in the log.
    pub(crate) stream: String,
    pub(crate) log: Arc<FunctionLog>,
    /// When its credentials become too old for another invocation.
    pub(crate) fresh_until: Option<Instant>,
}

/// What to hand to a process.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) function_arn: String,
    pub(crate) trace: String,
    pub(crate) client_context: Option<String>,
    pub(crate) timeout: Duration,
}

/// What came of an assignment.
#[derive(Debug)]
pub(crate) enum Done {
    /// The process answered and lives.
    Response(Bytes),
    /// The process answered with an error and lives (or is about to end by itself).
    Error(Bytes),
    /// The process ended, was ended, or never came up; the error's type and text without the request id.
    Broken(&'static str, String),
    /// The error document of an initialisation that failed.
    InitError(Bytes),
    /// The process ended before it took the work, which may go to another one.
    NotTaken,
}

/// A running process with its Runtime API. Dropping it kills the process and
/// all it started.
pub(crate) struct Environment {
    pid: u32,
    work: mpsc::Sender<Work>,
    bridge: Arc<Bridge>,
    exited: watch::Receiver<Option<ExitStatus>>,
    /// Dropped, it tells the owner to kill.
    _kill: oneshot::Sender<()>,
    output: Arc<Output>,
    started: Instant,
    init_timeout: Duration,
    memory_bytes: u64,
    fresh_until: Option<Instant>,
    init_duration: parking_lot::Mutex<Option<Duration>>,
}

impl Environment {
    /// Starts a process. It is not waited for: [`Environment::invoke`] does.
    ///
    /// # Errors
    /// The process cannot be started: no port, no pipe, no shell.
    pub(crate) async fn start(start: Start) -> io::Result<Environment> {
        let listener = runtime_api::listen().await?;
        let address = listener.local_addr()?;
        let (watch_end, server_end) = io::pipe()?;
        let (output_end, process_end) = io::pipe()?;
        let error_end = process_end.try_clone()?;
        let receiver = pipe::Receiver::from_owned_fd(OwnedFd::from(output_end))?;

        // Programs with a shim of ours carry a token; others know only the address.
        let token = match start.program.has_shim() {
            true => Some(random::uuid().map_err(|fault| io::Error::other(fault.to_string()))?),
            false => None,
        };

        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(WATCHED_START)
            .arg("sh")
            .arg(&start.program.path)
            .args(&start.program.arguments)
            .env_clear()
            .envs(&start.variables)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .envs(token.iter().map(|token| ("WINDLASS_RUNTIME_TOKEN", token)))
            .env("WINDLASS_DATA_KIB", ((u64::from(start.memory_mb) + DATA_ALLOWANCE_MB) * 1024).to_string())
            .current_dir(&start.folder)
            .stdin(Stdio::from(watch_end))
            .stdout(Stdio::from(process_end))
            .stderr(Stdio::from(error_end))
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        // The command holds our copies of the process's ends of the pipes.
        drop(command);
        let pid = child.id().ok_or_else(|| io::Error::other("the process ended at once"))?;

        let (work, work_receiver) = mpsc::channel(1);
        let bridge = Arc::new(Bridge::new(work_receiver, address.to_string(), token));
        let output = Arc::new(Output::new(receiver, start.stream, start.log));
        let (kill, killed) = oneshot::channel();
        let (exit_sender, exited) = watch::channel(None);
        tokio::spawn(own(child, pid, server_end, killed, exit_sender, listener, bridge.clone(), output.clone()));
        Ok(Environment {
            pid,
            work,
            bridge,
            exited,
            _kill: kill,
            output,
            started: Instant::now(),
            init_timeout: start.init_timeout,
            memory_bytes: u64::from(start.memory_mb) * 1024 * 1024,
            fresh_until: start.fresh_until,
            init_duration: parking_lot::Mutex::new(None),
        })
    }

    /// Whether the process can be given more work: it still runs, and its
    /// credentials will last.
    pub(crate) fn is_usable(&self) -> bool {
        self.exited.borrow().is_none() && self.fresh_until.is_none_or(|until| Instant::now() < until)
    }

    /// What the process has printed.
    pub(crate) fn output(&self) -> &Arc<Output> {
        &self.output
    }

    /// The most memory it has held, in bytes.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        memory::peak_bytes(self.pid)
    }

    /// How long it took from the start to the first request for work; told once.
    pub(crate) fn take_init_duration(&self) -> Option<Duration> {
        self.init_duration.lock().take()
    }

    /// Waits until the process has come up.
    ///
    /// # Errors
    /// What became of it instead.
    pub(crate) async fn initialised(&self) -> Result<(), Done> {
        let mut ready = self.bridge.ready();
        if *ready.borrow() {
            return Ok(());
        }
        let mut exited = self.exited.clone();
        let left = self.init_timeout.saturating_sub(self.started.elapsed());
        tokio::select! {
            biased;
            came_up = ready.wait_for(|ready| *ready) => {
                if came_up.is_ok() {
                    *self.init_duration.lock() = Some(self.started.elapsed());
                    return Ok(());
                }
            }
            _ = exited.wait_for(Option::is_some) => {}
            // What came up wrongly, said so and lingers is told below.
            () = tokio::time::sleep(left) => if self.bridge.init_error().is_none() {
                let seconds = self.init_timeout.as_secs_f64();
                return Err(Done::Broken("Sandbox.Timedout", format!("Task timed out after {seconds:.2} seconds")));
            }
        }
        match self.bridge.init_error() {
            Some(document) => Err(Done::InitError(document)),
            None => Err(self.exit_error()),
        }
    }

    /// Hands over one assignment and waits for what comes of it. The caller
    /// must drop the environment after anything but `Response` and `Error`.
    pub(crate) async fn invoke(&self, assignment: Assignment, deadline_ms: i64) -> Done {
        let taken = Arc::new(AtomicBool::new(false));
        let (sender, mut answer) = oneshot::channel();
        let work = Work {
            request_id: assignment.request_id,
            payload: assignment.payload,
            deadline_ms,
            function_arn: assignment.function_arn,
            trace: assignment.trace,
            client_context: assignment.client_context,
            taken: taken.clone(),
            answer: sender,
        };
        if self.work.try_send(work).is_err() {
            return Done::NotTaken;
        }
        let mut exited = self.exited.clone();
        let timeout = tokio::time::sleep(assignment.timeout);
        tokio::pin!(timeout);
        let mut memory_check = tokio::time::interval_at(tokio::time::Instant::now() + MEMORY_INTERVAL, MEMORY_INTERVAL);
        loop {
            tokio::select! {
                biased;
                answered = &mut answer => return match answered {
                    Ok(Answer::Response(content)) => Done::Response(content),
                    Ok(Answer::Error(document)) => Done::Error(document),
                    Ok(Answer::TooLarge) => Done::Broken(
                        "Function.ResponseSizeTooLarge",
                        format!("Response payload size exceeded maximum allowed payload size ({} bytes).", runtime_api::RESPONSE_BYTES_MAX),
                    ),
                    // It asked for the next work without answering this one.
                    Err(_) => Done::Broken("Runtime.ExitError", "Runtime exited without providing a reason".to_owned()),
                },
                _ = exited.wait_for(Option::is_some) => {
                    if !taken.load(Ordering::Acquire) {
                        return Done::NotTaken;
                    }
                    return match answer.try_recv() {
                        Ok(Answer::Response(content)) => Done::Response(content),
                        Ok(Answer::Error(document)) => Done::Error(document),
                        Ok(Answer::TooLarge) | Err(_) => self.exit_error(),
                    };
                }
                () = &mut timeout => {
                    let seconds = assignment.timeout.as_secs_f64();
                    return Done::Broken("Sandbox.Timedout", format!("Task timed out after {seconds:.2} seconds"));
                }
                _ = memory_check.tick() => {
                    if memory::resident_bytes(self.pid).is_some_and(|bytes| bytes > self.memory_bytes) {
                        return Done::Broken("Runtime.ExitError", "Runtime exited with error: signal: killed".to_owned());
                    }
                }
            }
        }
    }

    fn exit_error(&self) -> Done {
        let text = match *self.exited.borrow() {
            Some(status) => match (status.code(), status.signal()) {
                (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
                (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
                (None, Some(signal)) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
                (None, None) => "Runtime exited with error".to_owned(),
            },
            None => "Runtime exited without providing a reason".to_owned(),
        };
        Done::Broken("Runtime.ExitError", text)
    }
}

/// Holds what a process needs until it ends or is to be ended.
#[allow(clippy::too_many_arguments, reason = "one caller, and each thing is owned by nobody else")]
async fn own(
    mut child: Child,
    pid: u32,
    server_end: io::PipeWriter,
    killed: oneshot::Receiver<()>,
    exited: watch::Sender<Option<ExitStatus>>,
    listener: tokio::net::TcpListener,
    bridge: Arc<Bridge>,
    output: Arc<Output>,
) {
    let serving = runtime_api::serve(listener, bridge);
    let reading = output.clone();
    let reading = reading.read_until_closed();
    let ended = async {
        tokio::select! {
            status = child.wait() => status,
            _ = killed => {
                // Not reaped yet, so the number still means this group.
                kill_group(pid);
                child.wait().await
            }
        }
    };
    tokio::pin!(serving, reading, ended);
    let mut is_open = true;
    let status = loop {
        tokio::select! {
            status = &mut ended => break status,
            () = &mut serving => {}
            () = &mut reading, if is_open => is_open = false,
        }
    };
    // Closes the pipe: what the process left behind is killed by the watch, and
    // so cannot print for ever.
    drop(server_end);
    output.drain();
    match status {
        Ok(status) => exited.send_replace(Some(status)),
        Err(error) => {
            tracing::warn!(pid, %error, "cannot learn how a function's process ended");
            exited.send_replace(Some(ExitStatus::from_raw(0)))
        }
    };
    if std::process::id() == INIT {
        reap_group(pid).await;
    }
}

/// The process that orphans are handed to.
const INIT: u32 = 1;
const REAP_INTERVAL: Duration = Duration::from_millis(20);
const REAP_TRIES_MAX: u32 = 500;

/// As process 1 (in a container) we inherit the watch and whatever the process
/// left in its group; nobody else takes note of their end.
async fn reap_group(pid: u32) {
    let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    for _ in 0..REAP_TRIES_MAX {
        loop {
            match waitpgid(group, WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // None left.
                Err(_) => return,
            }
        }
        tokio::time::sleep(REAP_INTERVAL).await;
    }
    tracing::warn!(pid, "a function's processes do not end");
}

fn kill_group(pid: u32) {
    let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    if let Err(error) = kill_process_group(group, Signal::KILL) {
        tracing::debug!(pid, %error, "the process group was gone");
    }
}

/// Go's names, which AWS's texts use.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
