//! What of a definition is drawn, read from its JSON as far as it goes.

use std::collections::HashMap;

use windlass_value::Value;

use crate::DEPTH_MAX;
use crate::caption;
use crate::condition;
use crate::diagram::EdgeKind;

/// A definition, a branch or a processor.
pub(crate) struct Machine {
    /// Index of the first state, if it is there.
    pub(crate) start: Option<usize>,
    pub(crate) states: Vec<State>,
}

pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) state_type: String,
    pub(crate) subtitle: String,
    pub(crate) retry: String,
    /// A target that is not there; it has a name and nothing else.
    pub(crate) missing: bool,
    /// Branches, or the one processor.
    pub(crate) inner: Vec<Machine>,
    /// It has `"End": true`.
    pub(crate) ends: bool,
    pub(crate) links: Vec<Link>,
}

pub(crate) struct Link {
    /// Index of the state it leads to.
    pub(crate) to: usize,
    pub(crate) kind: EdgeKind,
    pub(crate) index: usize,
    pub(crate) label: String,
}

impl Machine {
    /// `None` where there is no object `States`.
    pub(crate) fn read(definition: &Value) -> Option<Machine> {
        Machine::read_at(definition, 0)
    }

    fn read_at(definition: &Value, depth: usize) -> Option<Machine> {
        let states = definition.get("States")?.as_object()?;
        let mut machine = Machine { start: None, states: Vec::with_capacity(states.len()) };
        for (name, state) in states.iter() {
            machine.states.push(State {
                name: name.to_string(),
                state_type: text(state, "Type").to_owned(),
                subtitle: caption::subtitle(state),
                retry: caption::retry(state),
                missing: false,
                inner: inner(state, depth),
                ends: state.get("End").and_then(Value::as_bool) == Some(true),
                links: Vec::new(),
            });
        }
        let mut known: HashMap<String, usize> =
            machine.states.iter().enumerate().map(|(index, state)| (state.name.clone(), index)).collect();
        for (from, (_, state)) in states.iter().enumerate() {
            for (target, kind, index, label) in targets(state) {
                let to = machine.index_of(&target, &mut known);
                machine.states[from].links.push(Link { to, kind, index, label });
            }
        }
        if let Some(start) = definition.get("StartAt").and_then(Value::as_str) {
            machine.start = Some(machine.index_of(start, &mut known));
        }
        Some(machine)
    }

    fn index_of(&mut self, name: &str, known: &mut HashMap<String, usize>) -> usize {
        if let Some(index) = known.get(name) {
            return *index;
        }
        known.insert(name.to_owned(), self.states.len());
        self.states.push(State {
            name: name.to_owned(),
            state_type: String::new(),
            subtitle: "no such state".to_owned(),
            retry: String::new(),
            missing: true,
            inner: Vec::new(),
            ends: false,
            links: Vec::new(),
        });
        self.states.len() - 1
    }

    /// States in it and in what it holds.
    pub(crate) fn count(&self) -> usize {
        self.states.iter().map(|state| 1 + state.inner.iter().map(Machine::count).sum::<usize>()).sum()
    }
}

fn inner(state: &Value, depth: usize) -> Vec<Machine> {
    if depth >= DEPTH_MAX {
        return Vec::new();
    }
    match text(state, "Type") {
        "Parallel" => {
            let branches = state.get("Branches").and_then(Value::as_array);
            branches
                .into_iter()
                .flat_map(|branches| branches.iter())
                .filter_map(|branch| Machine::read_at(branch, depth + 1))
                .collect()
        }
        "Map" => {
            let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
            processor.and_then(|processor| Machine::read_at(processor, depth + 1)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Everything a state may lead to: target, kind, number, text.
fn targets(state: &Value) -> Vec<(String, EdgeKind, usize, String)> {
    let mut found = Vec::new();
    if let Some(next) = state.get("Next").and_then(Value::as_str) {
        found.push((next.to_owned(), EdgeKind::Next, 0, String::new()));
    }
    let list = |name: &str| state.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, rule) in list("Choices").iter().enumerate() {
        if let Some(next) = rule.get("Next").and_then(Value::as_str) {
            found.push((next.to_owned(), EdgeKind::Choice, index, condition::text(rule)));
        }
    }
    if let Some(next) = state.get("Default").and_then(Value::as_str) {
        found.push((next.to_owned(), EdgeKind::Default, 0, "otherwise".to_owned()));
    }
    for (index, catcher) in list("Catch").iter().enumerate() {
        if let Some(next) = catcher.get("Next").and_then(Value::as_str) {
            found.push((next.to_owned(), EdgeKind::Catch, index, caption::errors(catcher)));
        }
    }
    found
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
