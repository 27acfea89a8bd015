use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use windlass_value::Timestamp;

use crate::function_name::FunctionName;

/// A log file of this size is set aside; one older file is kept per function.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How much of a log is looked through for its last lines.
const RECENT_BYTES_MAX: u64 = 1024 * 1024;
/// How many functions' files are held open that nobody writes to.
const OPEN_FILES_MAX: usize = 256;

/// The logs of all functions: `logs/lambda/ACCOUNT/REGION/NAME/log.txt`.
#[derive(Debug)]
pub(crate) struct Logs {
    root: PathBuf,
    open: Mutex<HashMap<FunctionName, Arc<FunctionLog>>>,
}

/// The log of one function.
#[derive(Debug)]
pub(crate) struct FunctionLog {
    folder: PathBuf,
    file: Mutex<Option<(File, u64)>>,
}

impl Logs {
    pub(crate) fn new(data: &Path) -> Logs {
        Logs { root: data.join("logs/lambda"), open: Mutex::default() }
    }

    pub(crate) fn of(&self, function: &FunctionName) -> Arc<FunctionLog> {
        let mut open = self.open.lock();
        if let Some(log) = open.get(function) {
            return log.clone();
        }
        if open.len() >= OPEN_FILES_MAX {
            // Those in use stay: two writers of one file would not see each other's rotation.
            open.retain(|_, log| Arc::strong_count(log) > 1);
        }
        let log = Arc::new(FunctionLog { folder: self.folder(function), file: Mutex::new(None) });
        open.insert(function.clone(), log.clone());
        log
    }

    /// The last lines of a function's log, oldest first.
    pub(crate) fn recent(&self, function: &FunctionName, limit: usize) -> io::Result<Vec<String>> {
        let folder = self.folder(function);
        let mut text = String::new();
        for name in [OLDER, CURRENT] {
            match File::open(folder.join(name)) {
                Ok(mut file) => {
                    let length = file.metadata()?.len();
                    file.seek(SeekFrom::Start(length.saturating_sub(RECENT_BYTES_MAX)))?;
                    let mut bytes = Vec::new();
                    file.take(RECENT_BYTES_MAX).read_to_end(&mut bytes)?;
                    text.push_str(&String::from_utf8_lossy(&bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(limit);
        Ok(lines[from..].iter().map(|line| (*line).to_owned()).collect())
    }

    fn folder(&self, function: &FunctionName) -> PathBuf {
        self.root.join(&function.account).join(&function.region).join(&function.name)
    }
}

const CURRENT: &str = "log.txt";
const OLDER: &str = "log.1.txt";

impl FunctionLog {
    /// Adds lines. A log that cannot be written is said once to the server's own log and does not stop the function.
    pub(crate) fn write(&self, stream: &str, lines: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let now = Timestamp(now).to_rfc3339();
        let mut text = String::with_capacity(lines.len() + 64);
        for line in lines.lines() {
            text.push_str(&now);
            text.push(' ');
            text.push_str(stream);
            text.push(' ');
            text.push_str(line);
            text.push('\n');
            tracing::debug!(target: "windlass_lambda::function", stream, "{line}");
        }
        if let Err(error) = self.append(text.as_bytes()) {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot write a function's log");
        }
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut held = self.file.lock();
        if held.as_ref().is_some_and(|(_, length)| *length >= FILE_BYTES_MAX) {
            *held = None;
            fs::rename(self.folder.join(CURRENT), self.folder.join(OLDER))?;
        }
        if held.is_none() {
            fs::create_dir_all(&self.folder)?;
            let file = OpenOptions::new().create(true).append(true).open(self.folder.join(CURRENT))?;
            let length = file.metadata()?.len();
            *held = Some((file, length));
        }
        if let Some((file, length)) = held.as_mut() {
            file.write_all(bytes)?;
            *length += bytes.len() as u64;
        }
        Ok(())
    }
}
