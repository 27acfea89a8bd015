use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault};
use windlass_value::{Number, Value};

use crate::faults;
use crate::place::Place;

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
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(faults::wrong_type(name, "a string")),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Fault> {
        self.text(name)?.ok_or_else(|| faults::not_null(name))
    }

    /// A structure as JSON text.
    pub(crate) fn document(&self, name: &str) -> Option<String> {
        self.member(name).map(Value::to_text)
    }

    /// A map of texts.
    pub(crate) fn text_map(&self, name: &str) -> Result<BTreeMap<String, String>, Fault> {
        match self.member(name) {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(members)) => members
                .iter()
                .map(|(key, value)| match value.as_str() {
                    Some(text) => Ok((key.to_string(), text.to_owned())),
                    None => Err(faults::wrong_type(name, "a map of strings")),
                })
                .collect(),
            Some(_) => Err(faults::wrong_type(name, "a map of strings")),
        }
    }
}

/// An instant as answers write it: epoch seconds.
pub(crate) fn seconds(ms: i64) -> Value {
    match ms % 1000 {
        0 => Value::int(ms / 1000),
        _ => Number::from_f64(ms as f64 / 1000.0).into(),
    }
}
