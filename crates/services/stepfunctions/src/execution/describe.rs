use windlass_journal::{ExpressChild, Journal, MapRunRecord, Qualifiers, Record};
use windlass_protocol::{Call, Fault, Reply};
use windlass_value::{Object, Payload, Text, Value, object};
use windlass_workflow::{Status, epoch_seconds};

use super::redrive::{not_redrivable, redrive_members};
use super::{details, record};
use crate::arn::{Kind, StatesArn};
use crate::environment::Environment;
use crate::fault::{execution_does_not_exist, of_journal};
use crate::keys::Keys;
use crate::machine::{Machines, describe_definition, is_metadata_only};
use crate::request::Request;

/// `DescribeExecution`.
pub(crate) async fn describe(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let text = request.required("executionArn")?;
    if let Some((map_run, child)) = express_child(journal, text, request.call)? {
        return describe_express_child(request, text, &map_run, &child);
    }
    let record = record(journal, text, request.call)?;
    Ok(Value::from(describe_record(machines, journal, environment, keys, request, record).await?).into())
}

/// The members of `DescribeExecution`.
pub(super) async fn describe_record(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    keys: &Keys,
    request: Request<'_>,
    mut record: Record,
) -> Result<Object, Fault> {
    let mut out = Object::new();
    out.insert("executionArn", &record.arn);
    out.insert("stateMachineArn", &record.machine_arn);
    qualifier_members(&record.qualifiers, &mut out);
    out.insert("name", &record.name);
    out.insert("status", record.status.as_str());
    out.insert("startDate", epoch_seconds(record.started_at));
    optional(&mut out, "stopDate", record.stopped_at.map(epoch_seconds));
    let details = record.details();
    if is_metadata_only(request)? {
        // Nothing is read, so nobody needs a key.
        out.insert("inputDetails", object! { "included" => false });
        out.insert("outputDetails", object! { "included" => false });
    } else {
        let read = || {
            let mut opened = record.clone();
            journal.open_record(&mut opened)?;
            Ok((journal.data(&record)?, opened))
        };
        let ((input, output), opened) = keys.reading(journal, request.call, &record, read).await?;
        record = opened;
        data_members(request, &mut out, &input, output.as_ref())?;
    }
    // Recorded: outputDetails only with an output, unlike StartSyncExecution.
    if !record.has_output {
        out.remove("outputDetails");
    }
    optional(&mut out, "mapRunArn", record.child_of.as_ref().map(|child| Value::from(&child.map_run_arn)));
    optional(&mut out, "traceHeader", details::trace_header(&details).cloned());
    optional(&mut out, "error", record.error.as_ref().map(Value::from));
    optional(&mut out, "cause", record.cause.as_ref().map(Value::from));
    redrive_members(&record, &mut out);
    let reason = {
        // Only of what failed its machine is asked.
        let failed = !matches!(record.status, Status::Running | Status::Succeeded);
        let _lock = if failed { Some(machines.lock_shared(&record.machine_name).await) } else { None };
        not_redrivable(machines, journal, &record, environment.now())?
    };
    let redrivable = if record.child_of.is_some() { "REDRIVABLE_BY_MAP_RUN" } else { "REDRIVABLE" };
    out.insert("redriveStatus", if reason.is_none() { redrivable } else { "NOT_REDRIVABLE" });
    optional(&mut out, "redriveStatusReason", reason.map(Value::from));
    Ok(out)
}

/// An Express execution is shown only where a Map Run started it.
///
/// # Errors
/// `ExecutionDoesNotExist` for a child that is not there, or has not ended.
fn express_child(journal: &Journal, text: &str, call: &Call) -> Result<Option<(MapRunRecord, ExpressChild)>, Fault> {
    let Ok(arn) = StatesArn::parse(text, &[Kind::Express]) else { return Ok(None) };
    if !arn.id.split(':').next().is_some_and(|machine| machine.contains('/')) {
        return Ok(None);
    }
    let missing = || execution_does_not_exist(text);
    if !arn.is_of(call) {
        return Err(missing());
    }
    let found = journal.express_child(&arn.canonical()).map_err(|error| of_journal(&error))?;
    let (map_run_arn, child) = found.ok_or_else(missing)?;
    let map_run = journal.map_run(&map_run_arn).map_err(|error| of_journal(&error))?.ok_or_else(missing)?;
    Ok(Some((map_run, child)))
}

