use windlass_journal::{ExecutionQuery, ExecutionsOf, Journal, Record};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::{Status, epoch_seconds};

use super::describe::{optional, qualifier_members};
use super::redrive::redrive_members;
use crate::fault::{machine_type_not_supported, of_journal};
use crate::machine::{Alias, Machines, Named};
use crate::page::{Pages, Query, RESULTS_DEFAULT, RESULTS_MAX};
use crate::request::Request;

/// `ListExecutions`, newest first.
pub(crate) async fn list(
    machines: &Machines,
    journal: &Journal,
    pages: &Pages,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let call = request.call;
    let Some(text) = request.text("stateMachineArn")? else {
        return Err(match request.text("mapRunArn")? {
            Some(_) => Fault::not_built("listing the executions of a Map Run (mapRunArn)"),
            None => Fault::validation("Must specify exactly one of stateMachineArn or mapRunArn"),
        });
    };
    if request.text("mapRunArn")?.is_some() {
        return Err(Fault::validation("Must specify exactly one of stateMachineArn or mapRunArn"));
    }
    let named = Named::parse(text, call)?;
    let filter = request.text("statusFilter")?;
    if filter.is_some_and(|filter| &**filter == "PENDING_REDRIVE") {
        return Err(Fault::validation("The PENDING_REDRIVE status filter is only supported with mapRunArn"));
    }
    if request.text("redriveFilter")?.is_some() {
        return Err(Fault::validation("The redrive filter is only supported with mapRunArn"));
    }
    let status = filter.map(|filter| {
        Status::parse(filter).ok_or_else(|| {
            Fault::validation(format!(
                "1 validation error detected: Value '{filter}' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
            ))
        })
    });
    let status = status.transpose()?;
    let target = {
        let _lock = machines.lock_shared(&named.name).await;
        // Whose executions are listed is the same for each version of an alias.
        machines.target(&named, Alias::main_version)?
    };
    let machine = &target.machine;
    if machine.is_express() {
        return Err(machine_type_not_supported());
    }
    let listed_arn = match (&target.alias_arn, &target.version) {
        (Some(alias_arn), _) => alias_arn.clone(),
        (None, Some(version)) => version.arn(),
        (None, None) => machine.arn(),
    };
    let of = match (&target.alias_arn, &target.version) {
        (Some(_), _) => ExecutionsOf::Alias(&listed_arn),
        (None, Some(_)) => ExecutionsOf::Version(&listed_arn),
        (None, None) => ExecutionsOf::Machine(&listed_arn),
    };
    let arguments = [&*listed_arn, status.map_or("", Status::as_str)];
    let query =
        Query { operation: &call.operation, account: &call.account, region: &call.region, arguments: &arguments };
    let after = request.text("nextToken")?.map(|token| pages.open(query, token)).transpose()?;
    let limit = request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?;
    let question = ExecutionQuery { of, status, after: after.as_deref(), limit };
    let (records, next) = journal.list(question).map_err(|error| of_journal(&error))?;
    let mut out = Object::new();
    out.insert("executions", records.iter().map(item).collect::<Vec<Value>>());
    optional(&mut out, "nextToken", next.map(|next| pages.seal(query, &next).into()));
    Ok(Value::from(out).into())
}

pub(super) fn item(record: &Record) -> Value {
    let mut out = Object::new();
    out.insert("executionArn", &record.arn);
    out.insert("stateMachineArn", &record.machine_arn);
    qualifier_members(&record.qualifiers, &mut out);
    out.insert("name", &record.name);
    out.insert("status", record.status.as_str());
    out.insert("startDate", epoch_seconds(record.started_at));
    optional(&mut out, "stopDate", record.stopped_at.map(epoch_seconds));
    redrive_members(record, &mut out);
    out.into()
}
