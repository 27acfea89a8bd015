//! `windlass executions list`

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio::task::JoinSet;
use windlass_value::{Object, Timestamp, Value, object};

use super::super::client::{CallError, Client, now};
use super::super::terminal::{self, Palette, Style, cut, duration, pad, printable, width};
use super::super::{Failure, say};
use super::lookup::{self, Machine, items, text};
use super::rows::status_glyph;
use super::story::millis;

const LIMIT_MAX: usize = 10_000;
const PAGE_MAX: usize = 1_000;
const AT_ONCE_MAX: usize = 8;
const NAME_COLUMNS_MAX: usize = 48;

/// What `windlass executions list` is told.
#[derive(Args)]
pub(super) struct ListArgs {
    /// Of one state machine only: its name or ARN
    #[arg(long, short, value_name = "NAME|ARN")]
    machine: Option<String>,
    /// Only those that stand so
    #[arg(long, short, value_name = "STATUS", ignore_case = true)]
    status: Option<StatusArg>,
    /// How many, the newest first
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// AWS's words.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum StatusArg {
    /// It runs
    #[value(name = "RUNNING")]
    Running,
    /// It ended well
    #[value(name = "SUCCEEDED")]
    Succeeded,
    /// It failed
    #[value(name = "FAILED")]
    Failed,
    /// Its time was up
    #[value(name = "TIMED_OUT")]
    TimedOut,
    /// It was stopped
    #[value(name = "ABORTED")]
    Aborted,
}

impl StatusArg {
    fn name(self) -> &'static str {
        match self {
            StatusArg::Running => "RUNNING",
            StatusArg::Succeeded => "SUCCEEDED",
            StatusArg::Failed => "FAILED",
            StatusArg::TimedOut => "TIMED_OUT",
            StatusArg::Aborted => "ABORTED",
        }
    }
}

pub(super) async fn list(client: &Client, args: &ListArgs) -> Result<ExitCode, Failure> {
    let limit = args.limit.clamp(1, LIMIT_MAX);
    let status = args.status.map(StatusArg::name);
    let found = match &args.machine {
        Some(named) => of_machine(client, &lookup::machine(client, named).await?.arn, status, limit).await?,
        None => of_all(client, lookup::machines(client).await?, status, limit).await?,
    };
    if args.json {
        let executions = found.into_iter().map(with_dates).collect();
        say(&mut io::stdout(), &object! { "executions" => Value::array(executions) }.to_pretty());
    } else if found.is_empty() {
        say(&mut io::stderr(), "no executions");
    } else {
        table(&found);
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest executions of a state machine.
///
/// # Errors
/// The server's.
pub(in super::super) async fn of_machine(
    client: &Client,
    arn: &str,
    status: Option<&str>,
    limit: usize,
) -> Result<Vec<Value>, CallError> {
    let mut found = Vec::new();
    let mut token = None::<Value>;
    loop {
        let mut input = Object::new();
        input.insert("stateMachineArn", arn);
        input.insert("maxResults", (limit - found.len()).min(PAGE_MAX));
        if let Some(status) = status {
            input.insert("statusFilter", status);
        }
        if let Some(token) = token {
            input.insert("nextToken", token);
        }
        let page = client.states("ListExecutions", input).await?;
        found.extend(items(&page, "executions"));
        token = page.get("nextToken").cloned().filter(|token| !token.is_null() && found.len() < limit);
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn of_all(
    client: &Client,
    machines: Vec<Machine>,
    status: Option<&'static str>,
    limit: usize,
) -> Result<Vec<Value>, Failure> {
    // The executions of Express machines are not listed.
    let mut waiting: Vec<Machine> = machines.into_iter().filter(|machine| !machine.is_express).collect();
    let mut asking = JoinSet::new();
    let mut found: Vec<Value> = Vec::new();
    loop {
        while asking.len() < AT_ONCE_MAX
            && let Some(machine) = waiting.pop()
        {
            let client = client.clone();
            asking.spawn(async move { of_machine(&client, &machine.arn, status, limit).await });
        }
        let Some(answer) = asking.join_next().await else { break };
        match answer? {
            Ok(executions) => found.extend(executions),
            // Deleted meanwhile.
            Err(error) if error.is("StateMachineDoesNotExist") => continue,
            Err(error) => return Err(error.into()),
        }
        found.sort_by_key(|execution| (-millis(&execution["startDate"]), text(execution, "executionArn")));
        found.truncate(limit);
    }
    Ok(found)
}

fn with_dates(execution: Value) -> Value {
    let Some(members) = execution.as_object() else { return execution };
    let mut out = Object::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        match name.ends_with("Date") {
            true => out.insert(name.clone(), Timestamp(millis(value)).to_rfc3339()),
            false => out.insert(name.clone(), value),
        };
    }
    out.into()
}

fn table(found: &[Value]) {
    let palette = Palette::of(&io::stdout());
    let now_ms = now().as_ms();
    let machine_of = |execution: &Value| {
        let arn = text(execution, "executionArn");
        printable(lookup::names(&arn).0)
    };
    let widest = |cells: &dyn Fn(&Value) -> String, title: &str| {
        found.iter().map(|one| width(&cells(one))).max().unwrap_or(0).max(title.len()).min(NAME_COLUMNS_MAX)
    };
    let name_of = |execution: &Value| printable(&text(execution, "name"));
    let (names, machines) = (widest(&name_of, "NAME"), widest(&machine_of, "MACHINE"));
    let mut output = io::BufWriter::new(io::stdout().lock());
    let head = format!(
        "  {}  {}  {}  {}  {:>8}",
        pad("STATUS", 9),
        pad("NAME", names),
        pad("MACHINE", machines),
        pad("STARTED", 20),
        "DURATION"
    );
    say(&mut output, &palette.paint(Style::Dim, &head));
    for execution in found {
        let status = text(execution, "status");
        let (glyph, style) = status_glyph(&status);
        let started_ms = millis(&execution["startDate"]);
        let stopped = execution.get("stopDate").filter(|at| !at.is_null()).map(millis);
        let took = duration(stopped.unwrap_or(now_ms) - started_ms);
        let redrives = execution["redriveCount"].as_i64().filter(|count| *count > 0);
        let note = redrives
            .map(|count| format!("  redriven {}", terminal::plural(usize::try_from(count).unwrap_or(0), "time")));
        // To the second, for a table.
        let started = Timestamp(started_ms - started_ms.rem_euclid(1000)).to_rfc3339().replace(".000", "");
        let line = format!(
            "{} {}  {}  {}  {started}  {took:>8}{}",
            palette.paint(style, glyph),
            palette.paint(style, &pad(&status, 9)),
            pad(&cut(&name_of(execution), names), names),
            pad(&cut(&machine_of(execution), machines), machines),
            palette.paint(Style::Dim, &note.unwrap_or_default()),
        );
        say(&mut output, line.trim_end());
    }
    let _ = output.flush();
}
