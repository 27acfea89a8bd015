use std::collections::HashMap;
use std::ops::RangeInclusive;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{ColumnValue, IndexScan, Key, KeyRange, Position, Scan};
use windlass_value::{Object, Value, object};

use crate::event::{Event, place};
use crate::group::Group;
use crate::pattern::FilterPattern;
use crate::service::Logs;
use crate::tables::EVENTS;
use crate::{faults, page};

/// Events on a page, by default and at most.
const EVENTS_MAX: usize = 10_000;
/// Bytes of the messages on a page.
const PAGE_BYTES_MAX: usize = 1_048_576;
/// Rows that one search looks at before it hands back a token.
const SEARCHED_ROWS_MAX: usize = 50_000;
const ROWS: usize = 1000;

/// Where a reading stands: before this event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    timestamp_ms: i64,
    number: u64,
}

impl Place {
    fn of(event: &Event) -> Place {
        Place { timestamp_ms: event.timestamp_ms, number: event.number }
    }

    fn behind(self) -> Place {
        Place { number: self.number.saturating_add(1), ..self }
    }

    /// `f/00…/s`, `b/00…/s`, as AWS's tokens look.
    fn token(self, direction: char) -> String {
        format!("{direction}/{:019}{:020}/s", self.timestamp_ms, self.number)
    }

    fn read(token: &str) -> Option<(char, Place)> {
        let (direction, digits) = token.strip_suffix("/s")?.split_once('/')?;
        let (timestamp, number) = digits.split_at_checked(19)?;
        let place = Place { timestamp_ms: timestamp.parse().ok()?, number: number.parse().ok()? };
        matches!(direction, "f" | "b").then_some((direction.chars().next()?, place))
    }
}

impl Logs {
    pub(crate) fn get_events(&self, call: &Call) -> Outcome {
        let group = self.group(call)?;
        let input = &call.input;
        let name = input["logStreamName"].as_str().unwrap_or_default();
        let stream = self.find_stream(&group, name)?.ok_or_else(faults::no_stream)?;
        let token = input["nextToken"].as_str();
        let position = token
            .map(|token| Place::read(token).ok_or_else(|| faults::invalid("The specified nextToken is invalid.")))
            .transpose()?;
        let forward = match position {
            Some((direction, _)) => direction == 'f',
            None => input["startFromHead"] == Value::Bool(true),
        };
        let bounds = bounds(input)?;
        let inner = group.inner();
        let (mut start, mut end) = keys(&inner, &bounds);
        if let Some((_, at)) = position {
            let at = place(&inner, at.timestamp_ms, at.number);
            if forward {
                start = start.max(at);
            } else {
                end = end.min(at);
            }
        }
        let limit = input["limit"].as_i64().map_or(EVENTS_MAX, |limit| limit as usize);
        let mut events = Vec::new();
        if start < end {
            let range = KeyRange { start: Some(start), end: Some(end) };
            let mut scan = Scan::index(IndexScan::new("by_stream").equal(stream.id), limit).within(range);
            scan.reverse = !forward;
            let rows = self.store.scan(&EVENTS, scan).map_err(|error| faults::of_store(&error))?;
            let mut bytes = 0;
            for event in rows.iter().filter_map(Event::read) {
                bytes += event.message.len();
                if bytes > PAGE_BYTES_MAX && !events.is_empty() {
                    break;
                }
                events.push(event);
            }
        }
        if !forward {
            events.reverse();
        }
        // A reader that has come to the end keeps its token, and finds there what comes later.
        let stay = || {
            position.map_or(
                Place { timestamp_ms: if forward { *bounds.start() } else { *bounds.end() }, number: 0 },
                |(_, place)| place,
            )
        };
        let ahead = events.last().map_or_else(stay, |event| Place::of(event).behind());
        let back = events.first().map_or_else(stay, Place::of);
        let shown = |event: &Event| {
            object! { "timestamp" => event.timestamp_ms, "message" => event.message.as_str(), "ingestionTime" => event.ingestion_ms }
        };
        Ok(Reply::from(object! {
            "events" => Value::array(events.iter().map(shown).collect()),
            "nextForwardToken" => ahead.token('f'),
            "nextBackwardToken" => back.token('b'),
        }))
    }

