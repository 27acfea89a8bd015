//! What an outbox entry says.

use bytes::Bytes;
use windlass_value::{Object, Text, Value};

use crate::topic_name::TopicName;

/// One delivery.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Job {
    /// A message to a subscription.
    Notify {
        topic: TopicName,
        subscription: Text,
        message: Reference,
        /// Its deliveries are over; it goes to the dead-letter queue.
        dead: bool,
    },
    /// The request to confirm a subscription, or to take an unsubscription back.
    Confirm {
        topic: TopicName,
        subscription: Text,
        id: Text,
        token: Text,
        /// `UnsubscribeConfirmation`.
        unsubscribed: bool,
    },
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reference {
    /// Here, as stored: it goes to one subscription only.
    Here(Value),
    /// In the table of messages, by its id.
    Stored(Text),
}

impl Job {
    /// As the entry's body.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut out = Object::new();
        match self {
            Job::Notify { topic, subscription, message, dead } => {
                match message {
                    Reference::Here(message) => out.insert("message", message),
                    Reference::Stored(id) => out.insert("id", id),
                };
                out.insert("topic", topic.to_value());
                out.insert("subscription", subscription);
                if *dead {
                    out.insert("dead", true);
                }
            }
            Job::Confirm { topic, subscription, id, token, unsubscribed } => {
                out.insert("topic", topic.to_value());
                out.insert("subscription", subscription);
                out.insert("id", id);
                out.insert("token", token);
                out.insert("unsubscribed", *unsubscribed);
            }
        }
        Bytes::from(Value::from(out).to_text())
    }

    /// Reads what [`Job::to_bytes`] wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Job> {
        let value = windlass_value::parse(std::str::from_utf8(bytes).ok()?).ok()?;
        let text = |member: &str| value[member].as_str().map(Text::from);
        let topic = TopicName::from_value(&value["topic"])?;
        let subscription = text("subscription")?;
        if let Some(token) = text("token") {
            let unsubscribed = value["unsubscribed"].as_bool()?;
            return Some(Job::Confirm { topic, subscription, id: text("id")?, token, unsubscribed });
        }
        let message = match text("id") {
            Some(id) => Reference::Stored(id),
            None => Reference::Here(value.get("message")?.clone()),
        };
        Some(Job::Notify { topic, subscription, message, dead: value["dead"].as_bool().unwrap_or(false) })
    }
}
