//! Durable deliveries from one service to another: rows that are added in the
//! batch of the effect that causes them, and delivered at least once; and the
//! receiver's side, the first answers of calls that may come again.
//!
//! - An entry is durable with its effect. [`Outbox::committed`] hands it over
//!   from memory; what was not handed over (a crash, a caller that gave up, too
//!   much at once) is found in the store by its instant.
//! - Entries of one lane are delivered one at a time, in the order of
//!   [`Outbox::add`]; one that is tried again holds its lane up.
//! - A delivery ends with a batch that removes its row, together with what the
//!   receiver's answer changes. If that batch fails, it is delivered again: so a
//!   receiver must know repeats by the entry's id ([`Answers`]).
//!
//! This crate knows no AWS service and no call: bodies are bytes.

mod answers;
mod deliver;
mod outbox;
mod pending;
mod pump;
mod row;
mod worker;

pub use answers::{ANSWER_LIFETIME_MS, Answers, ApplyError, SWEEP_GRACE_MS};
pub use deliver::{BoxFuture, Deliver, Delivery, Entry, OutboxOptions, Verdict};
pub use outbox::Outbox;
pub use pending::{LANE_PENDING_MAX, PENDING_BYTES_MAX, PENDING_MAX};
pub use row::TABLES;
