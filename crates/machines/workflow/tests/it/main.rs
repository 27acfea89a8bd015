//! The workflow machine against data-driven cases and generated definitions.

mod cases;
mod invariants;
mod properties;
mod script;
mod trace;
mod world;
