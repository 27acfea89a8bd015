//! `windlass executions show`

use std::collections::HashMap;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use windlass_value::{Object, Timestamp, Value, object, parse};

use super::super::client::{Client, now};
use super::super::terminal::{Palette, Style, count, cut, duration, pad, plural, printable};
use super::super::{Failure, say};
use super::lookup::{self, names, text};
use super::rows::{Layout, Row, Sign, columns, name_width, status_glyph};
use super::story::{ROOT, Run, RunStatus, Story, millis};
use super::{history, story};

/// In the ARNs of Express executions.
const EXPRESS: &str = ":express:";
/// Executions that tasks started, one within the other.
const NESTED_DEPTH_MAX: usize = 3;
/// Executions that tasks started, together.
const NESTED_MAX: usize = 30;
/// Runs of one thread that are shown from its beginning and from its end; a loop has no bound.
const RUNS_SHOWN_MAX: usize = 100;
const ATTEMPTS_SHOWN_MAX: usize = 10;
const CAUSE_LINES_MAX: usize = 15;
const PAYLOAD_COLUMNS: usize = 400;

/// What `windlass executions show` is told.
#[derive(Args)]
pub(super) struct ShowArgs {
    /// The execution: its ARN, its name, or MACHINE:NAME
    #[arg(value_name = "ARN|NAME")]
    execution: String,
    /// Iterations of a Map that are shown; failed ones go first
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    iterations: usize,
    /// Show every iteration and every state of loops
    #[arg(long)]
    all: bool,
    /// Show the events of the history instead of the states; with --json, put them in the document
    #[arg(long)]
    history: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// An execution that a task started; where it cannot be told, its ARN and why.
type Nested = Result<Told, (String, String)>;

/// An execution and what happened in it.
struct Told {
    described: Value,
    story: Story,
    /// What its tasks started, by run.
    nested: HashMap<usize, Vec<Nested>>,
    events: Vec<Value>,
}

pub(super) async fn show(client: &Client, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let arn = lookup::execution(client, &args.execution).await?;
    let mut left = if args.history { 0 } else { NESTED_MAX };
    let told = told(client, arn, args.history, 0, &mut left).await?;
    // A server that is no windlass does not know it.
    let asked = object! { "executionArn" => told.described["executionArn"].clone() };
    let forked_from =
        client.own("executions/describe", asked).await.ok().and_then(|own| own.get("forkedFrom").cloned());
    let mut output = io::BufWriter::new(io::stdout().lock());
    let palette = Palette::of(&io::stdout());
    if args.json {
        let mut document = document(&told);
        if let Some(forked_from) = forked_from {
            document.insert("forkedFrom", forked_from);
        }
        if args.history {
            document.insert("events", told.events);
        }
        say(&mut output, &Value::from(document).to_pretty());
    } else {
        head(&told, forked_from.as_ref(), palette, &mut output);
        if args.history {
            table(&told, palette, &mut output);
        } else {
            tree(&told, args, palette, &mut output);
        }
    }
    let _ = output.flush();
    Ok(ExitCode::SUCCESS)
}

async fn told(client: &Client, arn: String, keep: bool, depth: usize, left: &mut usize) -> Result<Told, Failure> {
    let asked = object! { "executionArn" => arn.as_str() };
    let mut story = Story::new();
    let mut events = Vec::new();
    let mut take = |event: Value| {
        story.take(&event);
        if keep {
            events.push(event);
        }
        true
    };
    let described = if arn.contains(EXPRESS) {
        // The API has no history of Express executions; of the last ones the server keeps one.
        let described = client.own("executions/express/describe", asked).await?;
        lookup::items(&described, "events").into_iter().for_each(|event| {
            take(event);
        });
        described
    } else {
        let described = client.states("DescribeExecution", asked).await?;
        history::each(client, &arn, take).await?;
        described
    };
    let mut nested: HashMap<usize, Vec<Nested>> = HashMap::new();
    if depth < NESTED_DEPTH_MAX {
        for (at, run) in story.runs.iter().enumerate() {
            for arn in &run.nested {
                if *left == 0 {
                    break;
                }
                *left -= 1;
                let inner = Box::pin(self::told(client, arn.clone(), false, depth + 1, left)).await;
                nested.entry(at).or_default().push(inner.map_err(|Failure(text)| (arn.clone(), text)));
            }
        }
    }
    Ok(Told { described, story, nested, events })
}

impl Told {
    fn started_ms(&self) -> i64 {
        millis(&self.described["startDate"])
    }

