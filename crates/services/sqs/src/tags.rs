use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::faults::{invalid_parameter, missing_parameter};
use crate::input;
use crate::limits::TAGS_MAX;
use crate::record::Record;
use crate::shared::Shared;

const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

impl Shared {
    /// `TagQueue`.
    pub(crate) async fn tag_queue(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let tags = input::text_map(&call.input, "Tags");
        if tags.is_empty() {
            return Err(missing_parameter("Tags"));
        }
        self.change_record(&queue, |record, _| {
            let mut all = record.tags.clone();
            all.extend(tags);
            check(&queue.name.name, &all)?;
            Ok(Record { tags: all, ..record.clone() })
        })
        .await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `UntagQueue`.
    pub(crate) async fn untag_queue(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let keys = input::texts(&call.input, "TagKeys");
        if keys.is_empty() {
            return Err(invalid_parameter("Tag keys must be between 1 and 128 characters in length."));
        }
        self.change_record(&queue, |record, _| {
            let mut tags = record.tags.clone();
            tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(Record { tags, ..record.clone() })
        })
        .await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `ListQueueTags`.
    pub(crate) fn list_tags(&self, call: &Call) -> Outcome {
        let record = self.queue_of(call)?.record();
        let mut answer = Object::new();
        if !record.tags.is_empty() {
            answer.insert("Tags", input::to_value(&record.tags));
        }
        Ok(Reply::from(Value::from(answer)))
    }
}

/// Refuses tags beyond AWS's bounds.
///
/// # Errors
/// In AWS's words.
pub(crate) fn check(queue: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(invalid_parameter(format!("Too many tags added for queue {queue}.")));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
            return Err(invalid_parameter("Tag keys must be between 1 and 128 characters in length."));
        }
        if value.chars().count() > VALUE_CHARS_MAX {
            return Err(invalid_parameter("Tag values must be between 0 and 256 characters in length."));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid_parameter("Tag keys beginning with 'aws:' are reserved for AWS use."));
        }
    }
    Ok(())
}
