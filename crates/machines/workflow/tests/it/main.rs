//! The workflow machine against data-driven cases and generated definitions.

mod cases;
mod invariants;
mod script;
mod world;
