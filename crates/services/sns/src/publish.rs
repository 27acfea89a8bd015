use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use windlass_outbox::Entry;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::{Batch, Commit, CommitError, Key};
use windlass_value::{Text, Timestamp, Value, object};

use crate::attribute;
use crate::catalogue::View;
use crate::faults;
use crate::fifo::{self, Sent};
use crate::input;
use crate::job::{Job, Reference};
use crate::message::{self, Draft, MESSAGE_BYTES_MAX, Message};
use crate::outboxes::Added;
use crate::random;
use crate::sns::Shared;
use crate::subscription::Subscription;
use crate::tables::{MESSAGES, topic_key};
use crate::topic_name::TopicName;

const ENTRIES_MAX: usize = 10;
const ENTRY_ID_CHARS_MAX: usize = 80;
/// How often a publish is made anew because another one with the same deduplication id
/// came before.
const ATTEMPTS_MAX: u32 = 16;

/// What one batch publishes.
#[derive(Default)]
struct Sending {
    batch: Batch,
    added: Added,
    /// Messages that are counted, by id.
    counted: Vec<Text>,
    /// Id and sequence number of each draft's message.
    sent: Vec<(String, Option<String>)>,
}

impl Shared {
    /// `Publish`.
    pub(crate) async fn publish(&self, call: &Call) -> Outcome {
        let draft = Draft::read(&call.input, "messageAttributes")?;
        let topic = target(call)?;
        if draft.bytes > MESSAGE_BYTES_MAX {
            return Err(faults::invalid("Message too long"));
        }
        let view = self.catalogue.get(&topic)?;
        check(&topic, &view, &draft)?;
        let answer = |sent: &[(String, Option<String>)]| match sent.first() {
            Some((id, number)) => message::published(id, number.as_deref()),
            None => Value::empty_object(),
        };
        self.send_all(call, &topic, &view, &[draft], answer).await
    }

