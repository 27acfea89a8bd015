//! Aliases: names that lead to one or two versions of a state machine.

mod create;
mod delete;
mod describe;
mod list;
mod record;
mod routing;
mod update;

pub(crate) use create::create_alias;
pub(crate) use delete::delete_alias;
pub(crate) use describe::describe_alias;
pub(crate) use list::list_aliases;
pub(crate) use record::{Alias, WEIGHTS_SUM};
pub(crate) use update::update_alias;

use windlass_protocol::Fault;

use super::named::{Named, Qualifier};
use crate::fault::invalid_arn;
use crate::request::Request;

/// The machine and the name that `stateMachineAliasArn` names; `None` for those
/// of another account or region.
///
/// # Errors
/// `InvalidArn`, also for the ARN of a machine or a version.
fn named_alias(request: Request<'_>) -> Result<Option<(Named, String)>, Fault> {
    let text = request.required("stateMachineAliasArn")?;
    let Some(named) = Named::parse_own(text, request.call)? else { return Ok(None) };
    match named.qualifier.clone() {
        Some(Qualifier::Alias(name)) => Ok(Some((named, name))),
        _ => Err(invalid_arn(&format!("Invalid ARN: {text}")).explained("the ARN names no alias: `…:name:alias`")),
    }
}
