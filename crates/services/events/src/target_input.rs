//! What a target gets of an event.

use windlass_event_target::{Resolved, render};
use windlass_value::{Object, Text, Value};

use crate::event::Event;
use crate::rule::Rule;
use crate::target::{Input, Target};

/// The payload of a delivery.
pub(crate) fn payload(target: &Target, rule: &Rule, event: &Event) -> Text {
    match &target.input {
        Input::Event => event.text.clone(),
        Input::Constant(constant) => constant.clone(),
        // A path that leads nowhere gives an empty object.
        Input::Path(path) => path.find(&event.value).map_or_else(|| "{}".into(), |value| value.to_text().into()),
        Input::Transformer { variables, template } => render(template, |name| {
            if let Some((_, path)) = variables.iter().find(|(variable, _)| variable == name) {
                return path.find(&event.value).map_or(Resolved::Missing, |value| Resolved::Value(value.clone()));
            }
            reserved(name, rule, event).map_or(Resolved::Text, Resolved::Value)
        })
        .into(),
    }
}

/// The variables that every template has.
fn reserved(name: &str, rule: &Rule, event: &Event) -> Option<Value> {
    match name {
        "aws.events.rule-arn" => Some(rule.arn.as_str().into()),
        "aws.events.rule-name" => Some(rule.record.name.as_str().into()),
        "aws.events.event.ingestion-time" => Some(event.ingested.to_rfc3339().into()),
        "aws.events.event.json" => Some(event.value.clone()),
        "aws.events.event" => {
            let mut members = event.value.as_object().map(|members| Object::clone(members)).unwrap_or_default();
            members.remove("detail");
            Some(members.into())
        }
        _ => None,
    }
}
