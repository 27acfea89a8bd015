use std::sync::Arc;

use windlass_protocol::{Dispatcher, Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::epoch_seconds;

use super::catalog::Machines;
use super::create::role_arn;
use super::definition::compile;
use super::logging::find_destinations;
use super::named::Named;
use super::record::StateMachine;
use super::version::Publishing;
use crate::environment::Environment;
use crate::fault::machine_deleting;
use crate::keys::Keys;
use crate::request::Request;

/// `UpdateStateMachine`. Running executions keep what they started with.
pub(crate) async fn update(
    machines: &Machines,
    environment: &Environment,
    dispatcher: &Dispatcher,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let named = Named::parse(request.required("stateMachineArn")?, request.call)?;
    let _lock = machines.lock_exclusive(&named.name).await;
    let old = machines.named(&named)?;
    if old.deleting {
        return Err(machine_deleting(&named.arn));
    }
    // What is locked cannot be compared, nor sealed anew.
    let opened = keys.definition_for(request.call, &old.definition, &old.arn()).await?;
    let old = Arc::new(StateMachine { definition: opened, ..StateMachine::clone(&old) });
    let definition = request.text("definition")?;
    let role = request.text("roleArn")?;
    let mut new = StateMachine::clone(&old);
    let names_settings = new.settings.take(request)?;
    if definition.is_none() && role.is_none() && !names_settings {
        let text = "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified";
        return Err(Fault::new("MissingRequiredParameter", text));
    }
    let publishing = Publishing::of_request(request)?;
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
    let encryption = &new.settings.encryption;
    if *encryption != old.settings.encryption {
        keys.check(request.call, &old.arn(), encryption).await?;
    }
    if *encryption != old.settings.encryption || !Arc::ptr_eq(&new.definition, &old.definition) {
        new.definition = keys.keep_definition(request.call, encryption, &old.arn(), new.definition.clone()).await?;
    }
    let now = environment.now();
    // Recorded: the first update that names a role makes a revision even when it
    // changes nothing; one that names only an equal definition does not.
    let first_role = new.revision_id.is_none() && role.is_some();
    let is_revised = first_role || is_changed(&old, &new);
    if is_revised {
        new.updated_at = now;
        new.revision_id = Some(environment.uuid());
        new.versions.current = None;
    }
    let publication = publishing.apply(&mut new, environment, now)?;
    let version = publication.as_ref().and_then(|publication| publication.new.as_ref());
    if is_revised || version.is_some() {
        machines.put(&new, version).await?;
    }
    let mut out = Object::new();
    out.insert("updateDate", epoch_seconds(now));
    if let Some(revision_id) = &new.revision_id {
        out.insert("revisionId", revision_id);
    }
    if let Some(publication) = publication {
        out.insert("stateMachineVersionArn", new.version_arn(publication.published.number));
    }
    Ok(Value::from(out).into())
}

fn is_changed(old: &StateMachine, new: &StateMachine) -> bool {
    old.definition.text != new.definition.text || old.role_arn != new.role_arn || old.settings != new.settings
}
