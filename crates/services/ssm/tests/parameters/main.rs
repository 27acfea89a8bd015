//! The Parameter Store over a store in memory.

mod fixture;
mod lists;
mod parameters;
