use windlass_event_target::EventEntry;
use windlass_value::{Object, Text, Timestamp, Value};

use crate::place::Place;

/// An event as targets get it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// The whole document.
    pub(crate) value: Value,
    /// The same as text.
    pub(crate) text: Text,
    /// What its `time` says.
    pub(crate) time: Timestamp,
    /// When it came.
    pub(crate) ingested: Timestamp,
}

impl Event {
    /// The event that an entry puts, `detail` being the entry's detail as a document.
    pub(crate) fn new(id: String, entry: &EventEntry, detail: Value, place: &Place, now: Timestamp) -> Event {
        let time = entry.time_s.map_or(now, |seconds| Timestamp(seconds.saturating_mul(1000)));
        let mut event = Object::with_capacity(9);
        event.insert("version", "0");
        event.insert("id", id.as_str());
        event.insert("detail-type", &entry.detail_type);
        event.insert("source", &entry.source);
        event.insert("account", &place.account);
        event.insert("time", seconds_text(time));
        event.insert("region", &place.region);
        event.insert("resources", Value::array(entry.resources.iter().map(Value::from).collect()));
        event.insert("detail", detail);
        let value = Value::from(event);
        Event { id, text: value.to_text().into(), value, time, ingested: now }
    }

    /// An archived event that is put again by a replay.
    pub(crate) fn replayed(value: &Value, replay: &str, now: Timestamp) -> Option<Event> {
        let mut event = Object::clone(value.as_object()?);
        let id = event.get("id")?.as_str()?.to_owned();
        let time = Timestamp::parse_rfc3339(event.get("time")?.as_str()?).ok()?;
        event.insert("replay-name", replay);
        let value = Value::from(event);
        Some(Event { id, text: value.to_text().into(), value, time, ingested: now })
    }
}

/// `2026-11-22T17:00:00Z`
pub(crate) fn seconds_text(instant: Timestamp) -> String {
    let text = instant.to_rfc3339();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}
