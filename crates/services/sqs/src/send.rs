use std::collections::HashMap;
use std::sync::Arc;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, ColumnValue, CommitError, Key};
use windlass_value::{Object, Text, Value, object, uuid_v4};

use crate::backlog::Entry;
use crate::batch;
use crate::content::Content;
use crate::faults::{invalid_parameter, invalid_value, missing_parameter, no_queue, of_commit, of_store};
use crate::input;
use crate::limits::{DEDUPLICATION_MS, DELAY_S_MAX, MESSAGE_BYTES_MAX, SEND_TRIES_MAX};
use crate::message_attribute::{self, MessageAttribute, hex, md5_of, md5_of_text};
use crate::queue::Queue;
use crate::random;
use crate::record::Record;
use crate::sender::sender_id;
use crate::shared::Shared;
use crate::tables::DEDUPLICATIONS;

/// FIFO sequence numbers have 20 digits at AWS.
const SEQUENCE_NUMBER_BASE: u128 = 18_870_000_000_000_000_000;

const MISSING_ID: &str =
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";

/// A message to send.
struct Draft {
    content: Content,
    delay_ms: Option<i64>,
    bytes: usize,
    /// `MD5OfMessageSystemAttributes`.
    system_md5: Option<String>,
}

/// A message that was sent, or that an earlier one with its deduplication id stands for.
#[derive(Clone, Copy)]
struct Sent {
    message_id: u128,
    sequence: u64,
}

/// What came of an attempt to store messages.
enum Stored {
    Sent(Vec<Sent>),
    /// Another send came between: look again.
    Again,
}

impl Shared {
    /// `SendMessage`.
    pub(crate) async fn send(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        if let Some(first) = self.first_answer(call)? {
            return Ok(first);
        }
        let record = queue.record();
        let draft = draft(call, &queue, &record, &call.input)?;
        check_size(&draft, &record)?;
        let drafts = [draft];
        let answer = |sent: &[Sent]| answer_one(&queue, &drafts[0], sent[0]);
        self.store_drafts(call, &queue, &drafts, &answer).await
    }

