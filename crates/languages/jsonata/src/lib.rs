//! JSONata as Step Functions speaks it, made safe.
//!
//! An [`Expression`] is checked once and evaluated many times, from any thread.
//! Evaluation is a pure function of the bindings, the [`World`] (clock and seed)
//! and the [`Limits`]: it reads no clock and no randomness, and every loop,
//! recursion and allocation is counted, so a runaway expression ends with the
//! same error at the same place each time.

mod arrays;
mod aws;
mod builtins;
mod error;
mod evaluate;
mod expression;
mod functions;
mod hof;
mod item;
mod limits;
mod lower;
mod matches;
mod members;
mod number;
mod numerics;
mod objects;
mod parser;
mod pictures;
mod random;
mod references;
mod signature;
mod strings;
mod syntax;
mod token;
mod tree;
mod world;

pub use error::{CompileError, ErrorKind, EvaluationError, UnsupportedReference};
pub use expression::Expression;
pub use limits::Limits;
pub use world::World;

/// Native stack that must be left for one more level of recursion.
pub(crate) const STACK_RED_ZONE: usize = 256 * 1024;

/// The native stack is looked at once in so many levels; the red zone holds
/// as many.
pub(crate) const LEVELS_A_CHECK: usize = 4;

/// Stack taken from the heap when the red zone is reached.
pub(crate) const STACK_SEGMENT: usize = 4 * 1024 * 1024;
