//! The Secrets Manager over a store in memory.

mod fixture;
mod requests;
mod rotations;
mod secrets;
