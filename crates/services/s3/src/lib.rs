//! Amazon S3 on one's own machine.
//!
//! - Small objects lie in the store, so that putting one is one commit; larger
//!   ones in files named by their content, those uploaded in parts as the list of
//!   their parts. An object that is answered is never held in memory.
//! - Listings walk key ranges: a common prefix is skipped, not read through.
//! - A change expects what it looked at, and looks again where another came
//!   between; so conditions hold at the instant of the change.
//! - What a bucket tells others is stored with the change that is told of.
//! - Encryption is what answers say it is; contents lie as they came.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod account;
mod acl;
mod attributes;
mod bucket;
mod bucket_name;
mod buckets;
mod change;
mod checksum;
mod complete;
mod conditions;
mod config;
mod content;
mod copy;
mod cors;
mod cursor;
mod delete;
mod delivery;
mod encryption;
mod event;
mod faults;
mod get;
mod identifier;
mod input;
mod lifecycle;
mod list_objects;
mod list_uploads;
mod list_versions;
mod listing;
mod multipart;
mod notification;
mod object;
mod page_token;
mod properties;
mod put;
mod random;
mod range;
mod s3;
mod settings;
mod stored;
mod tables;
mod tagging;
mod uri;

pub use config::S3Config;
pub use cors::CorsAnswer;
pub use s3::S3;
pub use tables::TABLES;
