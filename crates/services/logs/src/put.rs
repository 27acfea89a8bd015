use std::sync::atomic::Ordering;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, CommitError};
use windlass_value::{Object, Value, parse};

use crate::event::Event;
use crate::faults;
use crate::group::Group;
use crate::service::Logs;
use crate::stream::{Stream, sequence_token};
use crate::tables::{EVENTS, STREAMS};

/// All messages of a call, each with [`EVENT_OVERHEAD_BYTES`].
const BATCH_BYTES_MAX: usize = 1_048_576;
/// One message with its overhead, as since 2025.
const EVENT_BYTES_MAX: usize = 1_048_576;
/// What AWS counts for an event beside its message.
const EVENT_OVERHEAD_BYTES: usize = 26;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How far ahead of the clock an event may be.
const FUTURE_MS_MAX: i64 = 2 * HOUR_MS;
/// How old an event may be.
const AGE_MS_MAX: i64 = 14 * DAY_MS;
/// How often a stream is read again because another call wrote to it.
const ATTEMPTS_MAX: usize = 64;

impl Logs {
    pub(crate) async fn put_events(&self, call: &Call) -> Outcome {
        let group = self.group(call)?;
        let name = call.input["logStreamName"].as_str().unwrap_or_default();
        let given = read_events(&call.input)?;
        let now = (self.now)().as_ms();
        let accepted = Accepted::of(&given, now, group.retention_days());
        for _ in 0..ATTEMPTS_MAX {
            if let Some(key) = &call.idempotency_key {
                let first =
                    self.answers.find(&call.account, &call.region, key).map_err(|error| faults::of_store(&error))?;
                if let Some(answer) = first.and_then(|answer| parse(std::str::from_utf8(&answer).ok()?).ok()) {
                    return Ok(Reply::from(answer));
                }
            }
            let stream = self.find_stream(&group, name)?.ok_or_else(faults::no_stream)?;
            let output = accepted.output(stream.version);
            let mut batch = Batch::default();
            let bytes = self.add_events(&mut batch, &group, stream, &given[accepted.range()], now);
            if let Some(key) = &call.idempotency_key {
                self.answers.keep(&mut batch, &call.account, &call.region, key, output.to_text());
            }
            match self.store.commit(batch).await {
                Ok(_) => {
                    self.streams.add_bytes(group.id, bytes);
                    self.written.fetch_add(accepted.range().len() as u64, Ordering::Relaxed);
                    return Ok(Reply::from(output));
                }
                Err(CommitError::Expectation { .. }) => tokio::task::yield_now().await,
                Err(error) => return Err(faults::of_commit(&error)),
            }
        }
        Err(faults::aborted())
    }

    /// Adds the events and the changed stream; answers the bytes they count.
    fn add_events(&self, batch: &mut Batch, group: &Group, mut stream: Stream, given: &[(i64, &str)], now: i64) -> i64 {
        let inner = group.inner();
        let mut bytes = 0;
        for (timestamp_ms, message) in given {
            let event = Event {
                timestamp_ms: *timestamp_ms,
                number: self.next_number(now),
                ingestion_ms: now,
                stream_id: stream.id,
                message: (*message).to_owned(),
            };
            batch.put(&EVENTS, event.key(&inner), event.columns(), event.value());
            bytes += (message.len() + EVENT_OVERHEAD_BYTES) as i64;
        }
        if let (Some((first, _)), Some((last, _))) = (given.first(), given.last()) {
            stream.first_event_ms = Some(stream.first_event_ms.map_or(*first, |known| known.min(*first)));
            stream.last_event_ms = Some(stream.last_event_ms.map_or(*last, |known| known.max(*last)));
            stream.last_ingestion_ms = Some(now);
        }
        stream.stored_bytes += bytes;
        batch.expect_version(&STREAMS, stream.key(group), stream.version);
        stream.put(group, batch);
        bytes
    }
}

/// Instants and messages, as a call gives them.
fn read_events(input: &Value) -> Result<Vec<(i64, &str)>, Fault> {
    let events = input["logEvents"].as_array().map(|items| items.as_slice()).unwrap_or_default();
    let read = |event: &'_ Value| {
        (event["timestamp"].as_i64().unwrap_or_default(), event["message"].as_str().map(str::len).unwrap_or_default())
    };
    let mut bytes = 0;
    for (_, len) in events.iter().map(read) {
        let len = len + EVENT_OVERHEAD_BYTES;
        if len > EVENT_BYTES_MAX {
            return Err(faults::invalid(format!(
                "Log event too large: {len} bytes exceeds limit of {EVENT_BYTES_MAX}"
            )));
        }
        bytes += len;
    }
    if bytes > BATCH_BYTES_MAX {
        return Err(faults::invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}")));
    }
    let events: Vec<(i64, &str)> = events
        .iter()
        .map(|event| (event["timestamp"].as_i64().unwrap_or_default(), event["message"].as_str().unwrap_or_default()))
        .collect();
    if events.is_sorted_by_key(|(timestamp, _)| *timestamp) {
        if let (Some((first, _)), Some((last, _))) = (events.first(), events.last())
            && last - first > DAY_MS
        {
            return Err(faults::invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ));
        }
        return Ok(events);
    }
    Err(faults::invalid("Log events in a single PutLogEvents request must be in chronological order."))
}

/// Which events of a call are taken. They are in order of time, so those that are too
/// old stand first and those too new last.
struct Accepted {
    too_old_end: usize,
    expired_end: usize,
    too_new_start: usize,
    count: usize,
}

impl Accepted {
    fn of(events: &[(i64, &str)], now: i64, retention_days: Option<i64>) -> Accepted {
        let before = |bound: i64| events.partition_point(|(timestamp, _)| *timestamp < bound);
        Accepted {
            too_old_end: before(now - AGE_MS_MAX),
            expired_end: retention_days.map_or(0, |days| before(now - days * DAY_MS)),
            too_new_start: before(now + FUTURE_MS_MAX + 1),
            count: events.len(),
        }
    }

    fn range(&self) -> std::ops::Range<usize> {
        let start = self.too_old_end.max(self.expired_end);
        start.min(self.too_new_start)..self.too_new_start
    }

    fn output(&self, version: u64) -> Value {
        let mut rejected = Object::new();
        if self.too_new_start < self.count {
            rejected.insert("tooNewLogEventStartIndex", self.too_new_start as i64);
        }
        if self.too_old_end > 0 {
            rejected.insert("tooOldLogEventEndIndex", self.too_old_end as i64);
        }
        if self.expired_end > 0 {
            rejected.insert("expiredLogEventEndIndex", self.expired_end as i64);
        }
        let mut output = Object::new();
        output.insert("nextSequenceToken", sequence_token(version + 1));
        if !rejected.is_empty() {
            output.insert("rejectedLogEventsInfo", rejected);
        }
        output.into()
    }
}
