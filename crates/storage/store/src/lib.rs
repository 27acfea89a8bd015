//! Durable storage behind one port: services declare tables and write batches;
//! SQL exists only in here.
//!
//! This crate knows no AWS service, no execution and no JSON.

mod batch;
mod key;

pub use batch::{Append, Batch, Column, ColumnKind, ColumnValue, Expect, Index, Row, Table};
pub use key::{Key, SHARDS, shard_of};
