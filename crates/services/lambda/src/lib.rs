//! AWS Lambda on one's own machine: functions are local processes that speak to
//! our own Lambda Runtime API.
//!
//! Isolation is that of processes of one user: for code one trusts. Every
//! process belongs to a group that is killed when it outlives its time, its
//! memory or this server.

mod alias;
mod archive;
mod catalogue;
mod code_store;
mod concurrency;
mod config;
mod configuration;
mod environment;
mod events;
mod faults;
mod function;
mod function_name;
mod input;
mod invoke;
mod lambda;
mod logs;
mod memory;
mod output;
mod pool;
mod random;
mod runtime;
mod runtime_api;
mod settings;
mod tables;
mod tags;
mod url_function;
mod version;

pub use archive::{ArchiveError, unpack};
pub use config::{LambdaConfig, OpenError};
pub use lambda::Lambda;
pub use tables::TABLES;
