//! One batch of messages on its way: filtered, enriched, delivered, deleted.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use windlass_event_target::{Destination, Kind, Request};
use windlass_protocol::Fault;
use windlass_value::{Object, Value, object};

use crate::answer::{of_function, of_machine};
use crate::caller::call;
use crate::message::Message;
use crate::pipe::Pipe;
use crate::pipes::Pipes;
use crate::target::{Delivered, deliver};
use crate::template::fill;

/// Entries of one `DeleteMessageBatch`.
const DELETED_MAX: usize = 10;

/// Takes messages through a pipe. Those that were delivered, and those that the
/// filters do not let through, are deleted; the others come again when the queue
/// shows them again.
pub(crate) async fn run(pipes: &Pipes, pipe: &Pipe, messages: Vec<Message>) {
    let (taken, refused): (Vec<Message>, Vec<Message>) = messages.into_iter().partition(|message| message.passes(pipe));
    delete(pipes, pipe, &refused).await;
    if taken.is_empty() {
        return;
    }
    match through(pipes, pipe, &taken).await {
        Ok(failed) => {
            pipes.counters.delivered(taken.len() - failed.len());
            let done: Vec<Message> = taken.into_iter().filter(|message| !failed.contains(&message.id)).collect();
            if !failed.is_empty() {
                pipes.counters.failed(failed.len());
                tracing::warn!(pipe = pipe.arn, failed = failed.len(), "some messages of a batch were not taken");
            }
            delete(pipes, pipe, &done).await;
        }
        Err(fault) => {
            pipes.counters.failed(taken.len());
            tracing::warn!(pipe = pipe.arn, %fault, messages = taken.len(), "a batch was not delivered; its messages come again");
        }
    }
}

/// The ids of messages that were not delivered.
async fn through(pipes: &Pipes, pipe: &Pipe, messages: &[Message]) -> Result<BTreeSet<String>, Fault> {
    let now = pipes.now();
    let events: Vec<Value> = match &pipe.enrichment_template {
        Some(template) => messages.iter().map(|message| fill(pipe, template, &message.event, now)).collect(),
        None => messages.iter().map(|message| message.event.clone()).collect(),
    };
    let events = match &pipe.enrichment {
        None => events,
        Some(enrichment) => enriched(pipes, pipe, enrichment, events, messages).await?,
    };
    // An enrichment may leave nothing over: that is no failure.
    if events.is_empty() {
        return Ok(BTreeSet::new());
    }
    let inputs: Vec<Value> = match &pipe.target_template {
        Some(template) => events.iter().map(|event| fill(pipe, template, event, now)).collect(),
        None => events.clone(),
    };
    let key = batch_key(pipe, messages);
    match deliver(pipes, pipe, &events, inputs, &key).await? {
        Delivered::All => Ok(BTreeSet::new()),
        Delivered::AllBut(ids) => {
            Ok(messages.iter().map(|message| message.id.clone()).filter(|id| ids.contains(id)).collect())
        }
        // Each event is one message's, unless the enrichment changed their number.
        Delivered::First(count, _) if count < events.len() && events.len() == messages.len() => {
            Ok(messages[count..].iter().map(|message| message.id.clone()).collect())
        }
        Delivered::First(count, fault) if count < events.len() => Err(fault),
        Delivered::First(..) => Ok(BTreeSet::new()),
    }
}

async fn enriched(
    pipes: &Pipes,
    pipe: &Pipe,
    enrichment: &Destination,
    events: Vec<Value>,
    messages: &[Message],
) -> Result<Vec<Value>, Fault> {
    let payload = Value::array(events).to_text();
    let key = format!("{}:enrichment", batch_key(pipe, messages));
    let answer = match enrichment.kind {
        Kind::StateMachine => of_machine(pipes, pipe, enrichment, &payload, key).await?,
        _ => of_function(pipes, pipe, enrichment, &payload, key).await?,
    };
    Ok(match answer {
        Value::Array(items) => items.to_vec(),
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::Object(members) if members.is_empty() => Vec::new(),
        one => vec![one],
    })
}

/// Names a batch by its messages, so that one that comes again unchanged is known.
fn batch_key(pipe: &Pipe, messages: &[Message]) -> String {
    let mut digest = Sha256::new_with_prefix(pipe.arn.as_bytes());
    for message in messages {
        digest.update([0]);
        digest.update(message.id.as_bytes());
    }
    digest.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn delete(pipes: &Pipes, pipe: &Pipe, messages: &[Message]) {
    for chunk in messages.chunks(DELETED_MAX) {
        let entries = chunk.iter().enumerate().map(|(at, message)| {
            let mut entry = Object::new();
            entry.insert("Id", at.to_string());
            entry.insert("ReceiptHandle", message.receipt.as_str());
            Value::from(entry)
        });
        let arn = &pipe.source.arn;
        let request = Request {
            service: "sqs".to_owned(),
            operation: "DeleteMessageBatch".to_owned(),
            account: arn.account.clone(),
            region: arn.region.clone(),
            input: object! { "QueueUrl" => Request::queue_url(arn), "Entries" => Value::array(entries.collect()) },
            body: None,
        };
        // What is not deleted comes again, and is known by its key.
        match call(pipes, pipe, request, None).await {
            Ok(reply) if reply.output["Failed"].as_array().is_none_or(|failed| failed.is_empty()) => {}
            Ok(reply) => {
                tracing::warn!(pipe = pipe.arn, failed = %reply.output["Failed"], "messages could not be deleted")
            }
            Err(fault) => tracing::warn!(pipe = pipe.arn, %fault, "messages could not be deleted"),
        }
    }
}