    /// `PublishBatch`.
    pub(crate) async fn publish_batch(&self, call: &Call) -> Outcome {
        let topic = TopicName::of_call(call, "TopicArn")?;
        let none = Arc::default();
        let entries = call.input["PublishBatchRequestEntries"].as_array().unwrap_or(&none);
        if entries.is_empty() {
            return Err(Fault::new("EmptyBatchRequest", "The batch request doesn't contain any entries."));
        }
        let view = self.catalogue.get(&topic)?;
        if entries.len() > ENTRIES_MAX {
            return Err(Fault::new(
                "TooManyEntriesInBatchRequest",
                "The batch request contains more entries than permissible.",
            ));
        }
        let mut ids: Vec<&str> = Vec::new();
        for entry in entries.iter() {
            let id = input::text(entry, "Id");
            check_entry_id(id)?;
            if ids.contains(&id) {
                return Err(Fault::new(
                    "BatchEntryIdsNotDistinct",
                    "Two or more batch entries in the request have the same Id.",
                ));
            }
            ids.push(id);
        }
        let mut drafts = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("publishBatchRequestEntries.{}.member.messageAttributes", index + 1);
            let draft = Draft::read(entry, &path)?;
            check(&topic, &view, &draft)?;
            drafts.push(draft);
        }
        if drafts.iter().map(|draft| draft.bytes).sum::<usize>() > MESSAGE_BYTES_MAX {
            return Err(Fault::new(
                "BatchRequestTooLong",
                "The length of all the messages put together is more than the limit.",
            ));
        }
        let answer = |sent: &[(String, Option<String>)]| {
            let item = |(id, (message, number)): (&&str, &(String, Option<String>))| {
                object! { "Id" => *id, "MessageId" => message, "SequenceNumber" => number.clone() }
            };
            let successful: Vec<Value> = ids.iter().zip(sent).map(item).collect();
            object! { "Successful" => successful, "Failed" => Vec::<Value>::new() }
        };
        self.send_all(call, &topic, &view, &drafts, answer).await
    }

    /// Publishes drafts in one batch and answers once it is durable.
    async fn send_all(
        &self,
        call: &Call,
        topic: &TopicName,
        view: &View,
        drafts: &[Draft],
        answer: impl Fn(&[(String, Option<String>)]) -> Value,
    ) -> Outcome {
        for _ in 0..ATTEMPTS_MAX {
            let (sending, output, commit) = if topic.is_fifo() {
                self.hand_over_in_order(call, topic, view, drafts, &answer)?
            } else {
                let now = (self.now)();
                let mut sending = Sending::default();
                for draft in drafts {
                    let message = draft.message(random::uuid()?, topic, view, None, now);
                    sending.sent.push((message.id.to_string(), None));
                    self.address(&mut sending, view, message, draft.bytes);
                }
                let output = answer(&sending.sent);
                self.keep_answer(call, &mut sending.batch, &output);
                let commit = self.store.commit(std::mem::take(&mut sending.batch));
                (sending, output, commit)
            };
            match commit.await {
                Ok(()) => {
                    self.outboxes.committed(&sending.added);
                    self.counters.published(drafts.len() as u64);
                    return Ok(output.into());
                }
                Err(error) => {
                    self.outboxes.refused(&sending.added);
                    sending.counted.iter().for_each(|id| self.in_flight.withdraw(id));
                    // Whatever the error: numbers that are not reserved would come again
                    // after a restart.
                    if topic.is_fifo() {
                        self.fifo.counter(topic)?.lock().refused();
                    }
                    if !matches!(error, CommitError::Expectation { .. }) {
                        return Err(faults::of_commit(&error));
                    }
                    if let Some(first) = self.first_answer(call)? {
                        return Ok(first);
                    }
                }
            }
        }
        Err(faults::of_commit(&CommitError::Overloaded))
    }

    /// A FIFO topic's batch: numbers, entries and commits have the same order, because
    /// the topic's counter is locked until the batch is handed to the store.
    fn hand_over_in_order(
        &self,
        call: &Call,
        topic: &TopicName,
        view: &View,
        drafts: &[Draft],
        answer: &impl Fn(&[(String, Option<String>)]) -> Value,
    ) -> Result<(Sending, Value, Commit), Fault> {
        let counter = self.fifo.counter(topic)?;
        let ids: Vec<String> = drafts.iter().map(|_| random::uuid()).collect::<Result<_, _>>()?;
        let by_group = view.topic.attribute("FifoThroughputScope") == Some("MessageGroup");
        let mut sending = Sending::default();
        let mut here: Vec<(Key, Sent)> = Vec::new();
        let mut counter = counter.lock();
        let now = (self.now)();
        for (draft, id) in drafts.iter().zip(ids) {
            let deduplication_id = draft.deduplication_id();
            let group = draft.group_id.as_deref().filter(|_| by_group);
            let key = fifo::deduplication_key(topic, group, &deduplication_id);
            let before = match here.iter().find(|(other, _)| *other == key) {
                Some((_, sent)) => Some(sent.clone()),
                None => self.fifo.sent(&key, now, &mut sending.batch)?,
            };
            if let Some(sent) = before {
                sending.sent.push((sent.message_id, Some(sent.sequence_number)));
                continue;
            }
            let number = counter.take(topic, &mut sending.batch);
            let sent = Sent { message_id: id.clone(), sequence_number: number.clone() };
            self.fifo.remember(key.clone(), now, &sent, &mut sending.batch);
            here.push((key, sent));
            sending.sent.push((id.clone(), Some(number.clone())));
            let mut message = draft.message(id, topic, view, Some(number), now);
            message.deduplication_id = Some(deduplication_id.into());
            self.address(&mut sending, view, message, draft.bytes);
        }
        let output = answer(&sending.sent);
        self.keep_answer(call, &mut sending.batch, &output);
        let commit = self.store.commit(std::mem::take(&mut sending.batch));
        Ok((sending, output, commit))
    }

    /// Adds the deliveries of a message: an entry for each subscription that wants it,
    /// and the message itself where they are more than one.
    fn address(&self, sending: &mut Sending, view: &View, message: Message, bytes: usize) {
        let recipients = recipients(view, &message);
        if recipients.is_empty() {
            return;
        }
        let topic = message.topic.clone();
        let message = Arc::new(message);
        let reference = if recipients.len() == 1 {
            Reference::Here(message.to_value())
        } else {
            let ids: Vec<Value> = recipients.iter().map(|subscription| (&subscription.id).into()).collect();
            let row = object! { "message" => message.to_value(), "recipients" => ids };
            let columns = vec![(*topic.account).into(), (*topic.region).into(), (*topic.name).into()];
            sending.batch.put(&MESSAGES, message_key(&topic, &message.id), columns, row.to_text());
            self.in_flight.begin(&message, bytes, recipients.iter().map(|subscription| subscription.id.clone()));
            sending.counted.push(message.id.clone());
            Reference::Stored(message.id.clone())
        };
        for subscription in recipients {
            let job = Job::Notify {
                topic: topic.clone(),
                subscription: subscription.id.clone(),
                message: reference.clone(),
                dead: false,
            };
            let entry = Entry {
                id: entry_id(&message.id, &subscription.id),
                lane: lane(&message, &subscription.id),
                due: message.published,
                body: job.to_bytes(),
            };
            let Sending { batch, added, .. } = sending;
            self.outboxes.add(batch, added, subscription.protocol, &topic, entry);
        }
    }
}

