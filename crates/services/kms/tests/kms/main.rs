//! The Key Management Service over a store in memory.

mod crypto;
mod fixture;
mod keys;
