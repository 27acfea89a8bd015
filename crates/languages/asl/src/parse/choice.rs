//! Choice.

use std::sync::LazyLock;

use windlass_value::{Timestamp, Value};

use super::expression::Sees;
use super::fields::{self, In};
use super::place::Place;
use super::record::Record;
use super::template::Reading;
use super::walk::Walk;
use crate::program::{Choice, Condition, Operand, Operator, QueryLanguage, Rule};

/// How deep And, Or and Not may nest.
pub(crate) const CONDITION_NESTING_MAX: usize = 100;

/// What an operator's literal must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    String,
    Number,
    Timestamp,
    Boolean,
}

/// Name, operator, literal, whether there is a `…Path` variant.
const OPERATORS: &[(&str, Operator, Literal, bool)] = &[
    ("StringEquals", Operator::StringEquals, Literal::String, true),
    ("StringLessThan", Operator::StringLessThan, Literal::String, true),
    ("StringGreaterThan", Operator::StringGreaterThan, Literal::String, true),
    ("StringLessThanEquals", Operator::StringLessThanEquals, Literal::String, true),
    ("StringGreaterThanEquals", Operator::StringGreaterThanEquals, Literal::String, true),
    ("StringMatches", Operator::StringMatches, Literal::String, false),
    ("NumericEquals", Operator::NumericEquals, Literal::Number, true),
    ("NumericLessThan", Operator::NumericLessThan, Literal::Number, true),
    ("NumericGreaterThan", Operator::NumericGreaterThan, Literal::Number, true),
    ("NumericLessThanEquals", Operator::NumericLessThanEquals, Literal::Number, true),
    ("NumericGreaterThanEquals", Operator::NumericGreaterThanEquals, Literal::Number, true),
    ("BooleanEquals", Operator::BooleanEquals, Literal::Boolean, true),
    ("TimestampEquals", Operator::TimestampEquals, Literal::Timestamp, true),
    ("TimestampLessThan", Operator::TimestampLessThan, Literal::Timestamp, true),
    ("TimestampGreaterThan", Operator::TimestampGreaterThan, Literal::Timestamp, true),
    ("TimestampLessThanEquals", Operator::TimestampLessThanEquals, Literal::Timestamp, true),
    ("TimestampGreaterThanEquals", Operator::TimestampGreaterThanEquals, Literal::Timestamp, true),
    ("IsNull", Operator::IsNull, Literal::Boolean, false),
    ("IsPresent", Operator::IsPresent, Literal::Boolean, false),
    ("IsNumeric", Operator::IsNumeric, Literal::Boolean, false),
    ("IsString", Operator::IsString, Literal::Boolean, false),
    ("IsBoolean", Operator::IsBoolean, Literal::Boolean, false),
    ("IsTimestamp", Operator::IsTimestamp, Literal::Boolean, false),
];

/// The operator a field names, and whether it is the `…Path` variant.
fn operator(field: &str) -> Option<(Operator, Literal, bool)> {
    OPERATORS.iter().find_map(|(name, operator, literal, has_path)| {
        let rest = field.strip_prefix(name)?;
        match rest {
            "" => Some((*operator, *literal, false)),
            "Path" if *has_path => Some((*operator, *literal, true)),
            _ => None,
        }
    })
}

/// All 39 names, each before its `…Path` variant.
static OPERATOR_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    OPERATORS
        .iter()
        .flat_map(|(name, _, _, has_path)| {
            std::iter::once((*name).to_owned()).chain(has_path.then(|| format!("{name}Path")))
        })
        .collect()
});

impl Walk {
    pub(crate) fn choice(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<Choice> {
        let name = "Choices";
        let default = self.name(record, "Default");
        let items = self.items(record, name)?;
        let place = record.at(name);
        let reading = Reading { language, sees: Sees::Input };
        let mut rules = Vec::with_capacity(items.len());
        let mut complete = true;
        for (index, item) in items.iter().enumerate() {
            let place = place.item(index);
            let Value::Object(object) = item else {
                self.expected("[OBJECT]", &place);
                complete = false;
                continue;
            };
            let record = Record::new(object, &place);
            let condition = self.condition(&record, language, 0);
            self.required(&record, &["Next"]);
            self.string(&record, "Comment");
            let next = self.name(&record, "Next");
            let assign = self.assign(&record, reading);
            let output = match language {
                QueryLanguage::Jsonata => self.template(&record, "Output", reading),
                QueryLanguage::JsonPath => None,
            };
            match (condition, next) {
                (Some(condition), Some(next)) => rules.push(Rule { condition, next, assign, output }),
                _ => complete = false,
            }
        }
        complete.then_some(Choice { rules, default })
    }

    fn condition(&mut self, record: &Record<'_>, language: QueryLanguage, depth: usize) -> Option<Condition> {
        if depth > CONDITION_NESTING_MAX {
            let message = format!("Choice rules nest deeper than {CONDITION_NESTING_MAX} levels");
            self.error("TOO_DEEPLY_NESTED", message, record.place);
            return None;
        }
        self.rule_fields(record, language, depth);
        let selectors = ["And", "Or", "Not", "Variable", "Condition"];
        let present: Vec<&str> = selectors.into_iter().filter(|name| record.has(name)).collect();
        let [selector] = present[..] else {
            let help = match language {
                QueryLanguage::JsonPath => "a rule compares one 'Variable', or joins rules by 'And', 'Or' or 'Not'",
                QueryLanguage::Jsonata => "a rule has one 'Condition'",
            };
            let message = format!("The object must have only one of the following fields, [{}]", selectors.join(", "));
            self.schema(message, record.place).help = Some(help.to_owned());
            return None;
        };
        match (selector, language) {
            ("Condition", QueryLanguage::Jsonata) => self.jsonata_condition(record),
            ("Variable", QueryLanguage::JsonPath) => self.comparison(record),
            ("Not", QueryLanguage::JsonPath) => {
                let object = self.object(record, "Not")?;
                let place = record.at("Not");
                let inner = self.condition(&Record::new(object, &place), language, depth + 1)?;
                Some(Condition::Not(Box::new(inner)))
            }
            ("And" | "Or", QueryLanguage::JsonPath) => {
                let items = self.items(record, selector)?;
                let place = record.at(selector);
                let mut conditions = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let place = place.item(index);
                    match item {
                        Value::Object(object) => {
                            conditions.extend(self.condition(&Record::new(object, &place), language, depth + 1));
                        }
                        _ => {
                            self.expected("[OBJECT]", &place);
                        }
                    }
                }
                let complete = conditions.len() == items.len();
                let joined = if selector == "And" { Condition::And(conditions) } else { Condition::Or(conditions) };
                complete.then_some(joined)
            }
            _ => None,
        }
    }

