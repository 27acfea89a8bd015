//! Amazon EventBridge: event buses, rules and their targets, archives and replays,
//! connections and API destinations.
//!
//! - An event is acknowledged when what it causes is durable: archived rows and one
//!   delivery for each target of each rule that matches are one batch.
//! - Deliveries are made at least once. Our own services know a repeat by its
//!   key; an execution is named by the delivery, so a repeat starts nothing new.
//! - A rule's schedule is one row with its next instant. Firing is one batch that
//!   delivers and sets the instant after it: none is missed or doubled by a crash.
//!   Instants that passed while the server was down give one event
//!   ([`MissedSchedules`]).

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod api_destination;
mod api_destination_call;
mod archive;
mod authorization;
mod bus;
mod bus_operations;
mod catalogue;
mod connection;
mod counters;
mod delivery;
mod event;
mod events;
mod faults;
mod heads;
mod http_text;
mod once;
mod page;
mod place;
mod publish;
mod put_events;
mod random;
mod rate_limit;
mod replay;
mod request;
mod rule;
mod rule_operations;
mod schedule;
mod tables;
mod tags;
mod target;
mod target_input;
mod target_operations;
mod work;

pub use events::{Events, EventsOptions, MissedSchedules};
pub use tables::TABLES;
