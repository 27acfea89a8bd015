use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault};
use windlass_value::Value;

use crate::faults;
use crate::place::{DEFAULT_BUS, Place};

/// Results on a page when the caller names no number.
const RESULTS_DEFAULT: usize = 100;

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

    /// A text of which an empty one says nothing.
    pub(crate) fn text_not_empty(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    pub(crate) fn owned(&self, name: &str) -> Result<Option<String>, Fault> {
        Ok(self.text(name)?.map(str::to_owned))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Fault> {
        match self.member(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong_type(name, "an integer")),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.member(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(wrong_type(name, "a boolean")),
        }
    }

    pub(crate) fn array(&self, name: &str) -> Result<&'a [Value], Fault> {
        match self.member(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(wrong_type(name, "a list")),
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Fault> {
        self.array(name)?
            .iter()
            .map(|item| item.as_str().ok_or_else(|| wrong_type(name, "a list of strings")))
            .collect()
    }

    /// Epoch seconds as milliseconds.
    pub(crate) fn instant_ms(&self, name: &str) -> Result<Option<i64>, Fault> {
        match self.member(name) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .map(|seconds| Some((seconds * 1000.0) as i64))
                .ok_or_else(|| wrong_type(name, "a timestamp")),
        }
    }

    /// The account, region and name of the bus a member names, by name or ARN;
    /// without one, the caller's default bus.
    pub(crate) fn bus(&self, name: &str) -> Result<(Place, String), Fault> {
        bus(self.place(), self.text(name)?)
    }

    /// `Limit`
    pub(crate) fn results_max(&self) -> Result<usize, Fault> {
        let limit = self.integer("Limit")?;
        Ok(limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(RESULTS_DEFAULT).clamp(1, RESULTS_DEFAULT))
    }

    /// `Tags` as AWS's list of keys and values.
    pub(crate) fn tags(&self) -> Result<BTreeMap<String, String>, Fault> {
        self.array("Tags")?
            .iter()
            .map(|tag| match (tag["Key"].as_str(), tag["Value"].as_str()) {
                (Some(key), Some(value)) => Ok((key.to_owned(), value.to_owned())),
                _ => Err(wrong_type("Tags", "a list of keys and values")),
            })
            .collect()
    }
}

/// The bus that a name or ARN names.
///
/// # Errors
/// An ARN of something else.
pub(crate) fn bus(caller: Place, name: Option<&str>) -> Result<(Place, String), Fault> {
    let Some(name) = name else { return Ok((caller, DEFAULT_BUS.to_owned())) };
    if !name.starts_with("arn:") {
        return Ok((caller, name.to_owned()));
    }
    let arn = windlass_value::Arn::parse(name).filter(|arn| arn.service == "events");
    let found = arn.as_ref().and_then(|arn| Some((arn, arn.resource.strip_prefix("event-bus/")?)));
    match found {
        Some((arn, bus)) if !bus.is_empty() => {
            Ok((Place { account: arn.account.as_str().into(), region: arn.region.as_str().into() }, bus.to_owned()))
        }
        _ => Err(faults::parameter("EventBusName", "Must contain an event bus ARN.")),
    }
}

pub(crate) fn text<'a>(input: &'a Value, name: &str) -> Result<Option<&'a str>, Fault> {
    match &input[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(wrong_type(name, "a string")),
    }
}

pub(crate) fn wrong_type(name: &str, expected: &str) -> Fault {
    Fault::new("SerializationException", format!("The member '{name}' must be {expected}"))
}

/// An instant as answers write it: epoch seconds.
pub(crate) fn seconds(ms: i64) -> Value {
    match ms % 1000 {
        0 => Value::int(ms / 1000),
        _ => windlass_value::Number::from_f64(ms as f64 / 1000.0).into(),
    }
}