impl Draft {
    /// What says whether the message was sent before: what was given, or its text's hash.
    fn deduplication_id(&self) -> String {
        match &self.deduplication_id {
            Some(id) => id.to_string(),
            None => Sha256::digest(self.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    fn message(&self, id: String, topic: &TopicName, view: &View, number: Option<String>, now: Timestamp) -> Message {
        Message {
            id: id.into(),
            topic: topic.clone(),
            sequence_number: number,
            subject: self.subject.clone(),
            text: self.text.clone(),
            by_protocol: self.by_protocol.clone(),
            attributes: self.attributes.clone(),
            group_id: self.group_id.clone(),
            deduplication_id: self.deduplication_id.clone(),
            published: now,
            signature_version: if view.topic.attribute("SignatureVersion") == Some("2") { 2 } else { 1 },
            signature: OnceCell::new(),
        }
    }
}

/// The confirmed subscriptions whose filter policy lets a message through. The message
/// is read as JSON once for all of them, unless protocols have texts of their own.
fn recipients<'a>(view: &'a View, message: &Message) -> Vec<&'a Arc<Subscription>> {
    let mut default: Option<Option<Value>> = None;
    let read = |text: &str| windlass_value::parse(text).ok().filter(|value| value.as_object().is_some());
    let mut wants = |subscription: &Subscription| {
        let Some(filter) = &subscription.filter else { return true };
        if filter.scope() == windlass_event_pattern::Scope::MessageAttributes {
            return filter.matches_attributes(attribute::filtered(&message.attributes));
        }
        let text = message.text_for(subscription.protocol.name());
        if Arc::ptr_eq(text, &message.text) {
            filter.matches_body(default.get_or_insert_with(|| read(&message.text)).as_ref())
        } else {
            filter.matches_body(read(text).as_ref())
        }
    };
    view.subscriptions.iter().filter(|one| one.is_confirmed() && wants(one)).collect()
}

/// The key of a stored message.
pub(crate) fn message_key(topic: &TopicName, id: &str) -> Key {
    topic_key(topic).text(id)
}

/// The outbox entry of a message to a subscription.
pub(crate) fn entry_id(message: &str, subscription: &str) -> Text {
    format!("{message}/{subscription}").into()
}

/// A message group goes to a subscription in order.
pub(crate) fn lane(message: &Message, subscription: &str) -> Option<Text> {
    message.sequence_number.as_ref()?;
    Some(format!("{subscription}/{}", message.group_id.as_deref().unwrap_or_default()).into())
}

/// The topic that `Publish` names.
fn target(call: &Call) -> Result<TopicName, Fault> {
    let input: &Value = &call.input;
    let given = |member: &str| !input[member].is_null();
    match (given("TopicArn"), given("TargetArn"), given("PhoneNumber")) {
        (true, false, false) => TopicName::of_call(call, "TopicArn"),
        (false, true, false) => {
            let arn = input::text(input, "TargetArn");
            let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
            if resource.contains('/') {
                return Err(faults::invalid("TargetArn Reason: No endpoint found for the target arn specified"));
            }
            TopicName::of_call(call, "TargetArn")
        }
        (false, false, true) => {
            let number = input::text(input, "PhoneNumber");
            let digits = number.strip_prefix('+').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(faults::invalid(format!("PhoneNumber Reason: {number} is not valid to publish to")));
            }
            Err(faults::not_built("text messages to phone numbers"))
        }
        (false, false, false) => Err(faults::invalid("TopicArn or TargetArn Reason: no value for required parameter")),
        _ => Err(faults::invalid("Only one of TopicArn, TargetArn and PhoneNumber can be given")),
    }
}

fn check(topic: &TopicName, view: &View, draft: &Draft) -> Result<(), Fault> {
    if !topic.is_fifo() {
        if draft.deduplication_id.is_some() {
            return Err(faults::invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            ));
        }
        return Ok(());
    }
    if draft.group_id.is_none() {
        return Err(faults::invalid("The MessageGroupId parameter is required for FIFO topics"));
    }
    if draft.deduplication_id.is_none() && !view.topic.is_set("ContentBasedDeduplication") {
        return Err(faults::invalid(
            "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ));
    }
    Ok(())
}

fn check_entry_id(id: &str) -> Result<(), Fault> {
    let invalid = |reason: &str| {
        Err(Fault::new("InvalidBatchEntryId", format!("The Id of a batch entry in the batch request {reason}: {id}")))
    };
    if id.len() > ENTRY_ID_CHARS_MAX {
        return invalid("is too long");
    }
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return invalid("contains an impermissible character");
    }
    Ok(())
}