    /// A rule's fields: transitions and variables belong to the top-level rule alone.
    fn rule_fields(&mut self, record: &Record<'_>, language: QueryLanguage, depth: usize) {
        for name in record.object.keys() {
            let languages = match operator(name) {
                Some(_) if record.has("Variable") => Some(In::JsonPath),
                Some(_) => None,
                None => fields::RULE.iter().find(|(field, _)| *field == &**name).map(|(_, languages)| *languages),
            };
            let nested = depth > 0 && matches!(&**name, "Next" | "Assign" | "Output" | "Condition");
            match languages {
                Some(languages) if !nested => {
                    if !languages.allows(language) {
                        self.wrong_language(record, name, language);
                    }
                }
                _ => {
                    let known = fields::RULE.iter().map(|(field, _)| *field);
                    self.unsupported(record, name, known.chain(OPERATOR_NAMES.iter().map(String::as_str)));
                }
            }
        }
    }

    fn jsonata_condition(&mut self, record: &Record<'_>) -> Option<Condition> {
        let name = "Condition";
        let place = record.at(name);
        match record.get(name)? {
            Value::Bool(value) => Some(Condition::Literal(*value)),
            Value::String(text) => match self.expression_in(text, &place, Sees::Input) {
                Some(expression) => expression.map(Condition::Expression),
                None => {
                    self.schema("Value must be a valid JSONata expression or a boolean", &place).help =
                        Some("write the expression between '{%' and '%}'".to_owned());
                    None
                }
            },
            _ => {
                self.expected("[BOOLEAN]", &place);
                None
            }
        }
    }

    fn comparison(&mut self, record: &Record<'_>) -> Option<Condition> {
        let variable = self.variable_path(record, "Variable");
        let present: Vec<_> =
            record.object.iter().filter_map(|(name, value)| Some((name, value, operator(name)?))).collect();
        match present[..] {
            [(name, value, (operator, literal, is_path))] => {
                let place = record.at(name);
                let operand = if is_path {
                    self.variable_path(record, name).map(Operand::Path)
                } else {
                    self.operand(value, literal, &place, name);
                    Some(Operand::Literal(value.clone()))
                };
                Some(Condition::Compare { variable: variable?, operator, operand: operand? })
            }
            [] => {
                let message = format!(
                    "This object should have only one of the following fields: [{}]",
                    OPERATOR_NAMES.join(", ")
                );
                self.schema(message, record.place);
                None
            }
            [_, (second, ..), ..] => {
                let message =
                    format!("There should only be one of the following fields: [{}]", OPERATOR_NAMES.join(", "));
                self.member_error(message, record, second);
                None
            }
        }
    }

    fn operand(&mut self, value: &Value, literal: Literal, place: &Place<'_>, name: &str) {
        if let Value::String(text) = value
            && super::path::looks_like_path(text)
            && literal != Literal::Boolean
        {
            self.no_path_suffix(place, &format!("{name}Path"));
        }
        match (literal, value) {
            (Literal::String, Value::String(_))
            | (Literal::Number, Value::Number(_))
            | (Literal::Boolean, Value::Bool(_)) => {}
            (Literal::Timestamp, Value::String(text)) if Timestamp::parse_rfc3339(text).is_ok() => {}
            (Literal::Timestamp, Value::String(_)) => {
                self.schema(super::wait::NO_TIMESTAMP, place);
            }
            (Literal::String | Literal::Timestamp, _) => {
                self.expected("[STRING]", place);
            }
            (Literal::Number, _) => {
                self.expected("Number", place);
            }
            (Literal::Boolean, _) => {
                self.expected("[BOOLEAN]", place);
            }
        }
    }
}
