//! State machines.

mod catalog;
mod create;
mod definition;
mod delete;
mod describe;
mod list;
mod logging;
mod record;
mod settings;
mod stored;
mod update;

pub use catalog::MACHINES_CACHED_MAX;
pub(crate) use catalog::{Machines, Named};
pub(crate) use create::create;
pub(crate) use definition::validate;
pub(crate) use delete::{delete, resume};
pub(crate) use describe::{describe, describe_definition};
pub(crate) use list::{list, rows_by_name};
pub use record::STATE_MACHINES;
pub(crate) use record::StateMachine;
pub(crate) use settings::{Settings, encryption_configuration};
pub(crate) use update::update;
