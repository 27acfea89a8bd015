use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Value, object};

use crate::faults;
use crate::input;
use crate::sns::Shared;
use crate::topic::Topic;
use crate::topic_name::TopicName;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// The tags of a request.
///
/// # Errors
/// As AWS words them.
pub(crate) fn read(input: &Value) -> Result<BTreeMap<String, String>, Fault> {
    let mut tags = BTreeMap::new();
    for tag in input["Tags"].as_array().into_iter().flat_map(|tags| tags.iter()) {
        let (key, value) = (input::text(tag, "Key"), input::text(tag, "Value"));
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX {
            return Err(faults::invalid("Tags Reason: A tag's key or value has a wrong length."));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(faults::invalid("Tags Reason: Tag keys must not begin with aws:."));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(faults::invalid("Duplicated keys are not allowed."));
        }
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::new("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded"));
    }
    Ok(())
}

impl Shared {
    /// `TagResource`.
    pub(crate) async fn tag_resource(&self, call: &Call) -> Outcome {
        let added = read(&call.input)?;
        let change = |_: &TopicName, topic: &mut Topic| {
            topic.tags.extend(added);
            check_count(&topic.tags)
        };
        self.change_topic(call, "ResourceArn", change).await.map_err(of_resource)
    }

    /// `UntagResource`.
    pub(crate) async fn untag_resource(&self, call: &Call) -> Outcome {
        let keys = input::texts(&call.input, "TagKeys");
        let change = |_: &TopicName, topic: &mut Topic| {
            topic.tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        };
        self.change_topic(call, "ResourceArn", change).await.map_err(of_resource)
    }

    /// `ListTagsForResource`.
    pub(crate) fn list_tags(&self, call: &Call) -> Outcome {
        let view = self.catalogue.get(&TopicName::of_call(call, "ResourceArn")?).map_err(of_resource)?;
        let tag = |(key, value): (&String, &String)| object! { "Key" => key, "Value" => value };
        Ok(Reply::from(object! { "Tags" => view.topic.tags.iter().map(tag).collect::<Vec<_>>() }))
    }
}

fn of_resource(fault: Fault) -> Fault {
    if fault.code == "NotFound" { faults::no_resource() } else { fault }
}
