//! From a request's head and body to a call, and from its outcome to an answer.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode, request::Parts};
use http_body_util::Full;
use windlass_protocol::{Fault, Outcome};
use windlass_value::{Object, Text, Value};

use crate::answer::Answer;

/// How a request was written, and so how its answer is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire;

/// What a request asks for.
pub(crate) struct Asked {
    pub(crate) operation: Text,
    pub(crate) input: Value,
    pub(crate) body: Bytes,
}

pub(crate) fn decode(parts: &Parts, _service: &str, body: Bytes) -> Result<(Wire, Asked), Fault> {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let Some((_, operation)) = target.split_once('.') else {
        return Err(Fault::new("UnknownOperationException", "The request names no operation."));
    };
    let text = std::str::from_utf8(&body).map_err(|_| Fault::new("SerializationException", "not UTF-8"))?;
    let input = windlass_value::parse(text).map_err(|error| Fault::new("SerializationException", error.to_string()))?;
    Ok((Wire, Asked { operation: operation.into(), input, body: Bytes::new() }))
}

impl Wire {
    pub(crate) fn guess(_parts: &Parts) -> Wire {
        Wire
    }

    pub(crate) fn encode(self, outcome: &Outcome, request_id: &str) -> Answer {
        match outcome {
            Ok(reply) => json(200, reply.output.to_text()),
            Err(fault) => encode_fault(self, fault, request_id),
        }
    }
}

pub(crate) fn encode_fault(_wire: Wire, fault: &Fault, _request_id: &str) -> Answer {
    let mut members = Object::new();
    members.insert("__type", Value::string(fault.code.as_str()));
    members.insert("message", Value::string(fault.message.as_str()));
    json(fault.status, Value::Object(members.into()).to_text())
}

fn json(status: u16, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    answer
}
