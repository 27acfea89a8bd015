//! A new execution from a moment of an old one; beyond AWS.

use windlass_journal::{
    ExecutionOptions, ForkError, ForkPoint, Forked, Journal, NewExecution, Qualifiers, Record, StartError,
};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Text, Value, object};
use windlass_workflow::{Identity, epoch_seconds};

use super::redrive::edits;
use super::start::start_fault;
use super::{details, record};
use crate::arn::{self, Kind, StatesArn};
use crate::environment::Environment;
use crate::fault::{execution_already_exists, machine_deleting, machine_does_not_exist, of_journal};
use crate::machine::{Machines, compile_standard};
use crate::name;
use crate::request::Request;

/// Starts an execution that goes on from an event of `executionArn`, on the same
/// state machine, with other input, variables or definition if they are given.
pub(crate) async fn fork(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let origin = record(journal, request.required("executionArn")?, request.call)?;
    if origin.is_sealed() {
        return Err(Fault::not_built("forks of executions that a customer managed key encrypts"));
    }
    // Leave was asked for on this one.
    if **request.required("stateMachineArn")? != *origin.machine_arn {
        return Err(Fault::validation("'stateMachineArn' is not the state machine of that execution"));
    }
    let event_id = match request.member("eventId").and_then(Value::as_i64).map(u64::try_from) {
        Some(Ok(event_id)) if event_id > 0 => event_id,
        _ => return Err(Fault::validation("'eventId' must be the id of an event of the execution's history")),
    };
    let name = match request.text("name")? {
        Some(name) => {
            name::check(name)?;
            name.clone()
        }
        None => environment.uuid(),
    };
    let members = request.call.input.as_object().ok_or_else(|| Fault::validation("The request must be an object"))?;
    let (input, variables) = edits(members, environment)?;
    let definition = match request.member("definition") {
        None => journal
            .definition(&origin.definition_hash)
            .map_err(|error| of_journal(&error))?
            .ok_or_else(|| Fault::internal(format!("no definition of {}", origin.arn)))?,
        Some(Value::String(text)) => compile_standard(text)?,
        Some(object @ Value::Object(_)) => compile_standard(&Text::from(object.to_text()))?,
        Some(_) => return Err(Fault::validation("'definition' must be a definition, as an object or as text")),
    };
    let machine = StatesArn::parse(&origin.machine_arn, &[Kind::StateMachine])?;
    let _lock = machines.lock_shared(&machine.id).await;
    let found = machines.get(&machine.account, &machine.region, &machine.id)?;
    let found = found.ok_or_else(|| machine_does_not_exist(&origin.machine_arn))?;
    if found.deleting {
        return Err(machine_deleting(&origin.machine_arn));
    }
    let same = definition.hash == origin.definition_hash;
    let new_arn = arn::of(&machine.account, &machine.region, &format!("execution:{}:{name}", machine.id));
    let new = NewExecution {
        identity: Identity {
            arn: new_arn.as_str().into(),
            name,
            machine_arn: origin.machine_arn.clone(),
            machine_name: origin.machine_name.clone(),
            role_arn: origin.role_arn.clone(),
            region: origin.region.clone(),
            started_at: environment.now(),
            input: journal.input(&origin).map_err(|error| of_journal(&error))?,
            express: false,
            mocks: origin.mocks.clone(),
        },
        definition,
        // What runs another definition is of no version.
        qualifiers: if same { origin.qualifiers.clone() } else { Qualifiers::default() },
        details: details::of_fork(&origin.details(), &origin.arn, event_id),
        options: ExecutionOptions { aws_limits: origin.aws_limits, ..ExecutionOptions::default() },
        // Somebody asked for it by hand: it does not wait.
        concurrency: None,
    };
    let point = ForkPoint { event_id, input, variables };
    let forked = journal.fork(&origin, new, point).await;
    let Forked { record, state, copied_events } = forked.map_err(|error| fork_fault(&new_arn, error))?;
    Ok(object! {
        "executionArn" => &record.arn,
        "startDate" => epoch_seconds(record.started_at),
        "state" => state,
        "copiedEvents" => copied_events,
        "forkedFrom" => forked_from(&record),
    }
    .into())
}

/// Where a fork comes from, as its record tells it.
pub(super) fn forked_from(record: &Record) -> Value {
    details::forked_from(&record.details()).cloned().unwrap_or_default()
}

fn fork_fault(arn: &str, error: ForkError) -> Fault {
    match error {
        ForkError::NoSuchEvent(id) => Fault::validation(format!("The execution has no event {id}")),
        ForkError::NoState(id) => Fault::validation(format!(
            "Nothing follows event {id} in its branch. Choose an event of the state to go on with"
        )),
        ForkError::Definition(reason) => Fault::validation(reason),
        error @ ForkError::TooLarge(_) => Fault::validation(error.to_string()),
        ForkError::Replay(error) => super::moment::replay_fault(error),
        ForkError::Start(StartError::Exists(_)) => execution_already_exists(arn),
        ForkError::Start(error) => start_fault(error),
    }
}
