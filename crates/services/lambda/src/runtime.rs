use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use windlass_protocol::Fault;

use crate::code_store::write_whole;
use crate::configuration::Configuration;
use crate::faults;

const PYTHON_SHIM: &str = include_str!("shims/python_runtime.py");
const NODE_SHIM: &str = include_str!("shims/node_runtime.mjs");
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// `import()` and class fields, which the Node.js shim is written with.
const NODE_MAJOR_MIN: u32 = 16;
/// The oldest Python the shim is written for.
const PYTHON_MINOR_MIN: u32 = 7;

/// The runtimes AWS names; those of other languages cannot run here.
const PYTHON: &[&str] =
    &["python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8", "python3.7"];
const NODE: &[&str] = &["nodejs24.x", "nodejs22.x", "nodejs20.x", "nodejs18.x", "nodejs16.x"];
const PROVIDED: &[&str] = &["provided.al2023", "provided.al2", "provided"];

/// What to start for a version: program and arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

impl Program {
    /// Whether it is an interpreter with a shim of ours, and no `bootstrap`.
    pub(crate) fn has_shim(&self) -> bool {
        !self.arguments.is_empty()
    }

    /// Why a `bootstrap` cannot be started, in AWS's words; `None` for what can.
    pub(crate) fn invalid_entrypoint(&self) -> Option<String> {
        if self.has_shim() {
            return None;
        }
        match self.path.metadata() {
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => None,
            Ok(file) if file.is_file() => Some("fork/exec /var/task/bootstrap: permission denied".to_owned()),
            _ => Some("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned()),
        }
    }
}

/// The interpreters of this machine, looked for once each.
#[derive(Debug)]
pub(crate) struct Runtimes {
    shims: PathBuf,
    path: Option<String>,
    found: tokio::sync::Mutex<HashMap<String, PathBuf>>,
}

impl Runtimes {
    /// Writes our shims into the data folder.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn open(data: &Path, path: Option<String>) -> io::Result<Runtimes> {
        let shims = data.join("runtime");
        write_whole(&shims.join("python_runtime.py"), PYTHON_SHIM.as_bytes())?;
        write_whole(&shims.join("node_runtime.mjs"), NODE_SHIM.as_bytes())?;
        let path = path.or_else(|| std::env::var("PATH").ok());
        Ok(Runtimes { shims, path, found: tokio::sync::Mutex::default() })
    }

    /// The `PATH` that interpreters were found on; functions get it too.
    pub(crate) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/usr/local/bin:/usr/bin:/bin")
    }

    /// The program that runs that version, whose code lies in `folder`.
    ///
    /// # Errors
    /// `InvalidParameterValueException` for a runtime that is unknown or has no interpreter here.
    pub(crate) async fn program(&self, runtime: &str, folder: &Path) -> Result<Program, Fault> {
        if PROVIDED.contains(&runtime) {
            return Ok(Program { path: folder.join("bootstrap"), arguments: Vec::new() });
        }
        let (interpreter, shim) = if PYTHON.contains(&runtime) {
            (self.interpreter(&[runtime, "python3"], runtime, &PYTHON_PROBE).await?, "python_runtime.py")
        } else if NODE.contains(&runtime) {
            (self.interpreter(&["node"], runtime, &NODE_PROBE).await?, "node_runtime.mjs")
        } else {
            return Err(unknown(runtime, "Windlass runs no other runtime."));
        };
        Ok(Program { path: interpreter, arguments: vec![self.shims.join(shim).into()] })
    }

    /// Refuses a version that cannot run here.
    ///
    /// # Errors
    /// As [`Runtimes::program`].
    pub(crate) async fn check(&self, configuration: &Configuration) -> Result<(), Fault> {
        match configuration.url() {
            Some(_) => Ok(()),
            None => self.program(&configuration.runtime, Path::new("/")).await.map(|_| ()),
        }
    }

    async fn interpreter(&self, names: &[&str], runtime: &str, probe: &Probe) -> Result<PathBuf, Fault> {
        let mut found = self.found.lock().await;
        if let Some(interpreter) = found.get(runtime).filter(|path| path.exists()) {
            return Ok(interpreter.clone());
        }
        for name in names {
            for folder in std::env::split_paths(self.path()) {
                let candidate = folder.join(name);
                if !candidate.is_file() {
                    continue;
                }
                if let Some(interpreter) =
                    self.ask(&candidate, probe.arguments).await.and_then(|answer| (probe.read)(&answer))
                {
                    // A wrapper that chooses among versions names the real one: it starts faster.
                    let interpreter = if interpreter.as_os_str().is_empty() { candidate } else { interpreter };
                    tracing::info!(runtime, interpreter = %interpreter.display(), "found an interpreter");
                    found.insert(runtime.to_owned(), interpreter.clone());
                    return Ok(interpreter);
                }
            }
        }
        let wanted = names.join("' nor '");
        Err(unknown(runtime, &format!("Windlass found no '{wanted}' that runs on its PATH.")))
    }

    async fn ask(&self, program: &Path, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PROBE_TIMEOUT, command.output()).await.ok()?.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// How to ask an interpreter what it is.
struct Probe {
    arguments: &'static [&'static str],
    /// The interpreter's own path from its answer, empty where it does not say;
    /// `None` for one that is too old.
    read: fn(&str) -> Option<PathBuf>,
}

const PYTHON_PROBE: Probe = Probe {
    arguments: &["-c", "import sys; print(sys.version_info[0], sys.version_info[1], sys.executable)"],
    read: |answer| {
        let mut parts = answer.splitn(3, ' ');
        let major: u32 = parts.next()?.parse().ok()?;
        let minor: u32 = parts.next()?.parse().ok()?;
        (major == 3 && minor >= PYTHON_MINOR_MIN).then(|| PathBuf::from(parts.next().unwrap_or_default()))
    },
};

const NODE_PROBE: Probe = Probe {
    arguments: &["-p", "process.versions.node + ' ' + process.execPath"],
    read: |answer| {
        let (version, path) = answer.split_once(' ')?;
        let major: u32 = version.split('.').next()?.parse().ok()?;
        (major >= NODE_MAJOR_MIN).then(|| PathBuf::from(path))
    },
};

fn unknown(runtime: &str, reason: &str) -> Fault {
    let known = [NODE, PYTHON, PROVIDED].concat().join(", ");
    faults::invalid_parameter(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{known}] or be a valid ARN. {reason}"
    ))
}
