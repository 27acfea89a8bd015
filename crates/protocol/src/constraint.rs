//! Checks an input against the constraints of its shape, in AWS's words:
//! `1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight'
//! failed to satisfy constraint: Member must have value less than or equal to 100`.

use windlass_value::{Number, Object, Value};

use crate::document::base64_bytes;
use crate::fault::Fault;
use crate::limits::RequestBounds;
use crate::model::{Kind, Member, ServiceModel, Shape, Structure};

/// How many violations one answer names, as AWS does.
const VIOLATIONS_MAX: usize = 10;

const NOT_NULL: &str = "Member must not be null";
/// What stands in for sensitive members inside a shown structure.
const REDACTED: &str = "***Sensitive Data Redacted***";

/// Checks every constraint of a structure.
///
/// # Errors
/// `ValidationException`, or what the service calls it, naming up to [`VIOLATIONS_MAX`] violations.
pub(crate) fn check(
    model: &ServiceModel,
    structure: &Structure,
    input: &Object,
    bounds: &RequestBounds,
) -> Result<(), Fault> {
    let mut checker = Checker { model, bounds, violations: Vec::new(), refusal: None };
    checker.structure(structure, input, "");
    let message = match (checker.violations.len(), checker.refusal) {
        (0, None) => return Ok(()),
        (0, Some(refusal)) => refusal,
        (count, _) => {
            let noun = if count == 1 { "error" } else { "errors" };
            format!("{count} validation {noun} detected: {}", checker.violations.join("; "))
        }
    };
    Err(Fault::new(&model.constraint_error, message))
}

/// Whether a `ValidationException` came from here: AWS's framework answers it
/// under another namespace than a service's own.
pub(crate) fn is_constraint_text(message: &str) -> bool {
    message.contains(" detected: Value") && message.starts_with(|c: char| c.is_ascii_digit())
}

struct Checker<'a> {
    model: &'a ServiceModel,
    bounds: &'a RequestBounds,
    violations: Vec<String>,
    /// What the service itself says of a pattern that is broken.
    refusal: Option<String>,
}

impl Checker<'_> {
    fn structure(&mut self, structure: &Structure, input: &Object, path: &str) {
        for member in &structure.members {
            let path = join(path, &lower_first(&member.name));
            match input.get(&member.name) {
                Some(value) if !value.is_null() => self.value(member, value, &path),
                _ if member.required => self.violation(member, &Value::Null, &path, NOT_NULL),
                _ => {}
            }
        }
    }

    fn value(&mut self, member: &Member, value: &Value, path: &str) {
        let model = self.model;
        let shape = model.shape(member.shape);
        let max = self.bounds.max_of(model.name, &shape.name);
        for broken in broken(shape, value, max) {
            match (&shape.refusal, &shape.pattern) {
                (Some(refusal), Some(pattern)) if broken == pattern_text(&pattern.text) => {
                    self.refusal.get_or_insert_with(|| refusal.replace("{member}", path));
                }
                _ => self.violation(member, value, path, &broken),
            }
        }
        match (&shape.kind, value) {
            (Kind::Structure(structure), Value::Object(object)) => self.structure(structure, object, path),
            (Kind::List(element), Value::Array(items)) => {
                self.elements(member, element, value, path, "Member", items.iter().cloned());
                for (index, item) in items.iter().enumerate() {
                    self.nested(element, item, &format!("{path}.{}.member", index + 1));
                }
            }
            (Kind::Map(key, element), Value::Object(object)) => {
                self.elements(member, key, value, path, "Map keys", object.keys().map(Value::from));
                self.elements(member, element, value, path, "Map value", object.values().cloned());
                for (key, item) in object.iter() {
                    self.nested(element, item, &format!("{path}.{key}.member"));
                }
            }
            _ => {}
        }
    }

    /// Scalars in a list or map: one violation on the whole, listing all constraints.
    fn elements(
        &mut self,
        member: &Member,
        element: &Member,
        value: &Value,
        path: &str,
        subject: &str,
        mut items: impl Iterator<Item = Value>,
    ) {
        let shape = self.model.shape(element.shape);
        if matches!(shape.kind, Kind::Structure(_) | Kind::List(_) | Kind::Map(..)) {
            return;
        }
        if items.any(|item| item.is_null() || !broken(shape, &item, None).is_empty()) {
            let constraints = all_constraints(shape).join(", ");
            self.violation(member, value, path, &format!("{subject} must satisfy constraint: [{constraints}]"));
        }
    }

    fn nested(&mut self, element: &Member, item: &Value, path: &str) {
        let model = self.model;
        let shape = model.shape(element.shape);
        match (&shape.kind, item) {
            (Kind::Structure(_) | Kind::List(_) | Kind::Map(..), Value::Null) => {
                self.violation(element, item, path, NOT_NULL);
            }
            (Kind::Structure(_) | Kind::List(_) | Kind::Map(..), _) => self.value(element, item, path),
            _ => {}
        }
    }

    fn violation(&mut self, member: &Member, value: &Value, path: &str, constraint: &str) {
        if self.violations.len() >= VIOLATIONS_MAX {
            return;
        }
        let shape = self.model.shape(member.shape);
        let shown = if member.sensitive || shape.sensitive {
            String::new()
        } else if value.is_null() {
            " null".to_owned()
        } else {
            format!(" '{}'", java_text(self.model, member, value))
        };
        self.violations.push(format!("Value{shown} at '{path}' failed to satisfy constraint: {constraint}"));
    }
}

