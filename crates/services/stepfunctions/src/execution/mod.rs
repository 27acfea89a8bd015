//! Executions.

mod concurrency;
mod describe;
mod details;
mod find;
mod fork;
mod history;
mod list;
mod moment;
mod overview;
mod redrive;
mod start;
mod stop;
mod sync;
mod waiting;

pub(crate) use describe::{describe, describe_machine, qualifier_members};
pub(crate) use details::{UPDATED_AT_MS, trace_header as trace_header_of};
pub(crate) use find::find;
pub(crate) use fork::fork;
pub(crate) use history::history;
pub(crate) use list::list;
pub(crate) use moment::{describe_more, moment};
pub(crate) use overview::overview;
pub(crate) use redrive::{redrive, redrive_from};
pub(crate) use start::{check_bytes, checked_input, start};
pub(crate) use stop::stop;
pub(crate) use sync::{billed, start_sync};
pub(crate) use waiting::waiting;

use windlass_journal::{Journal, Record};
use windlass_protocol::{Call, Fault};

use crate::arn::{Kind, StatesArn};
use crate::fault::{execution_does_not_exist, of_journal};

/// The record of a Standard execution of the caller's account and region.
///
/// # Errors
/// `InvalidArn`, also for Express; `ExecutionDoesNotExist`; what the journal answers.
fn record(journal: &Journal, text: &str, call: &Call) -> Result<Record, Fault> {
    let arn = StatesArn::parse(text, &[Kind::Execution])?;
    let found =
        if arn.is_of(call) { journal.record(&arn.canonical()).map_err(|error| of_journal(&error))? } else { None };
    found.ok_or_else(|| execution_does_not_exist(text))
}
