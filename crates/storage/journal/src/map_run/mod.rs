//! Map Runs on the store: a row each, children that are executions of their own, and
//! one task a Map Run that drives it.
//!
//! A child's end is applied once: an Express child's row and the counters are one
//! batch; a Standard child's closing batch leaves a message, which the batch that
//! counts it removes. Names of children follow from their numbers, so that none is
//! started twice. After a restart the windows that had not wholly ended are read again.

mod child;
mod children;
mod drive;
mod handle;
mod objects;
mod query;
mod read;
mod record;
mod results;
mod retention;
mod spec;
mod start;
mod stored;

pub use child::{ChildOf, ExpressChild};
pub(crate) use handle::MapRuns;
pub use objects::{ObjectBytes, ObjectPlace, Objects, ObjectsFuture};
pub use query::{MapRunChild, MapRunChildQuery, MapRunUpdate};
pub use record::{MapRunRecord, MapRunTally};
pub(crate) use spec::Spec;
pub(crate) use start::{ABORT_KIND, CHILD_KIND, REDRIVE_KIND};
