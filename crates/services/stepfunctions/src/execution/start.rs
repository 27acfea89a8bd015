use windlass_journal::{ExecutionOptions, Journal, NewExecution, Qualifiers, StartError};
use windlass_protocol::{Fault, Reply};
use windlass_task_mock::TestCase;
use windlass_value::{JsonError, Object, Payload, Text, Value};
use windlass_workflow::{EXPRESS_START, Identity, Status, epoch_seconds};

use super::{concurrency, details};
use crate::arn;
use crate::environment::Environment;
use crate::fault::{execution_already_exists, invalid_execution_input, machine_deleting, of_journal, unavailable};
use crate::integration::execution_name_of;
use crate::keys::Keys;
use crate::machine::{Machines, Named, Target, WEIGHTS_SUM};
use crate::mock_config::MockConfig;
use crate::name;
use crate::request::Request;

/// `StartExecution`. Answers once the start is durable.
///
/// A Standard name that runs with the same input answers as the first call did;
/// Express names never conflict.
pub(crate) async fn start(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    keys: &Keys,
    mocks: &MockConfig,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let (arn, case) = split_case(request.required("stateMachineArn")?);
    let named = Named::parse(arn, request.call)?;
    let case = case_of(mocks, &named, case).await?;
    let _lock = machines.lock_shared(&named.name).await;
    let target = runnable(machines, &named, environment)?;
    let rate = if target.machine.is_express() { EXPRESS_START } else { "StartExecution" };
    environment.admit(request.call, rate)?;
    let mocks = case.map(|case| answers_of(&case, &target));
    let new = new_execution(&target, mocks, environment, keys, request).await?;
    let mocks = new.identity.mocks.clone();
    let input = new.identity.input.clone();
    let started = if target.machine.is_express() { journal.start_express(new).await } else { journal.start(new).await };
    let record = match started {
        Ok(record) => record,
        Err(StartError::Exists(record)) => {
            // The same call again, or AWS's rule for a name that is taken.
            let is_same_call = request.call.idempotency_key.is_some()
                && details::start_key(&record.details()) == request.call.idempotency_key;
            let is_repeat = is_same_call
                || (record.status == Status::Running
                    && record.mocks == mocks
                    && keys.reading(journal, request.call, &record, || journal.input(&record)).await?.text()
                        == input.text());
            if !is_repeat {
                return Err(execution_already_exists(&record.arn));
            }
            *record
        }
        // It is not started: that one stands for it.
        Err(StartError::Stands(record)) => *record,
        Err(error) => return Err(start_fault(error)),
    };
    let mut out = Object::new();
    out.insert("executionArn", &record.arn);
    out.insert("startDate", epoch_seconds(record.started_at));
    Ok(Value::from(out).into())
}

/// Takes off a machine's ARN the test case that may follow it: `…:machine#case`.
fn split_case(arn: &str) -> (&str, Option<&str>) {
    match arn.split_once('#') {
        Some((arn, case)) => (arn, Some(case)),
        None => (arn, None),
    }
}

/// The test case that a start names; a bare `#` names none.
async fn case_of(mocks: &MockConfig, named: &Named, case: Option<&str>) -> Result<Option<TestCase>, Fault> {
    let Some(case) = case else { return Ok(None) };
    if case.is_empty() && mocks.is_on() {
        return Ok(None);
    }
    let (mocks, machine, case) = (mocks.clone(), named.name.clone(), case.to_owned());
    let read = tokio::task::spawn_blocking(move || mocks.case(&machine, &case)).await;
    read.map_err(|error| Fault::internal(error.to_string()))?.map(Some)
}

/// The answers of a test case, as the execution keeps them.
fn answers_of(case: &TestCase, target: &Target) -> Text {
    let machine = target.as_run();
    // A misspelt name would make a real call where none is expected.
    for state in case.states().filter(|state| machine.definition.program.find(state).is_none()) {
        tracing::warn!(machine = %machine.name, case = case.name(), %state, "a test case names a state that the machine does not have");
    }
    case.text().clone()
}

