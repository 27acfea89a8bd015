//! `Assign`: which variables are set.

use windlass_value::{Text, Value};

use super::place::Place;
use super::record::Record;
use super::template::Reading;
use super::walk::Walk;
use crate::program::QueryLanguage;
use crate::template::Template;

/// Longest variable name, in characters.
pub(crate) const VARIABLE_NAME_CHARS_MAX: usize = 80;

impl Walk {
    /// `Assign` of a state, a Choice rule or a catcher.
    pub(crate) fn assign(&mut self, record: &Record<'_>, reading: Reading) -> Option<Template> {
        let field = "Assign";
        let place = record.at(field);
        match record.get(field)? {
            Value::Object(object) => {
                for key in object.keys() {
                    let name = match reading.language {
                        QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
                        QueryLanguage::Jsonata => key,
                    };
                    self.variable_name(name, &place.member(key));
                }
                self.template(record, field, reading)
            }
            // A JSONata expression may compute the whole object.
            Value::String(text)
                if reading.language == QueryLanguage::Jsonata && super::expression::source(text).is_some() =>
            {
                self.template(record, field, reading)
            }
            _ => {
                self.expected("[OBJECT]", &place);
                None
            }
        }
    }

    fn variable_name(&mut self, name: &str, place: &Place<'_>) {
        if name == "states" {
            let message = "Cannot assign to reserved variable '$states'.";
            self.error("RESERVED_VARIABLE_NAME", message, place).at_name = true;
            return;
        }
        let problem = if !is_identifier(name) {
            Some((
                "the variable name contains invalid characters.",
                "a name starts with a letter and goes on with letters, digits and '_'",
            ))
        } else if name.chars().count() > VARIABLE_NAME_CHARS_MAX {
            Some(("the variable name exceeds the 80-character limit.", "use at most 80 characters"))
        } else if self.assigned_outside(name) {
            Some((
                "the variable name is already used in an outer scope.",
                "inside a branch or a processor, choose a name that no enclosing state machine assigns",
            ))
        } else {
            None
        };
        if let Some((problem, help)) = problem {
            let message = format!("Invalid variable name '{name}': {problem}");
            let finding = self.error("INVALID_VARIABLE_NAME", message, place);
            finding.at_name = true;
            finding.help = Some(help.to_owned());
        }
    }

    fn assigned_outside(&self, name: &str) -> bool {
        let name = Text::from(name);
        let outer = self.scopes.len().saturating_sub(1);
        self.scopes[..outer].iter().any(|scope| scope.contains(&name))
    }
}

/// Letters, digits and `_`, not starting with a digit, in any script.
fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_')
}
