use std::collections::HashMap;

use parking_lot::Mutex;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, ColumnValue, IndexScan, Key, KeyRange, Position, Row, Scan};
use windlass_value::{Object, Value, parse};

use crate::group::Group;
use crate::service::Logs;
use crate::tables::{EVENTS, STREAMS};
use crate::{faults, page};

/// Streams on a page, by default.
const PAGE_DEFAULT: i64 = 50;

/// A stream as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) id: i64,
    pub(crate) creation_ms: i64,
    pub(crate) first_event_ms: Option<i64>,
    pub(crate) last_event_ms: Option<i64>,
    pub(crate) last_ingestion_ms: Option<i64>,
    pub(crate) stored_bytes: i64,
    pub(crate) version: u64,
}

impl Stream {
    pub(crate) fn key(&self, group: &Group) -> Key {
        group.inner().text(&self.name)
    }

    pub(crate) fn put(&self, group: &Group, batch: &mut Batch) {
        let mut document = Object::new();
        document.insert("name", self.name.as_str());
        document.insert("id", self.id);
        document.insert("creation_ms", self.creation_ms);
        document.insert("stored_bytes", self.stored_bytes);
        for (name, value) in [
            ("first_event_ms", self.first_event_ms),
            ("last_event_ms", self.last_event_ms),
            ("last_ingestion_ms", self.last_ingestion_ms),
        ] {
            if let Some(value) = value {
                document.insert(name, value);
            }
        }
        let columns = vec![ColumnValue::Integer(group.id), ColumnValue::Integer(self.last_event_ms.unwrap_or(0))];
        batch.put(&STREAMS, self.key(group), columns, Value::from(document).to_text());
    }

    pub(crate) fn read(row: &Row) -> Option<Stream> {
        let document = parse(std::str::from_utf8(&row.value).ok()?).ok()?;
        let number = |name: &str| document[name].as_i64();
        Some(Stream {
            name: document["name"].as_str()?.to_owned(),
            id: number("id")?,
            creation_ms: number("creation_ms")?,
            first_event_ms: number("first_event_ms"),
            last_event_ms: number("last_event_ms"),
            last_ingestion_ms: number("last_ingestion_ms"),
            stored_bytes: number("stored_bytes")?,
            version: row.version,
        })
    }

    fn describe(&self, group: &Group) -> Value {
        let mut out = Object::new();
        out.insert("logStreamName", self.name.as_str());
        out.insert("creationTime", self.creation_ms);
        for (name, value) in [
            ("firstEventTimestamp", self.first_event_ms),
            ("lastEventTimestamp", self.last_event_ms),
            ("lastIngestionTime", self.last_ingestion_ms),
        ] {
            if let Some(value) = value {
                out.insert(name, value);
            }
        }
        out.insert("uploadSequenceToken", sequence_token(self.version));
        out.insert("arn", format!("{}:log-stream:{}", group.arn(), self.name));
        // AWS answers 0 for streams since 2019.
        out.insert("storedBytes", 0);
        out.into()
    }
}

/// AWS no longer looks at these tokens, but still gives them.
pub(crate) fn sequence_token(version: u64) -> String {
    format!("{version:056}")
}

/// Sizes of groups, and one writer at a time for each stream.
#[derive(Default)]
pub(crate) struct Streams {
    bytes: Mutex<HashMap<i64, i64>>,
}

impl Streams {
    pub(crate) fn group_bytes(&self, group_id: i64) -> i64 {
        self.bytes.lock().get(&group_id).copied().unwrap_or_default()
    }

    pub(crate) fn add_bytes(&self, group_id: i64, bytes: i64) {
        *self.bytes.lock().entry(group_id).or_default() += bytes;
    }

    pub(crate) fn forget_group(&self, group_id: i64) {
        self.bytes.lock().remove(&group_id);
    }
}

impl Logs {
    pub(crate) fn find_stream(&self, group: &Group, name: &str) -> Result<Option<Stream>, Fault> {
        let row = self.store.get(&STREAMS, &group.inner().text(name)).map_err(|error| faults::of_store(&error))?;
        Ok(row.as_ref().and_then(Stream::read))
    }

