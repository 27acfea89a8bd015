//! Amazon SNS: topics, subscriptions, and deliveries that survive restarts.
//!
//! - A publish is one batch: the message once and one small outbox entry for each
//!   subscription whose filter policy lets it through. It is acknowledged after the
//!   commit; deliveries follow from the outbox, with AWS's retry phases, and end in
//!   the subscription's dead-letter queue where it has one.
//! - Topics are FIFO or standard. A FIFO topic numbers its messages in the order of
//!   their commits, forgets repeats of five minutes, and delivers each message group to
//!   each subscription in order.
//! - Deliveries go to queues and functions through the dispatcher, to HTTP(S)
//!   endpoints through the guarded client, and to mailboxes by the configured relay.
//!   Firehose, mobile push and text messages are refused by name.
//! - Messages are signed with a key of this server's own, whose certificate it serves.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod attribute;
mod catalogue;
mod certificate;
mod config;
mod confirmation;
mod delivery;
mod delivery_policy;
mod email;
mod endpoint;
mod envelope;
mod faults;
mod fifo;
mod in_flight;
mod input;
mod job;
mod maintenance;
mod message;
mod outboxes;
mod page;
mod permission;
mod publish;
mod random;
mod send;
mod signer;
mod sns;
mod subscription;
mod subscription_attributes;
mod subscriptions;
mod tables;
mod tags;
mod topic;
mod topic_attributes;
mod topic_name;
mod topics;

pub use config::{SmtpConfig, SmtpSecurity, SnsConfig};
pub use sns::{Measurement, Sns};
pub use tables::TABLES;
