use windlass_journal::{Journal, MapRunUpdate};
use windlass_protocol::{Fault, Reply};
use windlass_value::Value;

use super::record;
use crate::fault::{map_run_completed, map_run_not_found, of_journal};
use crate::request::Request;

/// `UpdateMapRun`: what runs goes on; the new bounds count from now on.
pub(crate) async fn update(journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("mapRunArn")?;
    let record = record(journal, text, request.call)?;
    let number = |name: &str| match request.member(name) {
        None => Ok(None),
        Some(value) => match value.as_i64().map(u64::try_from) {
            Some(Ok(number)) => Ok(Some(number)),
            _ => Err(out_of_bounds(name, value, "greater than or equal to 0")),
        },
    };
    let percentage = match request.member("toleratedFailurePercentage") {
        None => None,
        Some(value) => match value.as_f64() {
            Some(percentage) if (0.0..=100.0).contains(&percentage) => Some(percentage),
            Some(percentage) if percentage < 0.0 => {
                return Err(out_of_bounds("toleratedFailurePercentage", value, "greater than or equal to 0"));
            }
            _ => return Err(out_of_bounds("toleratedFailurePercentage", value, "less than or equal to 100")),
        },
    };
    let update = MapRunUpdate {
        concurrency_max: number("maxConcurrency")?,
        tolerated_failure_count: number("toleratedFailureCount")?,
        tolerated_failure_percentage: percentage,
    };
    match journal.update_map_run(&record.arn, update).await.map_err(|error| of_journal(&error))? {
        Some(true) => Ok(Value::empty_object().into()),
        Some(false) => Err(map_run_completed(text)),
        None => Err(map_run_not_found(text)),
    }
}

fn out_of_bounds(name: &str, value: &Value, bound: &str) -> Fault {
    Fault::validation(format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have value {bound}"
    ))
}
