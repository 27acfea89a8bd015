//! Payload templates of both languages.

use windlass_value::{Object, Text, Value};

use super::expression::Sees;
use super::path::{looks_like_intrinsic, looks_like_path};
use super::place::Place;
use super::record::Record;
use super::walk::Walk;
use crate::program::QueryLanguage;
use crate::template::Template;

/// How deep a template may nest; deeper ones are refused.
pub(crate) const TEMPLATE_DEPTH_MAX: usize = 400;

/// How a template is read.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) language: QueryLanguage,
    pub(crate) sees: Sees,
}

impl Walk {
    /// The template in a field, if the field is there.
    pub(crate) fn template<'r>(&mut self, record: &Record<'r>, name: &'r str, reading: Reading) -> Option<Template> {
        let value = record.get(name)?;
        self.template_value(value, &record.at(name), reading, 0)
    }

    fn template_value(&mut self, value: &Value, place: &Place<'_>, reading: Reading, depth: usize) -> Option<Template> {
        if depth > TEMPLATE_DEPTH_MAX {
            self.error("TOO_DEEPLY_NESTED", format!("The value nests deeper than {TEMPLATE_DEPTH_MAX} levels"), place);
            return None;
        }
        match value {
            Value::Object(object) => self.template_object(value, object, place, reading, depth),
            Value::Array(items) => {
                let mut parts = Vec::with_capacity(items.len());
                let mut whole = true;
                for (index, item) in items.iter().enumerate() {
                    if let Some(part) = self.template_value(item, &place.item(index), reading, depth + 1) {
                        whole &= matches!(part, Template::Literal(_));
                        parts.push(part);
                    } else {
                        whole = false;
                    }
                }
                Some(if whole { Template::Literal(value.clone()) } else { Template::Array(parts) })
            }
            Value::String(text) if reading.language == QueryLanguage::Jsonata => {
                match self.expression_in(text, place, reading.sees) {
                    Some(expression) => expression.map(Template::Expression),
                    None => Some(Template::Literal(value.clone())),
                }
            }
            _ => Some(Template::Literal(value.clone())),
        }
    }

    fn template_object(
        &mut self,
        value: &Value,
        object: &Object,
        place: &Place<'_>,
        reading: Reading,
        depth: usize,
    ) -> Option<Template> {
        let mut members: Vec<(Text, Template)> = Vec::with_capacity(object.len());
        let mut whole = true;
        for (key, member) in object.iter() {
            let hole = match reading.language {
                QueryLanguage::JsonPath => key.strip_suffix(".$"),
                QueryLanguage::Jsonata => None,
            };
            let (name, part) = match hole {
                Some(name) => {
                    if object.contains_key(name) {
                        let message = format!("There should only be one of the following fields: [{name}, {key}]");
                        self.member_error(message, &Record::new(object, place), key);
                    }
                    (Text::from(name), self.hole(key, member, object, place))
                }
                None => {
                    let here = place.member(key);
                    if reading.language == QueryLanguage::JsonPath
                        && let Value::String(text) = member
                        && (looks_like_path(text) || looks_like_intrinsic(text))
                    {
                        self.no_dollar(&here, key);
                    }
                    (key.clone(), self.template_value(member, &here, reading, depth + 1))
                }
            };
            match part {
                Some(part) => {
                    whole &= hole.is_none() && matches!(part, Template::Literal(_));
                    members.push((name, part));
                }
                None => whole = false,
            }
        }
        Some(if whole { Template::Literal(value.clone()) } else { Template::Object(members) })
    }

    fn hole(&mut self, key: &str, value: &Value, object: &Object, place: &Place<'_>) -> Option<Template> {
        let found = match value {
            Value::String(text) if text.starts_with('$') => self.path_text(text).map(Template::Path),
            Value::String(text) => self.intrinsic_text(text).map(Template::Intrinsic),
            _ => None,
        };
        if found.is_none() {
            let message =
                format!("The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call");
            let help = match value {
                Value::String(text) if text.starts_with('$') => {
                    crate::jsonpath::Path::parse(text).err().map(|error| error.to_string())
                }
                Value::String(text) => crate::intrinsic::Intrinsic::parse(text).err().map(|error| error.to_string()),
                _ => Some(format!("for a literal, name the field without '.$', not '{key}'")),
            };
            let finding = self.member_error(message, &Record::new(object, place), key);
            finding.at_name = false;
            finding.help = help;
        }
        found
    }

    fn no_dollar(&mut self, place: &Place<'_>, key: &str) {
        self.warning("NO_DOLLAR", "No .$ on a field that appears to be a JSONPath or Intrinsic Function.", place)
            .help = Some(format!("name the field '{key}.$' to have the value evaluated"));
    }
}
