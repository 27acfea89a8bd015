//! Executions on the store.
mod key;
mod stored;
mod tables;
pub use key::ExecutionKey;
pub use tables::TABLES;
