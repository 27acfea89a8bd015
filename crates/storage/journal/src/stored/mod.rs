//! The stored forms: separate from the live types, so that either may change
//! without the other. Format 1; every released reader stays.
//!
//! A turn is one entry of the execution's stream: a JSON header, a line feed,
//! and the payloads one after the other as they are. Payloads are named by
//! turn and position, stored once and referred to afterwards.

mod delta;
mod event;
mod frame;
mod place;
mod turn;

pub(crate) use delta::StoredExecution;
pub(crate) use place::Place;
pub use turn::TurnError;
pub(crate) use turn::{StoredRestart, StoredTurn, TurnWriter, read_payload};
