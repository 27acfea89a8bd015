use std::sync::Arc;
use std::time::Duration;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, Commit};
use windlass_value::{Object, Text, Value, object};

use crate::attempt::Attempt;
use crate::backlog::{Entry, State};
use crate::content::Content;
use crate::faults::{invalid_value, no_queue, of_commit, of_store, over_limit};
use crate::input;
use crate::limits::{IN_FLIGHT_MAX, RECEIVE_MESSAGES_MAX, TAKEN_OUT_MAX, VISIBILITY_S_MAX, WAIT_S_MAX, WAITERS_MAX};
use crate::message_attribute::{self, MessageAttribute};
use crate::queue::{Queue, QueueState, Waiter};
use crate::receipt::Receipt;
use crate::redrive::RedrivePolicy;
use crate::shared::Shared;
use crate::tables::CONTENTS;

/// What a receive asks for.
struct Request {
    messages_max: usize,
    visibility_ms: Option<i64>,
    wait_ms: Option<i64>,
    attempt_id: Option<Text>,
    wanted: Wanted,
}

/// Which attributes of messages to answer.
struct Wanted {
    system: Vec<String>,
    message: Vec<String>,
}

/// What a look into the queue gave.
enum Taken {
    /// Messages in flight from now on, once the commit resolves.
    Messages { messages: Vec<(u64, Entry)>, expired: Vec<u64>, commit: Commit },
    /// Messages to move to the dead-letter queue first.
    Dead { messages: Vec<u64>, target: Arc<Queue> },
    /// Nothing; the waiter where the caller wants to wait.
    Nothing(Option<Waiter>),
}

impl Shared {
    /// `ReceiveMessage`. Receives are on the disk before they are answered: a
    /// crash neither forgets a receive nor shortens a visibility timeout.
    pub(crate) async fn receive(self: &Arc<Shared>, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let request = Arc::new(read(&call.input)?);
        let wait_ms = request.wait_ms.unwrap_or_else(|| queue.record().settings.wait_ms);
        let deadline_ms = self.now_ms() + wait_ms;
        let mut stopping = self.stopping();
        loop {
            // Before the queue is looked into, so that no arrival is missed.
            let arrival = queue.arrivals.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            let left_ms = deadline_ms - self.now_ms();
            let may_wait = left_ms > 0 && !*stopping.borrow();
            match self.take(&queue, &request, may_wait, wait_ms > 0)? {
                Taken::Messages { messages, expired, commit } => {
                    let (shared, queue, request) = (self.clone(), queue.clone(), request.clone());
                    let finish = async move { shared.finish(&queue, &request, messages, expired, commit).await };
                    // On its own, so that memory learns of the commit even if the caller goes.
                    let answers = crate::shared::detached(finish).await?;
                    if !answers.is_empty() {
                        return Ok(Reply::from(object! { "Messages" => answers }));
                    }
                }
                Taken::Dead { messages, target } => {
                    let (shared, queue) = (self.clone(), queue.clone());
                    crate::shared::detached(async move { shared.move_dead(&queue, messages, &target).await }).await?;
                }
                Taken::Nothing(None) => return Ok(Reply::from(Value::empty_object())),
                Taken::Nothing(Some(_waiter)) => {
                    let left = Duration::from_millis(left_ms.unsigned_abs());
                    tokio::select! {
                        () = arrival => {}
                        () = tokio::time::sleep(left) => {}
                        // A closed channel means that the service is gone.
                        _ = stopping.changed() => {}
                    }
                }
            }
        }
    }

