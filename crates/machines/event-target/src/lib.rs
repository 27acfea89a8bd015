//! What EventBridge, its Scheduler and its Pipes have in common: which call a
//! target's ARN stands for, what comes of a failed delivery, and how a target's
//! input is made from an event.
//!
//! Pure: this crate makes no call and knows no clock.

mod dead_letter;
mod destination;
mod event_entry;
mod path;
mod request;
mod retry;
mod template;

pub use dead_letter::{DeadLetter, Exhausted};
pub use destination::{Destination, DestinationError, Kind};
pub use event_entry::EventEntry;
pub use path::{Path, PathError};
pub use request::Request;
pub use retry::{AGE_SECONDS_MAX, AGE_SECONDS_MIN, ATTEMPTS_MAX, Failure, RetryPolicy, Verdict};
pub use template::{Resolved, render};
