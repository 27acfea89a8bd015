//! The Amazon States Language: text in, program and every diagnostic out.
//!
//! This crate knows no execution, no clock, no randomness and no I/O: what an
//! evaluation needs from outside comes in through [`Surroundings`].

mod diagnostic;
mod evaluate;
mod failure;
pub mod intrinsic;
pub mod jsonpath;
mod parse;
mod processor;
mod program;
mod scope;
mod surroundings;
mod template;
mod validate;

pub use diagnostic::{Diagnostic, Severity, invalid_definition_message};
pub use evaluate::{Items, QuantityField, WAIT_SECONDS_MAX, choose};
pub use failure::Failure;
pub use parse::{
    Definition, IntegrationParameters, LoadError, Options, StateDefinition, VariableReferences, WorkflowType,
    integration_parameters, load_definition, parse_definition, parse_state,
};
pub use processor::processor_definition;
pub use program::*;
pub use scope::Scope;
pub use surroundings::Surroundings;
pub use template::Template;
