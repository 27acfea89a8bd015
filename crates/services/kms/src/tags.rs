use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Value, object};

use crate::input;
use crate::kms::Kms;
use crate::page::Page;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

impl Kms {
    /// `TagResource`.
    pub(crate) async fn tag_resource(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        let added = read(&call.input["Tags"])?;
        check(&added)?;
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            stored.key.check_not_pending()?;
            stored.key.tags.extend(added.clone());
            check(&stored.key.tags)?;
            stored.key.put(batch, Some(stored.row_version))?;
            Ok(Value::empty_object())
        })
        .await
    }

    /// `UntagResource`.
    pub(crate) async fn untag_resource(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        let keys = input::texts(&call.input, "TagKeys")?;
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            stored.key.check_not_pending()?;
            stored.key.tags.retain(|key, _| !keys.contains(&key.as_str()));
            stored.key.put(batch, Some(stored.row_version))?;
            Ok(Value::empty_object())
        })
        .await
    }

    /// `ListResourceTags`.
    pub(crate) fn list_tags(&self, call: &Call) -> Outcome {
        let stored = self.key_itself(call, input::required(&call.input, "KeyId")?)?;
        let page = Page::read(&self.keyring, call, &[&stored.key.id])?;
        let tags = stored.key.tags.iter().filter(|(key, _)| page.after.as_ref().is_none_or(|after| *key > after));
        let tags = tags
            .take(page.limit + 1)
            .map(|(key, value)| (key.clone(), object! { "TagKey" => key.as_str(), "TagValue" => value.as_str() }));
        Ok(Reply::from(Value::from(page.answer(&self.keyring, "Tags", tags.collect())?)))
    }
}

/// Reads a list of tags.
///
/// # Errors
/// A key that occurs twice; what is no tag.
pub(crate) fn read(list: &Value) -> Result<BTreeMap<String, String>, Fault> {
    let mut tags = BTreeMap::new();
    let items = match list {
        Value::Null => return Ok(tags),
        Value::Array(items) => items,
        _ => return Err(Fault::new("SerializationException", "Tags must be a list")),
    };
    for item in items.iter() {
        let key = input::required(item, "TagKey")?;
        let value = input::required(item, "TagValue")?;
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Fault::new("TagException", "Duplicate tag keys"));
        }
    }
    Ok(tags)
}

/// Refuses tags beyond AWS's bounds.
///
/// # Errors
/// `TagException`, `LimitExceededException`
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::new("LimitExceededException", format!("A key has at most {TAGS_MAX} tags.")));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX {
            return Err(Fault::new(
                "TagException",
                format!("Tag keys have 1 to {KEY_CHARS_MAX} characters, tag values up to {VALUE_CHARS_MAX}."),
            ));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Fault::new("TagException", "Tags beginning with aws: are reserved"));
        }
    }
    Ok(())
}
