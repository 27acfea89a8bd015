//! Activities: named queues of tasks that workers poll.

mod catalog;
mod operations;
mod poll;
mod queue;

pub use catalog::ACTIVITIES;
pub(crate) use catalog::{Activities, ActivityName};
pub(crate) use operations::{create, delete, describe, list};
pub(crate) use poll::poll;
pub use queue::PENDING_TASKS_MAX;
pub(crate) use queue::{PendingTask, Queues};
