//! A machine: the whole definition, a Parallel branch or a Map processor.

use std::collections::HashSet;

use indexmap::IndexMap;
use windlass_value::{Object, Text, Value};

use super::fields;
use super::record::Record;
use super::walk::{Bounds, Walk};
use crate::program::{Machine, QueryLanguage};
use crate::validate::reachability;

/// How many machines may stand in one another.
pub(crate) const MACHINE_NESTING_MAX: usize = 40;

/// Longest state name, in characters.
pub(crate) const STATE_NAME_CHARS_MAX: usize = 80;

/// Largest number of seconds anywhere in a definition.
pub(crate) const SECONDS_MAX: f64 = 99_999_999.0;

impl Walk {
    /// The whole definition. `None` where it cannot be built at all.
    pub(crate) fn definition(&mut self, record: &Record<'_>) -> Option<Machine> {
        self.only_fields(record, fields::TOP);
        self.required(record, &["States", "StartAt"]);
        self.machine_language = self.language(record, QueryLanguage::JsonPath);
        self.word(record, "Version", &["1.0"]);
        let timeout = self.number(record, "TimeoutSeconds", Bounds::integer(0, SECONDS_MAX));
        let concurrency = self.concurrency(record);
        let mut machine = self.container(record);
        reachability::check(self, record, true);
        if let Some(machine) = &mut machine {
            machine.timeout_seconds = timeout.map(|seconds| seconds as u64);
            machine.concurrency = concurrency.map(Box::new);
        }
        machine
    }

    /// A branch or a processor.
    pub(crate) fn nested_machine(&mut self, record: &Record<'_>, allowed: &'static [&'static str]) -> Option<Machine> {
        if self.depth >= MACHINE_NESTING_MAX {
            let message = format!("State machines nest deeper than {MACHINE_NESTING_MAX} levels");
            self.error("TOO_DEEPLY_NESTED", message, record.place);
            return None;
        }
        self.only_fields(record, allowed);
        self.required(record, &["States", "StartAt"]);
        let machine = self.container(record);
        reachability::check(self, record, false);
        machine
    }

    fn container(&mut self, record: &Record<'_>) -> Option<Machine> {
        let comment = self.string(record, "Comment").cloned();
        let start_at = self.name(record, "StartAt");
        let states = self.object(record, "States")?;
        let states_place = record.at("States");
        if states.is_empty() {
            self.schema("Value cannot be empty", &states_place);
        }
        self.depth += 1;
        self.scopes.push(assigned(states));
        let mut built = IndexMap::with_capacity(states.len());
        let mut complete = true;
        for (name, value) in states.iter() {
            let place = states_place.member(name);
            self.state_name(name, &place);
            match value {
                Value::Object(object) => match self.state(name, &Record::new(object, &place)) {
                    Some(state) => {
                        built.insert(name.clone(), state);
                    }
                    None => complete = false,
                },
                _ => {
                    self.expected("[OBJECT]", &place);
                    complete = false;
                }
            }
        }
        self.scopes.pop();
        self.depth -= 1;
        if !complete {
            return None;
        }
        Some(Machine {
            start_at: start_at?,
            states: built,
            comment,
            timeout_seconds: None,
            query_language: self.machine_language,
            concurrency: None,
        })
    }

    /// A state's name: not empty, not too long, new.
    fn state_name(&mut self, name: &Text, place: &super::place::Place<'_>) {
        let finding = if name.is_empty() {
            self.error("INVALID_STATE_NAME", "Invalid State name: State name cannot be empty", place)
        } else if name.chars().count() > STATE_NAME_CHARS_MAX {
            let message = format!(
                "Invalid State name: State '{name}' exceeds the {STATE_NAME_CHARS_MAX}-character limit allowed by the service"
            );
            self.error("INVALID_STATE_NAME", message, place)
        } else if !self.names.insert(name.clone()) {
            self.duplicate_state_name(name, place)
        } else {
            return;
        };
        finding.at_name = true;
    }

    /// A name that is taken.
    pub(crate) fn duplicate_state_name(
        &mut self,
        name: &str,
        place: &super::place::Place<'_>,
    ) -> &mut super::finding::Finding {
        let finding = self.error("DUPLICATE_STATE_NAME", format!("Duplicate State name: {name}"), place);
        finding.at_name = true;
        finding.help = Some("names are unique in the whole definition, branches and processors included".to_owned());
        finding
    }

    /// `QueryLanguage`: only the exact word is JSONPath; what is unknown counts
    /// as JSONata and is reported.
    pub(crate) fn language(&mut self, record: &Record<'_>, inherited: QueryLanguage) -> QueryLanguage {
        let name = "QueryLanguage";
        if !record.has(name) {
            return inherited;
        }
        match self.word(record, name, &["JSONPath", "JSONata"]) {
            Some(text) if &**text == "JSONPath" => QueryLanguage::JsonPath,
            _ => QueryLanguage::Jsonata,
        }
    }
}

/// The variables that the states of a machine assign.
fn assigned(states: &Object) -> HashSet<Text> {
    let mut names = HashSet::new();
    let mut collect = |value: &Value| {
        if let Some(Value::Object(assign)) = value.get("Assign") {
            names.extend(assign.keys().map(|key| Text::from(key.strip_suffix(".$").unwrap_or(key))));
        }
    };
    for state in states.values() {
        collect(state);
        for list in ["Catch", "Choices"] {
            if let Some(Value::Array(items)) = state.get(list) {
                items.iter().for_each(&mut collect);
            }
        }
    }
    names
}
