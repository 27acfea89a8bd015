mod drive;
mod mocks;
mod node;
mod outcome;
mod progress;
mod screen;
mod states;

use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use windlass_asl::{Machine, Options, Severity, WorkflowType, parse_definition};
use windlass_value::{Payload, uuid_v4};
use windlass_workflow::{Execution, Identity, Limits, Status};

use self::drive::{Clock, End, Run};
use self::mocks::{FromFile, Mocks};
use self::screen::{Screen, Show};
use super::terminal::{Palette, plural};
use super::validate::TypeArg;
use super::{Failure, excerpt, say, source, terminal};

/// AWS's longest name of an execution, in characters.
const NAME_CHARS_MAX: usize = 80;
/// Largest input that is read, in bytes; what an execution takes is in [`Limits`].
const INPUT_BYTES_MAX: u64 = 16 << 20;
/// The exit code after a second signal, as shells count an interrupt.
const INTERRUPTED_EXIT_CODE: i32 = 130;

/// A run was stopped or its time was up.
const EXIT_ENDED_EARLY: u8 = 3;
/// The command, the definition or a mock is wrong or missing.
const EXIT_USAGE: u8 = 2;

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

const AFTER_HELP: &str = r#"The state machine runs in memory, in this process: no server, no AWS account, nothing is
stored. Its output is printed on standard output, everything else on standard error.

TASKS
  There is no service here that a task could call, so each task that is reached needs an
  answer. To call real functions and activities, start `windlass serve`.

    --mock 'Charge={"paid": true}'          what the call returns
    --mock Charge=@charge.json              the same, from a file
    --mock-error 'Charge=Card.Declined: no funds'
                                            how the call fails: ERROR or ERROR: CAUSE

  Given more than once, a state's errors come first, then its results, one a call; the
  last is given again and again. So this one fails once and then succeeds:

    --mock-error Charge=Busy --mock 'Charge={"paid": true}'

  --mock-file FILE holds the answers of many states, in the format of Step Functions
  Local's SFN_MOCK_CONFIG, which `windlass serve` takes too; --case chooses a test case:

    {
      "StateMachines": {"order": {"TestCases": {"Busy": {"Charge": "Busy then paid"}}}},
      "MockedResponses": {
        "Busy then paid": {
          "0":   {"Throw": {"Error": "Busy", "Cause": "later"}},
          "1-2": {"Return": {"paid": true}}
        }
      }
    }

  A result is what the service answers. A task with the resource
  arn:aws:states:::lambda:invoke gets {"Payload": ..., "StatusCode": 200}; one with a
  function's own ARN gets what the function returns.

EXIT CODES
  0   the execution succeeded
  1   it failed
  2   the command, the definition or the input is wrong, or a task has no mock
  3   it timed out or was stopped (Ctrl-C)

EXAMPLES
  windlass run hello.asl.json
  windlass run order.asl.json --input '{"id": 7}' --mock 'Charge={"paid": true}'
  windlass run order.asl.json --input @order.json --mock-file mocks.json --skip-waits
  curl -s https://example.com/order.json | windlass run order.asl.json --input - | jq .total
  windlass run order.asl.json --trace 2> history.txt"#;

