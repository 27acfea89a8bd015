//! The deterministic world: a seed drives generated workflows, a virtual clock,
//! tasks that answer, fail, are late or stay silent, and a store that crashes,
//! fails to sync or refuses to write. [`simulate`] runs one seed and holds the
//! server to its predicates; equal seeds give equal reports.

mod clock;
mod generate;
mod outside;
mod predicates;
mod random;
mod world;

pub use generate::generate;
pub use random::Random;
pub use world::{Report, simulate};
