//! One state: what all types share.

use windlass_value::{Text, Value};

use super::expression::Sees;
use super::fields;
use super::record::Record;
use super::template::Reading;
use super::walk::Walk;
use crate::program::{PathField, QueryLanguage, ResultPath, State, StateKind, Transition};
use crate::template::Template;

impl Walk {
    /// A state. `None` where it cannot be built at all.
    pub(crate) fn state(&mut self, name: &Text, record: &Record<'_>) -> Option<State> {
        self.reading.push(self.references.len());
        self.references.push((name.clone(), Vec::new()));
        let state = self.typed_state(name, record);
        self.reading.pop();
        state
    }

    fn typed_state(&mut self, name: &Text, record: &Record<'_>) -> Option<State> {
        let own = self.state_type(record)?;
        let (state_type, own) = own;
        let jsonpath_in_jsonata = self.machine_language == QueryLanguage::Jsonata
            && matches!(record.get("QueryLanguage"), Some(Value::String(text)) if &**text == "JSONPath");
        let written = match record.get("QueryLanguage") {
            None => self.machine_language,
            Some(Value::String(text)) if &**text == "JSONPath" => QueryLanguage::JsonPath,
            Some(_) => QueryLanguage::Jsonata,
        };
        if jsonpath_in_jsonata {
            let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            self.member_error(message, record, "QueryLanguage");
        }
        for field in record.object.keys() {
            match fields::languages(own, field) {
                None => self.unsupported(record, field, fields::names(own)),
                // AWS says no more about the fields of a state whose language it refuses.
                Some(languages) if !languages.allows(written) && !jsonpath_in_jsonata => {
                    self.wrong_language(record, field, written);
                }
                Some(_) => {}
            }
        }
        match state_type {
            "Task" => self.required(record, &["Resource"]),
            "Choice" => self.required(record, &["Choices"]),
            "Parallel" => self.required(record, &["Branches"]),
            _ => {}
        }
        let language = self.language(record, self.machine_language);
        let comment = self.string(record, "Comment").cloned();
        let transition = self.transition(record, state_type);
        let kind = match state_type {
            "Pass" => Some(StateKind::Pass { result: self.pass_result(record) }),
            "Task" => self.task(record, language).map(|task| StateKind::Task(Box::new(task))),
            "Choice" => self.choice(record, language).map(StateKind::Choice),
            "Wait" => self.wait(record, language).map(StateKind::Wait),
            "Succeed" => Some(StateKind::Succeed),
            "Fail" => Some(StateKind::Fail(self.fail(record, language))),
            "Parallel" => self.parallel(record),
            _ => self.map(record, language).map(|map| StateKind::Map(Box::new(map))),
        };
        let does_work = matches!(state_type, "Task" | "Parallel" | "Map");
        let after = Reading { language, sees: if does_work { Sees::Result } else { Sees::Input } };
        let before = Reading { language, sees: Sees::Input };
        let mut state = State {
            name: name.clone(),
            query_language: language,
            comment,
            transition,
            input_path: PathField::Whole,
            output_path: PathField::Whole,
            parameters: None,
            result_selector: None,
            result_path: ResultPath::Replace,
            output: None,
            assign: self.assign(record, after),
            retry: if does_work { self.retriers(record) } else { Vec::new() },
            catch: if does_work { self.catchers(record, language) } else { Vec::new() },
            kind: kind?,
        };
        match language {
            QueryLanguage::JsonPath => {
                state.input_path = self.path_field(record, "InputPath");
                state.output_path = self.path_field(record, "OutputPath");
                state.result_path = self.result_path(record);
                // A Map's Parameters are its ItemSelector in the old spelling.
                if state_type != "Map" {
                    state.parameters = self.payload(record, "Parameters", before);
                }
                state.result_selector = self.payload(record, "ResultSelector", before);
            }
            QueryLanguage::Jsonata => {
                state.parameters = self.template(record, "Arguments", before);
                state.output = self.template(record, "Output", after);
            }
        }
        Some(state)
    }

    /// `Type`, and the fields it allows.
    #[allow(clippy::type_complexity, reason = "the table's own row type")]
    fn state_type(&mut self, record: &Record<'_>) -> Option<(&'static str, &'static [(&'static str, fields::In)])> {
        let name = "Type";
        if !record.has(name) {
            self.required(record, &[name]);
            return None;
        }
        let text = self.string(record, name)?;
        let known = fields::TYPES.into_iter().find(|known| *known == &**text);
        if let Some(known) = known {
            return Some((known, fields::of_type(known)?));
        }
        let message = format!("The field 'Type' should have one of these values: [{}]", fields::TYPES.join(", "));
        let help = self.did_you_mean(text, fields::TYPES.into_iter());
        self.schema(message, &record.at(name)).help = help;
        None
    }

    fn transition(&mut self, record: &Record<'_>, state_type: &str) -> Option<Transition> {
        if matches!(state_type, "Choice" | "Succeed" | "Fail") {
            return None;
        }
        let end = self.boolean(record, "End");
        let next = self.name(record, "Next");
        match (record.has("Next"), end) {
            (true, Some(true)) => {
                self.member_error("There should only be one of the following fields: [Next, End]", record, "End");
            }
            (false, Some(false)) => {
                self.schema("This object should have only one of the following fields: [Next, End]", record.place);
            }
            (false, None) if !record.has("End") => {
                self.schema("This object should have only one of the following fields: [Next, End]", record.place);
            }
            _ => {}
        }
        // Built leniently: a state that leads nowhere ends its machine.
        Some(next.map_or(Transition::End, Transition::Next))
    }

    /// `Parameters`, `ResultSelector`, `ItemSelector` of JSONPath: any JSON.
    pub(crate) fn payload<'r>(&mut self, record: &Record<'r>, name: &'r str, reading: Reading) -> Option<Template> {
        self.template(record, name, reading)
    }

    fn pass_result(&mut self, record: &Record<'_>) -> Option<Value> {
        let name = "Result";
        let value = record.get(name)?;
        if contains_path(value, 0) {
            self.warning(
                "PASS_RESULT_IS_STATIC",
                "Attempt to use a path in the result of a Pass state.",
                &record.at(name),
            )
            .help = Some("Result is taken literally; use 'Parameters' to evaluate paths".to_owned());
        }
        Some(value.clone())
    }

    fn parallel(&mut self, record: &Record<'_>) -> Option<StateKind> {
        let name = "Branches";
        let items = self.items(record, name)?;
        let place = record.at(name);
        let mut branches = Vec::with_capacity(items.len());
        let mut complete = true;
        for (index, item) in items.iter().enumerate() {
            let place = place.item(index);
            match item {
                Value::Object(object) => match self.nested_machine(&Record::new(object, &place), fields::BRANCH) {
                    Some(branch) => branches.push(branch),
                    None => complete = false,
                },
                _ => {
                    self.expected("[OBJECT]", &place);
                    complete = false;
                }
            }
        }
        complete.then_some(StateKind::Parallel { branches })
    }
}

/// Whether a literal has a member that was meant to be evaluated.
fn contains_path(value: &Value, depth: usize) -> bool {
    if depth > super::template::TEMPLATE_DEPTH_MAX {
        return false;
    }
    match value {
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| (key.ends_with(".$") && value.as_str().is_some()) || contains_path(value, depth + 1)),
        Value::Array(items) => items.iter().any(|item| contains_path(item, depth + 1)),
        Value::String(text) => super::path::looks_like_path(text),
        _ => false,
    }
}