    pub(crate) fn filter_events(&self, call: &Call) -> Outcome {
        let group = self.group(call)?;
        let input = &call.input;
        let pattern = FilterPattern::parse(input["filterPattern"].as_str().unwrap_or_default())
            .map_err(|error| faults::invalid("Invalid filter pattern").explained(error.to_string()))?;
        let names = self.searched_streams(&group, input)?;
        let bounds = bounds(input)?;
        let limit = input["limit"].as_i64().map_or(EVENTS_MAX, |limit| limit as usize);
        let inner = group.inner();
        let (start, end) = keys(&inner, &bounds);
        let mut after = page::position(call)?.map(|key| Position { columns: Vec::new(), key: Key::from_bytes(key) });
        let mut found: Vec<(Event, &str)> = Vec::new();
        let (mut looked_at, mut bytes, mut ended) = (0, 0, start >= end);
        'search: while !ended && looked_at < SEARCHED_ROWS_MAX {
            let mut scan = Scan::range(KeyRange { start: Some(start.clone()), end: Some(end.clone()) }, ROWS);
            scan.after = after.clone();
            let rows = self.store.scan(&EVENTS, scan).map_err(|error| faults::of_store(&error))?;
            ended = rows.len() < ROWS;
            for row in &rows {
                let Some(ColumnValue::Integer(stream)) = row.columns.first() else { continue };
                if let Some(name) = names.get(stream)
                    && let Some(event) = Event::read(row)
                    && pattern.matches(&event.message)
                {
                    bytes += event.message.len();
                    if found.len() == limit || (bytes > PAGE_BYTES_MAX && !found.is_empty()) {
                        ended = false;
                        break 'search;
                    }
                    found.push((event, name));
                }
                looked_at += 1;
                after = Some(Position { columns: Vec::new(), key: row.key.clone() });
            }
        }
        let shown = |(event, name): &(Event, &str)| {
            object! {
                "logStreamName" => *name,
                "timestamp" => event.timestamp_ms,
                "message" => event.message.as_str(),
                "ingestionTime" => event.ingestion_ms,
                "eventId" => format!("{:036}{:020}", event.timestamp_ms, event.number),
            }
        };
        let mut output = Object::new();
        output.insert("events", Value::array(found.iter().map(shown).collect()));
        output.insert("searchedLogStreams", Value::array(Vec::new()));
        if let Some(position) = after.filter(|_| !ended) {
            output.insert("nextToken", page::token(call, position.key.as_bytes()));
        }
        Ok(Reply::from(Value::from(output)))
    }

    /// Names by id of the streams that a search is about.
    fn searched_streams(&self, group: &Group, input: &Value) -> Result<HashMap<i64, String>, Fault> {
        let prefix = input["logStreamNamePrefix"].as_str();
        let names = input["logStreamNames"].as_array();
        match (names, prefix) {
            (Some(_), Some(_)) => {
                Err(faults::invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters."))
            }
            (Some(names), None) => {
                let mut streams = HashMap::new();
                for name in names.iter().filter_map(Value::as_str) {
                    let stream = self.find_stream(group, name)?.ok_or_else(faults::no_stream)?;
                    streams.insert(stream.id, stream.name);
                }
                Ok(streams)
            }
            (None, prefix) => {
                let streams = self.streams_of(group, prefix.unwrap_or_default())?;
                Ok(streams.into_iter().map(|stream| (stream.id, stream.name)).collect())
            }
        }
    }
}

/// From `startTime` to before `endTime`, in milliseconds.
fn bounds(input: &Value) -> Result<RangeInclusive<i64>, Fault> {
    let start = input["startTime"].as_i64().unwrap_or(0);
    let end = input["endTime"].as_i64().unwrap_or(i64::MAX);
    if start > end {
        return Err(faults::invalid("startTime must be less than or equal to endTime."));
    }
    Ok(start..=end)
}

fn keys(inner: &Key, bounds: &RangeInclusive<i64>) -> (Key, Key) {
    (place(inner, *bounds.start(), 0), place(inner, *bounds.end(), 0))
}
