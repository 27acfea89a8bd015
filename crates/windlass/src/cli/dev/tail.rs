//! What goes on in a server, as lines: states of executions, and what functions
//! write.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::super::client::{CallError, Client};
use super::super::executions::follow::Follower;
use super::super::executions::list::of_machine;
use super::super::executions::lookup::{names, text};
use super::super::executions::rows::{Layout, columns, status_glyph};
use super::super::say;
use super::super::terminal::{self, Palette, Style, pad, printable, width};
use super::substitution::Names;

/// Executions of a machine that one look sees.
const LISTED_MAX: usize = 100;
/// Executions that are told state by state at once.
const FOLLOWED_MAX: usize = 32;
/// Bytes of one function's log that one look takes.
const LOG_BYTES_MAX: u64 = 256 << 10;
const LABEL_COLUMNS_MAX: usize = 32;

/// What is followed.
pub(super) struct Tail {
    palette: Palette,
    layout: Layout,
    /// By machine: what was listed last.
    seen: HashMap<String, HashSet<String>>,
    followed: Vec<(String, Follower)>,
    /// Where functions' logs are; `None` for a server of another process.
    logs: Option<PathBuf>,
    /// By function: how much of its log was told.
    offsets: HashMap<String, u64>,
    label_columns: usize,
}

impl Tail {
    /// `logs` is the folder of all functions' logs of the account and region.
    pub(super) fn new(palette: Palette, logs: Option<PathBuf>) -> Tail {
        let columns = columns(&io::stdout());
        let layout = Layout::live(palette, columns.saturating_sub(LABEL_COLUMNS_MAX));
        let (seen, offsets) = (HashMap::new(), HashMap::new());
        Tail { palette, layout, seen, followed: Vec::new(), logs, offsets, label_columns: 12 }
    }

    fn line(&mut self, label: &str, style: Style, line: &str) {
        let label = terminal::cut(&printable(label), LABEL_COLUMNS_MAX);
        // The column grows with the labels, so that lines stand below each other.
        self.label_columns = self.label_columns.max(width(&label));
        let label = self.palette.paint(style, &pad(&label, self.label_columns));
        say(&mut io::stdout(), format!("{label} {line}").trim_end());
    }

    /// Tells new lines of functions' logs.
    pub(super) fn logs(&mut self, names: &Names) {
        let Some(folder) = self.logs.clone() else { return };
        for function in &names.functions {
            let path = folder.join(function).join("log.txt");
            let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            // What an earlier run wrote is no news.
            let Some(offset) = self.offsets.get(function).copied() else {
                self.offsets.insert(function.clone(), length);
                continue;
            };
            // A log that was set aside begins anew.
            let offset = if length < offset { 0 } else { offset };
            if length == offset {
                continue;
            }
            let Ok((lines, read)) = read_lines(&path, offset) else { continue };
            self.offsets.insert(function.clone(), offset + read);
            for line in lines {
                // TIME STREAM TEXT
                let said = printable(line.splitn(3, ' ').nth(2).unwrap_or(&line));
                // What Lambda itself says of every invocation.
                if said.starts_with("START RequestId: ") || said.starts_with("END RequestId: ") {
                    continue;
                }
                let is_report = said.starts_with("REPORT RequestId: ");
                let said = if is_report { self.palette.paint(Style::Dim, &said) } else { said };
                self.line(function, Style::Yellow, &said);
            }
        }
    }

    /// Looks at the machines' executions.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn executions(
        &mut self,
        client: &Client,
        machines: &BTreeMap<String, String>,
    ) -> Result<(), CallError> {
        for arn in machines.values() {
            let listed = match of_machine(client, arn, None, LISTED_MAX).await {
                Ok(listed) => listed,
                Err(error) if error.is("StateMachineDoesNotExist") => continue,
                Err(error) => return Err(error),
            };
            let found: Vec<(String, String)> =
                listed.iter().map(|one| (text(one, "executionArn"), text(one, "status"))).collect();
            let now: HashSet<String> = found.iter().map(|(arn, _)| arn.clone()).collect();
            // What was there before is no news.
            let Some(before) = self.seen.insert(arn.clone(), now) else { continue };
            // The list is full of newer ones, so what is last may be an old one that moved up.
            for (arn, status) in found.into_iter().rev().filter(|(arn, _)| !before.contains(arn)) {
                let (machine, name) = names(&arn);
                let label = format!("{machine}:{name}");
                if self.followed.len() < FOLLOWED_MAX {
                    let line = self.palette.paint(Style::Blue, "▸ started");
                    self.line(&label, Style::Blue, &line);
                    self.followed.push((label, Follower::new(arn.clone())));
                } else {
                    let (glyph, style) = status_glyph(&status);
                    let line = self.palette.paint(style, &format!("{glyph} {status}"));
                    self.line(&label, Style::Blue, &format!("{line} (its states are not told: too many at once)"));
                }
            }
        }
        self.follow(client).await
    }

    async fn follow(&mut self, client: &Client) -> Result<(), CallError> {
        for (label, mut follower) in std::mem::take(&mut self.followed) {
            let rows = match follower.poll(client).await {
                Ok(rows) => rows,
                Err(error @ CallError::Unreachable(_)) => return Err(error),
                // Its history is gone.
                Err(CallError::Refused(_)) => continue,
            };
            for row in rows {
                let line = self.layout.render(&row);
                self.line(&label, Style::Blue, line.trim_start_matches("  "));
            }
            if follower.story.is_over() {
                let (glyph, style) = match &*follower.story.last_type {
                    "ExecutionSucceeded" => status_glyph("SUCCEEDED"),
                    "ExecutionAborted" => status_glyph("ABORTED"),
                    _ => status_glyph("FAILED"),
                };
                let word = follower.story.last_type.trim_start_matches("Execution").to_lowercase();
                let line = self.palette.paint(style, &format!("{glyph} {word}"));
                self.line(&label, Style::Blue, &line);
            } else {
                self.followed.push((label, follower));
            }
        }
        Ok(())
    }
}

/// Whole lines from an offset on, and how many bytes they are.
fn read_lines(path: &Path, offset: u64) -> io::Result<(Vec<String>, u64)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // A line that fills all that is read has no end here.
    let end = if end == 0 && bytes.len() as u64 == LOG_BYTES_MAX { bytes.len() } else { end };
    let text = String::from_utf8_lossy(&bytes[..end]);
    Ok((text.lines().map(str::to_owned).collect(), end as u64))
}
