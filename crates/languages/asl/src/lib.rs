//! The Amazon States Language: text in, program and every diagnostic out.
//!
//! This crate knows no execution, no clock, no randomness and no I/O: what an
//! evaluation needs from outside comes in through [`Surroundings`].

mod diagnostic;
mod failure;
mod parse;
mod program;
mod scope;
mod surroundings;
mod validate;

pub use diagnostic::{Diagnostic, Severity, invalid_definition_message};
pub use failure::Failure;
pub use parse::{
    Definition, LoadError, Options, StateDefinition, WorkflowType, load_definition, parse_definition, parse_state,
};
pub use program::*;
pub use scope::Scope;
pub use surroundings::Surroundings;
