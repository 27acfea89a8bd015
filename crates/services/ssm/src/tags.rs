use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Value, object};

use crate::input;
use crate::parameter::StoredParameter;
use crate::put::nothing;
use crate::ssm::Ssm;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

impl Ssm {
    /// `AddTagsToResource`.
    pub(crate) async fn add_tags(&self, call: &Call) -> Outcome {
        let added = read(&call.input["Tags"])?;
        check(&added)?;
        self.change(call, |batch, _| {
            let mut stored = self.tagged(call)?;
            stored.parameter.tags.extend(added.clone());
            check(&stored.parameter.tags)?;
            stored.parameter.put(batch, Some(stored.row_version))?;
            Ok(nothing())
        })
        .await
    }

    /// `RemoveTagsFromResource`.
    pub(crate) async fn remove_tags(&self, call: &Call) -> Outcome {
        let keys = input::texts(&call.input, "TagKeys")?;
        self.change(call, |batch, _| {
            let mut stored = self.tagged(call)?;
            stored.parameter.tags.retain(|key, _| !keys.contains(&key.as_str()));
            stored.parameter.put(batch, Some(stored.row_version))?;
            Ok(nothing())
        })
        .await
    }

    /// `ListTagsForResource`.
    pub(crate) fn list_tags(&self, call: &Call) -> Outcome {
        let tags = self.tagged(call)?.parameter.tags;
        let list: Vec<Value> =
            tags.iter().map(|(key, value)| object! { "Key" => key.as_str(), "Value" => value.as_str() }).collect();
        Ok(Reply::from(object! { "TagList" => list }))
    }

    fn tagged(&self, call: &Call) -> Result<StoredParameter, Fault> {
        match input::required(&call.input, "ResourceType")? {
            "Parameter" => {}
            other => return Err(Fault::not_built(&format!("tags of the Systems Manager resource type {other}"))),
        }
        let name = input::required(&call.input, "ResourceId")?;
        self.parameter_of(call, name).map_err(|fault| match fault.code.as_str() {
            "ParameterNotFound" => {
                Fault::new("InvalidResourceId", "").explained(format!("there is no parameter {name}"))
            }
            _ => fault,
        })
    }
}

/// Reads a list of tags; the last of equal keys wins.
///
/// # Errors
/// What is no tag.
pub(crate) fn read(list: &Value) -> Result<BTreeMap<String, String>, Fault> {
    let items = match list {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Array(items) => items,
        _ => return Err(Fault::new("SerializationException", "Tags must be a list")),
    };
    let pair =
        |item: &Value| Ok((input::required(item, "Key")?.to_owned(), input::required(item, "Value")?.to_owned()));
    items.iter().map(pair).collect()
}

/// Refuses tags beyond AWS's bounds.
///
/// # Errors
/// `TooManyTagsError`, `ValidationException`
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::new("TooManyTagsError", format!("A parameter has at most {TAGS_MAX} tags.")));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX {
            return Err(Fault::validation(format!(
                "Tag keys have 1 to {KEY_CHARS_MAX} characters, tag values up to {VALUE_CHARS_MAX}."
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Fault::validation("Tag keys must not begin with 'aws:'."));
        }
    }
    Ok(())
}
