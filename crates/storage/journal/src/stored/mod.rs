//! The stored forms: separate from the live types, so that either may change
//! without the other. Every released reader stays.
//!
//! A turn is one entry of the execution's stream: a JSON header, a line feed,
//! and the payloads one after the other as they are. Payloads are named by
//! turn and position, stored once and referred to afterwards.
//!
//! Format 2 adds payloads that are contents of their own, named in the header,
//! and turns whose data is sealed: the data key as it is stored is in the header,
//! and what follows is the sealed text of all payloads, the last of them being
//! what is taken out of the events. The header alone folds into state and tells
//! what happened, not with what. A turn that has neither is written in format 1.

mod delta;
mod event;
mod frame;
mod place;
mod turn;

pub(crate) use delta::StoredExecution;
pub(crate) use place::{Place, mark};
pub use turn::TurnError;
pub(crate) use turn::{Entry, Found, Keeping, StoredRestart, StoredTurn, TurnWriter, content_place};
