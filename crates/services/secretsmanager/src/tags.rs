use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Value, object};

use crate::faults;
use crate::input;
use crate::secrets_manager::SecretsManager;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

impl SecretsManager {
    /// `TagResource`.
    pub(crate) async fn tag_resource(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        let added = read(&call.input["Tags"])?;
        check(&added)?;
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            stored.secret.check_not_deleted()?;
            stored.secret.tags.extend(added.clone());
            check(&stored.secret.tags)?;
            stored.secret.put(batch, Some(stored.row_version))?;
            Ok(Value::empty_object())
        })
        .await
    }

    /// `UntagResource`.
    pub(crate) async fn untag_resource(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        let keys = input::texts(&call.input, "TagKeys")?;
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            stored.secret.check_not_deleted()?;
            stored.secret.tags.retain(|key, _| !keys.contains(&key.as_str()));
            stored.secret.put(batch, Some(stored.row_version))?;
            Ok(Value::empty_object())
        })
        .await
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
    let pair = |item: &Value| {
        let value = input::text(item, "Value")?.unwrap_or_default();
        Ok((input::required(item, "Key")?.to_owned(), value.to_owned()))
    };
    items.iter().map(pair).collect()
}

/// Tags as AWS writes them.
pub(crate) fn to_value(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(key, value)| object! { "Key" => key.as_str(), "Value" => value.as_str() }).collect()
}

/// Refuses tags beyond AWS's bounds.
///
/// # Errors
/// `InvalidParameterException`, `LimitExceededException`
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::new("LimitExceededException", format!("A secret has at most {TAGS_MAX} tags.")));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX {
            return Err(faults::invalid_parameter(format!(
                "Tag keys have 1 to {KEY_CHARS_MAX} characters, tag values up to {VALUE_CHARS_MAX}."
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(faults::invalid_request("Tag keys must not begin with 'aws:'."));
        }
    }
    Ok(())
}