    /// `SendMessageBatch`: one commit for all entries that are good.
    pub(crate) async fn send_batch(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        if let Some(first) = self.first_answer(call)? {
            return Ok(first);
        }
        let record = queue.record();
        let entries = batch::entries(&call.input, "SendMessageBatchRequestEntry")?;
        let (mut ids, mut drafts, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = 0;
        for (id, entry) in entries {
            match draft(call, &queue, &record, entry) {
                Ok(draft) => {
                    bytes += draft.bytes;
                    ids.push(id);
                    drafts.push(draft);
                }
                // What FIFO queues need is asked of the whole batch.
                Err(fault) if queue.fifo && fault.message == MISSING_ID => return Err(fault),
                Err(fault) if queue.fifo && fault == missing_parameter("MessageGroupId") => {
                    return Err(invalid_parameter(fault.message));
                }
                Err(fault) => failed.push(batch::failure(id, &fault)),
            }
        }
        if bytes > MESSAGE_BYTES_MAX.unsigned_abs() as usize {
            return Err(Fault::new(
                "BatchRequestTooLong",
                format!("Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. You have sent {bytes} bytes."),
            ));
        }
        let mut index = 0;
        drafts.retain(|draft| {
            let checked = check_size(draft, &record);
            if let Err(fault) = &checked {
                failed.push(batch::failure(ids.remove(index), fault));
            } else {
                index += 1;
            }
            checked.is_ok()
        });
        let answer = |sent: &[Sent]| {
            let successful = ids.iter().zip(&drafts).zip(sent).map(|((id, draft), sent)| {
                let mut entry = Object::new();
                entry.insert("Id", *id);
                if let Value::Object(members) = answer_one(&queue, draft, *sent) {
                    entry.extend(members.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
                Value::from(entry)
            });
            batch::answer(successful.collect(), failed.clone())
        };
        if drafts.is_empty() {
            return Ok(Reply::from(answer(&[])));
        }
        self.store_drafts(call, &queue, &drafts, &answer).await
    }

    /// The answer to the same call before, for one that may come again.
    pub(crate) fn first_answer(&self, call: &Call) -> Result<Option<Reply>, Fault> {
        let Some(key) = &call.idempotency_key else { return Ok(None) };
        let first = self.answers.find(&call.account, &call.region, key).map_err(|error| of_store(&error))?;
        let parsed = first.map(|first| {
            let value = str::from_utf8(&first).ok().and_then(|text| windlass_value::parse(text).ok());
            value.map(Reply::from).ok_or_else(|| Fault::internal("a stored answer cannot be read"))
        });
        parsed.transpose()
    }

    /// Stores messages with their answer, where the call may come again.
    async fn store_drafts(
        &self,
        call: &Call,
        queue: &Arc<Queue>,
        drafts: &[Draft],
        answer: &(dyn Fn(&[Sent]) -> Value + Sync),
    ) -> Outcome {
        for _ in 0..SEND_TRIES_MAX {
            match self.try_to_store(call, queue, drafts, answer).await? {
                Stored::Sent(sent) => return Ok(Reply::from(answer(&sent))),
                Stored::Again => {
                    if let Some(first) = self.first_answer(call)? {
                        return Ok(first);
                    }
                }
            }
        }
        Err(Fault::new("RequestThrottled", "Too many messages with this deduplication id are being sent at once."))
    }

    async fn try_to_store(
        &self,
        call: &Call,
        queue: &Arc<Queue>,
        drafts: &[Draft],
        answer: &(dyn Fn(&[Sent]) -> Value + Sync),
    ) -> Result<Stored, Fault> {
        let record = queue.record();
        let now_ms = self.now_ms();
        let mut batch = Batch::default();
        let deduplication = Deduplication::look(self, queue, &record, drafts, now_ms)?;
        deduplication.expect(&mut batch);
        let contents: Vec<_> = drafts.iter().map(|draft| draft.content.encode()).collect();
        let (mut sent, mut placed) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
        let commit = {
            let mut state = queue.state.lock();
            if state.closing {
                return Err(no_queue());
            }
            for ((index, draft), content) in drafts.iter().enumerate().zip(contents) {
                let earlier = match deduplication.earlier(index) {
                    Earlier::None => None,
                    Earlier::Stored(sent) => Some(sent),
                    Earlier::InThisBatch(index) => Some(sent[index]),
                };
                if let Some(earlier) = earlier {
                    sent.push(earlier);
                    continue;
                }
                let delay_ms = draft.delay_ms.unwrap_or(record.settings.delay_ms);
                let group = draft.content.group.clone().filter(|_| queue.fifo);
                let entry = Entry::new(now_ms, now_ms + delay_ms, group);
                let sequence = queue.place(&mut state, &mut batch, entry, content);
                let message = Sent { message_id: draft.content.message_id, sequence };
                deduplication.keep(&mut batch, index, message, now_ms);
                sent.push(message);
                placed.push(sequence);
            }
            if let Some(key) = &call.idempotency_key {
                let answer = answer(&sent).to_text().into_bytes();
                self.answers.keep(&mut batch, &call.account, &call.region, key, answer);
            }
            if batch.is_empty() {
                // Duplicates all, of messages that are on the disk.
                return Ok(Stored::Sent(sent));
            }
            self.store.commit(batch)
        };
        let committed = commit.await;
        queue.settle(&placed, committed.is_ok(), self.now_ms());
        match committed {
            Ok(()) => {
                self.timekeeper.watch_again(queue);
                self.counters.sent(placed.len());
                Ok(Stored::Sent(sent))
            }
            Err(CommitError::Expectation { .. }) => Ok(Stored::Again),
            Err(error) => Err(of_commit(&error)),
        }
    }
}

/// What the deduplication ids of some messages mean just now. Of FIFO queues only.
struct Deduplication {
    of: Vec<Option<(Key, Earlier)>>,
    /// What was found under each key that will be written.
    found: Vec<(Key, Option<u64>)>,
}

#[derive(Clone, Copy)]
enum Earlier {
    None,
    Stored(Sent),
    InThisBatch(usize),
}

impl Deduplication {
    fn look(
        shared: &Shared,
        queue: &Queue,
        record: &Record,
        drafts: &[Draft],
        now_ms: i64,
    ) -> Result<Deduplication, Fault> {
        let mut first: HashMap<Key, usize> = HashMap::new();
        let (mut of, mut found) = (Vec::with_capacity(drafts.len()), Vec::new());
        for (index, draft) in drafts.iter().enumerate() {
            let Some(id) = draft.content.deduplication_id.as_ref().filter(|_| queue.fifo) else {
                of.push(None);
                continue;
            };
            let group = draft.content.group.as_deref().filter(|_| record.deduplicates_by_group);
            let key = queue.prefix().clone().text(group.unwrap_or_default()).text(id);
            if let Some(&first) = first.get(&key) {
                of.push(Some((key, Earlier::InThisBatch(first))));
                continue;
            }
            first.insert(key.clone(), index);
            let row = shared.store.get(&DEDUPLICATIONS, &key).map_err(|error| of_store(&error))?;
            let sent = row.as_ref().filter(|row| !is_over(row, now_ms)).and_then(|row| read_sent(&row.value));
            // A purge takes the ids with the messages.
            let sent = sent.filter(|sent| sent.sequence >= record.purged_before);
            let earlier = sent.map_or(Earlier::None, Earlier::Stored);
            if sent.is_none() {
                found.push((key.clone(), row.map(|row| row.version)));
            }
            of.push(Some((key, earlier)));
        }
        Ok(Deduplication { of, found })
    }

    /// Makes the batch fail where another send came between.
    fn expect(&self, batch: &mut Batch) {
        for (key, version) in &self.found {
            match version {
                None => batch.expect_absent(&DEDUPLICATIONS, key.clone()),
                Some(version) => batch.expect_version(&DEDUPLICATIONS, key.clone(), *version),
            }
        }
    }

    fn earlier(&self, index: usize) -> Earlier {
        self.of[index].as_ref().map_or(Earlier::None, |(_, earlier)| *earlier)
    }

    fn keep(&self, batch: &mut Batch, index: usize, sent: Sent, now_ms: i64) {
        if let Some((key, _)) = &self.of[index] {
            let mut value = sent.message_id.to_be_bytes().to_vec();
            value.extend(sent.sequence.to_be_bytes());
            batch.put(&DEDUPLICATIONS, key.clone(), vec![(now_ms + DEDUPLICATION_MS).into()], value);
        }
    }
}

fn is_over(row: &windlass_store::Row, now_ms: i64) -> bool {
    match row.columns.as_slice() {
        [ColumnValue::Integer(expires_ms)] => *expires_ms <= now_ms,
        _ => true,
    }
}

fn read_sent(value: &[u8]) -> Option<Sent> {
    let (message_id, sequence) = value.split_at_checked(16)?;
    Some(Sent {
        message_id: u128::from_be_bytes(message_id.try_into().ok()?),
        sequence: u64::from_be_bytes(sequence.try_into().ok()?),
    })
}

/// `SequenceNumber`.
pub(crate) fn sequence_number(sequence: u64) -> String {
    (SEQUENCE_NUMBER_BASE + u128::from(sequence)).to_string()
}

fn answer_one(queue: &Queue, draft: &Draft, sent: Sent) -> Value {
    let mut answer = Object::with_capacity(5);
    answer.insert("MessageId", uuid_v4(sent.message_id));
    answer.insert("MD5OfMessageBody", hex(&draft.content.body_md5));
    if let Some(md5) = md5_of(&draft.content.attributes) {
        answer.insert("MD5OfMessageAttributes", md5);
    }
    if let Some(md5) = &draft.system_md5 {
        answer.insert("MD5OfMessageSystemAttributes", md5);
    }
    if queue.fifo {
        answer.insert("SequenceNumber", sequence_number(sent.sequence));
    }
    answer.into()
}

fn draft(call: &Call, queue: &Queue, record: &Record, entry: &Value) -> Result<Draft, Fault> {
    const MS_PER_S: i64 = 1000;
    let body = entry["MessageBody"].as_str().filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| missing_parameter("MessageBody"))?;
    if !message_attribute::has_only_allowed(body) {
        return Err(Fault::new("InvalidMessageContents", message_attribute::INVALID_CHARACTERS));
    }
    let attributes = message_attribute::read(&entry["MessageAttributes"])?;
    let trace = trace_header(&entry["MessageSystemAttributes"])?;
    let system_md5 = trace.as_ref().and_then(|attribute| md5_of([attribute]));
    let trace_header = trace.map(|attribute| match attribute.value {
        message_attribute::AttributeValue::Text(text) => text,
        message_attribute::AttributeValue::Binary(_) => Text::from(""),
    });
    let delay_s =
        input::integer_within(entry, "DelaySeconds", 0, DELAY_S_MAX, "DelaySeconds must be >= 0 and <= 900.")?;
    let group = input::text(entry, "MessageGroupId");
    let deduplication_id = input::text(entry, "MessageDeduplicationId");
    if let Some(group) = group {
        check_id("MessageGroupId", group)?;
    }
    if let Some(id) = deduplication_id {
        check_id("MessageDeduplicationId", id)?;
    }
    let deduplication_id: Option<Text> = match (queue.fifo, deduplication_id) {
        (false, None) => None,
        (false, Some(id)) => {
            return Err(invalid_value(
                id,
                "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            ));
        }
        (true, id) => {
            if let Some(delay_s) = delay_s.filter(|delay_s| *delay_s != 0) {
                return Err(invalid_value(
                    delay_s,
                    "DelaySeconds",
                    "The request include parameter that is not valid for this queue type.",
                ));
            }
            if group.is_none() {
                return Err(missing_parameter("MessageGroupId"));
            }
            match id {
                Some(id) => Some(id.into()),
                None if record.settings.content_based_deduplication => Some(content_id(body).into()),
                None => {
                    return Err(invalid_parameter(MISSING_ID));
                }
            }
        }
    };
    let bytes = body.len() + attributes.iter().map(MessageAttribute::bytes_len).sum::<usize>();
    let content = Content {
        message_id: random::bits()?,
        sender_id: sender_id(call),
        body: body.into(),
        body_md5: md5_of_text(body),
        attributes,
        trace_header: trace_header.or_else(|| call.trace.clone()),
        group: group.map(Text::from),
        deduplication_id,
        source_arn: None,
    };
    // A delay of zero on a FIFO queue says nothing.
    let delay_s = delay_s.filter(|_| !queue.fifo);
    Ok(Draft { content, delay_ms: delay_s.map(|seconds| seconds * MS_PER_S), bytes, system_md5 })
}

fn check_size(draft: &Draft, record: &Record) -> Result<(), Fault> {
    let bytes_max = record.settings.message_bytes_max;
    if draft.bytes > bytes_max {
        return Err(invalid_parameter(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} bytes."
        )));
    }
    Ok(())
}

/// The deduplication id of content-based deduplication: attributes do not count.
fn content_id(body: &str) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(body.as_bytes()))
}

