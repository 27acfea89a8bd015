use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use windlass_protocol::{Body, Call, Principal};
use windlass_stepfunctions::{Environment, test_state_alone};
use windlass_value::{Object, Value, parse};

use super::{Failure, say, source};

/// Largest JSON text of an argument that is read, in bytes; what a state takes is less.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// The definition, an argument or the mock is wrong.
const EXIT_USAGE: u8 = 2;

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

const AFTER_HELP: &str = r#"One state runs by itself, in this process, as the API's TestState runs it: no server, no AWS
account. The answer is printed as JSON, with outputs and inspected values as JSON too.

FILE holds one state, or a whole machine of which --state names the one to test, at any depth.
There is no service here that a task could call: Task, Map and Parallel need --mock or
--mock-error, which stand for their work. Results are held to what the service answers.

EXIT CODES
  0   the state succeeded, or a Catch took its error
  1   it failed, or a Retry would try again
  2   the command, the definition or the mock is wrong

EXAMPLES
  windlass test-state order.asl.json --state Total --input '{"items": [1, 2]}'
  windlass test-state order.asl.json --state Charge --mock '{"Payload": {"paid": true}}' --inspect
  windlass test-state order.asl.json --state Charge --mock-error 'Card.Declined: no funds' --retries 2
  windlass test-state each.asl.json --state Each --mock '[1, 2]' --failed-iterations 1"#;

/// What `windlass test-state` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct TestStateArgs {
    /// A state, or a whole machine, in the Amazon States Language (JSON); `-` reads standard input
    #[arg(value_name = "FILE")]
    definition: PathBuf,
    /// The state of the machine to test
    #[arg(long, short, value_name = "NAME")]
    state: Option<String>,
    /// The state's input: JSON or @FILE
    #[arg(long, short, value_name = "JSON|@FILE", default_value = "{}", allow_hyphen_values = true)]
    input: String,
    /// The variables it sees: a JSON object
    #[arg(long, value_name = "JSON|@FILE")]
    variables: Option<String>,
    /// What the state's work gives
    #[arg(long, value_name = "JSON|@FILE", allow_hyphen_values = true)]
    mock: Option<String>,
    /// How the state's work fails
    #[arg(long, value_name = "ERROR[:CAUSE]", conflicts_with = "mock")]
    mock_error: Option<String>,
    /// How closely a mocked result is held to the service's API
    #[arg(long, value_name = "MODE", default_value = "STRICT", ignore_case = true)]
    validation: Validation,
    /// The context object, with a mock
    #[arg(long, value_name = "JSON|@FILE")]
    context: Option<String>,
    /// How often the state was retried already, with --mock-error
    #[arg(long, value_name = "COUNT")]
    retries: Option<u32>,
    /// How many iterations of a mocked Map count as failed
    #[arg(long, value_name = "COUNT")]
    failed_iterations: Option<u32>,
    /// What the ItemReader of a mocked Map has read, in its own format
    #[arg(long, value_name = "TEXT|@FILE")]
    reader_data: Option<String>,
    /// Show what each step of the data flow gave
    #[arg(long)]
    inspect: bool,
}

/// AWS's words for how mocked results are checked.
#[derive(Clone, Copy, ValueEnum)]
enum Validation {
    /// What the API always answers must be there, and all must fit
    #[value(name = "STRICT")]
    Strict,
    /// What is there must fit
    #[value(name = "PRESENT")]
    Present,
    /// Anything goes
    #[value(name = "NONE")]
    None,
}

impl Validation {
    fn name(self) -> &'static str {
        match self {
            Validation::Strict => "STRICT",
            Validation::Present => "PRESENT",
            Validation::None => "NONE",
        }
    }
}