/// Why an execution was not started.
pub(super) fn start_fault(error: StartError) -> Fault {
    match error {
        StartError::Exists(record) => execution_already_exists(&record.arn),
        error @ StartError::TooManyOpen(_) => {
            let text = "Execution Limit Exceeded: 'The maximum number of open executions has been reached'";
            Fault::new("ExecutionLimitExceeded", text).explained(error.to_string())
        }
        // Who asks for no limit is never stood for.
        StartError::Stands(record) => execution_already_exists(&record.arn),
        StartError::ConcurrencyReached => {
            let text = "Execution Limit Exceeded: 'The maximum number of running executions for this concurrency key has been reached'";
            Fault::new("ExecutionLimitExceeded", text)
        }
        StartError::DiskFull(explanation) => unavailable(explanation),
        StartError::Unavailable(error) => of_journal(&error),
    }
}

/// What an ARN runs, if executions may start on it. Each start draws anew which
/// of its versions an alias leads to.
pub(super) fn runnable(machines: &Machines, named: &Named, environment: &Environment) -> Result<Target, Fault> {
    let target = machines.target(named, |alias| alias.version_at(environment.draw(WEIGHTS_SUM)))?;
    if target.machine.deleting { Err(machine_deleting(&named.arn)) } else { Ok(target) }
}

/// An execution to start: its name, its checked input, its identity.
pub(super) async fn new_execution(
    target: &Target,
    mocks: Option<Text>,
    environment: &Environment,
    keys: &Keys,
    request: Request<'_>,
) -> Result<NewExecution, Fault> {
    let machine = target.as_run();
    // Of the machine as it is: versions have no tags.
    let aws_limits = target.machine.tags.aws_limits();
    let execution_name = match request.text("name")? {
        Some(given) => {
            name::check(given)?;
            given.clone()
        }
        // A repeat of the call finds the execution that the first one started.
        None => match &request.call.idempotency_key {
            Some(key) => execution_name_of(key),
            None => environment.uuid(),
        },
    };
    let input = checked_input(request, environment.payload_bytes_max(aws_limits))?;
    let resource = if machine.is_express() {
        format!("express:{}:{execution_name}:{}", machine.name, environment.uuid())
    } else {
        format!("execution:{}:{execution_name}", machine.name)
    };
    let identity = Identity {
        arn: arn::of(&machine.account, &machine.region, &resource).into(),
        name: execution_name,
        machine_arn: machine.arn(),
        machine_name: machine.name.clone(),
        role_arn: machine.role_arn.clone(),
        region: machine.region.clone(),
        started_at: environment.now(),
        input,
        express: machine.is_express(),
        mocks,
    };
    // The HTTP header wins over the member.
    let trace_header = request.call.trace.as_ref().or(request.text("traceHeader")?);
    let details = details::of_start(machine, trace_header, request.call);
    let qualifiers = Qualifiers {
        version_arn: target.version.as_ref().map(|version| version.arn()),
        alias_arn: target.alias_arn.clone(),
    };
    let definition = keys.definition(&machine.definition, &identity.machine_arn, &identity.role_arn).await?;
    let data_key = keys.for_execution(&machine.settings.encryption, &identity.machine_arn, &identity.role_arn).await?;
    let options = ExecutionOptions { aws_limits, data_key };
    let concurrency = concurrency::limit_of(&definition.program, &identity, environment)?;
    Ok(NewExecution { identity, definition, qualifiers, details, options, concurrency })
}

pub(crate) fn checked_input(request: Request<'_>, bytes_max: usize) -> Result<Payload, Fault> {
    let Some(text) = request.text("input")? else { return Ok(Payload::from_valid_text("{}")) };
    check_bytes("input", text, bytes_max)?;
    if text.trim().is_empty() {
        return Err(invalid_execution_input("Invalid execution input."));
    }
    Payload::from_text(Text::clone(text)).map_err(|error: JsonError| invalid_execution_input(&error.message))
}

/// Refuses a payload that is too large, for callers whom no protocol has checked.
pub(crate) fn check_bytes(member: &str, text: &str, bytes_max: usize) -> Result<(), Fault> {
    if text.len() <= bytes_max {
        return Ok(());
    }
    Err(Fault::validation(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have size less than or equal to {bytes_max} bytes in UTF-8 encoding"
    )))
}
