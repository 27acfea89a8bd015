//! JSONata in a definition.

use windlass_jsonata::Expression;
use windlass_value::{Text, Value};

use super::place::Place;
use super::record::Record;
use super::walk::{Bounds, Walk};
use crate::program::{Quantity, QueryLanguage, StringField};

/// Which members of `$states` there are beside `input` and `context`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    /// Neither: before the work is done, or where there is none.
    Input,
    /// `result`: after a Task, Parallel or Map succeeded.
    Result,
    /// `errorOutput`: in a catcher.
    ErrorOutput,
}

/// The source between `{%` and `%}`, without blanks around it, and its offset in the string.
pub(crate) fn source(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("{%")?.strip_suffix("%}")?;
    let trimmed = inner.trim_start();
    Some((trimmed.trim_end(), 2 + inner.len() - trimmed.len()))
}

impl Walk {
    /// An expression's source, checked.
    pub(crate) fn expression(
        &mut self,
        source: &str,
        offset: usize,
        place: &Place<'_>,
        sees: Sees,
    ) -> Option<Expression> {
        let expression = match Expression::compile(source) {
            Ok(expression) => expression,
            Err(error) => {
                let finding = self.error("INVALID_JSONATA_EXPRESSION", error.message, place);
                finding.offset = Some(offset + error.position.min(source.len()));
                return None;
            }
        };
        for reference in expression.unsupported_references() {
            let help = match reference.name.as_str() {
                "$" | "$$" => "there is no context item in a state; start from $states.input or a variable".to_owned(),
                name => format!(
                    "there is no context item in a state; write $states.input.{name}, or ${name} for a variable"
                ),
            };
            self.error("UNSUPPORTED_JSONATA_EXPRESSION", reference.to_string(), place).help = Some(help);
        }
        for member in expression.states_members() {
            let missing = match member.as_str() {
                "result" => sees != Sees::Result,
                "errorOutput" => sees != Sees::ErrorOutput,
                "input" | "context" => false,
                _ => true,
            };
            if missing {
                let help = match member.as_str() {
                    "result" => "$states.result is there in Output and Assign of Task, Parallel and Map",
                    "errorOutput" => "$states.errorOutput is there in Output and Assign of a catcher",
                    _ => "$states has input, context, result and errorOutput",
                };
                let message = format!("Field '$states.{member}' does not exist.");
                self.error("UNSUPPORTED_JSONATA_EXPRESSION", message, place).help = Some(help.to_owned());
            }
        }
        for name in expression.variables() {
            self.reads(name);
        }
        Some(expression)
    }

    /// The expression in a string, if it is one.
    pub(crate) fn expression_in(&mut self, text: &str, place: &Place<'_>, sees: Sees) -> Option<Option<Expression>> {
        let Some((source, offset)) = source(text) else {
            let trimmed = text.trim();
            if trimmed.starts_with("{%") || trimmed.ends_with("%}") {
                let message = "Value looks like a JSONata expression, but is a literal";
                self.warning(super::walk::SCHEMA, message, place).help =
                    Some("an expression starts with '{%' and ends with '%}', with nothing around".to_owned());
            }
            return None;
        };
        Some(self.expression(source, offset, place, sees))
    }

    /// A number: a literal, JSONPath's `…Path` field, or a JSONata expression.
    pub(crate) fn quantity<'r>(
        &mut self,
        record: &Record<'r>,
        name: &'r str,
        path_name: &'r str,
        bounds: Bounds,
        language: QueryLanguage,
    ) -> Option<Quantity> {
        match (language, record.get(name)) {
            (QueryLanguage::Jsonata, Some(Value::String(text))) if source(text).is_some() => {
                self.expression_in(text, &record.at(name), Sees::Input)?.map(Quantity::Expression)
            }
            (_, Some(value)) => {
                let place = record.at(name);
                if let Value::String(text) = value
                    && language == QueryLanguage::JsonPath
                    && super::path::looks_like_path(text)
                {
                    self.no_path_suffix(&place, path_name);
                }
                self.number_value(value, &place, bounds).map(Quantity::Literal)
            }
            (QueryLanguage::JsonPath, None) => self.path(record, path_name).map(Quantity::Path),
            (QueryLanguage::Jsonata, None) => None,
        }
    }

    /// A string: a literal, JSONPath's `…Path` field, or a JSONata expression.
    pub(crate) fn string_or<'r>(
        &mut self,
        record: &Record<'r>,
        name: &'r str,
        path_name: &'r str,
        language: QueryLanguage,
    ) -> Option<StringField> {
        if language == QueryLanguage::JsonPath && record.has(path_name) {
            return self.string_path(record, path_name);
        }
        let text = self.string(record, name)?;
        let place = record.at(name);
        match language {
            QueryLanguage::Jsonata => match self.expression_in(text, &place, Sees::Input) {
                Some(expression) => expression.map(StringField::Expression),
                None => Some(StringField::Literal(text.clone())),
            },
            QueryLanguage::JsonPath => {
                if super::path::looks_like_path(text) || super::path::looks_like_intrinsic(text) {
                    self.no_path_suffix(&place, path_name);
                }
                Some(StringField::Literal(text.clone()))
            }
        }
    }

    /// Warns of a path in a field that takes a literal.
    pub(crate) fn no_path_suffix(&mut self, place: &Place<'_>, path_name: &str) {
        self.warning("NO_PATH", "Field value looks like a path, but field name does not end with 'Path'.", place)
            .help = Some(format!("to refer to a value, use '{path_name}'"));
    }

    /// A name that must be a literal, as `Next`.
    pub(crate) fn name<'r>(&mut self, record: &Record<'r>, field: &'r str) -> Option<Text> {
        self.string(record, field).cloned()
    }
}