    pub(crate) async fn create_stream(&self, call: &Call) -> Outcome {
        let group = self.group(call)?;
        let stream = Stream {
            name: call.input["logStreamName"].as_str().unwrap_or_default().to_owned(),
            id: self.fresh_id()?,
            creation_ms: (self.now)().as_ms(),
            first_event_ms: None,
            last_event_ms: None,
            last_ingestion_ms: None,
            stored_bytes: 0,
            version: 0,
        };
        let mut batch = Batch::default();
        batch.expect_absent(&STREAMS, stream.key(&group));
        stream.put(&group, &mut batch);
        match self.store.commit(batch).await {
            Ok(_) => Ok(Reply::from(Value::empty_object())),
            Err(windlass_store::CommitError::Expectation { .. }) => Err(faults::exists("stream")),
            Err(error) => Err(faults::of_commit(&error)),
        }
    }

    pub(crate) async fn delete_stream(&self, call: &Call) -> Outcome {
        let group = self.group(call)?;
        let name = call.input["logStreamName"].as_str().unwrap_or_default();
        let stream = self.find_stream(&group, name)?.ok_or_else(faults::no_stream)?;
        let mut batch = Batch::default();
        batch.delete(&STREAMS, stream.key(&group));
        self.commit(batch).await?;
        self.streams.add_bytes(group.id, -stream.stored_bytes);
        const ROWS: usize = 2000;
        loop {
            let scan = Scan::index(IndexScan::new("by_stream").equal(stream.id), ROWS)
                .within(KeyRange::prefix(&group.inner()));
            let rows = self.store.scan(&EVENTS, scan).map_err(|error| faults::of_store(&error))?;
            let count = rows.len();
            let mut batch = Batch::default();
            rows.into_iter().for_each(|row| batch.delete(&EVENTS, row.key));
            if count > 0 {
                self.commit(batch).await?;
            }
            if count < ROWS {
                return Ok(Reply::from(Value::empty_object()));
            }
        }
    }

    pub(crate) fn describe_streams(&self, call: &Call) -> Outcome {
        let group = self.group(call)?;
        let input = &call.input;
        let prefix = input["logStreamNamePrefix"].as_str().unwrap_or_default();
        let by_time = input["orderBy"].as_str() == Some("LastEventTime");
        if by_time && !prefix.is_empty() {
            return Err(faults::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let limit = input["limit"].as_i64().unwrap_or(PAGE_DEFAULT) as usize;
        let mut scan = match by_time {
            true => Scan::index(IndexScan::new("by_last_event").equal(group.id), limit + 1)
                .within(KeyRange::prefix(&group.inner())),
            false => Scan::range(names(&group, prefix), limit + 1),
        };
        scan.reverse = input["descending"] == Value::Bool(true);
        if let Some(position) = page::position(call)? {
            let name =
                String::from_utf8(position).map_err(|_| faults::invalid("The specified nextToken is invalid."))?;
            let key = group.inner().text(&name);
            let columns = match by_time {
                true => {
                    let last = self.find_stream(&group, &name)?.and_then(|stream| stream.last_event_ms);
                    vec![ColumnValue::Integer(group.id), ColumnValue::Integer(last.unwrap_or(0))]
                }
                false => Vec::new(),
            };
            scan = scan.after(Position { columns, key });
        }
        let rows = self.store.scan(&STREAMS, scan).map_err(|error| faults::of_store(&error))?;
        let mut streams: Vec<Stream> = rows.iter().filter_map(Stream::read).collect();
        let more = streams.len() > limit;
        streams.truncate(limit);
        let mut output = Object::new();
        output.insert("logStreams", Value::array(streams.iter().map(|stream| stream.describe(&group)).collect()));
        if let Some(last) = streams.last().filter(|_| more) {
            output.insert("nextToken", page::token(call, last.name.as_bytes()));
        }
        Ok(Reply::from(Value::from(output)))
    }

    /// Every stream of a group whose name begins so.
    pub(crate) fn streams_of(&self, group: &Group, prefix: &str) -> Result<Vec<Stream>, Fault> {
        const ROWS: usize = 1000;
        let mut streams = Vec::new();
        let mut scan = Scan::range(names(group, prefix), ROWS);
        loop {
            let rows = self.store.scan(&STREAMS, scan.clone()).map_err(|error| faults::of_store(&error))?;
            streams.extend(rows.iter().filter_map(Stream::read));
            match rows.last().filter(|_| rows.len() == ROWS) {
                Some(last) => scan = scan.after(Position { columns: Vec::new(), key: last.key.clone() }),
                None => return Ok(streams),
            }
        }
    }
}

/// The keys of the streams whose names begin so.
fn names(group: &Group, prefix: &str) -> KeyRange {
    let text = group.inner().text(prefix);
    // Without the two bytes that end a text part.
    let open = &text.as_bytes()[..text.as_bytes().len() - 2];
    KeyRange::prefix(&Key::from_bytes(open))
}
