use windlass_journal::{Journal, Record, Redrive, RedriveError, Redriven, RestartState, StartError};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Payload, Text, Timestamp, Value, object};
use windlass_workflow::{RestartError, Status, epoch_seconds};

use super::describe::optional;
use super::start::{check_bytes, start_fault};
use crate::arn::{Kind, StatesArn};
use crate::environment::Environment;
use crate::fault::{execution_does_not_exist, of_journal};
use crate::machine::Machines;
use crate::request::Request;

/// Days after its end in which AWS redrives an execution.
const PERIOD_DAYS: i64 = 14;
/// Events of a history that AWS redrives at most.
const EVENTS_MAX: u64 = 24_998;
/// Days that AWS lets an execution be open.
const OPEN_DAYS_MAX: i64 = 365;
const DAY_MS: i64 = 86_400_000;

/// `RedriveExecution`. Answers once the redrive is durable.
pub(crate) async fn redrive(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let client_token = match (request.text("clientToken")?, &request.call.idempotency_key) {
        (Some(token), _) => Some(token.clone()),
        // A delivery that comes again.
        (None, key) => key.clone(),
    };
    let redrive = Redrive { from: None, client_token };
    let redriven = redriven(machines, journal, environment, request, redrive).await?;
    Ok(object! { "redriveDate" => epoch_seconds(redriven.at) }.into())
}

/// The same beyond AWS: with `from`, a state to go on from, its `input` and
/// `variables`, which are JSON values.
pub(crate) async fn redrive_from(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let from = match request.object("from")? {
        None => None,
        Some(from) => {
            let Some(Value::String(name)) = from.get("state") else {
                return Err(Fault::validation("'from' needs 'state', the name of the state to go on from"));
            };
            let (input, variables) = edits(from, environment)?;
            Some(RestartState { name: name.clone(), input, variables })
        }
    };
    let redrive = Redrive { from, client_token: request.text("clientToken")?.cloned() };
    let Redriven { record, at } = redriven(machines, journal, environment, request, redrive).await?;
    Ok(object! {
        "executionArn" => &record.arn,
        "redriveDate" => epoch_seconds(at),
        "redriveCount" => record.redrive_count,
        "status" => record.status.as_str(),
    }
    .into())
}

async fn redriven(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    request: Request<'_>,
    redrive: Redrive,
) -> Result<Redriven, Fault> {
    let text = request.required("executionArn")?;
    let arn = StatesArn::parse(text, &[Kind::Execution, Kind::Express])?;
    let machine_name = arn.id.split(':').next().unwrap_or_default();
    if arn.kind == Kind::Express {
        return Err(Fault::validation("Redrive is not supported for executions of Express state machines"));
    }
    if machine_name.contains('/') {
        return Err(Fault::validation(
            "Redrive is not supported for child workflow executions of a Map Run. Redrive the execution that started it",
        ));
    }
    if !arn.is_of(request.call) {
        return Err(execution_does_not_exist(text));
    }
    // Held until the redrive is durable, so that a deletion either finds what
    // runs again or is found.
    let _lock = machines.lock_shared(machine_name).await;
    let found = journal.record(&arn.canonical()).map_err(|error| of_journal(&error))?;
    let record = found.ok_or_else(|| execution_does_not_exist(text))?;
    let token = redrive.client_token.as_deref();
    let repeated = token.and_then(|token| record.redriven_with(token, environment.now()));
    if repeated.is_none()
        && let Some(reason) = not_redrivable(machines, journal, &record, environment.now())?
    {
        return Err(not_redrivable_fault(&reason));
    }
    journal.redrive(&record.arn, redrive).await.map_err(|error| redrive_fault(text, error))
}

