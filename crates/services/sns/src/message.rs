use tokio::sync::OnceCell;
use windlass_protocol::Fault;
use windlass_value::{Object, Text, Timestamp, Value, object};

use crate::attribute;
use crate::faults;
use crate::topic_name::TopicName;

/// How long a message and its attributes may be together, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const SUBJECT_CHARS_MAX: usize = 100;
const ID_CHARS_MAX: usize = 128;

/// A published message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: Text,
    pub(crate) topic: TopicName,
    /// Of FIFO topics.
    pub(crate) sequence_number: Option<String>,
    pub(crate) subject: Option<Text>,
    pub(crate) text: Text,
    /// The texts of a message with `MessageStructure` `json`, by protocol.
    pub(crate) by_protocol: Option<Object>,
    pub(crate) attributes: Object,
    pub(crate) group_id: Option<Text>,
    pub(crate) deduplication_id: Option<Text>,
    pub(crate) published: Timestamp,
    /// 2 for SHA-256; else SHA-1.
    pub(crate) signature_version: u8,
    /// The signature of the text for every protocol, once it is made.
    pub(crate) signature: OnceCell<Text>,
}

impl Message {
    /// The text for a protocol.
    pub(crate) fn text_for(&self, protocol: &str) -> &Text {
        match self.by_protocol.as_ref().and_then(|texts| texts.get(protocol)) {
            Some(Value::String(text)) => text,
            _ => &self.text,
        }
    }

    /// As stored.
    pub(crate) fn to_value(&self) -> Value {
        let mut out = Object::new();
        out.insert("id", &self.id);
        out.insert("topic", self.topic.to_value());
        out.insert("text", &self.text);
        out.insert("published", self.published.as_ms());
        let optional = [
            ("sequence", self.sequence_number.as_deref()),
            ("subject", self.subject.as_deref()),
            ("group", self.group_id.as_deref()),
            ("deduplication", self.deduplication_id.as_deref()),
        ];
        for (name, text) in optional {
            if let Some(text) = text {
                out.insert(name, text);
            }
        }
        if let Some(texts) = &self.by_protocol {
            out.insert("by_protocol", texts.clone());
        }
        if !self.attributes.is_empty() {
            out.insert("attributes", self.attributes.clone());
        }
        if self.signature_version == 2 {
            out.insert("signature_version", 2);
        }
        out.into()
    }

    /// Reads what [`Message::to_value`] wrote.
    pub(crate) fn from_value(value: &Value) -> Option<Message> {
        let text = |member: &str| value[member].as_str().map(Text::from);
        let object = |member: &str| value[member].as_object().map(|object| (**object).clone());
        Some(Message {
            id: text("id")?,
            topic: TopicName::from_value(&value["topic"])?,
            sequence_number: value["sequence"].as_str().map(str::to_owned),
            subject: text("subject"),
            text: text("text")?,
            by_protocol: object("by_protocol"),
            attributes: object("attributes").unwrap_or_default(),
            group_id: text("group"),
            deduplication_id: text("deduplication"),
            published: Timestamp(value["published"].as_i64()?),
            signature_version: if value["signature_version"].as_i64() == Some(2) { 2 } else { 1 },
            signature: OnceCell::new(),
        })
    }
}

/// What a request says of one message, checked.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) subject: Option<Text>,
    pub(crate) text: Text,
    pub(crate) by_protocol: Option<Object>,
    pub(crate) attributes: Object,
    pub(crate) group_id: Option<Text>,
    pub(crate) deduplication_id: Option<Text>,
    /// Of text and attributes.
    pub(crate) bytes: usize,
}

impl Draft {
    /// Reads the members of `Publish`, or of an entry of `PublishBatch`. `path` is where
    /// its attributes stand.
    ///
    /// # Errors
    /// As AWS words them.
    pub(crate) fn read(input: &Value, path: &str) -> Result<Draft, Fault> {
        let text = input["Message"].as_str().unwrap_or_default();
        if text.is_empty() {
            return Err(faults::invalid("Empty message"));
        }
        let subject = match &input["Subject"] {
            Value::String(subject) => {
                check_subject(subject)?;
                Some(subject.clone())
            }
            _ => None,
        };
        let by_protocol = match input["MessageStructure"].as_str() {
            None | Some("") => None,
            Some("json") => Some(texts(text)?),
            Some(_) => return Err(faults::invalid("MessageStructure")),
        };
        let default = by_protocol.as_ref().and_then(|texts| texts.get("default")).and_then(Value::as_str);
        let attributes = attribute::read(&input["MessageAttributes"], path)?;
        let bytes =
            text.len() + attributes.iter().map(|(name, value)| attribute::bytes_len(name, value)).sum::<usize>();
        Ok(Draft {
            subject,
            text: default.unwrap_or(text).into(),
            by_protocol,
            attributes,
            group_id: id(input, "MessageGroupId")?,
            deduplication_id: id(input, "MessageDeduplicationId")?,
            bytes,
        })
    }
}

fn check_subject(subject: &str) -> Result<(), Fault> {
    let starts = subject.chars().next().is_some_and(|c| c.is_ascii_graphic());
    let fits = subject.chars().all(|c| !c.is_control()) && subject.chars().count() <= SUBJECT_CHARS_MAX;
    if starts && fits && subject.is_ascii() { Ok(()) } else { Err(faults::invalid("Subject")) }
}

fn texts(text: &str) -> Result<Object, Fault> {
    let broken = || faults::invalid("Message Structure - JSON message body failed to parse");
    let value = windlass_value::parse(text).map_err(|_| broken())?;
    let texts = value.as_object().ok_or_else(broken)?;
    if texts.get("default").and_then(Value::as_str).is_none() {
        return Err(faults::invalid("Message Structure - No default entry in JSON message body"));
    }
    Ok((**texts).clone())
}

fn id(input: &Value, member: &str) -> Result<Option<Text>, Fault> {
    let Some(text) = input[member].as_str() else { return Ok(None) };
    let fits = |c: char| c.is_ascii_graphic();
    if text.is_empty() || text.len() > ID_CHARS_MAX || !text.chars().all(fits) {
        return Err(faults::invalid(format!(
            "{member} Reason: {member} can only include alphanumeric and punctuation characters. 1 to {ID_CHARS_MAX} in length."
        )));
    }
    Ok(Some(text.into()))
}

/// The answer of a publish.
pub(crate) fn published(id: &str, sequence_number: Option<&str>) -> Value {
    match sequence_number {
        Some(number) => object! { "MessageId" => id, "SequenceNumber" => number },
        None => object! { "MessageId" => id },
    }
}
