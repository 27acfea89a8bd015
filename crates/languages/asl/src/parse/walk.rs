//! One walk over a definition: what it was told, what it found, and the readers
//! of single fields that every state type shares.

use std::collections::HashSet;

use windlass_value::{Text, Value};

use super::fields::In;
use super::finding::Finding;
use super::place::Place;
use super::record::Record;
use super::{Options, WorkflowType};
use crate::diagnostic::Severity;
use crate::program::QueryLanguage;
use crate::validate::similar;

/// AWS's code for everything that has no code of its own.
pub(crate) const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";

/// How many errors of one definition are noted.
pub(crate) const ERRORS_MAX: usize = 1000;

/// How many warnings of one definition are noted.
pub(crate) const WARNINGS_MAX: usize = 1000;

/// How long the texts and places of all findings may be together, in bytes.
const FINDINGS_BYTES_MAX: usize = 4 << 20;

/// Up to how many findings a similar name is looked for.
const SUGGESTIONS_MAX: usize = 100;

/// The bounds of a number.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) integer: bool,
}

impl Bounds {
    /// Integers from `min` to `max`.
    pub(crate) const fn integer(min: u32, max: f64) -> Bounds {
        Bounds { min: min as f64, max, integer: true }
    }
}

/// The state of one walk.
pub(crate) struct Walk {
    pub(crate) workflow_type: WorkflowType,
    /// Inside the processor of a Map whose children are Express executions.
    pub(crate) express_children: bool,
    /// The language of the whole definition.
    pub(crate) machine_language: QueryLanguage,
    pub(crate) findings: Vec<Finding>,
    /// Some error was found, noted or not.
    refused: bool,
    errors: usize,
    warnings: usize,
    findings_bytes: usize,
    /// Takes what is found beyond the bounds.
    beyond: Finding,
    /// State names seen so far, in the whole definition.
    pub(crate) names: HashSet<Text>,
    /// Map labels seen so far.
    pub(crate) labels: HashSet<Text>,
    /// The variables that each enclosing scope assigns, outermost first.
    pub(crate) scopes: Vec<HashSet<Text>>,
    /// The variables each state reads, in the order of the definition.
    pub(crate) references: Vec<(Text, Vec<Text>)>,
    /// Where in `references` the states stand that enclose the present node.
    pub(crate) reading: Vec<usize>,
    /// How many machines enclose the present node.
    pub(crate) depth: usize,
}

impl Walk {
    pub(crate) fn new(options: &Options) -> Walk {
        Walk {
            workflow_type: options.workflow_type,
            express_children: false,
            machine_language: QueryLanguage::JsonPath,
            findings: Vec::new(),
            refused: false,
            errors: 0,
            warnings: 0,
            findings_bytes: 0,
            beyond: Finding::default(),
            names: HashSet::new(),
            labels: HashSet::new(),
            scopes: Vec::new(),
            references: Vec::new(),
            reading: Vec::new(),
            depth: 0,
        }
    }

    /// Whether the definition is refused.
    pub(crate) fn has_errors(&self) -> bool {
        self.refused
    }

    /// Notes an error at a node.
    pub(crate) fn error(&mut self, code: &'static str, message: impl Into<String>, place: &Place<'_>) -> &mut Finding {
        self.note(Severity::Error, code, message, place)
    }

    /// Notes an error of the common code at a node.
    pub(crate) fn schema(&mut self, message: impl Into<String>, place: &Place<'_>) -> &mut Finding {
        self.error(SCHEMA, message, place)
    }

