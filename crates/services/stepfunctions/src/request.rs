use windlass_protocol::{Call, Fault};
use windlass_value::{Object, Text, Value};

use crate::fault::not_null;

/// Reads the members of a call's input.
///
/// Calls from the wire are checked against the model before they get here; those
/// from our own services are not, so that a wrong member is answered, never trusted.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) call: &'a Call,
}

impl<'a> Request<'a> {
    pub(crate) fn new(call: &'a Call) -> Request<'a> {
        Request { call }
    }

    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.call.input.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a Text>, Fault> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a Text, Fault> {
        self.text(name)?.ok_or_else(|| not_null(name))
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Fault> {
        match self.member(name) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(wrong_type(name, "a boolean")),
        }
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<&'a Object>, Fault> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(wrong_type(name, "a structure")),
        }
    }

    /// `maxResults`: 0 and absent mean `default`.
    pub(crate) fn results_max(&self, default: usize, max: usize) -> Result<usize, Fault> {
        match self.member("maxResults") {
            None => Ok(default),
            Some(value) => match value.as_i64().map(usize::try_from) {
                Some(Ok(0)) => Ok(default),
                Some(Ok(count)) if count <= max => Ok(count),
                _ => Err(Fault::validation(format!(
                    "1 validation error detected: Value '{value}' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to {max}"
                ))),
            },
        }
    }
}

fn wrong_type(name: &str, expected: &str) -> Fault {
    Fault::new("SerializationException", format!("The member '{name}' must be {expected}"))
}
