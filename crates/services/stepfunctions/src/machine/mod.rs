//! State machines, their versions and aliases.

mod alias;
mod catalog;
mod create;
mod definition;
mod delete;
mod describe;
mod list;
mod logging;
mod named;
mod record;
mod settings;
mod stored;
mod update;
mod version;

pub(crate) use alias::{Alias, WEIGHTS_SUM, create_alias, delete_alias, describe_alias, list_aliases, update_alias};
pub use catalog::MACHINES_CACHED_MAX;
pub(crate) use catalog::{Machines, Target};
pub(crate) use create::{create, role_arn};
pub(crate) use definition::{compile_standard, validate};
pub(crate) use delete::{delete, resume};
pub(crate) use describe::{describe, describe_definition, is_metadata_only};
pub(crate) use list::{arns_of_standard, count_by_name, list, rows_by_name};
pub(crate) use named::Named;
pub use record::STATE_MACHINES;
pub(crate) use record::StateMachine;
pub(crate) use settings::Settings;
pub(crate) use update::update;
pub use version::STATE_MACHINE_VERSIONS;
pub(crate) use version::{delete_version, list_versions, publish};
