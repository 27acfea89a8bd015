//! Definition text in, program and all findings out, in one walk.

mod assign;
mod choice;
mod concurrency;
mod duplicate;
mod expression;
mod fields;
mod finding;
mod integration;
mod machine;
mod map;
mod path;
mod place;
mod record;
mod resource;
mod retry;
mod state;
mod task;
mod template;
mod wait;
mod walk;

use std::fmt;
use std::sync::Arc;

use windlass_value::{LineIndex, SpanMap, Text, Value, parse, parse_with_spans};

pub use integration::{Parameters as IntegrationParameters, parameters as integration_parameters};
pub(crate) use place::Place;
pub(crate) use record::Record;
pub(crate) use walk::Walk;

use crate::diagnostic::{Diagnostic, Severity};
use crate::program::{Machine, State};

/// The two kinds of workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkflowType {
    /// Durable, up to a year.
    #[default]
    Standard,
    /// In memory, minutes; waits for no callback and no job.
    Express,
}

/// What a definition is checked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Express refuses what waits.
    pub workflow_type: WorkflowType,
}

/// State name → names of the variables it reads, without `$`, in the order of the
/// definition. States that read none are absent.
pub type VariableReferences = Vec<(Text, Vec<Text>)>;

/// What became of a definition.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The program; absent when there is any error.
    pub machine: Option<Arc<Machine>>,
    /// All findings, in AWS's order.
    pub diagnostics: Vec<Diagnostic>,
    /// What each state reads.
    pub variable_references: VariableReferences,
}

/// What became of the definition of one state.
#[derive(Clone, Debug)]
pub struct StateDefinition {
    /// The state; absent when there is any error.
    pub state: Option<Arc<State>>,
    /// All findings; locations start at the state.
    pub diagnostics: Vec<Diagnostic>,
    /// What the state and those inside it read.
    pub variable_references: VariableReferences,
}

/// Why a stored definition cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The first error that stands in the way.
    pub message: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the definition cannot be loaded: {}", self.message)
    }
}
impl std::error::Error for LoadError {}

/// Checks a definition as CreateStateMachine does and builds its program.
pub fn parse_definition(text: &str, options: &Options) -> Definition {
    let (value, spans) = match read(text) {
        Ok(read) => read,
        Err(diagnostic) => {
            return Definition { machine: None, diagnostics: vec![*diagnostic], variable_references: Vec::new() };
        }
    };
    let mut walk = Walk::new(options);
    let root = Place::root();
    let machine = match &value {
        Value::Object(object) => walk.definition(&Record::new(object, &root)),
        _ => {
            walk.no_object(&root);
            None
        }
    };
    let (diagnostics, variable_references, sound) = finish(walk, text, &spans);
    Definition { machine: machine.filter(|_| sound).map(Arc::new), diagnostics, variable_references }
}

/// Checks the definition of one state, as TestState does. Where it leads is not
/// looked at: the states around it are not known.
pub fn parse_state(text: &str, name: &str, options: &Options) -> StateDefinition {
    let (value, spans) = match read(text) {
        Ok(read) => read,
        Err(diagnostic) => {
            return StateDefinition { state: None, diagnostics: vec![*diagnostic], variable_references: Vec::new() };
        }
    };
    let mut walk = Walk::new(options);
    let root = Place::root();
    let state = match &value {
        Value::Object(object) => walk.state(&Text::from(name), &Record::new(object, &root)),
        _ => {
            walk.no_object(&root);
            None
        }
    };
    let (diagnostics, variable_references, sound) = finish(walk, text, &spans);
    StateDefinition { state: state.filter(|_| sound).map(Arc::new), diagnostics, variable_references }
}

/// Builds the program of a definition that was accepted once: whatever a later
/// validator finds, it loads again.
///
/// # Errors
/// Where no program can be built: the text is no JSON object, a state has no
/// type, or an expression or path does not parse.
pub fn load_definition(text: &str) -> Result<Machine, LoadError> {
    let value = parse(text).map_err(|error| LoadError { message: error.to_string() })?;
    let mut walk = Walk::new(&Options::default());
    let root = Place::root();
    let machine = match &value {
        Value::Object(object) => walk.definition(&Record::new(object, &root)),
        _ => None,
    };
    machine.ok_or_else(|| {
        let first = walk.findings.iter().find(|finding| finding.severity == Severity::Error);
        LoadError { message: first.map_or_else(|| duplicate::NO_OBJECT.to_owned(), |finding| finding.message.clone()) }
    })
}

/// The text as JSON, or what AWS says when it is none.
fn read(text: &str) -> Result<(Value, SpanMap), Box<Diagnostic>> {
    if text.trim().is_empty() {
        return Ok((Value::Null, SpanMap::default()));
    }
    parse_with_spans(text).map_err(|error| {
        let location = error.source_location(text);
        let offset = error.offset.min(text.len());
        let at = LineIndex::new(text).position(text, offset);
        Box::new(Diagnostic {
            severity: Severity::Error,
            code: "INVALID_JSON_DESCRIPTION",
            message: format!("{}\n at {location}", error.message),
            location: Some(location),
            pointer: String::new(),
            span: windlass_value::Span { start: offset, end: offset },
            start: at,
            end: at,
            help: None,
        })
    })
}

/// Adds what only the text tells, and looks up where each finding stands.
fn finish(mut walk: Walk, text: &str, spans: &SpanMap) -> (Vec<Diagnostic>, VariableReferences, bool) {
    walk.duplicates(spans);
    let sound = !walk.has_errors();
    let lines = LineIndex::new(text);
    walk.findings.sort_by_cached_key(|finding| finding.order(spans));
    let diagnostics = walk.findings.into_iter().map(|finding| finding.locate(text, spans, &lines)).collect();
    let mut references = walk.references;
    references.retain(|(_, names)| !names.is_empty());
    (diagnostics, references, sound)
}

/// Whether a field belongs to a state type; unknown types are given the benefit of the doubt.
pub(crate) fn is_field_of(state_type: &str, field: &str) -> bool {
    fields::of_type(state_type).is_none_or(|own| fields::languages(own, field).is_some())
}
