//! What this machine gives: limits, a clock, programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Resource, getrlimit};

use super::super::client::now;
use super::super::terminal::cut;
use super::finding::{Finding, Level};

/// Files besides connections, as `serve` counts them.
const OTHER_FILES: u64 = 256;
/// No release is older than this instant (2026-01-01), so a clock that is behind it is wrong.
const EARLIEST_MS: i64 = 1_767_225_600_000;
/// A clock that is ahead of this instant (2100-01-01) is wrong too.
const LATEST_MS: i64 = 4_102_444_800_000;

/// Whether the connections that are configured fit.
pub(super) fn open_files(connections_max: usize) -> Finding {
    let limit = getrlimit(Resource::Nofile);
    let needed = connections_max as u64 + OTHER_FILES;
    match limit.maximum {
        Some(maximum) if maximum < needed => {
            let text = format!("{maximum} at most, and {connections_max} connections need {needed}");
            Finding::new(Level::Warning, "open files", text)
                .advise("Raise the hard limit (ulimit -Hn), or lower connections_max.")
        }
        Some(maximum) => Finding::new(Level::Fine, "open files", format!("up to {maximum}")),
        None => Finding::new(Level::Fine, "open files", "no limit"),
    }
}

/// The SQLite that is built in.
pub(super) fn sqlite() -> Finding {
    Finding::new(Level::Fine, "SQLite", format!("{}, built in", windlass_store::sqlite_version()))
}

/// The machine's clock by itself.
pub(super) fn clock() -> Finding {
    let now = now();
    let text = now.to_rfc3339();
    match now.as_ms() {
        ..EARLIEST_MS => Finding::new(Level::Broken, "clock", format!("{text} is long ago"))
            .advise("Set the clock: waits, schedules and signatures go by it."),
        LATEST_MS.. => Finding::new(Level::Broken, "clock", format!("{text} is far ahead"))
            .advise("Set the clock: waits, schedules and signatures go by it."),
        _ => Finding::new(Level::Fine, "clock", text),
    }
}

/// Where a program lies in `PATH`.
pub(super) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What a program says of its version, on one line.
pub(super) fn version(program: &str) -> Option<Result<String, String>> {
    let path = in_path(program)?;
    let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
    Some(match output {
        Ok(output) if output.status.success() => {
            let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
            let text = String::from_utf8_lossy(&text);
            Ok(format!("{} ({})", cut(text.trim().lines().next().unwrap_or_default(), 60), path.display()))
        }
        Ok(output) => Err(format!("{} --version ends with {}", path.display(), output.status)),
        Err(error) => Err(format!("{}: {error}", path.display())),
    })
}

/// The programs that functions run with, and `AWS CLI`.
pub(super) fn runtimes() -> Vec<Finding> {
    let look = |program: &'static str, check: &'static str, purpose: &str, level: Level| match version(program) {
        Some(Ok(text)) => Finding::new(Level::Fine, check, text),
        Some(Err(text)) => Finding::new(Level::Warning, check, text),
        None => Finding::new(level, check, format!("there is no {program} in PATH")).advise(purpose),
    };
    vec![
        look("python3", "python3", "Functions in Python need it; others do not.", Level::Note),
        look("node", "node", "Functions in Node.js need it; others do not.", Level::Note),
        look("aws", "AWS CLI", "https://docs.aws.amazon.com/cli/ (the windlass command works without it)", Level::Note),
    ]
}
