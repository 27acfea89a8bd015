//! EventBridge Scheduler as its callers and its targets see it.

mod crashes;
mod firing;
mod groups;
mod schedules;
mod targets;
mod world;
