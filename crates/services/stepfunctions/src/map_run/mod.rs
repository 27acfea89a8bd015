//! Map Runs as the API shows them.

mod describe;
mod list;
mod update;

pub(crate) use describe::describe;
pub(crate) use list::list;
pub(crate) use update::update;

use windlass_journal::{Journal, MapRunRecord};
use windlass_protocol::{Call, Fault};

use crate::arn::{Kind, StatesArn};
use crate::fault::{map_run_not_found, of_journal};

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
