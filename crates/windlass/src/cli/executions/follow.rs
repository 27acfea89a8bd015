//! `windlass executions follow`, and what else tells of states as they happen.

use std::collections::{HashMap, HashSet};
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use windlass_value::{Value, object, parse};

use super::super::client::{CallError, Client};
use super::super::terminal::{self, Palette, Style, duration, printable};
use super::super::{Failure, say};
use super::lookup::{self, text};
use super::rows::{Layout, Row, Sign, columns, status_glyph};
use super::show::{end_document, note, reason};
use super::story::{RunStatus, Story, millis};
use super::{EXIT_ENDED_EARLY, history};

/// The pause between two questions where much happens, and where nothing does.
const INTERVAL: Duration = Duration::from_millis(200);
const INTERVAL_MAX: Duration = Duration::from_secs(2);
/// How long a server may be away.
const OUTAGE_MAX: Duration = Duration::from_secs(300);
/// Iterations of a Map of which each state is told; of the others what fails.
const ITERATIONS_TOLD_MAX: i64 = 10;
/// Lines of one execution; a loop of states may have no end.
const LINES_MAX: usize = 5_000;

/// What `windlass executions follow` is told.
#[derive(Args)]
pub(super) struct FollowArgs {
    /// The execution: its ARN, its name, or MACHINE:NAME
    #[arg(value_name = "ARN|NAME")]
    execution: String,
    /// Print the end as one JSON document instead of the output alone
    #[arg(long)]
    json: bool,
}

pub(super) async fn follow(client: &Client, args: &FollowArgs) -> Result<ExitCode, Failure> {
    let arn = lookup::execution(client, &args.execution).await?;
    to_the_end(client, arn, args.json).await
}

