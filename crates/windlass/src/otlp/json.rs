use std::fmt::Write;

use windlass_stepfunctions::{Span, SpanValue};
use windlass_value::{Object, Value, object};

use super::{ERROR_STATUS, SCOPE, VERSION, kind_number, nanoseconds};

/// The spans of one export as OTLP's JSON.
pub(super) fn encode(resource: &[(String, String)], spans: &[Span]) -> String {
    let attributes = resource.iter().map(|(key, value)| {
        object! { "key" => key.as_str(), "value" => object! { "stringValue" => value.as_str() } }
    });
    let scope_spans = object! {
        "scope" => object! { "name" => SCOPE, "version" => VERSION },
        "spans" => Value::array(spans.iter().map(span_value).collect()),
    };
    let resource_spans = object! {
        "resource" => object! { "attributes" => Value::array(attributes.collect()) },
        "scopeSpans" => vec![scope_spans],
    };
    object! { "resourceSpans" => vec![resource_spans] }.to_text()
}

fn span_value(span: &Span) -> Value {
    let mut out = Object::with_capacity(11);
    out.insert("traceId", hex(&span.trace_id));
    out.insert("spanId", hex(&span.span_id));
    if let Some(parent) = &span.parent_id {
        out.insert("parentSpanId", hex(parent));
    }
    out.insert("name", span.name.as_str());
    out.insert("kind", kind_number(span.kind));
    out.insert("startTimeUnixNano", nanoseconds(span.started_at.as_ms()).to_string());
    out.insert("endTimeUnixNano", nanoseconds(span.ended_at.as_ms()).to_string());
    let attributes = span.attributes.iter().map(|(key, value)| {
        let value = match value {
            SpanValue::Text(text) => object! { "stringValue" => text },
            SpanValue::Int(number) => object! { "intValue" => number.to_string() },
        };
        object! { "key" => *key, "value" => value }
    });
    out.insert("attributes", Value::array(attributes.collect()));
    if let Some(failure) = &span.failure {
        out.insert("status", object! { "message" => failure.as_str(), "code" => ERROR_STATUS });
    }
    // Sampled.
    out.insert("flags", 1);
    out.into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
