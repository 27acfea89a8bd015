//! The formats against the files of `cases/`, and cursors against random documents.

mod batches;
mod cursors;
mod items;
#[cfg(feature = "parquet")]
mod parquet;
mod results;
mod store;
