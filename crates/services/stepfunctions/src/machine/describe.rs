use windlass_asl::{Machine, MapMode, StateKind, processor_definition};
use windlass_journal::JournalDefinition;
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Text, Value};
use windlass_workflow::{epoch_seconds, label_of};

use super::alias::Alias;
use super::catalog::Machines;
use super::definition::variable_references;
use super::named::{Named, Qualifier};
use super::record::StateMachine;
use crate::fault::machine_does_not_exist;
use crate::keys::Keys;
use crate::request::Request;

/// `DescribeStateMachine`; of an alias the version that most starts get.
pub(crate) async fn describe(machines: &Machines, keys: &Keys, request: Request<'_>) -> Result<Reply, Fault> {
    let named = Named::parse(request.required("stateMachineArn")?, request.call)?;
    // Of a label: the executions that a Map of mode DISTRIBUTED starts.
    let label = match &named.qualifier {
        Some(Qualifier::Label(label)) => Some(label.clone()),
        _ => None,
    };
    let target = {
        let _lock = machines.lock_shared(&named.name).await;
        let whole = Named { qualifier: None, ..named.clone() };
        machines.target(if label.is_some() { &whole } else { &named }, Alias::main_version)?
    };
    let labelled = label.as_deref().map(|label| {
        let found = labelled_processor(&target.as_run().definition, label);
        found.ok_or_else(|| machine_does_not_exist(&named.arn))
    });
    let labelled = labelled.transpose()?;
    let (machine, version) = (target.as_run(), target.version.as_ref());
    let mut out = Object::new();
    if let Some((label, definition)) = labelled {
        return describe_labelled(request, machine, &label, &definition);
    }
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

/// The machine of a distributed Map's children.
fn describe_labelled(
    request: Request<'_>,
    machine: &StateMachine,
    label: &Text,
    definition: &str,
) -> Result<Reply, Fault> {
    let mut out = Object::new();
    out.insert("stateMachineArn", format!("{}/{label}", machine.arn()));
    out.insert("name", format!("{}/{label}", machine.name));
    out.insert("label", label);
    out.insert("status", machine.status());
    out.insert("type", machine.kind.as_str());
    out.insert("roleArn", &machine.role_arn);
    out.insert("creationDate", epoch_seconds(machine.created_at));
    describe_definition(request, definition, &mut out)?;
    machine.settings.to_members(&mut out);
    if let Some(revision_id) = &machine.revision_id {
        out.insert("revisionId", revision_id);
    }
    Ok(Value::from(out).into())
}

/// The label and the processor's definition of the distributed Map of that label.
fn labelled_processor(definition: &JournalDefinition, label: &str) -> Option<(Text, Text)> {
    let state = distributed_state(&definition.program, label)?;
    Some((label.into(), processor_definition(&definition.text, &state)?))
}

/// The name of the distributed Map of that label, wherever it stands.
fn distributed_state(machine: &Machine, label: &str) -> Option<Text> {
    machine.states.values().find_map(|state| match &state.kind {
        StateKind::Parallel { branches } => branches.iter().find_map(|branch| distributed_state(branch, label)),
        StateKind::Map(map) => {
            let is_it = map.mode != MapMode::Inline && *label_of(map, &state.name) == *label;
            if is_it { Some(state.name.clone()) } else { distributed_state(&map.processor, label) }
        }
        _ => None,
    })
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
