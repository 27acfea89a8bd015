//! Event patterns: the JSON language in which EventBridge rules, pipes and Lambda
//! event source mappings say which events they want, and SNS subscriptions which
//! messages.
//!
//! [`Pattern`] is the whole language as AWS's open-source matcher defines it, with
//! its error texts; [`FilterPolicy`] is SNS's use of it, with SNS's limits. Both are
//! read once and matched often: matching looks only at the paths the pattern names,
//! in time that is linear in the event save for contrived patterns, which
//! [`MATCH_STEPS_MAX`] bounds.

mod compile;
mod decimal;
mod error;
mod event;
mod glob;
mod ignore_case;
mod ip_address;
mod leaf;
mod path_tree;
mod pattern;
mod policy;
mod search;
mod token;

pub use compile::{BRANCHES_MAX, DEPTH_MAX, ENTRIES_MAX, PATTERN_BYTES_MAX};
pub use error::PatternError;
pub use pattern::Pattern;
pub use policy::{Attribute, COMBINATIONS_MAX, FilterPolicy, FilterPolicyError, KEYS_MAX, Scope};
pub use search::MATCH_STEPS_MAX;
