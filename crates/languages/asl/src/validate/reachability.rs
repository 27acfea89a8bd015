//! Where states lead: targets that are not there, states nothing leads to, and
//! definitions without an end.

use std::collections::HashSet;

use windlass_value::{Object, Value};

use crate::parse::{Place, Record, Walk, is_field_of};

const MISSING_TARGET: &str = "MISSING_TRANSITION_TARGET";

/// Checks one machine. A definition's own end is asked for at the top only.
pub(crate) fn check(walk: &mut Walk, record: &Record<'_>, top: bool) {
    let Some(Value::Object(states)) = record.get("States") else { return };
    let states_place = record.at("States");
    let start = record.get("StartAt").and_then(Value::as_str);
    let mut missing = false;
    if let Some(start) = start {
        missing |= target(walk, states, start, &record.at("StartAt"));
    }
    for (name, state) in states.iter() {
        let place = states_place.member(name);
        each_target(state, &place, &mut |name, place| {
            target(walk, states, name, place);
        });
    }
    // A loop without an end hides which states are reachable.
    if top && !states.is_empty() && !states.values().any(ends) {
        let finding = walk.error("MISSING_END_STATE", "Workflow has no terminal state", record.place);
        finding.location = None;
        finding.help = Some("end it with \"End\": true, a Succeed or a Fail".to_owned());
        return;
    }
    if let (Some(start), false) = (start, missing) {
        unreachable(walk, states, start, &states_place);
    }
}

/// Reports a target that is no state here; answers whether it was reported.
fn target(walk: &mut Walk, states: &Object, name: &str, place: &Place<'_>) -> bool {
    if states.contains_key(name) {
        return false;
    }
    let help = walk.did_you_mean(name, states.keys().map(|key| &**key));
    walk.error(MISSING_TARGET, format!("Missing 'Next' target: {name}"), place).help = help;
    true
}

fn unreachable(walk: &mut Walk, states: &Object, start: &str, place: &Place<'_>) {
    let names: HashSet<&str> = states.keys().map(|key| &**key).collect();
    let mut reached: HashSet<&str> = HashSet::from([start]);
    let mut pending = vec![start];
    while let Some(name) = pending.pop() {
        let Some(state) = states.get(name) else { continue };
        each_target(state, place, &mut |next, _| {
            if let Some(key) = names.get(next)
                && reached.insert(key)
            {
                pending.push(key);
            }
        });
    }
    for name in states.keys().filter(|name| !reached.contains(&***name)) {
        let here = place.member(name);
        let finding = walk.error(MISSING_TARGET, format!("State \"{name}\" is not reachable."), &here);
        finding.at_name = true;
        finding.help = Some("no way leads here from StartAt; add a transition or remove the state".to_owned());
    }
}

/// Whether a state ends its machine.
fn ends(state: &Value) -> bool {
    state.get("End").and_then(Value::as_bool) == Some(true)
        || matches!(state.get("Type").and_then(Value::as_str), Some("Succeed" | "Fail"))
}

/// Every transition a state has, where its type allows the field.
fn each_target(state: &Value, place: &Place<'_>, found: &mut dyn FnMut(&str, &Place<'_>)) {
    let Value::Object(object) = state else { return };
    let state_type = object.get("Type").and_then(Value::as_str);
    let allowed = |field: &str| state_type.is_none_or(|state_type| is_field_of(state_type, field));
    for field in ["Next", "Default"] {
        if allowed(field)
            && let Some(Value::String(name)) = object.get(field)
        {
            found(name, &place.member(field));
        }
    }
    for field in ["Choices", "Catch"] {
        if allowed(field)
            && let Some(Value::Array(items)) = object.get(field)
        {
            let place = place.member(field);
            for (index, item) in items.iter().enumerate() {
                if let Some(Value::String(name)) = item.get("Next") {
                    found(name, &place.item(index).member("Next"));
                }
            }
        }
    }
}