/// What `windlass run` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RunArgs {
    /// A definition in the Amazon States Language (JSON); `-` reads standard input
    #[arg(value_name = "FILE")]
    definition: PathBuf,
    /// The input: JSON, @FILE, or - for standard input
    #[arg(long, short, value_name = "JSON|@FILE|-", default_value = "{}", allow_hyphen_values = true)]
    input: String,
    /// Name of the execution, as the context object shows it [default: a new UUID]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Which kind of workflow the definition is checked for and runs as
    #[arg(long = "type", value_name = "TYPE", default_value = "STANDARD", ignore_case = true)]
    workflow_type: TypeArg,
    /// What a task returns (repeatable); see TASKS
    #[arg(long, value_name = "STATE=JSON|STATE=@FILE")]
    mock: Vec<String>,
    /// How a task fails (repeatable); see TASKS
    #[arg(long, value_name = "STATE=ERROR[:CAUSE]")]
    mock_error: Vec<String>,
    /// Answers of many tasks: a mock file of Step Functions Local; see TASKS
    #[arg(long, value_name = "FILE")]
    mock_file: Option<PathBuf>,
    /// The test case of the mock file [default: its only one]
    #[arg(long, value_name = "NAME", requires = "mock_file")]
    case: Option<String>,
    /// Jump over waits and retry delays instead of sitting them out
    #[arg(long)]
    skip_waits: bool,
    /// Keep AWS's quotas, such as 25,000 events of history
    #[arg(long)]
    aws_limits: bool,
    /// Print the end as one JSON document: status, output, error and cause
    #[arg(long)]
    json: bool,
    /// Show every event of the history instead of the states; with --json, put them in the document
    #[arg(long)]
    trace: bool,
    /// Show no progress
    #[arg(long, short, conflicts_with = "trace")]
    quiet: bool,
}

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let prepared = match prepare(args) {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return Ok(ExitCode::from(EXIT_USAGE)),
        Err(Failure(text)) => {
            say(&mut io::stderr(), &format!("windlass: {text}"));
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    // One thread runs the machine, another listens to signals: a turn is never so
    // long that nobody hears the second Ctrl-C.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let code = runtime.block_on(live(args, prepared));
    runtime.shutdown_background();
    code
}

/// A run that can begin.
struct Prepared {
    machine: Arc<Machine>,
    input: Payload,
    mocks: Mocks,
    limits: Limits,
}

/// Reads and checks all that the command names; `None` when the definition has
/// errors, which were shown.
fn prepare(args: &RunArgs) -> Result<Option<Prepared>, Failure> {
    if source::is_stdin(&args.definition) && args.input == "-" {
        return Err(Failure("the definition and the input cannot both come from standard input".to_owned()));
    }
    if let Some(name) = &args.name {
        check_name(name)?;
    }
    let text = source::read_definition(&args.definition)?;
    let options = Options { workflow_type: args.workflow_type.into() };
    let definition = parse_definition(&text, &options);
    let Some(machine) = definition.machine else {
        let file = source::name(&args.definition);
        let palette = Palette::of(&io::stderr());
        let (columns, _) = terminal::size(&io::stderr());
        let errors = definition.diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
        let shown: Vec<String> =
            errors.map(|finding| excerpt::render(finding, &file, &text, palette, columns)).collect();
        let mut stderr = io::BufWriter::new(io::stderr().lock());
        shown.iter().for_each(|text| say(&mut stderr, text));
        say(&mut stderr, &format!("windlass: {file} has {}, so it does not run", plural(shown.len(), "error")));
        let _ = stderr.flush();
        return Ok(None);
    };
    let limits = if args.aws_limits { Limits::aws() } else { Limits::default() };
    let input = read_input(&args.input, &limits)?;
    let machine_name = machine_name(&args.definition);
    let file = args.mock_file.as_deref();
    let file = file.map(|path| FromFile { path, case: args.case.as_deref(), machine: &machine_name });
    let mocks = mocks::mocks(&machine, &args.mock, &args.mock_error, file)?;
    Ok(Some(Prepared { machine, input, mocks, limits }))
}

fn read_input(argument: &str, limits: &Limits) -> Result<Payload, Failure> {
    let (text, from) = match argument.strip_prefix('@') {
        Some(path) => (source::read(Path::new(path), INPUT_BYTES_MAX)?, source::name(Path::new(path))),
        None if argument == "-" => (source::read(Path::new("-"), INPUT_BYTES_MAX)?, "<stdin>".to_owned()),
        None => (argument.to_owned(), "--input".to_owned()),
    };
    let payload = Payload::from_text(text).map_err(|error| {
        let hint = match argument.strip_prefix('@') {
            None if Path::new(argument).is_file() => format!("\nTo read the file of that name: --input @{argument}"),
            _ => String::new(),
        };
        Failure(format!("the input ({from}) is no JSON: {error}{hint}"))
    })?;
    let (bytes, bytes_max) = (payload.bytes_len(), limits.payload_bytes_max);
    if bytes > bytes_max {
        return Err(Failure(format!("the input ({from}) has {bytes} bytes; an execution takes {bytes_max}")));
    }
    Ok(payload)
}

/// AWS's rule for names of executions.
fn check_name(name: &str) -> Result<(), Failure> {
    let bad = name.chars().find(|character| is_refused(*character));
    if let Some(bad) = bad {
        return Err(Failure(format!("--name: a name cannot have {bad:?} in it\nUse letters, digits, '-' and '_'.")));
    }
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS_MAX {
        return Err(Failure(format!("--name: a name has 1 to {NAME_CHARS_MAX} characters, not {length}")));
    }
    Ok(())
}

fn is_refused(character: char) -> bool {
    character.is_whitespace() || character.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(character)
}

/// The name of a state machine, from the file's.
fn machine_name(path: &Path) -> String {
    let stem = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    let name: String = stem.chars().map(|character| if is_refused(character) { '-' } else { character }).collect();
    let name: String = name.trim_matches('-').chars().take(NAME_CHARS_MAX).collect();
    if name.is_empty() { "state-machine".to_owned() } else { name }
}

async fn live(args: &RunArgs, prepared: Prepared) -> Result<ExitCode, Failure> {
    let Prepared { machine, input, mocks, limits } = prepared;
    let stop = listen_to_signals()?;
    let clock = Clock::start();
    let started_at = clock.now();
    let seed = RandomState::new().hash_one(started_at);
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| uuid_v4(u128::from(seed) << 64 | u128::from(RandomState::new().hash_one(seed))));
    let machine_name = machine_name(&args.definition);
    let mut execution = Execution::new(Identity {
        arn: format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine_name}:{name}").into(),
        name: name.into(),
        machine_arn: format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine_name}").into(),
        machine_name: machine_name.into(),
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/windlass-run").into(),
        region: REGION.into(),
        started_at,
        input,
        express: matches!(WorkflowType::from(args.workflow_type), WorkflowType::Express),
        mocks: Some(mocks.text().clone()),
    });
    let show = match (args.quiet, args.trace, args.json) {
        (true, ..) | (_, true, true) => Show::Nothing,
        (_, true, false) => Show::Events,
        _ => Show::States,
    };
    let mut screen = Screen::new(&machine, show, args.trace && args.json, started_at);
    let mut run = Run { program: &machine, limits, mocks, clock, skip_waits: args.skip_waits, seed, stop };
    let end = run.drive(&mut execution, &mut screen).await;
    screen.finish();
    let palette = Palette::of(&io::stderr());
    match end {
        End::Closed => {}
        End::Unanswered(calls) => {
            outcome::report_unanswered(&calls, &source::name(&args.definition));
            return Ok(ExitCode::from(EXIT_USAGE));
        }
        End::Stuck => {
            return Err(Failure(
                "the execution waits for nothing that could happen; this is a fault of windlass".to_owned(),
            ));
        }
    }
    if !args.json || show == Show::States {
        outcome::report(&execution, &screen.progress, run.clock.skipped_ms(), args.quiet, palette);
    }
    if args.json {
        let document = outcome::document(&execution, &screen.progress, screen.kept.as_deref());
        let text = if io::stdout().is_terminal() { document.to_pretty() } else { document.to_text() };
        say(&mut io::stdout(), &text);
    } else if let Some(output) = &execution.output {
        let value = output.value();
        say(&mut io::stdout(), &if io::stdout().is_terminal() { value.to_pretty() } else { value.to_text() });
    }
    Ok(match execution.status {
        Status::Succeeded => ExitCode::SUCCESS,
        Status::TimedOut | Status::Aborted => ExitCode::from(EXIT_ENDED_EARLY),
        Status::Failed | Status::Running => ExitCode::FAILURE,
    })
}

/// The first SIGINT or SIGTERM stops the execution, the second the program.
fn listen_to_signals() -> io::Result<mpsc::UnboundedReceiver<&'static str>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut first = true;
        loop {
            let why = tokio::select! {
                _ = interrupt.recv() => "Interrupted (Ctrl-C)",
                _ = terminate.recv() => "Terminated",
            };
            // A run that is over has nobody left to tell.
            if !std::mem::take(&mut first) || sender.send(why).is_err() {
                std::process::exit(INTERRUPTED_EXIT_CODE);
            }
        }
    });
    Ok(receiver)
}
