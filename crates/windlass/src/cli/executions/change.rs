//! `windlass executions stop`, `redrive` and `fork`

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use windlass_value::{Object, Value, object, parse};

use super::super::client::Client;
use super::super::terminal::{self, Palette, Style, printable};
use super::super::{Failure, say, source};
use super::lookup::{self, items, names, text};
use super::{follow, history, list};

/// Executions of one request to redrive.
const REDRIVES_A_REQUEST: usize = 100;
/// Failed executions that one command redrives.
const REDRIVES_MAX: usize = 10_000;
const INPUT_BYTES_MAX: u64 = 16 << 20;

/// What `windlass executions stop` is told.
#[derive(Args)]
pub(super) struct StopArgs {
    /// The executions: ARNs, names, or MACHINE:NAME
    #[arg(value_name = "ARN|NAME", required = true)]
    executions: Vec<String>,
    /// The error they end with
    #[arg(long, value_name = "NAME")]
    error: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    cause: Option<String>,
}

/// What `windlass executions redrive` is told.
#[derive(Args)]
pub(super) struct RedriveArgs {
    /// The executions: ARNs, names, or MACHINE:NAME
    #[arg(value_name = "ARN|NAME", required_unless_present = "failed_of")]
    executions: Vec<String>,
    /// The state to go on from, instead of where it failed
    #[arg(long, value_name = "STATE")]
    from: Option<String>,
    /// That state's input: JSON, a file, or - for standard input
    #[arg(long, short, value_name = "JSON|FILE|-", requires = "from", allow_hyphen_values = true)]
    input: Option<String>,
    /// Every failed execution of a state machine, by its name or ARN
    #[arg(long, value_name = "MACHINE", conflicts_with = "executions")]
    failed_of: Option<String>,
    /// Print the results as one JSON document
    #[arg(long)]
    json: bool,
}

