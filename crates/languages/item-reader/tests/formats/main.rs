//! The formats against the files of `cases/`, and cursors against random documents.

mod batches;
mod items;
mod results;
mod store;
