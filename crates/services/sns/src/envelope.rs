//! The documents that endpoints receive.

use windlass_protocol::Fault;
use windlass_value::{Object, Text, Value, object};

use crate::attribute;
use crate::job::Job;
use crate::message::Message;
use crate::sns::Shared;
use crate::topic_name::TopicName;

/// The signature version of functions' records, whatever the topic's is.
const RECORD_VERSION: u8 = 1;

impl Shared {
    /// A notification as queues, HTTP endpoints and `email-json` get it.
    ///
    /// # Errors
    /// The signing key cannot be read or made.
    pub(crate) async fn notification(
        &self,
        message: &Message,
        protocol: &str,
        subscription: &str,
    ) -> Result<String, Fault> {
        let text = message.text_for(protocol);
        let mut out = Object::new();
        out.insert("Type", "Notification");
        out.insert("MessageId", &message.id);
        if let Some(number) = &message.sequence_number {
            out.insert("SequenceNumber", number);
        }
        out.insert("TopicArn", message.topic.to_string());
        if let Some(subject) = &message.subject {
            out.insert("Subject", subject);
        }
        out.insert("Message", text);
        out.insert("Timestamp", message.published.to_rfc3339());
        // FIFO topics' messages are not signed.
        if message.sequence_number.is_none() {
            out.insert("SignatureVersion", message.signature_version.to_string());
            out.insert("Signature", self.signature(message, text, message.signature_version).await?);
            out.insert("SigningCertURL", self.certificate_url().await?);
        }
        out.insert("UnsubscribeURL", self.unsubscribe_url(&message.topic, subscription));
        if !message.attributes.is_empty() {
            out.insert("MessageAttributes", attributes(message));
        }
        Ok(spaced(&out))
    }

    /// The event that a function is invoked with.
    ///
    /// # Errors
    /// As [`Shared::notification`].
    pub(crate) async fn record(&self, message: &Message, subscription: &str) -> Result<String, Fault> {
        let text = message.text_for("lambda");
        let notification = object! {
            "Type" => "Notification",
            "MessageId" => &message.id,
            "TopicArn" => message.topic.to_string(),
            "Subject" => message.subject.clone(),
            "Message" => text,
            "Timestamp" => message.published.to_rfc3339(),
            "SignatureVersion" => RECORD_VERSION.to_string(),
            "Signature" => self.signature(message, text, RECORD_VERSION).await?,
            "SigningCertUrl" => self.certificate_url().await?,
            "UnsubscribeUrl" => self.unsubscribe_url(&message.topic, subscription),
            "MessageAttributes" => attributes(message),
        };
        let record = object! {
            "EventSource" => "aws:sns",
            "EventVersion" => "1.0",
            "EventSubscriptionArn" => message.topic.subscription_arn(subscription),
            "Sns" => notification,
        };
        Ok(object! { "Records" => vec![record] }.to_text())
    }

    /// The request to confirm.
    ///
    /// # Errors
    /// As [`Shared::notification`].
    pub(crate) async fn confirmation(&self, job: &Job, published: &str, version: u8) -> Result<String, Fault> {
        let Job::Confirm { topic, subscription, id, token, unsubscribed } = job else {
            return Err(Fault::internal("only a confirmation is written as one"));
        };
        let kind = confirmation_type(*unsubscribed);
        let url = self.subscribe_url(topic, token);
        let text = if *unsubscribed {
            format!(
                "You have chosen to deactivate subscription {}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message.",
                topic.subscription_arn(subscription)
            )
        } else {
            format!(
                "You have chosen to subscribe to the topic {topic}.\nTo confirm the subscription, visit the SubscribeURL included in this message."
            )
        };
        let arn = topic.to_string();
        let signed = [
            ("Message", text.as_str()),
            ("MessageId", id),
            ("SubscribeURL", &url),
            ("Timestamp", published),
            ("Token", token),
            ("TopicArn", &arn),
            ("Type", kind),
        ];
        let mut out = Object::new();
        out.insert("Type", kind);
        out.insert("MessageId", id);
        out.insert("Token", token);
        out.insert("TopicArn", &arn);
        out.insert("Message", &text);
        out.insert("SubscribeURL", &url);
        out.insert("Timestamp", published);
        out.insert("SignatureVersion", version.to_string());
        out.insert("Signature", self.signer.sign(&canonical(&signed), version).await?);
        out.insert("SigningCertURL", self.certificate_url().await?);
        Ok(spaced(&out))
    }

    /// The link that confirms.
    pub(crate) fn subscribe_url(&self, topic: &TopicName, token: &str) -> String {
        format!("{}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}", self.config.base_url)
    }

    /// The link that unsubscribes.
    pub(crate) fn unsubscribe_url(&self, topic: &TopicName, subscription: &str) -> String {
        format!("{}/?Action=Unsubscribe&SubscriptionArn={}", self.config.base_url, topic.subscription_arn(subscription))
    }

    async fn certificate_url(&self) -> Result<String, Fault> {
        Ok(format!("{}{}", self.config.base_url, self.signer.certificate_path().await?))
    }

    /// The signature of a message with a text; that of the text for every protocol is
    /// made once.
    async fn signature(&self, message: &Message, text: &Text, version: u8) -> Result<Text, Fault> {
        let arn = message.topic.to_string();
        let published = message.published.to_rfc3339();
        let make = || async {
            let mut signed = vec![("Message", &**text), ("MessageId", &*message.id)];
            if let Some(subject) = &message.subject {
                signed.push(("Subject", subject));
            }
            signed.extend([("Timestamp", published.as_str()), ("TopicArn", arn.as_str()), ("Type", "Notification")]);
            self.signer.sign(&canonical(&signed), version).await
        };
        if version == message.signature_version && std::sync::Arc::ptr_eq(text, &message.text) {
            return message.signature.get_or_try_init(make).await.cloned();
        }
        make().await
    }
}

/// AWS's name of a confirmation.
pub(crate) fn confirmation_type(unsubscribed: bool) -> &'static str {
    if unsubscribed { "UnsubscribeConfirmation" } else { "SubscriptionConfirmation" }
}

/// What is signed: names and values, one a line.
fn canonical(members: &[(&str, &str)]) -> String {
    members.iter().map(|(name, value)| format!("{name}\n{value}\n")).collect()
}

fn attributes(message: &Message) -> Value {
    let attributes = message.attributes.iter();
    attributes.map(|(name, value)| (name.clone(), attribute::notified(value))).collect::<Object>().into()
}

/// JSON as SNS spaces it: a member a line, the attributes' too, and a blank before the
/// colon.
fn spaced(object: &Object) -> String {
    let mut out = String::from("{\n");
    for (index, (name, value)) in object.iter().enumerate() {
        if index > 0 {
            out.push_str(",\n");
        }
        out.push_str("  ");
        Value::from(name).write_to(&mut out);
        out.push_str(" : ");
        match value {
            Value::Object(members) => {
                out.push_str("{\n");
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(",\n");
                    }
                    out.push_str("    ");
                    Value::from(name).write_to(&mut out);
                    out.push_str(" : ");
                    value.write_to(&mut out);
                }
                out.push_str("\n  }");
            }
            value => value.write_to(&mut out),
        }
    }
    out.push_str("\n}");
    out
}
