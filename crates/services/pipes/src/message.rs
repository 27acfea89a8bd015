//! A queue's messages as events.

use windlass_value::{Object, Value};

use crate::pipe::Pipe;

/// A message that was received.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) receipt: String,
    /// As enrichments and targets get it.
    pub(crate) event: Value,
    /// The same with its body read, where that is JSON: what filters and templates see.
    pub(crate) readable: Value,
}

impl Message {
    /// Reads one of `ReceiveMessage`'s messages.
    pub(crate) fn read(pipe: &Pipe, message: &Value) -> Option<Message> {
        let text = |name: &str| message[name].as_str().unwrap_or_default();
        let mut event = Object::new();
        event.insert("messageId", text("MessageId"));
        event.insert("receiptHandle", text("ReceiptHandle"));
        event.insert("body", text("Body"));
        event.insert("attributes", message.get("Attributes").cloned().unwrap_or_else(Value::empty_object));
        event.insert("messageAttributes", attributes(&message["MessageAttributes"]));
        event.insert("md5OfBody", text("MD5OfBody"));
        event.insert("eventSource", "aws:sqs");
        event.insert("eventSourceARN", pipe.record.source.as_str());
        event.insert("awsRegion", pipe.source.arn.region.as_str());
        let (id, receipt) = (text("MessageId").to_owned(), text("ReceiptHandle").to_owned());
        let event = Value::from(event);
        (!receipt.is_empty()).then(|| Message { id, receipt, readable: readable(&event), event })
    }

    /// Whether a pipe takes it.
    pub(crate) fn passes(&self, pipe: &Pipe) -> bool {
        pipe.filters.is_empty() || pipe.filters.iter().any(|filter| filter.matches(&self.readable))
    }
}

/// An event with its body as a document, where it is JSON.
pub(crate) fn readable(event: &Value) -> Value {
    let body = event["body"].as_str().and_then(|body| windlass_value::parse(body).ok());
    match (body, event) {
        (Some(body), Value::Object(members)) => {
            let mut members = Object::clone(members);
            members.insert("body", body);
            members.into()
        }
        _ => event.clone(),
    }
}

/// Message attributes in the spelling of events.
fn attributes(attributes: &Value) -> Value {
    let Value::Object(attributes) = attributes else { return Value::empty_object() };
    let written = attributes.iter().map(|(name, attribute)| {
        let mut one = Object::new();
        for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
            if let Some(value) = attribute.get(from) {
                one.insert(to, value);
            }
        }
        one.insert("stringListValues", Value::array(Vec::new()));
        one.insert("binaryListValues", Value::array(Vec::new()));
        one.insert("dataType", &attribute["DataType"]);
        (name.clone(), Value::from(one))
    });
    written.collect::<Object>().into()
}
