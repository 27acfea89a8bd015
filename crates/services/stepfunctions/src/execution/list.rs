use windlass_journal::{ExecutionQuery, ExecutionsOf, Journal, MapRunChild, MapRunChildQuery, MapRunRecord, Record};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::{Status, epoch_seconds};

use super::describe::{optional, qualifier_members};
use super::redrive::redrive_members;
use crate::fault::{machine_type_not_supported, of_journal};
use crate::machine::{Alias, Machines, Named};
use crate::map_run;
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
        return match request.text("mapRunArn")? {
            Some(map_run_arn) => list_children(journal, pages, request, map_run_arn),
            None => Err(Fault::validation("Must specify exactly one of stateMachineArn or mapRunArn")),
        };
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
    let status = filter.map(|filter| status_of(filter)).transpose()?.flatten();
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

/// The children of a Map Run, newest first.
fn list_children(journal: &Journal, pages: &Pages, request: Request<'_>, map_run_arn: &str) -> Result<Reply, Fault> {
    let call = request.call;
    let map_run = map_run::record(journal, map_run_arn, call)?;
    let filter = request.text("statusFilter")?.map_or("", |filter| filter);
    let redriven = request.text("redriveFilter")?.map_or("", |filter| filter);
    let arguments = [&*map_run.arn, filter, redriven];
    let query =
        Query { operation: &call.operation, account: &call.account, region: &call.region, arguments: &arguments };
    let after = request.text("nextToken")?.map(|token| pages.open(query, token)).transpose()?;
    let limit = request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?;
    let question = MapRunChildQuery {
        map_run_arn: &map_run.arn,
        status: (!filter.is_empty()).then(|| status_of(filter)).transpose()?.flatten(),
        after: after.as_deref(),
        limit,
    };
    let (children, next) = journal.map_run_children(question).map_err(|error| of_journal(&error))?;
    // A page is what is left of it: those that wait to run again are stored as they ended.
    let shown = children.iter().map(|child| child_item(child, &map_run)).filter(|child| {
        let is_redriven = child["redriveCount"].as_i64().is_some_and(|count| count > 0);
        if !filter.is_empty() && child["status"].as_str() != Some(filter) {
            return false;
        }
        match redriven {
            "REDRIVEN" => is_redriven,
            "NOT_REDRIVEN" => !is_redriven,
            _ => true,
        }
    });
    let mut out = Object::new();
    out.insert("executions", shown.collect::<Vec<Value>>());
    optional(&mut out, "nextToken", next.map(|next| pages.seal(query, &next).into()));
    Ok(Value::from(out).into())
}

fn child_item(child: &MapRunChild, map_run: &MapRunRecord) -> Value {
    let (mut out, items) = match child {
        MapRunChild::Standard(record) => {
            let mut out = members(record);
            let status = map_run::child_status(map_run, record.status, record.started_at, record.redriven_at);
            out.insert("status", status);
            (out, record.child_of.as_ref().map_or(1, |child_of| child_of.items))
        }
        MapRunChild::Express { arn, name, child } => {
            let mut out = Object::new();
            out.insert("executionArn", arn);
            out.insert("stateMachineArn", &map_run.machine_arn);
            out.insert("name", name);
            out.insert("status", map_run::child_status(map_run, child.status, child.started_at, None));
            out.insert("startDate", epoch_seconds(child.started_at));
            out.insert("stopDate", epoch_seconds(child.stopped_at));
            out.insert("redriveCount", child.redrive_count);
            (out, child.items)
        }
    };
    out.insert("mapRunArn", &map_run.arn);
    out.insert("itemCount", items);
    out.into()
}

/// A status by AWS's word; `None`: that of a child that waits to run again.
fn status_of(filter: &str) -> Result<Option<Status>, Fault> {
    if filter == "PENDING_REDRIVE" {
        return Ok(None);
    }
    Status::parse(filter).map(Some).ok_or_else(|| {
        Fault::validation(format!(
            "1 validation error detected: Value '{filter}' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
        ))
    })
}

pub(super) fn item(record: &Record) -> Value {
    members(record).into()
}

fn members(record: &Record) -> Object {
    let mut out = Object::new();
    out.insert("executionArn", &record.arn);
    out.insert("stateMachineArn", &record.machine_arn);
    qualifier_members(&record.qualifiers, &mut out);
    out.insert("name", &record.name);
    out.insert("status", record.status.as_str());
    out.insert("startDate", epoch_seconds(record.started_at));
    optional(&mut out, "stopDate", record.stopped_at.map(epoch_seconds));
    redrive_members(record, &mut out);
    out
}