/// What `windlass executions fork` is told.
#[derive(Args)]
pub(super) struct ForkArgs {
    /// The execution: its ARN, its name, or MACHINE:NAME
    #[arg(value_name = "ARN|NAME")]
    execution: String,
    /// The event of its history to go on from: see `windlass executions show --history`
    #[arg(long, value_name = "ID", required_unless_present = "state")]
    event: Option<i64>,
    /// The state to go on from, where it was entered last
    #[arg(long, value_name = "NAME", conflicts_with = "event")]
    state: Option<String>,
    /// Name of the new execution [default: a new UUID]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// That state's input: JSON, a file, or - for standard input
    #[arg(long, short, value_name = "JSON|FILE|-", allow_hyphen_values = true)]
    input: Option<String>,
    /// Another definition, in a file
    #[arg(long, value_name = "FILE")]
    definition: Option<PathBuf>,
    /// Print the new execution's states until it ends
    #[arg(long, short)]
    follow: bool,
    /// Print the answer, or with --follow the end, as one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn stop(client: &Client, args: &StopArgs) -> Result<ExitCode, Failure> {
    let palette = Palette::of(&io::stdout());
    let mut arns = Vec::new();
    // All are known before the first is stopped.
    for named in &args.executions {
        arns.push(lookup::execution(client, named).await?);
    }
    let mut refused = false;
    for arn in arns {
        let mut input = Object::new();
        input.insert("executionArn", arn.as_str());
        if let Some(error) = &args.error {
            input.insert("error", error);
        }
        if let Some(cause) = &args.cause {
            input.insert("cause", cause);
        }
        match client.states("StopExecution", input).await {
            Ok(_) => say(&mut io::stdout(), &format!("{} stopped  {arn}", palette.paint(Style::Yellow, "■"))),
            Err(error) => {
                refused = true;
                say(&mut io::stderr(), &format!("windlass: {arn}: {error}"));
            }
        }
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) async fn redrive(client: &Client, args: &RedriveArgs) -> Result<ExitCode, Failure> {
    let mut common = Object::new();
    if let Some(state) = &args.from {
        let mut from = Object::new();
        from.insert("state", state);
        if let Some(input) = &args.input {
            from.insert("input", document("--input", input)?);
        }
        common.insert("from", from);
    }
    let mut arns = Vec::new();
    match &args.failed_of {
        Some(named) => {
            let machine = lookup::machine(client, named).await?;
            let failed = list::of_machine(client, &machine.arn, Some("FAILED"), REDRIVES_MAX).await?;
            arns.extend(failed.iter().map(|execution| text(execution, "executionArn")));
        }
        None => {
            for named in &args.executions {
                arns.push(lookup::execution(client, named).await?);
            }
        }
    }
    let mut results = Vec::new();
    for some in arns.chunks(REDRIVES_A_REQUEST) {
        let mut input = common.clone();
        input.insert("executionArns", Value::array(some.iter().map(Value::from).collect()));
        results.extend(items(&client.own("executions/redrive", input).await?, "results"));
    }
    let refused = results.iter().filter(|result| result.get("error").is_some()).count();
    if args.json {
        say(&mut io::stdout(), &object! { "results" => Value::array(results) }.to_pretty());
    } else {
        let palette = Palette::of(&io::stdout());
        for result in &results {
            let arn = text(result, "executionArn");
            match result.get("error") {
                None => {
                    let count = result["redriveCount"].to_text();
                    say(&mut io::stdout(), &format!("{} redriven ({count})  {arn}", palette.paint(Style::Green, "↻")));
                }
                Some(error) => {
                    let why = printable(&format!("{}: {}", text(error, "code"), text(error, "message")));
                    say(&mut io::stdout(), &format!("{} refused  {arn}\n    {why}", palette.paint(Style::Red, "✗")));
                }
            }
        }
        let refusals = if refused > 0 { format!(", {refused} refused") } else { String::new() };
        let redriven = terminal::plural(results.len() - refused, "execution");
        say(&mut io::stderr(), &format!("{redriven} redriven{refusals}"));
    }
    Ok(if refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) async fn fork(client: &Client, args: &ForkArgs) -> Result<ExitCode, Failure> {
    let arn = lookup::execution(client, &args.execution).await?;
    let mut input = Object::new();
    input.insert("executionArn", arn.as_str());
    let event = match (args.event, &args.state) {
        (Some(event), _) => event,
        (None, Some(state)) => entered(client, &arn, state).await?,
        (None, None) => return Err(Failure::from("say where to go on from: --event ID or --state NAME")),
    };
    input.insert("eventId", event);
    if let Some(name) = &args.name {
        input.insert("name", name);
    }
    if let Some(argument) = &args.input {
        input.insert("input", document("--input", argument)?);
    }
    if let Some(path) = &args.definition {
        input.insert("definition", source::read_definition(path)?);
    }
    let answer = client.own("executions/fork", input).await?;
    let new = text(&answer, "executionArn");
    if args.json && !args.follow {
        say(&mut io::stdout(), &answer.to_pretty());
        return Ok(ExitCode::SUCCESS);
    }
    let (machine, name) = names(&new);
    let palette = Palette::of(&io::stderr());
    let head = format!(
        "{} {machine}:{} goes on from event {event} of {} in state {}",
        palette.paint(Style::Blue, "▸"),
        palette.paint(Style::Bold, name),
        names(&arn).1,
        printable(&text(&answer, "state"))
    );
    say(&mut io::stderr(), &head);
    if args.follow {
        return follow::to_the_end(client, new, args.json).await;
    }
    say(&mut io::stdout(), &new);
    Ok(ExitCode::SUCCESS)
}

/// The event that entered a state last.
async fn entered(client: &Client, arn: &str, state: &str) -> Result<i64, Failure> {
    let enters = |event: &Value| {
        event["type"].as_str().is_some_and(|name| name.ends_with("StateEntered"))
            && event["stateEnteredEventDetails"]["name"].as_str() == Some(state)
    };
    match history::last(client, arn, enters).await? {
        Some(event) => Ok(event["id"].as_i64().unwrap_or_default()),
        None => Err(Failure(format!(
            "{arn} has not been in a state {state}\nSee its states: windlass executions show {arn}"
        ))),
    }
}

/// A JSON document: the argument itself, standard input for `-`, else a file (`@FILE` too).
fn document(flag: &str, argument: &str) -> Result<Value, Failure> {
    let from_file = |path: &Path| {
        let text = source::read(path, INPUT_BYTES_MAX)?;
        parse(&text).map_err(|error| Failure(format!("{} ({flag}) is no JSON: {error}", source::name(path))))
    };
    if argument == "-" {
        return from_file(Path::new("-"));
    }
    if let Some(path) = argument.strip_prefix('@') {
        return from_file(Path::new(path));
    }
    match parse(argument) {
        Ok(value) => Ok(value),
        Err(_) if Path::new(argument).exists() => from_file(Path::new(argument)),
        Err(error) => Err(Failure(format!("{flag} is neither JSON nor a file: {error}"))),
    }
}
