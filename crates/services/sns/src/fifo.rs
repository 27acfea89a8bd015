//! The order of a FIFO topic: sequence numbers are taken, entries added and batches
//! handed over under one short lock for each topic, so that the three orders are one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_protocol::Fault;
use windlass_store::{Batch, Key, Store};
use windlass_value::{Timestamp, Value, object};

use crate::faults;
use crate::tables::{DEDUPLICATIONS, SEQUENCES, topic_key};
use crate::topic_name::TopicName;

/// How long a repeat is known.
pub(crate) const DEDUPLICATION_MS: i64 = 5 * 60 * 1000;
/// The first sequence number: AWS's have 20 digits.
const FIRST: u64 = 10_000_000_000_000_000_000;
/// How many numbers are reserved at once; after a crash the rest is skipped.
const RESERVED: u64 = 1_000;
/// How many topics' counters are kept in memory.
const COUNTERS_MAX: usize = 10_000;

/// A topic's counter.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    next: u64,
    /// The first number that is not reserved.
    reserved: u64,
}

impl Counter {
    /// The next sequence number. Where it has to be reserved, the batch does so.
    pub(crate) fn take(&mut self, topic: &TopicName, batch: &mut Batch) -> String {
        let number = self.next;
        self.next += 1;
        if number >= self.reserved {
            self.reserved = number + RESERVED;
            let columns = vec![(*topic.account).into(), (*topic.region).into(), (*topic.name).into()];
            batch.put(&SEQUENCES, topic_key(topic), columns, self.reserved.to_string());
        }
        format!("{:020}", FIRST.saturating_add(number))
    }

    /// What was reserved in a batch that was refused is reserved again.
    pub(crate) fn refused(&mut self) {
        self.reserved = self.next;
    }
}

/// The counters of the FIFO topics.
pub(crate) struct Fifo {
    store: Store,
    counters: Mutex<HashMap<TopicName, Arc<Mutex<Counter>>>>,
}

/// What a topic was sent under a deduplication id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) message_id: String,
    pub(crate) sequence_number: String,
}

impl Fifo {
    pub(crate) fn new(store: Store) -> Fifo {
        Fifo { store, counters: Mutex::default() }
    }

    /// The counter of a topic.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn counter(&self, topic: &TopicName) -> Result<Arc<Mutex<Counter>>, Fault> {
        let mut counters = self.counters.lock();
        if let Some(counter) = counters.get(topic) {
            return Ok(counter.clone());
        }
        let row = self.store.get(&SEQUENCES, &topic_key(topic)).map_err(|error| faults::of_store(&error))?;
        let next = row.and_then(|row| std::str::from_utf8(&row.value).ok()?.parse().ok()).unwrap_or(0);
        let counter = Arc::new(Mutex::new(Counter { next, reserved: next }));
        if counters.len() >= COUNTERS_MAX {
            // Those in use stay alive by their users; nobody may count on beside them.
            counters.retain(|_, counter| Arc::strong_count(counter) > 1);
        }
        counters.insert(topic.clone(), counter.clone());
        Ok(counter)
    }

    /// What was sent under that id within the last five minutes. Where nothing was, the
    /// batch gets the expectation that this is still so.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn sent(&self, key: &Key, now: Timestamp, batch: &mut Batch) -> Result<Option<Sent>, Fault> {
        let row = self.store.get(&DEDUPLICATIONS, key).map_err(|error| faults::of_store(&error))?;
        let Some(row) = row else {
            batch.expect_absent(&DEDUPLICATIONS, key.clone());
            return Ok(None);
        };
        let value = std::str::from_utf8(&row.value).ok().and_then(|text| windlass_value::parse(text).ok());
        let value = value.ok_or_else(|| Fault::internal("a deduplication is broken"))?;
        if value["expires"].as_i64().is_some_and(|expires| now.as_ms() < expires) {
            let text = |member: &str| value[member].as_str().unwrap_or_default().to_owned();
            return Ok(Some(Sent { message_id: text("id"), sequence_number: text("sequence") }));
        }
        batch.expect_version(&DEDUPLICATIONS, key.clone(), row.version);
        Ok(None)
    }

    /// Writes down what is sent under an id.
    pub(crate) fn remember(&self, key: Key, now: Timestamp, sent: &Sent, batch: &mut Batch) {
        let expires = now.plus_ms(DEDUPLICATION_MS).as_ms();
        let value: Value =
            object! { "id" => &sent.message_id, "sequence" => &sent.sequence_number, "expires" => expires };
        batch.put(&DEDUPLICATIONS, key, vec![expires.into()], value.to_text());
    }
}

/// The key of a deduplication id: of the topic, or of a message group of it.
pub(crate) fn deduplication_key(topic: &TopicName, group: Option<&str>, id: &str) -> Key {
    match group {
        Some(group) => topic_key(topic).text("group").text(group).text(id),
        None => topic_key(topic).text("topic").text(id),
    }
}