    fn stopped_ms(&self) -> Option<i64> {
        self.described.get("stopDate").filter(|at| !at.is_null()).map(millis)
    }
}

fn head(told: &Told, forked_from: Option<&Value>, palette: Palette, output: &mut impl Write) {
    let described = &told.described;
    let arn = text(described, "executionArn");
    let (machine, name) = names(&arn);
    let status = text(described, "status");
    let (glyph, style) = status_glyph(&status);
    let now_ms = now().as_ms();
    let took = duration(told.stopped_ms().unwrap_or(now_ms) - told.started_ms());
    let so_far = if told.stopped_ms().is_none() { " so far" } else { "" };
    let line = format!(
        "{} {} of {}, {took}{so_far}",
        palette.paint(style, &format!("{glyph} {status}")),
        palette.paint(Style::Bold, &printable(name)),
        printable(machine),
    );
    say(output, &line);
    let dim = |text: &str| palette.paint(Style::Dim, text);
    say(output, &format!("  {}", dim(&printable(&arn))));
    let columns = columns(&io::stdout());
    let mut field = |name: &str, value: &str| {
        let value = cut(&printable(value), columns.saturating_sub(12).clamp(40, PAYLOAD_COLUMNS));
        say(output, &format!("  {} {value}", dim(&pad(name, 8))));
    };
    field("started", &Timestamp(told.started_ms()).to_rfc3339());
    if let Some(redrives) = described["redriveCount"].as_i64().filter(|count| *count > 0) {
        let at = Timestamp(millis(&described["redriveDate"])).to_rfc3339();
        let count = plural(usize::try_from(redrives).unwrap_or_default(), "time");
        field("redriven", &format!("{count}, last at {at}"));
    }
    if let Some(from) = forked_from.filter(|from| !from.is_null()) {
        field("forked", &format!("from event {} of {}", from["eventId"].to_text(), text(from, "executionArn")));
    }
    for member in ["input", "output"] {
        if let Some(payload) = described[member].as_str() {
            field(member, payload);
        }
    }
    let failures: Vec<&Run> = told.story.failures.iter().map(|at| &told.story.runs[*at]).collect();
    let is_failure = matches!(&*status, "FAILED" | "TIMED_OUT" | "ABORTED");
    if is_failure && failures.is_empty() && described.get("error").or(described.get("cause")).is_some() {
        say(output, "");
        wrong(&text(described, "error"), &text(described, "cause"), "", palette, output);
    }
    for (order, at) in told.story.failures.iter().enumerate() {
        let run = &told.story.runs[*at];
        let within = place(&told.story, *at);
        let led = if order > 0 { ", which led here" } else { "" };
        say(output, "");
        let (error, cause) = (run.error.as_deref().unwrap_or_default(), run.cause.as_deref().unwrap_or_default());
        let place = format!("{}{within}{led}", palette.paint(Style::Bold, &printable(&run.state)));
        wrong(error, cause, &place, palette, output);
    }
    say(output, "");
}

/// ` (iteration 3 of Each, in All)`
fn place(story: &Story, at: usize) -> String {
    let within: Vec<String> = story
        .within(at)
        .iter()
        .rev()
        .map(|(container, index)| match index {
            Some(index) => format!("iteration {index} of {}", printable(container)),
            None => format!("in {}", printable(container)),
        })
        .collect();
    if within.is_empty() { String::new() } else { format!(" ({})", within.join(", ")) }
}

fn wrong(error: &str, cause: &str, place: &str, palette: Palette, output: &mut impl Write) {
    let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
    let error = if error.is_empty() { "no error name" } else { error };
    let sign = palette.paint(Style::Red, "✗");
    say(output, &format!("{sign} {place}{}", palette.paint(Style::Red, &printable(error))));
    // A function's cause is a JSON object.
    let pretty = parse(cause).ok().filter(|value| matches!(value, Value::Object(_) | Value::Array(_)));
    let cause = pretty.map_or_else(|| cause.to_owned(), |value| value.to_pretty());
    let lines: Vec<&str> = cause.lines().collect();
    for line in lines.iter().take(CAUSE_LINES_MAX) {
        say(output, &format!("    {}", cut(&printable(line), PAYLOAD_COLUMNS)));
    }
    if lines.len() > CAUSE_LINES_MAX {
        say(output, &format!("    … {} (--json has all)", plural(lines.len() - CAUSE_LINES_MAX, "more line")));
    }
}

fn tree(told: &Told, args: &ShowArgs, palette: Palette, output: &mut impl Write) {
    let now_ms = now().as_ms();
    let scale = (told.started_ms(), told.stopped_ms().unwrap_or(now_ms));
    let mut tree = Tree { args, now_ms, rows: Vec::new() };
    tree.thread(told, ROOT, None, 0);
    let columns = columns(&io::stdout());
    let widest = tree.rows.iter().map(name_width).max().unwrap_or(0);
    let layout = Layout::new(palette, columns, widest, Some(scale));
    for row in &tree.rows {
        say(output, &layout.render(row));
    }
    if told.story.last_id as usize >= history::EVENTS_MAX {
        say(output, &format!("  … only the first {} events were read", count(history::EVENTS_MAX)));
    }
}

struct Tree<'a> {
    args: &'a ShowArgs,
    now_ms: i64,
    rows: Vec<Row>,
}