/// Why an execution cannot be redriven, in AWS's words; `None` for one that can.
/// Call with the lock of its machine's name held.
///
/// # Errors
/// What the store answers.
pub(super) fn not_redrivable(
    machines: &Machines,
    journal: &Journal,
    record: &Record,
    now: Timestamp,
) -> Result<Option<Text>, Fault> {
    let Some(stopped_at) = record.stopped_at.filter(|_| record.status != Status::Succeeded) else {
        return Ok(Some(status_reason(record.status)));
    };
    let gone = match StatesArn::parse(&record.machine_arn, &[Kind::StateMachine]) {
        Ok(arn) => machines.get(&arn.account, &arn.region, &arn.id)?.is_none_or(|machine| machine.deleting),
        Err(_) => true,
    };
    if gone {
        return Ok(Some("State machine is in DELETING status".into()));
    }
    // Bounds of AWS's that this server has only where it is asked for them.
    if journal.limits().history_events_max.is_none() {
        return Ok(None);
    }
    if stopped_at.plus_ms(PERIOD_DAYS * DAY_MS) < now {
        return Ok(Some("Execution redrivable period exceeded".into()));
    }
    if record.started_at.plus_ms(OPEN_DAYS_MAX * DAY_MS) < now {
        return Ok(Some("Execution has exceeded the max execution time".into()));
    }
    let events = journal.last_event_id(record).map_err(|error| of_journal(&error))?;
    Ok((events > EVENTS_MAX).then(|| "Execution history event limit exceeded".into()))
}

fn status_reason(status: Status) -> Text {
    format!("Execution is {} and cannot be redriven", status.as_str()).into()
}

fn not_redrivable_fault(reason: &str) -> Fault {
    Fault::new("ExecutionNotRedrivable", reason)
}

fn redrive_fault(arn: &str, error: RedriveError) -> Fault {
    match error {
        RedriveError::DoesNotExist => execution_does_not_exist(arn),
        RedriveError::Status(status) => not_redrivable_fault(&status_reason(status)),
        RedriveError::Gone(error) => not_redrivable_fault(
            "The execution was closed by an earlier release, and what it was doing then cannot be recomputed",
        )
        .explained(error.to_string()),
        RedriveError::Restart(RestartError::NoSuchState) => {
            Fault::validation("The execution's definition has no state of that name")
        }
        RedriveError::Restart(RestartError::NotRunning) => Fault::validation(
            "That state is in a branch or iteration that is done or never began. Choose a state of one that is \
             unfinished, or the state that holds it",
        ),
        RedriveError::Restart(RestartError::Ambiguous(count)) => Fault::validation(format!(
            "{count} unfinished iterations have that state. Choose the Map state that holds it"
        )),
        RedriveError::NeverEntered => {
            Fault::validation("That state was never entered, so there is no input to give it. Say which one ('input')")
        }
        RedriveError::Refused(StartError::Exists(_)) => Fault::internal("a redrive was answered as a start"),
        RedriveError::Refused(error) => start_fault(error),
    }
}

/// `input` and `variables`, as JSON values.
pub(super) fn edits(members: &Object, environment: &Environment) -> Result<(Option<Payload>, Option<Payload>), Fault> {
    let input = members.get("input").map(|input| Payload::from_value(input.clone()));
    if let Some(input) = &input {
        check_bytes("input", input.text(), environment.payload_bytes_max)?;
    }
    let variables = match members.get("variables") {
        None | Some(Value::Null) => None,
        Some(variables @ Value::Object(_)) => Some(Payload::from_value(variables.clone())),
        Some(_) => return Err(Fault::validation("'variables' must be an object: each variable's name and value")),
    };
    if let Some(variables) = &variables {
        check_bytes("variables", variables.text(), VARIABLES_BYTES_MAX)?;
    }
    Ok((input, variables))
}

/// Variables of one scope, as AWS bounds them.
const VARIABLES_BYTES_MAX: usize = 10 << 20;

/// The members that tell how often an execution was redriven.
pub(super) fn redrive_members(record: &Record, out: &mut Object) {
    out.insert("redriveCount", record.redrive_count);
    optional(out, "redriveDate", record.redriven_at.map(epoch_seconds));
}
