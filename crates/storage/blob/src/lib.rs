//! Large contents in files, named by the SHA-256 of what they hold.
//!
//! A content lies once, however many own it: an owner's batch adds or removes a
//! reference, and a content that no reference names is removed. Files appear
//! whole or not at all, also after power loss; a content is durable before it can
//! be referred to.
//!
//! This crate knows no AWS service.

mod blob_id;
mod blob_store;
mod incoming;
mod pins;
mod references;
mod sweep;

pub use blob_id::BlobId;
pub use blob_store::{BlobStats, BlobStore};
pub use incoming::{Incoming, Written};
pub use pins::Pinned;
pub use references::TABLES;
pub use sweep::Swept;
