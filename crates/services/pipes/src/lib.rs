//! Amazon EventBridge Pipes: messages of a queue go through filters and an
//! enrichment to a target.
//!
//! At least once: a message is deleted from its queue only after the target took
//! it. One that comes again after a crash has the key it had before, by which our
//! own services know it. What filters refuse is deleted.
//!
//! Sources are SQS queues, enrichments functions and Express state machines; others
//! are refused when the pipe is made.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod answer;
mod batch;
mod caller;
mod counters;
mod faults;
mod message;
mod page;
mod pipe;
mod pipe_operations;
mod pipes;
mod place;
mod poller;
mod random;
mod request;
mod tables;
mod target;
mod template;

pub use pipes::Pipes;
pub use tables::TABLES;