    /// Notes a warning at a node.
    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        place: &Place<'_>,
    ) -> &mut Finding {
        self.note(Severity::Warning, code, message, place)
    }

    fn note(
        &mut self,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
        place: &Place<'_>,
    ) -> &mut Finding {
        self.refused |= severity == Severity::Error;
        if self.is_full(severity) {
            return &mut self.beyond;
        }
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        let message = message.into();
        let location = place.location();
        let pointer = place.pointer();
        self.findings_bytes += message.len() + location.len() + 2 * pointer.len();
        self.findings.push(Finding {
            severity,
            code,
            message,
            location: Some(location),
            anchor: pointer.clone(),
            pointer,
            at_name: false,
            offset: None,
            span: None,
            help: None,
        });
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Whether a bound on findings is reached.
    fn is_full(&self, severity: Severity) -> bool {
        let full = match severity {
            Severity::Error => self.errors >= ERRORS_MAX,
            Severity::Warning => self.warnings >= WARNINGS_MAX,
        };
        full || self.findings_bytes > FINDINGS_BYTES_MAX
    }

    /// The name that was meant, in words. Looked for only while there are few
    /// findings, for each costs a look at all candidates.
    pub(crate) fn did_you_mean<'c>(&self, word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<String> {
        if self.findings.len() >= SUGGESTIONS_MAX {
            return None;
        }
        similar::nearest(word, candidates).map(|meant| format!("did you mean '{meant}'?"))
    }

    /// Notes an error that AWS locates at an object and that lies in one member's name.
    pub(crate) fn member_error(&mut self, message: impl Into<String>, record: &Record<'_>, name: &str) -> &mut Finding {
        self.member_finding(Severity::Error, message, record, name)
    }

    fn member_finding(
        &mut self,
        severity: Severity,
        message: impl Into<String>,
        record: &Record<'_>,
        name: &str,
    ) -> &mut Finding {
        if self.is_full(severity) {
            self.refused |= severity == Severity::Error;
            return &mut self.beyond;
        }
        let finding = self.note(severity, SCHEMA, message, record.place);
        finding.pointer = record.place.member(name).pointer();
        finding.at_name = true;
        finding
    }

    /// The state that is being read uses a variable.
    pub(crate) fn reads(&mut self, name: &str) {
        if name == "states" {
            return;
        }
        if let Some(state) = self.reading.last().copied()
            && let Some((_, names)) = self.references.get_mut(state)
            && !names.iter().any(|known| &**known == name)
        {
            names.push(name.into());
        }
    }

    /// A field that belongs nowhere here. Vendors' `x-` fields are let through.
    pub(crate) fn unsupported<'c>(
        &mut self,
        record: &Record<'_>,
        name: &str,
        candidates: impl Iterator<Item = &'c str>,
    ) {
        let message = format!("Field '{name}' is not supported");
        if name.starts_with("x-") {
            self.member_finding(Severity::Warning, message, record, name).help =
                Some("fields that start with 'x-' are ignored here; AWS refuses them".to_owned());
        } else {
            let help = self.did_you_mean(name, candidates);
            self.member_error(message, record, name).help = help;
        }
    }

    /// Reports every field that is not in a list.
    pub(crate) fn only_fields(&mut self, record: &Record<'_>, allowed: &'static [&'static str]) {
        for name in record.object.keys() {
            if !allowed.contains(&&**name) {
                self.unsupported(record, name, allowed.iter().copied());
            }
        }
    }

    /// Reports every field that is not in a table or is of the other language.
    pub(crate) fn only_fields_of(
        &mut self,
        record: &Record<'_>,
        allowed: &'static [(&'static str, In)],
        language: QueryLanguage,
    ) {
        for name in record.object.keys() {
            match allowed.iter().find(|(field, _)| *field == &**name) {
                Some((_, languages)) if languages.allows(language) => {}
                Some(_) => self.wrong_language(record, name, language),
                None => self.unsupported(record, name, allowed.iter().map(|(field, _)| *field)),
            }
        }
    }

    /// A field of the other language.
    pub(crate) fn wrong_language(&mut self, record: &Record<'_>, name: &str, language: QueryLanguage) {
        let (set, other) = match language {
            QueryLanguage::JsonPath => ("JSONPath", "JSONata"),
            QueryLanguage::Jsonata => ("JSONata", "JSONPath"),
        };
        let message = format!(
            "The QueryLanguage is set to '{set}', but field '{name}' is only supported for the '{other}' QueryLanguage"
        );
        let help = match (name, language) {
            ("Parameters", QueryLanguage::Jsonata) => Some("use 'Arguments' (on a Map: 'ItemSelector')"),
            ("ResultSelector" | "ResultPath" | "OutputPath" | "Result", QueryLanguage::Jsonata) => Some("use 'Output'"),
            ("ItemsPath", QueryLanguage::Jsonata) => Some("use 'Items'"),
            ("Variable", QueryLanguage::Jsonata) => Some("use 'Condition'"),
            ("InputPath", QueryLanguage::Jsonata) => Some("read $states.input in the expressions instead"),
            (name, QueryLanguage::Jsonata) if name.ends_with("Path") => {
                Some("write an expression into the field without 'Path'")
            }
            (_, QueryLanguage::JsonPath) => Some("set \"QueryLanguage\": \"JSONata\" on the state to use it"),
            _ => None,
        };
        self.member_error(message, record, name).help = help.map(str::to_owned);
    }

    /// Reports the fields that are missing, in the order given.
    pub(crate) fn required(&mut self, record: &Record<'_>, names: &[&str]) {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !record.has(name)).collect();
        if !missing.is_empty() {
            self.schema(format!("These fields are required: [{}]", missing.join(", ")), record.place);
        }
    }

    /// Reports when more than one of the fields is there.
    pub(crate) fn at_most_one(&mut self, record: &Record<'_>, names: &[&str]) {
        let present: Vec<&str> = names.iter().copied().filter(|name| record.has(name)).collect();
        if let Some(second) = present.get(1) {
            let message = format!("There should only be one of the following fields: [{}]", names.join(", "));
            self.member_error(message, record, second);
        }
    }

    /// Reports when none or more than one of the fields is there.
    pub(crate) fn exactly_one(&mut self, record: &Record<'_>, names: &[&str]) {
        if names.iter().any(|name| record.has(name)) {
            self.at_most_one(record, names);
        } else {
            let message = format!("This object should have only one of the following fields: [{}]", names.join(", "));
            self.schema(message, record.place);
        }
    }

    /// A value of the wrong kind.
    pub(crate) fn expected(&mut self, kind: &str, place: &Place<'_>) -> &mut Finding {
        self.schema(format!("Expected value of type {kind}"), place)
    }

    /// A string field.
    pub(crate) fn string<'r>(&mut self, record: &Record<'r>, name: &'r str) -> Option<&'r Text> {
        match record.get(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.expected("[STRING]", &record.at(name));
                None
            }
        }
    }

    /// A string field that holds one of some words.
    pub(crate) fn word<'r>(&mut self, record: &Record<'r>, name: &'r str, words: &[&'static str]) -> Option<&'r Text> {
        let text = self.string(record, name)?;
        if !words.contains(&&**text) {
            let message = format!("Value should be one of the following: [{}]", words.join(", "));
            let help = self.did_you_mean(text, words.iter().copied());
            self.schema(message, &record.at(name)).help = help;
            return None;
        }
        Some(text)
    }

    /// A boolean field.
    pub(crate) fn boolean<'r>(&mut self, record: &Record<'r>, name: &'r str) -> Option<bool> {
        match record.get(name)? {
            Value::Bool(value) => Some(*value),
            _ => {
                self.expected("[BOOLEAN]", &record.at(name));
                None
            }
        }
    }

    /// An object field.
    pub(crate) fn object<'r>(&mut self, record: &Record<'r>, name: &'r str) -> Option<&'r windlass_value::Object> {
        match record.get(name)? {
            Value::Object(object) => Some(object),
            _ => {
                self.expected("[OBJECT]", &record.at(name));
                None
            }
        }
    }

    /// An array field that must hold something.
    pub(crate) fn items<'r>(&mut self, record: &Record<'r>, name: &'r str) -> Option<&'r [Value]> {
        match record.get(name)? {
            Value::Array(items) if items.is_empty() => {
                self.schema("Value cannot be empty", &record.at(name));
                Some(&[])
            }
            Value::Array(items) => Some(items),
            _ => {
                self.expected("[ARRAY]", &record.at(name));
                None
            }
        }
    }

    /// A literal number within bounds.
    pub(crate) fn number<'r>(&mut self, record: &Record<'r>, name: &'r str, bounds: Bounds) -> Option<f64> {
        let value = record.get(name)?;
        self.number_value(value, &record.at(name), bounds)
    }

    /// A literal number within bounds, at a place. What is out of bounds is
    /// reported and used as it is.
    pub(crate) fn number_value(&mut self, value: &Value, place: &Place<'_>, bounds: Bounds) -> Option<f64> {
        let Some(number) = value.as_number().map(windlass_value::Number::as_f64) else {
            let kind = if bounds.integer { "Integer" } else { "Number" };
            self.expected(kind, place);
            return None;
        };
        if bounds.integer && number.fract() != 0.0 {
            self.expected("Integer", place);
        } else if number < bounds.min {
            self.schema(format!("Minimum value is {}", bounds.min), place);
        } else if number > bounds.max {
            self.schema(format!("Maximum value is {}", bounds.max), place);
        }
        Some(number)
    }
}
