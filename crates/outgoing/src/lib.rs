//! The HTTP client for calls to the outside: HTTP tasks, webhooks, subscriptions,
//! API destinations, other endpoints.
//!
//! A name is resolved once, its addresses are checked against the [`Guard`], and
//! the connection goes to a checked address, so no answer of a name server can
//! lead to this machine, to the cloud's metadata service or to our own listeners.
//! This crate knows no AWS service, no storage and no configuration.

mod address;
mod client;
mod connector;
mod error;
mod guard;
mod redirect;
mod stream;

pub use address::{Kind, kind_of};
pub use client::{Outgoing, SendLimits};
pub use error::SendError;
pub use guard::{Allow, AllowError, Guard};
