//! Amazon CloudWatch Logs: log groups, their streams, and events that are found
//! again by time, stream and filter pattern.
//!
//! Events are rows keyed by group and time, with an index by stream, so that both
//! readings go forward and backward in time without sorting. This crate knows no
//! other service and no socket.

#![allow(clippy::result_large_err)]

mod event;
mod faults;
mod group;
mod page;
mod pattern;
mod policy;
mod put;
mod read;
mod retention;
mod service;
mod stream;
mod tables;
mod tags;

pub use pattern::{FilterPattern, PatternError};
pub use service::{Logs, LogsStats};
pub use tables::TABLES;
