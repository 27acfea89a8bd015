use windlass_protocol::{Dispatcher, Fault, Reply};
use windlass_value::{Arn, Object, Text, Value};
use windlass_workflow::epoch_seconds;

use super::catalog::Machines;
use super::definition::compile;
use super::list::count_by_name;
use super::logging::find_destinations;
use super::record::{STATE_MACHINES, StateMachine, WorkflowKind};
use super::settings::Settings;
use super::version::{Publishing, Versions};
use crate::environment::Environment;
use crate::fault::{invalid_arn, machine_already_exists, machine_deleting};
use crate::keys::Keys;
use crate::name;
use crate::request::Request;
use crate::tag::Tags;

/// `CreateStateMachine`.
pub(crate) async fn create(
    machines: &Machines,
    environment: &Environment,
    dispatcher: &Dispatcher,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let call = request.call;
    let machine_name = request.required("name")?;
    name::check(machine_name)?;
    let kind = workflow_kind(request)?;
    let role_arn = role_arn(request.required("roleArn")?)?;
    let publishing = Publishing::of_request(request)?;
    let definition = compile(request.required("definition")?, kind)?;
    let mut settings = Settings::default();
    settings.take(request)?;
    find_destinations(&settings.logging, call, dispatcher).await?;
    let now = environment.now();
    let mut new = StateMachine {
        account: call.account.clone(),
        region: call.region.clone(),
        name: machine_name.clone(),
        kind,
        role_arn,
        definition,
        settings,
        created_at: now,
        updated_at: now,
        revision_id: None,
        deleting: false,
        tags: Tags::of_request(request)?,
        versions: Versions { at_creation: publishing.clone(), ..Versions::default() },
        aliases: Vec::new(),
        row_version: 0,
    };
    new.tags.check(&new.arn())?;
    keys.check(call, &new.arn(), &new.settings.encryption).await?;
    new.definition = keys.keep_definition(call, &new.settings.encryption, &new.arn(), new.definition).await?;

    let _lock = machines.lock_exclusive(machine_name).await;
    let publication = publishing.apply(&mut new, environment, now)?;
    let old = match machines.get(&call.account, &call.region, machine_name)? {
        Some(old) => {
            let definition = keys.definition_for(call, &old.definition, &old.arn()).await?;
            Some(StateMachine { definition, ..StateMachine::clone(&old) })
        }
        None => None,
    };
    let created = match old {
        Some(old) if old.deleting => return Err(machine_deleting(&old.arn())),
        Some(old) if is_same(&old, &new) => old.created_at,
        Some(old) => return Err(machine_already_exists(&old.arn())),
        None => {
            check_count(machines, environment, request)?;
            let version = publication.as_ref().and_then(|publication| publication.new.as_ref());
            machines.put(&new, version).await?;
            new.created_at
        }
    };
    let mut out = Object::new();
    out.insert("stateMachineArn", new.arn());
    out.insert("creationDate", epoch_seconds(created));
    if let Some(publication) = publication {
        // The first version, also where a repeat finds the machine there.
        out.insert("stateMachineVersionArn", new.version_arn(publication.published.number));
    }
    Ok(Value::from(out).into())
}

/// Refuses one machine too many.
fn check_count(machines: &Machines, environment: &Environment, request: Request<'_>) -> Result<(), Fault> {
    let Some(max) = environment.quotas().state_machines_max else { return Ok(()) };
    if count_by_name(machines.store(), &STATE_MACHINES, request.call)? < max as u64 {
        return Ok(());
    }
    let text = "State Machine Limit Exceeded: 'The maximum number of state machines has been reached'";
    Err(Fault::new("StateMachineLimitExceeded", text).explained(format!("the account has {max} in this region")))
}

/// What makes a repeated create the same: all but the role and the tags. The
/// definitions are compared as texts.
fn is_same(old: &StateMachine, new: &StateMachine) -> bool {
    old.kind == new.kind
        && old.definition.text == new.definition.text
        && old.settings == new.settings
        && old.versions.at_creation == new.versions.at_creation
}

fn workflow_kind(request: Request<'_>) -> Result<WorkflowKind, Fault> {
    let Some(text) = request.text("type")? else { return Ok(WorkflowKind::default()) };
    WorkflowKind::parse(text).ok_or_else(|| {
        Fault::validation(format!(
            "1 validation error detected: Value '{text}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"
        ))
    })
}

/// Checks a role's ARN; the role itself may come later.
pub(crate) fn role_arn(text: &Text) -> Result<Text, Fault> {
    let is_role = Arn::parse(text).is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"));
    if is_role { Ok(text.clone()) } else { Err(invalid_role(text)) }
}

fn invalid_role(text: &str) -> Fault {
    let mut fault = invalid_arn(text);
    fault.message = format!("Invalid Role Arn: '{text}'");
    fault
}