/// Checks a group's, a deduplication or an attempt id.
///
/// # Errors
/// In AWS's words.
pub(crate) fn check_id(parameter: &str, id: &str) -> Result<(), Fault> {
    const ID_CHARS_MAX: usize = 128;
    let is_good = (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_good {
        return Ok(());
    }
    Err(invalid_value(
        id,
        parameter,
        &format!("{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."),
    ))
}

/// The one system attribute that a sender may set.
fn trace_header(attributes: &Value) -> Result<Option<MessageAttribute>, Fault> {
    const TRACE: &str = "AWSTraceHeader";
    let Some(attributes) = attributes.as_object() else { return Ok(None) };
    if let Some(other) = attributes.keys().find(|name| &***name != TRACE) {
        return Err(invalid_parameter(format!("Message system attribute name '{other}' is invalid.")));
    }
    let Some(attribute) = attributes.get(TRACE) else { return Ok(None) };
    if attribute["DataType"].as_str() != Some("String") {
        return Err(invalid_parameter(format!("Message system attribute '{TRACE}' must be of type 'String'.")));
    }
    let attributes = message_attribute::read(&object! { "Trace" => attribute })?;
    Ok(attributes.into_iter().next().map(|attribute| MessageAttribute { name: TRACE.into(), ..attribute }))
}
