use std::sync::Arc;

use windlass_protocol::{Dispatcher, Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::epoch_seconds;

use super::catalog::{Machines, Named};
use super::create::{check_publishing, role_arn};
use super::definition::compile;
use super::logging::find_destinations;
use super::record::StateMachine;
use crate::environment::Environment;
use crate::fault::machine_deleting;
use crate::request::Request;

/// `UpdateStateMachine`. Running executions keep what they started with.
pub(crate) async fn update(
    machines: &Machines,
    environment: &Environment,
    dispatcher: &Dispatcher,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let named = Named::parse(request.required("stateMachineArn")?, request.call)?;
    let _lock = machines.lock_exclusive(&named.name).await;
    let old = machines.named(&named)?;
    if old.deleting {
        return Err(machine_deleting(&named.arn));
    }
    let definition = request.text("definition")?;
    let role = request.text("roleArn")?;
    let mut new = StateMachine::clone(&old);
    let names_settings = new.settings.take(request)?;
    if definition.is_none() && role.is_none() && !names_settings {
        let text = "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified";
        return Err(Fault::new("MissingRequiredParameter", text));
    }
    check_publishing(request)?;
    if let Some(role) = role {
        new.role_arn = role_arn(role)?;
    }
    if let Some(text) = definition {
        new.definition =
            if *text == old.definition.text { Arc::clone(&old.definition) } else { compile(text, old.kind)? };
    }
    if new.settings.logging != old.settings.logging {
        find_destinations(&new.settings.logging, request.call, dispatcher).await?;
    }
    new.updated_at = environment.now();
    // Recorded: the first update that names a role makes a revision even when it
    // changes nothing; one that names only an equal definition does not.
    let first_role = new.revision_id.is_none() && role.is_some();
    if first_role || is_changed(&old, &new) {
        new.revision_id = Some(environment.uuid());
        machines.put(&new).await?;
    }
    let mut out = Object::new();
    out.insert("updateDate", epoch_seconds(new.updated_at));
    if let Some(revision_id) = &new.revision_id {
        out.insert("revisionId", revision_id);
    }
    Ok(Value::from(out).into())
}

fn is_changed(old: &StateMachine, new: &StateMachine) -> bool {
    old.definition.text != new.definition.text || old.role_arn != new.role_arn || old.settings != new.settings
}
