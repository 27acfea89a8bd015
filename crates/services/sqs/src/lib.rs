//! Amazon SQS on one's own machine: standard and FIFO queues on the store.
//!
//! - What was acknowledged is on the disk: a sent message is not lost, a deleted
//!   one does not come back. A receive is on the disk before it is answered, with
//!   its count and its visibility timeout: after a crash a message in flight is
//!   visible again when its timeout is over, not before.
//! - Bodies are on the disk only. In memory there is an index of each queue's
//!   messages (ids and times), bounded; what is beyond the bound is read from the
//!   store as earlier messages leave.
//! - `KmsMasterKeyId` and `SqsManagedSseEnabled` are kept and answered; bodies are
//!   stored as they are. Encryption at rest is the operator's disk.
//! - Receive request attempts are remembered in memory: a repeat after a restart
//!   waits for the visibility timeout.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod attempt;
mod attributes;
mod backlog;
mod batch;
mod catalogue;
mod config;
mod content;
mod counters;
mod delete;
mod faults;
mod input;
mod limits;
mod message_attribute;
mod move_task;
mod move_tasks;
mod page;
mod permission;
mod queue;
mod queue_name;
mod queues;
mod random;
mod receipt;
mod receive;
mod record;
mod redrive;
mod residents;
mod send;
mod sender;
mod shared;
mod sqs;
mod sweep;
mod tables;
mod tags;
mod tail;
mod timekeeper;
mod transfer;
mod visibility;

pub use config::SqsConfig;
pub use counters::SqsStats;
pub use sqs::Sqs;
pub use tables::TABLES;
