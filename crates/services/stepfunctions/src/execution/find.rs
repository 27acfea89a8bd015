//! Executions of all state machines in one list; beyond AWS.

use windlass_journal::{ExecutionSearch, Journal, Record};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Text, Timestamp, Value};
use windlass_workflow::{Status, epoch_seconds};

use super::list::item;
use crate::fault::of_journal;
use crate::machine::{Machines, arns_of_standard};
use crate::request::Request;

/// State machines whose executions are looked through at once.
pub(super) const MACHINES_SEARCHED_MAX: usize = 2_000;
/// Executions that one search looks at; a further one goes on behind them.
const EXECUTIONS_SEARCHED_MAX: usize = 20_000;
const RESULTS_DEFAULT: usize = 100;
const RESULTS_MAX: usize = 1_000;

/// Finds executions by status, by a part of their name or error, and by when they started.
pub(crate) async fn find(machines: &Machines, journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    let status = match request.text("status")? {
        None => None,
        Some(text) => Some(
            Status::parse(text).ok_or_else(|| Fault::validation(format!("'{text}' is no status of an execution")))?,
        ),
    };
    let part = |name: &str| Ok::<_, Fault>(request.text(name)?.map_or_else(String::new, |text| text.to_lowercase()));
    let (name_part, error_part) = (part("name")?, part("error")?);
    let before = match request.text("nextToken")? {
        Some(token) => {
            Some(token.parse().map(Timestamp).map_err(|_| Fault::validation("'nextToken' is none of ours"))?)
        }
        None => instant(request, "startedBefore")?,
    };
    let started_from = instant(request, "startedAfter")?;
    let limit = match request.member("maxResults").and_then(Value::as_i64) {
        None => RESULTS_DEFAULT,
        Some(limit) => usize::try_from(limit).unwrap_or(0).clamp(1, RESULTS_MAX),
    };
    let arns: Vec<Text> = match request.text("stateMachineArn")? {
        Some(arn) => vec![arn.clone()],
        None => arns_of_standard(machines, &request.call.account, &request.call.region, MACHINES_SEARCHED_MAX)?,
    };
    let journal = journal.clone();
    let found = tokio::task::spawn_blocking(move || {
        journal.search(&ExecutionSearch {
            machines: &arns,
            status,
            started_from,
            started_before: before,
            name_part: &name_part,
            error_part: &error_part,
            limit,
            rows_max: EXECUTIONS_SEARCHED_MAX,
        })
    });
    let found = found.await.map_err(|error| Fault::internal(error.to_string()))?.map_err(|error| of_journal(&error))?;
    let mut out = Object::new();
    out.insert("executions", Value::array(found.records.iter().map(with_error).collect()));
    if let Some(before) = found.more_before {
        out.insert("nextToken", before.as_ms().to_string());
    }
    Ok(Value::from(out).into())
}

/// As `ListExecutions` tells it, and its error.
pub(super) fn with_error(record: &Record) -> Value {
    let mut value = item(record);
    if let (Value::Object(object), Some(error)) = (&mut value, &record.error) {
        std::sync::Arc::make_mut(object).insert("error", error);
    }
    value
}

/// Seconds since 1970, or an instant in words.
fn instant(request: Request<'_>, name: &str) -> Result<Option<Timestamp>, Fault> {
    match request.member(name) {
        None => Ok(None),
        Some(Value::Number(seconds)) => Ok(Some(Timestamp((seconds.as_f64() * 1_000.0) as i64))),
        Some(_) => Err(Fault::validation(format!("'{name}' must be seconds since 1970"))),
    }
}

/// Seconds since 1970, with milliseconds.
pub(super) fn seconds(at: Timestamp) -> Value {
    epoch_seconds(at)
}