/// Prints an execution's states until it ends, and how it ended; its output goes
/// to standard output.
pub(super) async fn to_the_end(client: &Client, arn: String, json: bool) -> Result<ExitCode, Failure> {
    let palette = Palette::of(&io::stderr());
    let layout = Layout::live(palette, columns(&io::stderr()));
    let mut follower = Follower::new(arn.clone());
    let mut pause = INTERVAL;
    let mut away_since: Option<Instant> = None;
    loop {
        match follower.poll(client).await {
            Ok(rows) => {
                away_since = None;
                pause = if rows.is_empty() { (pause * 3 / 2).min(INTERVAL_MAX) } else { INTERVAL };
                rows.iter().for_each(|row| say(&mut io::stderr(), &layout.render(row)));
            }
            // Executions outlive their server's restarts, and so does who follows one.
            Err(CallError::Unreachable(text)) if !follower.story.last_type.is_empty() => {
                let since = *away_since.get_or_insert_with(|| {
                    let note = palette.paint(Style::Yellow, "the server does not answer; waiting for it");
                    say(&mut io::stderr(), &format!("  … {note}"));
                    Instant::now()
                });
                if since.elapsed() > OUTAGE_MAX {
                    return Err(Failure(text));
                }
                pause = INTERVAL_MAX;
            }
            Err(error) => return Err(error.into()),
        }
        if follower.story.is_over() {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    let described = client.states("DescribeExecution", object! { "executionArn" => arn.as_str() }).await?;
    Ok(ended(&described, follower.story, json, palette))
}

fn ended(described: &Value, story: Story, json: bool, palette: Palette) -> ExitCode {
    let status = text(described, "status");
    let took = duration(millis(&described["stopDate"]) - millis(&described["startDate"]));
    let (glyph, style) = status_glyph(&status);
    let (word, code) = match &*status {
        "SUCCEEDED" => ("succeeded", ExitCode::SUCCESS),
        "FAILED" => ("failed", ExitCode::FAILURE),
        "TIMED_OUT" => ("timed out", ExitCode::from(EXIT_ENDED_EARLY)),
        _ => ("stopped", ExitCode::from(EXIT_ENDED_EARLY)),
    };
    let at = story.failures.first().map(|at| format!(" in state {}", printable(&story.runs[*at].state)));
    say(
        &mut io::stderr(),
        &format!("{}{} after {took}", palette.paint(style, &format!("{glyph} {word}")), at.unwrap_or_default()),
    );
    for member in ["error", "cause"] {
        if let Some(value) = described[member].as_str() {
            say(&mut io::stderr(), &format!("  {} {}", palette.paint(Style::Bold, member), printable(value)));
        }
    }
    let mut stdout = io::stdout();
    if json {
        say(&mut stdout, &end_document(described, story).to_pretty());
    } else if let Some(output) = described["output"].as_str() {
        let pretty = terminal::is_screen(&stdout).then(|| parse(output).ok()).flatten();
        say(&mut stdout, &pretty.map_or_else(|| output.to_owned(), |output| output.to_pretty()));
    }
    code
}

/// Follows one execution.
pub(in super::super) struct Follower {
    arn: String,
    pub(in super::super) story: Story,
    /// By run: what was told of it, and of how many attempts.
    told: HashMap<usize, (RunStatus, usize)>,
    lines: usize,
}

impl Follower {
    pub(in super::super) fn new(arn: String) -> Follower {
        Follower { arn, story: Story::new(), told: HashMap::new(), lines: 0 }
    }

    /// What has happened since it was asked last.
    ///
    /// # Errors
    /// The server's.
    pub(in super::super) async fn poll(&mut self, client: &Client) -> Result<Vec<Row>, CallError> {
        let events = history::after(client, &self.arn, self.story.last_id).await?;
        Ok(self.tell(&events))
    }

    fn tell(&mut self, events: &[Value]) -> Vec<Row> {
        let mut touched = Vec::new();
        for event in events {
            touched.extend(self.story.take(event));
        }
        if self.story.is_over() {
            // What the end cut off has no events of its own.
            let seen: HashSet<usize> = touched.iter().copied().collect();
            touched.extend((0..self.story.runs.len()).filter(|run| !seen.contains(run)));
        }
        let last: HashMap<usize, usize> = touched.iter().enumerate().map(|(order, run)| (*run, order)).collect();
        let mut rows = Vec::new();
        for (order, run) in touched.iter().enumerate() {
            self.tell_run(*run, last.get(run) == Some(&order), &mut rows);
        }
        rows
    }

    /// `is_last`: nothing more happened to it in this batch.
    fn tell_run(&mut self, at: usize, is_last: bool, rows: &mut Vec<Row>) {
        let run = &self.story.runs[at];
        let known = self.told.get(&at).copied();
        let is_container = matches!(&*run.state_type, "Map" | "Parallel");
        let (mut status, attempts_told) = known.unwrap_or((RunStatus::Succeeded, 0));
        let within = self.story.within(at);
        let quiet = within.iter().any(|(_, index)| index.is_some_and(|index| index >= ITERATIONS_TOLD_MAX));
        let mut found = Vec::new();
        let mut row = |sign: Sign, took_ms: Option<i64>, note: String| {
            let index = within.last().and_then(|(_, index)| *index);
            let name = index.map_or_else(|| run.state.clone(), |index| format!("[{index}] {}", run.state));
            let kind = run.state_type.clone();
            found.push(Row { depth: within.len(), sign, name, kind, took_ms, span: None, note });
        };
        // A container is told before what is in it; others where they last longer
        // than a look.
        let begins = known.is_none() && (is_container || (is_last && run.status == RunStatus::Running));
        let goes_on = known.is_some_and(|(told, _)| told != RunStatus::Running) && run.status == RunStatus::Running;
        if (begins || goes_on) && !quiet {
            row(Sign::Began, None, run.length.map(|_| note(run)).unwrap_or_default());
        }
        if begins || goes_on {
            status = RunStatus::Running;
        }
        let mut attempts = attempts_told;
        if is_last {
            let tried = run.attempts.len().saturating_sub(1);
            for attempt in run.attempts.iter().take(tried).skip(attempts_told) {
                let took_ms = attempt.ended_ms.map(|ended| ended - attempt.scheduled_ms);
                row(Sign::Retried, took_ms, reason(attempt.error.as_deref(), attempt.cause.as_deref()));
            }
            attempts = attempts.max(tried);
        }
        let ends = is_last && run.status != RunStatus::Running && (known.is_none() || status == RunStatus::Running);
        if ends {
            if !quiet || run.status != RunStatus::Succeeded {
                row(Sign::Is(run.status), run.ended_ms.map(|ended| ended - run.entered_ms), note(run));
            }
            status = run.status;
        }
        if begins || goes_on || ends || known.is_some() || attempts > 0 {
            self.told.insert(at, (status, attempts));
        }
        for row in found {
            self.lines += 1;
            let is_failure = matches!(row.sign, Sign::Is(RunStatus::Failed));
            if self.lines <= LINES_MAX || is_failure {
                rows.push(row);
            } else if self.lines == LINES_MAX + 1 {
                let note = format!("more than {} lines; only failures are told from here", terminal::count(LINES_MAX));
                rows.push(Row { sign: Sign::None, name: String::new(), kind: String::new(), note, depth: 0, ..row });
            }
        }
    }
}