impl Tree<'_> {
    fn thread(&mut self, told: &Told, thread: usize, index: Option<i64>, depth: usize) {
        let runs = &told.story.threads[thread].runs;
        let hidden = match self.args.all {
            true => 0,
            false => runs.len().saturating_sub(2 * RUNS_SHOWN_MAX),
        };
        for (order, at) in runs.iter().enumerate() {
            if hidden > 0 && order == RUNS_SHOWN_MAX {
                self.others(depth, &format!("{} (--all shows them)", plural(hidden, "more state")));
            }
            if hidden == 0 || order < RUNS_SHOWN_MAX || order >= RUNS_SHOWN_MAX + hidden {
                let index = index.filter(|_| order == 0);
                self.run(told, *at, index, depth);
            }
        }
    }

    fn run(&mut self, told: &Told, at: usize, index: Option<i64>, depth: usize) {
        let run = &told.story.runs[at];
        let ended_ms = run.ended_ms.unwrap_or(self.now_ms);
        let name = match index {
            Some(index) => format!("[{index}] {}", run.state),
            None => run.state.clone(),
        };
        self.rows.push(Row {
            depth,
            sign: Sign::Is(run.status),
            name,
            kind: run.state_type.clone(),
            took_ms: Some(ended_ms - run.entered_ms),
            span: Some((run.entered_ms, ended_ms)),
            note: note(run),
        });
        if run.attempts.len() > 1 {
            self.attempts(run, depth + 1);
        }
        for inner in told.nested.get(&at).into_iter().flatten() {
            self.nested(inner, depth + 1);
        }
        self.threads(told, run, depth + 1);
    }

    fn attempts(&mut self, run: &Run, depth: usize) {
        let hidden = run.attempts.len().saturating_sub(ATTEMPTS_SHOWN_MAX);
        if hidden > 0 {
            self.others(depth, &plural(hidden, "earlier attempt"));
        }
        for (number, attempt) in run.attempts.iter().enumerate().skip(hidden) {
            let ended_ms = attempt.ended_ms.unwrap_or(self.now_ms);
            let another = number + 1 < run.attempts.len();
            let sign = if another { Sign::Retried } else { Sign::Is(attempt.status) };
            self.rows.push(Row {
                depth,
                sign,
                name: format!("attempt {}", number + 1),
                kind: String::new(),
                took_ms: Some(ended_ms - attempt.scheduled_ms),
                span: Some((attempt.scheduled_ms, ended_ms)),
                note: reason(attempt.error.as_deref(), attempt.cause.as_deref()),
            });
        }
    }

    fn nested(&mut self, inner: &Nested, depth: usize) {
        let inner = match inner {
            Ok(inner) => inner,
            Err((arn, why)) => return self.others(depth, &format!("{arn}: {why}")),
        };
        let arn = text(&inner.described, "executionArn");
        let (machine, name) = names(&arn);
        let ended_ms = inner.stopped_ms().unwrap_or(self.now_ms);
        let sign = match inner.described["status"].as_str() {
            Some("SUCCEEDED") => RunStatus::Succeeded,
            Some("FAILED" | "TIMED_OUT") => RunStatus::Failed,
            Some("ABORTED") => RunStatus::Aborted,
            _ => RunStatus::Running,
        };
        self.rows.push(Row {
            depth,
            sign: Sign::Is(sign),
            name: format!("→ {machine}:{name}"),
            kind: "Nested".to_owned(),
            took_ms: Some(ended_ms - inner.started_ms()),
            span: Some((inner.started_ms(), ended_ms)),
            note: text(&inner.described, "error"),
        });
        self.thread(inner, ROOT, None, depth + 1);
    }

    /// Branches, or iterations: of more than are asked for those that failed or
    /// run first.
    fn threads(&mut self, told: &Told, run: &Run, depth: usize) {
        let threads = &told.story.threads;
        let is_map = run.state_type == "Map";
        let shown_max = if self.args.all || !is_map { usize::MAX } else { self.args.iterations };
        let mut chosen: Vec<usize> = run.threads.clone();
        if chosen.len() > shown_max {
            let rank = |at: &usize| match threads[*at].status {
                RunStatus::Failed => 0,
                RunStatus::Running => 1,
                _ => 2,
            };
            chosen.sort_by_key(|at| (rank(at), threads[*at].index));
            chosen.truncate(shown_max);
            chosen.sort_by_key(|at| threads[*at].index);
        }
        for at in &chosen {
            self.thread(told, *at, threads[*at].index, depth);
        }
        let hidden: Vec<usize> = run.threads.iter().copied().filter(|at| !chosen.contains(at)).collect();
        if hidden.is_empty() {
            return;
        }
        let counted = |status: RunStatus| hidden.iter().filter(|at| threads[**at].status == status).count();
        let parts = [
            (RunStatus::Succeeded, "succeeded"),
            (RunStatus::Failed, "failed"),
            (RunStatus::Aborted, "aborted"),
            (RunStatus::Running, "running"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .map(|(status, word)| (counted(*status), word))
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{} {word}", count(number)))
            .collect();
        self.others(depth, &format!("{}: {}", plural(hidden.len(), "more iteration"), parts.join(", ")));
    }

    fn others(&mut self, depth: usize, note: &str) {
        self.rows.push(Row {
            depth,
            sign: Sign::None,
            name: String::new(),
            kind: String::new(),
            took_ms: None,
            span: None,
            note: note.to_owned(),
        });
    }
}

/// What is said of a run beside its name.
pub(in super::super) fn note(run: &Run) -> String {
    let mut parts = Vec::new();
    if matches!(run.status, RunStatus::Failed | RunStatus::Caught) {
        parts.push(reason(run.error.as_deref(), run.cause.as_deref()));
    }
    if let Some(length) = run.length {
        parts.push(plural(usize::try_from(length).unwrap_or_default(), "item"));
    }
    if run.attempts.len() > 1 {
        parts.push(plural(run.attempts.len(), "attempt"));
    }
    if let Some(arn) = &run.map_run_arn {
        parts.push(format!("Map Run {arn}"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// `ERROR: CAUSE`, on one line; of a function's cause its message.
pub(in super::super) fn reason(error: Option<&str>, cause: Option<&str>) -> String {
    let message = cause.and_then(|cause| parse(cause).ok());
    let message = message.as_ref().and_then(|cause| cause.get("errorMessage")).and_then(Value::as_str);
    match (error, message.or(cause)) {
        (Some(error), Some(cause)) => format!("{error}: {cause}"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => String::new(),
    }
}

fn table(told: &Told, palette: Palette, output: &mut impl Write) {
    let started_ms = told.started_ms();
    for event in &told.events {
        let after_ms = (millis(&event["timestamp"]) - started_ms).max(0);
        let (id, previous) =
            (event["id"].as_i64().unwrap_or_default(), event["previousEventId"].as_i64().unwrap_or_default());
        let head = format!("{id:>5} ←{previous:<5} +{}.{:03}s", after_ms / 1000, after_ms % 1000);
        let details = event.as_object().and_then(|members| {
            members.iter().find(|(name, value)| name.ends_with("EventDetails") && value.as_object().is_some())
        });
        let details = details.map(|(_, details)| printable(&details.to_text())).unwrap_or_default();
        let line = format!(
            "{}  {:<24} {}",
            palette.paint(Style::Dim, &head),
            event["type"].as_str().unwrap_or_default(),
            palette.paint(Style::Dim, &details)
        );
        say(output, line.trim_end());
    }
}

fn document(told: &Told) -> Object {
    let described = &told.described;
    let mut document = Object::new();
    for member in ["executionArn", "stateMachineArn", "name", "status"] {
        document.insert(member, described[member].clone());
    }
    document.insert("startDate", Timestamp(told.started_ms()).to_rfc3339());
    if let Some(stopped_ms) = told.stopped_ms() {
        document.insert("stopDate", Timestamp(stopped_ms).to_rfc3339());
        document.insert("durationMs", stopped_ms - told.started_ms());
    }
    for member in ["input", "output"] {
        if let Some(payload) = described[member].as_str() {
            document.insert(member, parse(payload).unwrap_or_else(|_| Value::string(payload)));
        }
    }
    for member in ["error", "cause", "redriveCount"] {
        if let Some(value) = described.get(member).filter(|value| !value.is_null()) {
            document.insert(member, value.clone());
        }
    }
    let failures = told.story.failures.iter().map(|at| {
        let run = &told.story.runs[*at];
        let within = told.story.within(*at).into_iter().map(|(state, index)| match index {
            Some(index) => object! { "state" => state, "index" => index },
            None => object! { "state" => state },
        });
        let mut failure = Object::new();
        failure.insert("state", run.state.as_str());
        failure.insert("enteredEventId", run.id);
        failure.insert("within", Value::array(within.collect()));
        wrongs(&mut failure, run.error.as_deref(), run.cause.as_deref());
        failure.into()
    });
    document.insert("failures", Value::array(failures.collect()));
    document.insert("states", states(told, ROOT));
    document
}

fn wrongs(value: &mut Object, error: Option<&str>, cause: Option<&str>) {
    if let Some(error) = error {
        value.insert("error", error);
    }
    if let Some(cause) = cause {
        value.insert("cause", cause);
    }
}

fn span(value: &mut Object, from: (&str, i64), to: (&str, Option<i64>)) {
    value.insert(from.0, Timestamp(from.1).to_rfc3339());
    if let Some(ended_ms) = to.1 {
        value.insert(to.0, Timestamp(ended_ms).to_rfc3339());
        value.insert("durationMs", ended_ms - from.1);
    }
}

fn states(told: &Told, thread: usize) -> Value {
    let runs = told.story.threads[thread].runs.iter().map(|at| {
        let run = &told.story.runs[*at];
        let mut value = Object::new();
        value.insert("state", run.state.as_str());
        value.insert("type", run.state_type.as_str());
        value.insert("status", run.status.name());
        value.insert("enteredEventId", run.id);
        span(&mut value, ("enteredDate", run.entered_ms), ("exitedDate", run.ended_ms));
        wrongs(&mut value, run.error.as_deref(), run.cause.as_deref());
        if !run.attempts.is_empty() {
            let attempts = run.attempts.iter().map(|attempt| {
                let mut value = Object::new();
                value.insert("status", attempt.status.name());
                span(&mut value, ("scheduledDate", attempt.scheduled_ms), ("endedDate", attempt.ended_ms));
                wrongs(&mut value, attempt.error.as_deref(), attempt.cause.as_deref());
                value.into()
            });
            value.insert("attempts", Value::array(attempts.collect()));
        }
        if let Some(length) = run.length {
            value.insert("length", length);
        }
        if let Some(arn) = &run.map_run_arn {
            value.insert("mapRunArn", arn.as_str());
        }
        if !run.threads.is_empty() {
            let threads = run.threads.iter().map(|at| {
                let thread = &told.story.threads[*at];
                let mut value = Object::new();
                if let Some(index) = thread.index {
                    value.insert("index", index);
                    value.insert("status", thread.status.name());
                }
                value.insert("states", states(told, *at));
                value.into()
            });
            let member = if run.state_type == "Map" { "iterations" } else { "branches" };
            value.insert(member, Value::array(threads.collect()));
        }
        if let Some(nested) = told.nested.get(at) {
            let nested = nested.iter().map(|inner| match inner {
                Ok(inner) => document(inner).into(),
                Err((arn, why)) => object! { "executionArn" => arn.as_str(), "message" => why.as_str() },
            });
            value.insert("executions", Value::array(nested.collect()));
        }
        value.into()
    });
    Value::array(runs.collect())
}

/// The end of an execution in JSON, as `follow --json` prints it.
pub(super) fn end_document(described: &Value, story: story::Story) -> Value {
    let told = Told { described: described.clone(), story, nested: HashMap::new(), events: Vec::new() };
    document(&told).into()
}
