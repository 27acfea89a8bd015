//! `TestState`: one state, run by itself. The state is run by the machine that runs
//! executions; a mock stands for its work, or the task is performed as in an execution.

mod context;
mod drive;
mod inspection;
mod mock;
mod reader_data;
mod subject;

use std::sync::Arc;

use windlass_asl::Failure;
use windlass_journal::Tasks;
use windlass_protocol::{Call, Fault, Reply};
use windlass_value::{Payload, Text, Value};
use windlass_workflow::{Identity, Limits, Probe, ReadItem};

use self::drive::Run;
use self::inspection::Level;
use self::mock::Mock;
use self::subject::Subject;
use crate::arn;
use crate::environment::Environment;
use crate::execution::checked_input;
use crate::integration::{Depths, Exchanges};
use crate::machine::role_arn;
use crate::request::Request;

/// What performs the tasks of states under test.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) depths: Depths,
    pub(crate) exchanges: Exchanges,
}

/// `TestState` for whoever has no server: only mocked tasks are answered.
///
/// `call` carries the request of the API's operation.
///
/// # Errors
/// The API's own.
pub async fn test_state_alone(environment: &Environment, call: &Call) -> Result<Reply, Fault> {
    test_state(environment, None, Request::new(call)).await
}

/// `TestState`.
pub(crate) async fn test_state(
    environment: &Environment,
    hands: Option<&Hands>,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let level = Level::of(request)?;
    let role_arn = request.text("roleArn")?.map(role_arn).transpose()?;
    let subject = Subject::of(request)?;
    let input = checked_input(request, environment.payload_bytes_max)?;
    let variables = variables(request)?;
    let mock = Mock::of(request, &subject)?;
    let configuration = Configuration::of(request, &subject, mock.is_some())?;
    let context = context::of(request, &subject, mock.is_some())?;
    if mock.is_none() {
        subject.check_runs_unmocked(role_arn.is_some())?;
    }
    let probe = Probe {
        answer: mock.as_ref().map(Mock::answer),
        context,
        retries: configuration.retries,
        failed_iterations: configuration.failed_iterations,
        read_items: configuration.read_items,
        ..Probe::default()
    };
    let identity = identity(environment, request.call, role_arn, &input);
    let run = Run {
        environment,
        hands,
        // One transition: a second state is not entered.
        limits: Limits { turn_transitions_max: 1, ..Limits::default() },
        mock: mock.as_ref(),
        probe: &probe,
        depth: request.call.depth,
        is_watched: level == Level::Trace,
    };
    let ended = run.drive(&subject, identity, variables.clone()).await?;
    let reveals = request.flag("revealSecrets", false)?;
    inspection::answer(&ended, &subject, &input, variables.as_ref(), level, reveals, configuration.failed_iterations)
}

/// `stateConfiguration`.
#[derive(Default)]
struct Configuration {
    retries: u32,
    failed_iterations: Option<u64>,
    read_items: Option<Result<Vec<ReadItem>, Failure>>,
}

impl Configuration {
    fn of(request: Request<'_>, subject: &Subject, is_mocked: bool) -> Result<Configuration, Fault> {
        let Some(given) = request.object("stateConfiguration")? else { return Ok(Configuration::default()) };
        let member = |name: &str| given.get(name).filter(|value| !value.is_null());
        if !is_mocked {
            for (name, shown) in [
                ("mapIterationFailureCount", "MapIterationFailureCount"),
                ("retrierRetryCount", "RetrierRetryCount"),
                ("errorCausedByState", "ErrorCausedByState"),
                ("mapItemReaderData", "MapItemReaderData"),
            ] {
                if member(name).is_some() {
                    return Err(not_without_mock(shown));
                }
            }
        }
        let count = |name: &str| match member(name) {
            None => Ok(None),
            Some(value) => match value.as_i64().map(u64::try_from) {
                Some(Ok(count)) => Ok(Some(count)),
                _ => Err(Fault::validation(format!(
                    "1 validation error detected: Value '{value}' at 'stateConfiguration.{name}' failed to satisfy constraint: Member must have value greater than or equal to 0"
                ))),
            },
        };
        if let Some(name) = member("errorCausedByState").and_then(Value::as_str)
            && !subject.has_inside(name)
        {
            return Err(Fault::validation("State not found in definition")
                .explained(format!("no state '{name}', which is to cause the error, is inside the state")));
        }
        let read_items = match member("mapItemReaderData").and_then(Value::as_str) {
            Some(text) => reader_data::items(subject, text),
            None => None,
        };
        Ok(Configuration {
            retries: count("retrierRetryCount")?.map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX)),
            failed_iterations: count("mapIterationFailureCount")?,
            read_items,
        })
    }
}

/// A member that makes no sense where the state's work is really done.
fn not_without_mock(member: &str) -> Fault {
    Fault::validation(format!("TestState does not support {member} when a mock is not specified."))
}

fn variables(request: Request<'_>) -> Result<Option<Payload>, Fault> {
    let Some(text) = request.text("variables")? else { return Ok(None) };
    let payload = Payload::from_text(Text::clone(text)).ok().filter(|payload| payload.value().as_object().is_some());
    payload.map(Some).ok_or_else(|| Fault::validation("Variables must be a valid JSON object"))
}

/// Who runs: an Express execution of a machine that has no other.
fn identity(environment: &Environment, call: &Call, role_arn: Option<Text>, input: &Payload) -> Identity {
    let (machine_name, name) = (environment.uuid(), environment.uuid());
    let of = |resource: String| Text::from(arn::of(&call.account, &call.region, &resource));
    Identity {
        arn: of(format!("express:{machine_name}:{name}")),
        machine_arn: of(format!("stateMachine:{machine_name}")),
        machine_name,
        name,
        role_arn: role_arn.unwrap_or_default(),
        region: call.region.clone(),
        started_at: environment.now(),
        input: input.clone(),
        express: true,
        mocks: None,
    }
}