fn describe_express_child(
    request: Request<'_>,
    arn: &str,
    map_run: &MapRunRecord,
    child: &ExpressChild,
) -> Result<Reply, Fault> {
    let mut out = Object::new();
    out.insert("executionArn", arn);
    out.insert("stateMachineArn", &map_run.machine_arn);
    out.insert("name", arn.rsplit(':').nth(1).unwrap_or_default());
    out.insert("status", child.status.as_str());
    out.insert("startDate", epoch_seconds(child.started_at));
    out.insert("stopDate", epoch_seconds(child.stopped_at));
    data_members(request, &mut out, &child.input, child.output.as_ref())?;
    if child.output.is_none() {
        out.remove("outputDetails");
    }
    out.insert("mapRunArn", &map_run.arn);
    optional(&mut out, "error", child.error.as_ref().map(Value::from));
    optional(&mut out, "cause", child.cause.as_ref().map(Value::from));
    out.insert("redriveCount", child.redrive_count);
    match child.status {
        Status::Running | Status::Succeeded => {
            let reason = format!("Execution is {} and cannot be redriven", child.status.as_str());
            out.insert("redriveStatus", "NOT_REDRIVABLE");
            out.insert("redriveStatusReason", reason);
        }
        Status::Failed | Status::TimedOut | Status::Aborted => {
            out.insert("redriveStatus", "REDRIVABLE_BY_MAP_RUN");
        }
    }
    Ok(Value::from(out).into())
}

/// `DescribeStateMachineForExecution`: the machine as the execution uses it.
pub(crate) async fn describe_machine(journal: &Journal, keys: &Keys, request: Request<'_>) -> Result<Reply, Fault> {
    let record = record(journal, request.required("executionArn")?, request.call)?;
    let text = if is_metadata_only(request)? {
        Text::default()
    } else {
        let read = || journal.definition(&record.definition_hash);
        let definition = keys.reading(journal, request.call, &record, read).await?;
        definition.ok_or_else(|| Fault::internal(format!("no definition of {}", record.arn)))?.text.clone()
    };
    let details = record.details();
    let mut out = Object::new();
    out.insert("stateMachineArn", &record.machine_arn);
    out.insert("name", &record.machine_name);
    out.insert("roleArn", &record.role_arn);
    if let Some(child) = &record.child_of {
        out.insert("mapRunArn", &child.map_run_arn);
        optional(&mut out, "label", record.machine_name.split_once('/').map(|(_, label)| label.into()));
    }
    describe_definition(request, &text, &mut out)?;
    out.insert("updateDate", epoch_seconds(details::updated_at(&details).unwrap_or(record.started_at)));
    details::settings(&details).to_members(&mut out);
    optional(&mut out, "revisionId", details::revision_id(&details).cloned());
    Ok(Value::from(out).into())
}

/// The members that show input and output; with `METADATA_ONLY` only that they
/// are left out.
pub(super) fn data_members(
    request: Request<'_>,
    out: &mut Object,
    input: &Payload,
    output: Option<&Payload>,
) -> Result<(), Fault> {
    let included = request.text("includedData")?.is_none_or(|data| &**data != "METADATA_ONLY");
    let details = || object! { "included" => included };
    let shown = |payload: Option<&Payload>| payload.filter(|_| included).map(|payload| Value::from(payload.text()));
    optional(out, "input", shown(Some(input)));
    out.insert("inputDetails", details());
    optional(out, "output", shown(output));
    out.insert("outputDetails", details());
    Ok(())
}

/// The version and the alias that an execution was started through.
pub(crate) fn qualifier_members(qualifiers: &Qualifiers, out: &mut Object) {
    optional(out, "stateMachineVersionArn", qualifiers.version_arn.as_ref().map(Value::from));
    optional(out, "stateMachineAliasArn", qualifiers.alias_arn.as_ref().map(Value::from));
}

pub(super) fn optional(out: &mut Object, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        out.insert(name, value);
    }
}
