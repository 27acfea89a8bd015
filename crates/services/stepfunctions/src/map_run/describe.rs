use windlass_journal::{Journal, MapRunTally};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Number, Object, Value, object};
use windlass_workflow::epoch_seconds;

use super::record;
use crate::request::Request;

/// `DescribeMapRun`.
pub(crate) fn describe(journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    let record = record(journal, request.required("mapRunArn")?, request.call)?;
    let mut out = Object::new();
    out.insert("mapRunArn", &record.arn);
    out.insert("executionArn", &record.execution_arn);
    out.insert("status", record.status.as_str());
    out.insert("startDate", epoch_seconds(record.started_at));
    if let Some(stopped_at) = record.stopped_at {
        out.insert("stopDate", epoch_seconds(stopped_at));
    }
    out.insert("maxConcurrency", record.settings.concurrency_max);
    let percentage = record.settings.tolerated_failure_percentage.unwrap_or(0.0);
    out.insert("toleratedFailurePercentage", Number::from_f64(percentage).map_or(Value::Null, Value::Number));
    out.insert("toleratedFailureCount", record.settings.tolerated_failure_count.unwrap_or(0));
    out.insert("itemCounts", tally(&record.items));
    out.insert("executionCounts", tally(&record.executions));
    out.insert("redriveCount", record.redrive_count);
    if let Some(redriven_at) = record.redriven_at {
        out.insert("redriveDate", epoch_seconds(redriven_at));
    }
    Ok(Value::from(out).into())
}

fn tally(tally: &MapRunTally) -> Value {
    let MapRunTally { pending, running, ended, total, results_written, pending_redrive } = *tally;
    object! {
        "pending" => pending,
        "running" => running,
        "succeeded" => ended.succeeded,
        "failed" => ended.failed,
        "timedOut" => ended.timed_out,
        "aborted" => ended.aborted,
        "total" => total,
        "resultsWritten" => results_written,
        "failuresNotRedrivable" => 0,
        "pendingRedrive" => pending_redrive
    }
}
