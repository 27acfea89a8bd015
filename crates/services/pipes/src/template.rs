//! Templates and paths of pipes.

use windlass_event_target::{Path, Resolved, render};
use windlass_value::{Timestamp, Value};

use crate::message::readable;
use crate::pipe::Pipe;

/// An event as a template makes it: JSON where the result is, else text.
pub(crate) fn fill(pipe: &Pipe, template: &str, event: &Value, ingested: Timestamp) -> Value {
    let seen = readable(event);
    let text = render(template, |name| {
        if let Ok(path) = Path::parse(name) {
            return path.find(&seen).map_or(Resolved::Missing, |value| Resolved::Value(value.clone()));
        }
        reserved(pipe, name, event, ingested).map_or(Resolved::Text, Resolved::Value)
    });
    windlass_value::parse(&text).unwrap_or_else(|_| Value::from(text))
}

fn reserved(pipe: &Pipe, name: &str, event: &Value, ingested: Timestamp) -> Option<Value> {
    let record = &pipe.record;
    match name {
        "aws.pipes.pipe-arn" => Some(pipe.arn.as_str().into()),
        "aws.pipes.pipe-name" => Some(record.name.as_str().into()),
        "aws.pipes.source-arn" => Some(record.source.as_str().into()),
        "aws.pipes.target-arn" => Some(record.target.as_str().into()),
        "aws.pipes.enrichment-arn" => Some(record.enrichment.as_deref().unwrap_or_default().into()),
        "aws.pipes.event.ingestion-time" => Some(ingested.to_rfc3339().into()),
        "aws.pipes.event" => Some(event.clone()),
        "aws.pipes.event.json" => Some(readable(event)),
        _ => None,
    }
}

/// A parameter that may be a path into the event.
pub(crate) fn parameter(parameter: &Value, event: &Value) -> Option<String> {
    let text = parameter.as_str()?;
    let Some(path) = text.starts_with('$').then(|| Path::parse(text).ok()).flatten() else {
        return Some(text.to_owned());
    };
    match path.find(&readable(event))? {
        Value::String(text) => Some(text.to_string()),
        value => Some(value.to_text()),
    }
}
