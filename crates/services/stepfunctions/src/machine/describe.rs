use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::epoch_seconds;

use super::alias::Alias;
use super::catalog::Machines;
use super::definition::variable_references;
use super::named::Named;
use crate::keys::Keys;
use crate::request::Request;

/// `DescribeStateMachine`; of an alias the version that most starts get.
pub(crate) async fn describe(machines: &Machines, keys: &Keys, request: Request<'_>) -> Result<Reply, Fault> {
    let named = Named::parse(request.required("stateMachineArn")?, request.call)?;
    let target = {
        let _lock = machines.lock_shared(&named.name).await;
        machines.target(&named, Alias::main_version)?
    };
    let (machine, version) = (target.as_run(), target.version.as_ref());
    let mut out = Object::new();
    out.insert("stateMachineArn", version.map_or_else(|| machine.arn(), |version| version.arn()));
    out.insert("name", &machine.name);
    out.insert("status", target.machine.status());
    out.insert("type", machine.kind.as_str());
    out.insert("roleArn", &machine.role_arn);
    out.insert("creationDate", epoch_seconds(version.map_or(machine.created_at, |version| version.published_at)));
    if let Some(description) = version.and_then(|version| version.description.as_ref()) {
        out.insert("description", description);
    }
    let definition = match is_metadata_only(request)? {
        true => machine.definition.clone(),
        false => keys.definition_for(request.call, &machine.definition, &machine.arn()).await?,
    };
    describe_definition(request, &definition.text, &mut out)?;
    machine.settings.to_members(&mut out);
    if let Some(revision_id) = &machine.revision_id {
        out.insert("revisionId", revision_id);
    }
    Ok(Value::from(out).into())
}

/// Whether data is left out, for which nobody needs a key then.
pub(crate) fn is_metadata_only(request: Request<'_>) -> Result<bool, Fault> {
    Ok(request.text("includedData")?.is_some_and(|data| &**data == "METADATA_ONLY"))
}

/// The members that show a definition; with `METADATA_ONLY` it is empty.
pub(crate) fn describe_definition(request: Request<'_>, text: &str, out: &mut Object) -> Result<(), Fault> {
    if is_metadata_only(request)? {
        out.insert("definition", "{}");
        return Ok(());
    }
    out.insert("definition", text);
    if let Some(references) = variable_references(text) {
        out.insert("variableReferences", references);
    }
    Ok(())
}
