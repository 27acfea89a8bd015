//! Map Runs as the API shows them.

mod describe;
mod list;
mod update;

pub(crate) use describe::describe;
pub(crate) use list::list;
pub(crate) use update::update;

use windlass_journal::{Journal, MapRunRecord};
use windlass_protocol::{Call, Fault};
use windlass_value::Timestamp;
use windlass_workflow::{MapRunStatus, Status};

use crate::arn::{Kind, StatesArn};
use crate::fault::{map_run_not_found, of_journal};

/// The status of a child as it is shown: one that did not succeed waits for its Map
/// Run where that was redriven since.
pub(crate) fn child_status(
    map_run: &MapRunRecord,
    status: Status,
    started_at: Timestamp,
    redriven_at: Option<Timestamp>,
) -> &'static str {
    let is_unsuccessful = !matches!(status, Status::Running | Status::Succeeded);
    let began = redriven_at.unwrap_or(started_at);
    let waits = map_run.status == MapRunStatus::Running && map_run.redriven_at.is_some_and(|at| began < at);
    if is_unsuccessful && waits { "PENDING_REDRIVE" } else { status.as_str() }
}

/// A Map Run of the caller's account and region.
///
/// # Errors
/// `InvalidArn`; `ResourceNotFound`; what the journal answers.
pub(crate) fn record(journal: &Journal, text: &str, call: &Call) -> Result<MapRunRecord, Fault> {
    let arn = StatesArn::parse(text, &[Kind::MapRun])?;
    let found =
        if arn.is_of(call) { journal.map_run(&arn.canonical()).map_err(|error| of_journal(&error))? } else { None };
    found.ok_or_else(|| map_run_not_found(text))
}
