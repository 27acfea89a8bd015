//! What every floor of Windlass speaks: JSON values that share and keep their
//! spelling, payloads that are parsed only when someone looks inside, instants,
//! and ARNs.
//!
//! This crate knows no clock, no randomness, no I/O and no AWS service.

mod arn;
mod json_error;
mod measure;
mod number;
mod object;
mod parse;
mod payload;
mod position;
mod time;
mod uuid;
mod value;
mod write;

pub use arn::Arn;
pub use json_error::JsonError;
pub use number::Number;
pub use object::Object;
pub use parse::{DEPTH_MAX, parse, validate};
pub use payload::Payload;
pub use position::{DUPLICATES_MAX, LineIndex, Position, Span, SpanMap, parse_with_spans};
pub use time::{Now, Timestamp, TimestampError};
pub use uuid::uuid_v4;
pub use value::{Text, Value};
