use windlass_journal::{Journal, MapRunRecord};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::epoch_seconds;

use crate::execution;
use crate::fault::of_journal;
use crate::page::{Pages, Query, RESULTS_DEFAULT, RESULTS_MAX};
use crate::request::Request;

/// `ListMapRuns`, newest first.
pub(crate) fn list(journal: &Journal, pages: &Pages, request: Request<'_>) -> Result<Reply, Fault> {
    let call = request.call;
    let execution = execution::record(journal, request.required("executionArn")?, call)?;
    let arguments = [&*execution.arn];
    let query =
        Query { operation: &call.operation, account: &call.account, region: &call.region, arguments: &arguments };
    let after = request.text("nextToken")?.map(|token| pages.open(query, token)).transpose()?;
    let limit = request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?;
    let listed = journal.map_runs_of(&execution.arn, after.as_deref(), limit);
    let (records, next) = listed.map_err(|error| of_journal(&error))?;
    let mut out = Object::new();
    out.insert("mapRuns", records.iter().map(item).collect::<Vec<Value>>());
    if let Some(next) = next {
        out.insert("nextToken", pages.seal(query, &next));
    }
    Ok(Value::from(out).into())
}

fn item(record: &MapRunRecord) -> Value {
    let mut out = Object::new();
    out.insert("executionArn", &record.execution_arn);
    out.insert("mapRunArn", &record.arn);
    out.insert("stateMachineArn", &record.machine_arn);
    out.insert("startDate", epoch_seconds(record.started_at));
    if let Some(stopped_at) = record.stopped_at {
        out.insert("stopDate", epoch_seconds(stopped_at));
    }
    out.into()
}
