use windlass_journal::{Journal, Qualifiers, Record};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Payload, Text, Value, object};
use windlass_workflow::{Status, epoch_seconds};

use super::redrive::{not_redrivable, redrive_members};
use super::{details, record};
use crate::environment::Environment;
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
    let record = record(journal, request.required("executionArn")?, request.call)?;
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
    out.insert("redriveStatus", if reason.is_none() { "REDRIVABLE" } else { "NOT_REDRIVABLE" });
    optional(&mut out, "redriveStatusReason", reason.map(Value::from));
    Ok(out)
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
