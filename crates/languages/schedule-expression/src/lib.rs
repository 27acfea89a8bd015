//! The schedule expressions of EventBridge: `at(…)`, `rate(…)` and `cron(…)` are
//! parsed, and say when they are due next in a time zone.
//!
//! Pure: this crate knows no clock; instants come in as arguments. The time zone
//! database is part of the program.

mod cron;
mod expression;
mod field;
mod rate;
mod zone;

pub use cron::Cron;
pub use expression::{ExpressionError, ScheduleExpression};
pub use rate::{Rate, RateUnit};
pub use zone::Zone;
