//! A history event as CloudWatch Logs gets it.

use windlass_journal::Qualifiers;
use windlass_value::{Object, Text, Value, object};
use windlass_workflow::{EventType, HistoryEvent};

use super::escaped::{ESCAPED_BYTES_MAX, cut};
use crate::execution::qualifier_members;

/// The members that `includeExecutionData` decides about, each with what tells of it.
const DATA: [(&str, &str); 4] = [
    ("input", "inputDetails"),
    ("output", "outputDetails"),
    ("parameters", ""),
    ("assignedVariables", "assignedVariablesDetails"),
];

/// What a record says of its execution.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) execution_arn: &'a Text,
    pub(super) qualifiers: &'a Qualifiers,
    pub(super) redrive_count: u32,
    pub(super) include_data: bool,
}

/// The record of one event, as JSON text. As recorded at AWS its scalars are
/// strings and its details have one name, whatever the type of the event.
pub(super) fn record(event: &HistoryEvent, about: About<'_>) -> String {
    let mut record = Object::with_capacity(7);
    record.insert("id", event.id.to_string());
    record.insert("type", event.event_type.name());
    record.insert("details", details(event, about));
    record.insert("previous_event_id", event.previous_event_id.to_string());
    record.insert("event_timestamp", event.at.as_ms().to_string());
    record.insert("execution_arn", about.execution_arn);
    record.insert("redrive_count", about.redrive_count.to_string());
    Value::from(record).to_text()
}

fn details(event: &HistoryEvent, about: About<'_>) -> Value {
    let shown = event.to_value(about.include_data);
    let mut given = match &shown[event.event_type.details_member()] {
        Value::Object(details) => Object::clone(details),
        _ => Object::new(),
    };
    if event.event_type == EventType::ExecutionStarted {
        qualifier_members(about.qualifiers, &mut given);
    }
    for (member, told_by) in DATA {
        if !about.include_data {
            given.remove(member);
            given.remove(told_by);
        } else if let Some(text) = given.get(member).and_then(Value::as_str) {
            let shown = cut(text, ESCAPED_BYTES_MAX);
            if shown.len() < text.len() {
                let shown = Value::from(shown);
                given.insert(member, shown);
                if !told_by.is_empty() {
                    given.insert(told_by, object! { "truncated" => true });
                }
            }
        }
    }
    let mut members: Vec<(Text, Value)> = given
        .into_iter()
        .map(|(name, value)| match value {
            number @ Value::Number(_) => (name, Value::from(number.to_text())),
            value => (name, value),
        })
        .collect();
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    members.into_iter().collect::<Object>().into()
}
