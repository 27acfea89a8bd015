//! AWS's wire protocols, driven by tables made from the service models, and the
//! `Call` by which services meet.
//!
//! This crate knows no service's behaviour, no storage and no socket.

mod call;
mod dispatcher;
mod fault;

pub use call::{CALL_DEPTH_MAX, Call, Principal, Reply};
pub use dispatcher::{Dispatcher, Outcome, Service};
pub use fault::Fault;