    /// Takes what may be received now; nothing awaited.
    fn take(&self, queue: &Arc<Queue>, request: &Request, may_wait: bool, is_long: bool) -> Result<Taken, Fault> {
        let record = queue.record();
        let settings = &record.settings;
        // Before the lock: the catalogue has its own.
        let dead_letters =
            settings.redrive.as_ref().and_then(|policy| Some((policy, self.dead_letter_queue(queue, policy)?)));
        let mut guard = queue.state.lock();
        let state = &mut *guard;
        if state.closing {
            return Err(no_queue());
        }
        let now_ms = self.now_ms();
        state.backlog.promote(now_ms);
        let visibility_ms = request.visibility_ms.unwrap_or(settings.visibility_timeout_ms);
        let mut batch = Batch::default();
        if let Some(messages) = repeated(queue, state, request, &mut batch, now_ms + visibility_ms, now_ms) {
            let commit = self.store.commit(batch);
            return Ok(Taken::Messages { messages, expired: Vec::new(), commit });
        }
        let room = IN_FLIGHT_MAX.saturating_sub(state.backlog.counts().in_flight);
        if room == 0 && !queue.fifo && !is_long {
            return Err(over_limit("Too many messages in flight: a queue may have at most 120000 of them."));
        }
        let wanted = request.messages_max.min(room);
        queue.page_in(state, wanted, &self.store, now_ms)?;
        let (mut messages, mut expired, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        for sequence in state.backlog.receivable(wanted + TAKEN_OUT_MAX) {
            let Some(entry) = state.backlog.get(sequence) else { continue };
            if entry.sent_ms + settings.retention_ms <= now_ms {
                if expired.len() < TAKEN_OUT_MAX {
                    expired.push(sequence);
                }
            } else if is_dead(entry, dead_letters.as_ref().map(|(policy, _)| *policy)) {
                // Those before it go first, so that a group keeps its order.
                if !messages.is_empty() || dead.len() >= TAKEN_OUT_MAX {
                    break;
                }
                dead.push(sequence);
            } else if messages.len() == wanted {
                break;
            } else if dead.is_empty() {
                messages.push(sequence);
            }
        }
        if !dead.is_empty()
            && let Some((_, target)) = dead_letters
        {
            for &sequence in &dead {
                state.backlog.change(sequence, State::Leaving, |_| ());
            }
            return Ok(Taken::Dead { messages: dead, target });
        }
        if messages.is_empty() && expired.is_empty() {
            let waits = may_wait && queue.waiters() < WAITERS_MAX;
            let waiter = waits.then(|| queue.wait());
            self.timekeeper.watch(queue, state);
            return Ok(Taken::Nothing(waiter));
        }
        for &sequence in &expired {
            state.backlog.change(sequence, State::Leaving, |_| ());
            queue.delete_rows(&mut batch, sequence);
        }
        let messages = messages.into_iter().filter_map(|sequence| {
            state.backlog.change(sequence, State::InFlight, |entry| {
                entry.receives += 1;
                entry.received_ms = now_ms;
                entry.visible_ms = now_ms + visibility_ms;
                if entry.first_received_ms == 0 {
                    entry.first_received_ms = now_ms;
                }
            });
            let entry = state.backlog.get(sequence)?.clone();
            queue.put_row(&mut batch, sequence, &entry);
            Some((sequence, entry))
        });
        let messages: Vec<(u64, Entry)> = messages.collect();
        if let Some(id) = &request.attempt_id
            && queue.fifo
        {
            let receives = messages.iter().map(|(sequence, entry)| (*sequence, entry.receives)).collect();
            state.remember(id, Attempt { at_ms: now_ms, receives });
        }
        // Others may wait for what is left, or for what was just received to come back.
        queue.wake(state);
        self.timekeeper.watch(queue, state);
        let commit = self.store.commit(batch);
        Ok(Taken::Messages { messages, expired, commit })
    }

    /// Reads the bodies while the commit is under way, and answers after it.
    async fn finish(
        &self,
        queue: &Queue,
        request: &Request,
        messages: Vec<(u64, Entry)>,
        expired: Vec<u64>,
        commit: Commit,
    ) -> Result<Vec<Value>, Fault> {
        let answers = messages.iter().map(|(sequence, entry)| self.answer(queue, request, *sequence, entry));
        let answers: Result<Vec<Option<Value>>, Fault> = answers.collect();
        let committed = commit.await;
        let now_ms = self.now_ms();
        if let Err(error) = &committed {
            self.take_back(queue, &messages);
            queue.restore(&expired, now_ms);
            return Err(of_commit(error));
        }
        queue.forget(&expired);
        let answers = answers?;
        let found = answers.iter().map(Option::is_some);
        let gone = messages.iter().zip(found).filter(|(_, found)| !found).map(|((sequence, _), _)| *sequence);
        self.drop_rows(queue, gone.collect()).await?;
        let answers: Vec<Value> = answers.into_iter().flatten().collect();
        self.counters.received(answers.len());
        Ok(answers)
    }

    /// Removes what the receive wrote of messages that a purge, or a delete under
    /// way, has removed meanwhile.
    async fn drop_rows(&self, queue: &Queue, sequences: Vec<u64>) -> Result<(), Fault> {
        if sequences.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for &sequence in &sequences {
            queue.delete_rows(&mut batch, sequence);
        }
        let commit = self.store.commit(batch);
        commit.await.map_err(|error| of_commit(&error))?;
        queue.forget(&sequences);
        Ok(())
    }

    /// Undoes receives that were not stored.
    fn take_back(&self, queue: &Queue, messages: &[(u64, Entry)]) {
        let mut state = queue.state.lock();
        for (sequence, received) in messages {
            let is_unchanged = |entry: &Entry| {
                entry.state() == State::InFlight
                    && entry.receives == received.receives
                    && entry.visible_ms == received.visible_ms
            };
            if state.backlog.get(*sequence).is_some_and(is_unchanged) {
                state.backlog.change(*sequence, State::Visible, |entry| {
                    entry.receives -= 1;
                    if entry.first_received_ms == entry.received_ms {
                        entry.first_received_ms = 0;
                    }
                });
            }
        }
        queue.wake(&state);
    }

    /// A message as AWS writes it; `None` for one that a purge has removed meanwhile.
    fn answer(&self, queue: &Queue, request: &Request, sequence: u64, entry: &Entry) -> Result<Option<Value>, Fault> {
        let row = self.store.get(&CONTENTS, &queue.key(sequence)).map_err(|error| of_store(&error))?;
        let Some(row) = row else { return Ok(None) };
        let content = Content::decode(&row.value)?;
        let receipt = Receipt { queue_id: queue.id, sequence, receive: entry.receives };
        let mut message = Object::with_capacity(7);
        message.insert("MessageId", content.message_id_text());
        message.insert("ReceiptHandle", receipt.seal(&queue.secret));
        message.insert("MD5OfBody", message_attribute::hex(&content.body_md5));
        message.insert("Body", &content.body);
        let system = request.wanted.system_attributes(queue, sequence, entry, &content);
        if !system.is_empty() {
            message.insert("Attributes", system);
        }
        let attributes = request.wanted.message_attributes(&content);
        if let Some(md5) = message_attribute::md5_of(attributes.iter().copied()) {
            message.insert("MD5OfMessageAttributes", md5);
            let attributes = attributes.into_iter().map(|attribute| (attribute.name.clone(), attribute.to_value()));
            message.insert("MessageAttributes", attributes.collect::<Object>());
        }
        Ok(Some(message.into()))
    }
}

/// Whether a message was received as often as it may be.
fn is_dead(entry: &Entry, policy: Option<&RedrivePolicy>) -> bool {
    policy.is_some_and(|policy| entry.receives - entry.receives_before >= policy.receives_max)
}

/// The messages of a repeated attempt, with their visibility timeout begun anew.
fn repeated(
    queue: &Queue,
    state: &mut QueueState,
    request: &Request,
    batch: &mut Batch,
    visible_ms: i64,
    now_ms: i64,
) -> Option<Vec<(u64, Entry)>> {
    let id = request.attempt_id.as_ref().filter(|_| queue.fifo)?;
    let attempt = state.attempts.get(id).filter(|attempt| attempt.is_valid(&state.backlog, now_ms))?;
    let sequences: Vec<u64> = attempt.receives.iter().map(|(sequence, _)| *sequence).collect();
    let again = sequences.into_iter().filter_map(|sequence| {
        state.backlog.change(sequence, State::InFlight, |entry| entry.visible_ms = visible_ms);
        let entry = state.backlog.get(sequence)?.clone();
        queue.put_row(batch, sequence, &entry);
        Some((sequence, entry))
    });
    Some(again.collect::<Vec<_>>()).filter(|messages| !messages.is_empty())
}

fn read(input: &Value) -> Result<Request, Fault> {
    const MS_PER_S: i64 = 1000;
    let messages_max = input::integer_within(
        input,
        "MaxNumberOfMessages",
        1,
        RECEIVE_MESSAGES_MAX as i64,
        "Must be between 1 and 10, if provided.",
    )?;
    let visibility_s = input::integer_within(
        input,
        "VisibilityTimeout",
        0,
        VISIBILITY_S_MAX,
        "Must be >= 0 and <= 43200, if provided.",
    )?;
    let wait_s =
        input::integer_within(input, "WaitTimeSeconds", 0, WAIT_S_MAX, "Must be >= 0 and <= 20, if provided.")?;
    let mut system = input::texts(input, "AttributeNames");
    system.extend(input::texts(input, "MessageSystemAttributeNames"));
    if let Some(unknown) = system.iter().find(|name| !SYSTEM_ATTRIBUTES.contains(name) && **name != "All") {
        // The older member takes the names of queue attributes too, which no message has.
        if !crate::attributes::is_known(unknown) {
            return Err(Fault::new("InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
        }
    }
    let attempt_id = input::text(input, "ReceiveRequestAttemptId");
    if let Some(id) = attempt_id {
        crate::send::check_id("ReceiveRequestAttemptId", id)?;
    }
    let message = input::texts(input, "MessageAttributeNames");
    if message.contains(&"") {
        return Err(invalid_value("", "MessageAttributeNames", "Message attribute names must not be empty."));
    }
    Ok(Request {
        messages_max: messages_max.unwrap_or(1).unsigned_abs() as usize,
        visibility_ms: visibility_s.map(|seconds| seconds * MS_PER_S),
        wait_ms: wait_s.map(|seconds| seconds * MS_PER_S),
        attempt_id: attempt_id.map(Text::from),
        wanted: Wanted {
            system: system.into_iter().map(str::to_owned).collect(),
            message: message.into_iter().map(str::to_owned).collect(),
        },
    })
}

const SYSTEM_ATTRIBUTES: &[&str] = &[
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

impl Wanted {
    fn system_attributes(&self, queue: &Queue, sequence: u64, entry: &Entry, content: &Content) -> Object {
        let is_wanted = |name: &str| self.system.iter().any(|wanted| wanted == name || wanted == "All");
        let text = |value: &Option<Text>| value.as_ref().map(Text::to_string);
        let all = [
            ("SenderId", Some(content.sender_id.to_string())),
            ("SentTimestamp", Some(entry.sent_ms.to_string())),
            ("ApproximateReceiveCount", Some(entry.receives.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(entry.first_received_ms.to_string())),
            ("SequenceNumber", queue.fifo.then(|| crate::send::sequence_number(sequence))),
            ("MessageDeduplicationId", text(&content.deduplication_id)),
            ("MessageGroupId", text(&content.group)),
            ("AWSTraceHeader", text(&content.trace_header)),
            ("DeadLetterQueueSourceArn", text(&content.source_arn)),
        ];
        all.into_iter().filter(|(name, _)| is_wanted(name)).filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Names may be exact, `All`, `*`, `.*`, or a prefix before `.*`.
    fn message_attributes<'a>(&self, content: &'a Content) -> Vec<&'a MessageAttribute> {
        let matches = |name: &str, wanted: &str| match wanted {
            "All" | "*" => true,
            wanted => name == wanted || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix)),
        };
        let is_wanted = |name: &str| self.message.iter().any(|wanted| matches(name, wanted));
        content.attributes.iter().filter(|attribute| is_wanted(&attribute.name)).collect()
    }
}