/// Tests a state; what is wrong with the command itself is told on standard error.
pub(super) fn test_state(args: &TestStateArgs) -> Result<ExitCode, Failure> {
    let tested = request(args).and_then(|input| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let environment = Environment::default();
        let call = call(&environment, input);
        let tested = runtime.block_on(test_state_alone(&environment, &call));
        tested.map_err(|fault| Failure(format!("{}: {}", fault.code, fault.message)))
    });
    let output = match tested {
        Ok(reply) => reply.output,
        Err(Failure(text)) => {
            say(&mut io::stderr(), &format!("windlass: {text}"));
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let shown = with_documents(&output);
    let text = if io::stdout().is_terminal() { shown.to_pretty() } else { shown.to_text() };
    say(&mut io::stdout(), &text);
    Ok(match output["status"].as_str() {
        Some("SUCCEEDED" | "CAUGHT_ERROR") => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The request of the API's operation.
fn request(args: &TestStateArgs) -> Result<Value, Failure> {
    let mut input = Object::new();
    input.insert("definition", source::read_definition(&args.definition)?);
    input.insert("input", text("--input", &args.input)?);
    // Nobody checks it, and the API asks for one.
    input.insert("roleArn", format!("arn:aws:iam::{ACCOUNT}:role/windlass-test-state"));
    for (member, flag, argument) in
        [("variables", "--variables", &args.variables), ("context", "--context", &args.context)]
    {
        if let Some(argument) = argument {
            input.insert(member, text(flag, argument)?);
        }
    }
    if let Some(state) = &args.state {
        input.insert("stateName", state);
    }
    if args.inspect {
        input.insert("inspectionLevel", "DEBUG");
    }
    let mut mock = Object::new();
    if let Some(result) = &args.mock {
        mock.insert("result", text("--mock", result)?);
    }
    if let Some(failure) = &args.mock_error {
        let (error, cause) = failure.split_once(':').map_or((&**failure, None), |(error, cause)| (error, Some(cause)));
        let mut output = Object::new();
        output.insert("error", error.trim());
        if let Some(cause) = cause {
            output.insert("cause", cause.trim());
        }
        mock.insert("errorOutput", output);
    }
    if !mock.is_empty() {
        mock.insert("fieldValidationMode", args.validation.name());
        input.insert("mock", mock);
    }
    let mut configuration = Object::new();
    for (member, count) in [("retrierRetryCount", args.retries), ("mapIterationFailureCount", args.failed_iterations)] {
        if let Some(count) = count {
            configuration.insert(member, count);
        }
    }
    if let Some(data) = &args.reader_data {
        configuration.insert("mapItemReaderData", text("--reader-data", data)?);
    }
    if !configuration.is_empty() {
        input.insert("stateConfiguration", configuration);
    }
    Ok(input.into())
}

/// An argument that is a text, or names a file with one.
fn text(flag: &str, argument: &str) -> Result<String, Failure> {
    match argument.strip_prefix('@') {
        Some(path) => source::read(Path::new(path), TEXT_BYTES_MAX)
            .map_err(|Failure(reason)| Failure(format!("{flag}: {reason}"))),
        None => Ok(argument.to_owned()),
    }
}

fn call(environment: &Environment, input: Value) -> Call {
    Call {
        account: ACCOUNT.into(),
        region: REGION.into(),
        service: "states".into(),
        operation: "TestState".into(),
        input,
        body: Body::empty(),
        principal: Principal {
            arn: format!("arn:aws:iam::{ACCOUNT}:root").into(),
            account: ACCOUNT.into(),
            access_key_id: None,
        },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: environment.uuid(),
    }
}

/// The answer with its JSON texts as JSON.
fn with_documents(output: &Value) -> Value {
    let Value::Object(members) = output else { return output.clone() };
    let shown = members.iter().map(|(name, value)| {
        let value = match (&**name, value) {
            ("inspectionData", Value::Object(data)) => {
                let data = data.iter().map(|(name, value)| (name.clone(), document(value)));
                data.collect::<Object>().into()
            }
            ("output", value) => document(value),
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    shown.collect::<Object>().into()
}

fn document(value: &Value) -> Value {
    value.as_str().and_then(|text| parse(text).ok()).unwrap_or_else(|| value.clone())
}
