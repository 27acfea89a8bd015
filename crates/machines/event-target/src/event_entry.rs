use windlass_value::{Object, Text, Value};

/// One entry of `PutEvents`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventEntry {
    /// Who says so.
    pub source: Text,
    /// What kind of event.
    pub detail_type: Text,
    /// A JSON object as text.
    pub detail: Text,
    /// What it concerns.
    pub resources: Vec<Text>,
    /// When, in epoch seconds; `None` is now.
    pub time_s: Option<i64>,
}

impl EventEntry {
    /// What is to be passed on of an event in its delivered form.
    pub fn of_event(event: &Value, time_s: Option<i64>) -> EventEntry {
        let text = |name: &str| event[name].as_str().unwrap_or_default().into();
        EventEntry {
            source: text("source"),
            detail_type: text("detail-type"),
            detail: event["detail"].to_text().into(),
            resources: match &event["resources"] {
                Value::Array(items) => items.iter().filter_map(Value::as_str).map(Text::from).collect(),
                _ => Vec::new(),
            },
            time_s,
        }
    }

    /// The entry for a bus.
    pub fn to_value(&self, bus: &str) -> Value {
        let mut entry = Object::new();
        if let Some(time_s) = self.time_s {
            entry.insert("Time", time_s);
        }
        entry.insert("Source", &self.source);
        entry.insert("Resources", Value::array(self.resources.iter().map(Value::from).collect()));
        entry.insert("DetailType", &self.detail_type);
        entry.insert("Detail", &self.detail);
        entry.insert("EventBusName", bus);
        entry.into()
    }
}
