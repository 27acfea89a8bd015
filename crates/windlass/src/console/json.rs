//! Answers of our own endpoints that are JSON.

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use windlass_protocol::Fault;
use windlass_value::{Value, object};

use crate::answer::{self, Answer};

/// A value, or what went wrong as `{code, message}`.
pub(super) fn answer(outcome: Result<Value, Fault>) -> Answer {
    let (status, value) = match outcome {
        Ok(value) => (StatusCode::OK, value),
        Err(fault) => (
            StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST),
            object! { "code" => fault.code, "message" => fault.message },
        ),
    };
    let mut answer = answer::plain(status, "application/json", Bytes::from(value.to_text()));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
