use windlass_protocol::{Call, Fault};
use windlass_value::{Number, Value};

use crate::faults;
use crate::place::Place;

/// Results on a page when the caller names no number, and at most.
const RESULTS_MAX: usize = 100;

/// Reads the members of a call's input. Calls from our own services are not
/// checked against the model before, so a wrong member is answered, never trusted.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) call: &'a Call,
}

impl<'a> Request<'a> {
    pub(crate) fn new(call: &'a Call) -> Request<'a> {
        Request { call }
    }

    pub(crate) fn place(&self) -> Place {
        Place::of(self.call)
    }

    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.call.input.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        text(&self.call.input, name)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Fault> {
        self.text(name)?.ok_or_else(|| faults::not_null(name))
    }

    /// Epoch seconds as milliseconds.
    pub(crate) fn instant_ms(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let seconds = value.as_f64().ok_or_else(|| faults::wrong_type(name, "a timestamp"))?;
        Ok(Some((seconds * 1000.0) as i64))
    }

    /// `MaxResults`
    pub(crate) fn results_max(&self) -> Result<usize, Fault> {
        let given = match self.member("MaxResults") {
            None => None,
            Some(Value::String(text)) => text.parse::<usize>().ok(),
            Some(value) => value.as_i64().and_then(|value| usize::try_from(value).ok()),
        };
        Ok(given.unwrap_or(RESULTS_MAX).clamp(1, RESULTS_MAX))
    }
}

pub(crate) fn text<'a>(input: &'a Value, name: &str) -> Result<Option<&'a str>, Fault> {
    match &input[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(faults::wrong_type(name, "a string")),
    }
}

/// An instant as answers write it: epoch seconds.
pub(crate) fn seconds(ms: i64) -> Value {
    match ms % 1000 {
        0 => Value::int(ms / 1000),
        _ => Number::from_f64(ms as f64 / 1000.0).into(),
    }
}
