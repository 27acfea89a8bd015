use std::fmt;

use windlass_jsonata::{Expression, Limits, World};
use windlass_value::{Object, Value};

use crate::failure::{Failure, shown};
use crate::scope::Scope;

/// Where a value stands in a state, as a chain that is only written out when
/// something fails.
#[derive(Clone, Copy)]
pub(crate) enum Location<'a> {
    /// `Output`, `Choices[1]/Output`
    Root(&'a str),
    /// `…/name`
    Member(&'a Location<'a>, &'a str),
    /// `…[0]`
    Element(&'a Location<'a>, usize),
}

impl Location<'_> {
    /// `Output/a/b[0]`
    pub(crate) fn path(&self) -> String {
        self.to_string()
    }

    /// The nearest member's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Location::Root(field) => field,
            Location::Member(_, name) => name,
            Location::Element(parent, _) => parent.name(),
        }
    }
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Root(field) => f.write_str(field),
            Location::Member(parent, name) => write!(f, "{parent}/{name}"),
            Location::Element(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}

/// The value of an expression.
///
/// Bound are the variables it names, and of `$states` the members it names:
/// building the context object is not free.
pub(crate) fn expression(source: &Expression, scope: &Scope<'_>, location: &Location<'_>) -> Result<Value, Failure> {
    let mut bindings: Vec<(&str, Value)> = Vec::with_capacity(source.variables().len());
    for name in source.variables() {
        if name == "states" {
            bindings.push((name, states(source, scope)));
        } else if let Some(value) = scope.surroundings.variable(name) {
            bindings.push((name, value.clone()));
        }
    }
    let world = World { now: scope.surroundings.now(), seed: scope.surroundings.random() };
    let (answer, fuel) = source.evaluate_counted(&bindings, &world, &limits(scope));
    scope.surroundings.spend(fuel);
    let answer = match answer {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(failed(source, location, "returned nothing (undefined).")),
        Err(error) => Err(failed(source, location, &error.text())),
    };
    noted(answer, scope, location)
}

/// The answer, after whoever watches was told of it.
pub(crate) fn noted(
    answer: Result<Value, Failure>,
    scope: &Scope<'_>,
    location: &Location<'_>,
) -> Result<Value, Failure> {
    scope.surroundings.evaluated(location, answer.as_ref());
    answer
}

/// AWS's limits, but for the sizes that the surroundings set.
fn limits(scope: &Scope<'_>) -> Limits {
    match scope.surroundings.expression_bytes_max(scope.result) {
        Some(bytes_max) => Limits { value_bytes_max: bytes_max, string_chars_max: bytes_max, ..Limits::default() },
        None => Limits::default(),
    }
}

/// `$states` with the members the expression names.
fn states(source: &Expression, scope: &Scope<'_>) -> Value {
    let whole = names_all_states(source.source());
    let wants = |member: &str| whole || source.states_members().iter().any(|wanted| wanted == member);
    let mut states = Object::with_capacity(2);
    if wants("input") {
        states.insert("input", scope.input);
    }
    if let Some(result) = scope.result
        && wants("result")
    {
        states.insert("result", result);
    }
    if let Some(error_output) = scope.error_output
        && wants("errorOutput")
    {
        states.insert("errorOutput", error_output);
    }
    if wants("context") {
        states.insert("context", scope.surroundings.context());
    }
    Value::from(states)
}

/// Whether `$states` stands anywhere without one of its members right behind
/// it, so that all of them may be read. Text and comments count: binding too
/// much only costs time.
fn names_all_states(source: &str) -> bool {
    const STATES: &str = "$states";
    source.match_indices(STATES).any(|(at, _)| {
        let after = &source[at + STATES.len()..];
        let member = after.strip_prefix('.').unwrap_or_default();
        !["input", "result", "errorOutput", "context"].iter().any(|name| member.starts_with(name))
    })
}

/// The failure of an expression that gave a value of the wrong type.
pub(crate) fn unexpected(source: &Expression, location: &Location<'_>, expected: &str, value: &Value) -> Failure {
    let tail = format!(
        "returned an unexpected result type. Expected '{expected}', but was '{}' for value: {}",
        value.kind(),
        shown(value)
    );
    failed(source, location, &tail)
}

fn failed(source: &Expression, location: &Location<'_>, tail: &str) -> Failure {
    let location = location.path();
    let cause =
        format!("The JSONata expression '{}' specified for the field '{location}' {tail}", source.source().trim());
    Failure::query(cause, Some(location))
}
