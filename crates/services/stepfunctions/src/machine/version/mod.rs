//! Published versions of state machines.

mod delete;
mod list;
mod publish;
mod record;

pub(crate) use delete::delete_version;
pub(crate) use list::list_versions;
pub(super) use publish::Publishing;
pub(crate) use publish::publish;
pub use record::STATE_MACHINE_VERSIONS;
pub(super) use record::version_key;
pub(crate) use record::{Version, Versions};
