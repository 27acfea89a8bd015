use std::collections::BTreeMap;

use windlass_value::{Object, Value, object};

use crate::topic_name::TopicName;

/// A topic as stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Topic {
    /// What was set, by AWS's names; `FifoTopic` too.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) data_protection_policy: Option<String>,
    /// How many subscriptions were removed.
    pub(crate) deleted: i64,
}

impl Topic {
    /// An attribute that was set.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Whether an attribute is set to `true`.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.attribute(name) == Some("true")
    }

    /// The topic's policy: what was set, or AWS's first one, by which the owner may do
    /// everything.
    pub(crate) fn policy(&self, name: &TopicName) -> Value {
        self.attribute("Policy")
            .and_then(|policy| windlass_value::parse(policy).ok())
            .unwrap_or_else(|| default_policy(name))
    }

    /// As stored.
    pub(crate) fn to_text(&self) -> String {
        let map =
            |map: &BTreeMap<String, String>| Value::from(map.iter().map(|(k, v)| (k.as_str(), v)).collect::<Object>());
        object! {
            "attributes" => map(&self.attributes),
            "tags" => map(&self.tags),
            "data_protection_policy" => self.data_protection_policy.clone(),
            "deleted" => self.deleted,
        }
        .to_text()
    }

    /// Reads what [`Topic::to_text`] wrote.
    pub(crate) fn from_text(text: &[u8]) -> Option<Topic> {
        let value = windlass_value::parse(std::str::from_utf8(text).ok()?).ok()?;
        let map = |member: &str| -> BTreeMap<String, String> {
            let object = value[member].as_object();
            object
                .into_iter()
                .flat_map(|object| object.iter())
                .filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned())))
                .collect()
        };
        Some(Topic {
            attributes: map("attributes"),
            tags: map("tags"),
            data_protection_policy: value["data_protection_policy"].as_str().map(str::to_owned),
            deleted: value["deleted"].as_i64().unwrap_or(0),
        })
    }
}

/// The policy a topic is born with.
fn default_policy(topic: &TopicName) -> Value {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    object! {
        "Version" => "2008-10-17",
        "Id" => "__default_policy_ID",
        "Statement" => vec![object! {
            "Sid" => "__default_statement_ID",
            "Effect" => "Allow",
            "Principal" => object! { "AWS" => "*" },
            "Action" => actions.iter().map(|action| Value::from(format!("SNS:{action}"))).collect::<Vec<_>>(),
            "Resource" => topic.to_string(),
            "Condition" => object! { "StringEquals" => object! { "AWS:SourceOwner" => &topic.account } },
        }],
    }
}