/// The texts of the constraints of a value's own shape that it breaks; `max` stands
/// in for the shape's own bound.
fn broken(shape: &Shape, value: &Value, max: Option<usize>) -> Vec<String> {
    let mut out = Vec::new();
    if let Value::String(text) = value
        && matches!(shape.kind, Kind::String)
    {
        if !shape.enumeration.is_empty() && !shape.enumeration.iter().any(|one| **one == **text) {
            out.push(enumeration_text(shape));
        }
        if let Some(pattern) = &shape.pattern
            && !pattern.matches(text)
        {
            out.push(pattern_text(&pattern.text));
        }
    }
    let Some(measure) = measure(shape, value) else { return out };
    if let Some(min) = &shape.min
        && measure < *min
    {
        out.push(bound_text(shape, "greater", min));
    }
    let max = max.and_then(|max| i64::try_from(max).ok()).map(Number::Int);
    if let Some(max) = max.as_ref().or(shape.max.as_ref())
        && measure > *max
    {
        out.push(bound_text(shape, "less", max));
    }
    out
}

/// What min and max speak about: a length, a count or the number itself.
fn measure(shape: &Shape, value: &Value) -> Option<Number> {
    let count = |length: usize| i64::try_from(length).ok().map(Number::Int);
    match (&shape.kind, value) {
        (Kind::String, Value::String(text)) if shape.in_bytes => count(text.len()),
        (Kind::String, Value::String(text)) => count(text.chars().count()),
        (Kind::Blob, Value::String(text)) => count(base64_bytes(text)),
        (Kind::List(_), Value::Array(items)) => count(items.len()),
        (Kind::Map(..), Value::Object(members)) => count(members.len()),
        (_, Value::Number(number)) => Some(number.clone()),
        _ => None,
    }
}

fn bound_text(shape: &Shape, direction: &str, bound: &Number) -> String {
    let bound = Value::Number(bound.clone()).to_text();
    match shape.kind {
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => {
            format!("Member must have value {direction} than or equal to {bound}")
        }
        _ if shape.in_bytes => {
            format!("Member must have size {direction} than or equal to {bound} bytes in UTF-8 encoding")
        }
        _ => format!("Member must have length {direction} than or equal to {bound}"),
    }
}

fn enumeration_text(shape: &Shape) -> String {
    format!("Member must satisfy enum value set: [{}]", shape.enumeration.join(", "))
}

fn pattern_text(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

/// All constraints of a scalar, in the order AWS lists them for elements.
fn all_constraints(shape: &Shape) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(shape.max.as_ref().map(|max| bound_text(shape, "less", max)));
    out.extend(shape.min.as_ref().map(|min| bound_text(shape, "greater", min)));
    out.extend(shape.pattern.as_ref().map(|pattern| pattern_text(&pattern.text)));
    if !shape.enumeration.is_empty() {
        out.push(enumeration_text(shape));
    }
    out.push(NOT_NULL.to_owned());
    out
}

/// A value as Java's `toString` writes it: `[Tag(key=a, value=null)]`, `{a=b}`.
fn java_text(model: &ServiceModel, member: &Member, value: &Value) -> String {
    let shape = model.shape(member.shape);
    if value.is_null() {
        return "null".to_owned();
    }
    let part = |member: &Member, value: &Value| {
        if (member.sensitive || model.shape(member.shape).sensitive) && !value.is_null() {
            REDACTED.to_owned()
        } else {
            java_text(model, member, value)
        }
    };
    match (&shape.kind, value) {
        (Kind::Structure(structure), Value::Object(object)) => {
            let members: Vec<String> = structure
                .members
                .iter()
                .map(|member| {
                    let value = object.get(&member.name).unwrap_or(&Value::Null);
                    format!("{}={}", lower_first(&member.name), part(member, value))
                })
                .collect();
            format!("{}({})", shape.name, members.join(", "))
        }
        (Kind::List(element), Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| part(element, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Kind::Map(key, element), Value::Object(object)) => {
            let members: Vec<String> = object
                .iter()
                .map(|(name, value)| format!("{}={}", part(key, &Value::from(name)), part(element, value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        (Kind::Blob, Value::String(text)) => {
            let length = base64_bytes(text);
            format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]")
        }
        (_, Value::String(text)) => text.to_string(),
        _ => value.to_text(),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// `KMSKeyArn` is `kMSKeyArn` in paths.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
