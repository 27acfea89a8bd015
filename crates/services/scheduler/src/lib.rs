//! Amazon EventBridge Scheduler: schedules, their groups, and what they call.
//!
//! - The next instant of each schedule is one durable row. Firing is one batch: the
//!   invocation, and the row moved to the instant after it. So no instant is missed
//!   or doubled by a crash.
//! - Instants that passed while the server was down give one invocation
//!   ([`MissedSchedules`]).
//! - Invocations are made at least once, each under an id of its own that follows
//!   from schedule and instant; our own services know a repeat by it.
//! - Where clocks are set forward, a cron's times in the gap are skipped; where they
//!   are set back, a time that occurs twice fires at its first occurrence only.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod context;
mod counters;
mod delivery;
mod faults;
mod fire;
mod group;
mod once;
mod page;
mod place;
mod random;
mod request;
mod schedule;
mod schedule_operations;
mod scheduler;
mod tables;
mod target;
mod work;

pub use scheduler::{MissedSchedules, Scheduler, SchedulerOptions};
pub use tables::TABLES;
