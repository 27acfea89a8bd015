//! The Amazon States Language: text in, program and every diagnostic out.
//!
//! This crate knows no execution, no clock, no randomness and no I/O: what an
//! evaluation needs from outside comes in through [`Surroundings`].

mod diagnostic;
mod failure;
mod program;
mod scope;
mod surroundings;

pub use diagnostic::{Diagnostic, Severity};
pub use failure::Failure;
pub use program::*;
pub use scope::Scope;
pub use surroundings::Surroundings;
