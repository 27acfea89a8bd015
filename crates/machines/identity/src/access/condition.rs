use windlass_value::{Object, Text, Value};

use crate::access::context::Context;
use crate::access::operand::Operand;
use crate::access::operator::{Operator, Quantifier, Test};
use crate::access::policy_error::PolicyError;

/// One key of one operator of a statement's `Condition`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// As written: `ForAnyValue:StringLike`.
    pub(crate) operator_name: Text,
    operator: Operator,
    quantifier: Quantifier,
    if_exists: bool,
    /// As written.
    pub(crate) key: Text,
    /// As written.
    pub(crate) values: Vec<Text>,
    operands: Vec<Operand>,
}

impl Condition {
    /// The conditions of a `Condition` element; all of them must hold.
    pub(crate) fn read_all(element: &Value, variables: bool) -> Result<Vec<Condition>, PolicyError> {
        let operators = element.as_object().ok_or_else(PolicyError::syntax)?;
        let mut conditions = Vec::new();
        for (name, keys) in operators.iter() {
            let keys = keys.as_object().ok_or_else(PolicyError::syntax)?;
            if !keys.is_empty() {
                read_operator(name, keys, variables, &mut conditions)?;
            }
        }
        Ok(conditions)
    }

    /// Whether a value is none that the operator can compare (`DateLessThan: "soon"`).
    pub(crate) fn is_unreadable(&self) -> bool {
        self.operands.contains(&Operand::Unreadable)
    }

    pub(crate) fn holds(&self, context: &Context) -> bool {
        let values = context.get(&self.key);
        if self.operator.test == Test::Null {
            let absent = values.is_none();
            return self.operands.contains(&Operand::Bool(absent));
        }
        let Some(values) = values else {
            return match self.quantifier {
                Quantifier::ForAllValues => true,
                Quantifier::ForAnyValue => self.if_exists,
                Quantifier::None => self.if_exists || self.operator.negated,
            };
        };
        let matches =
            |value: &Text| self.operands.iter().any(|operand| operand.matches(self.operator.test, value, context));
        match (self.quantifier, self.operator.negated) {
            (Quantifier::ForAllValues, negated) => values.iter().all(|value| matches(value) != negated),
            (Quantifier::ForAnyValue, negated) => values.iter().any(|value| matches(value) != negated),
            (Quantifier::None, false) => values.iter().any(matches),
            (Quantifier::None, true) => !values.iter().any(matches),
        }
    }
}

fn read_operator(
    name: &Text,
    keys: &Object,
    variables: bool,
    conditions: &mut Vec<Condition>,
) -> Result<(), PolicyError> {
    let (quantifier, rest) = match name.split_once(':') {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAllValues") => (Quantifier::ForAllValues, rest),
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAnyValue") => (Quantifier::ForAnyValue, rest),
        Some(_) => return Err(PolicyError::syntax()),
        None => (Quantifier::None, &**name),
    };
    const IF_EXISTS: &str = "IfExists";
    let bare = rest
        .len()
        .checked_sub(IF_EXISTS.len())
        .filter(|at| rest.is_char_boundary(*at) && rest[*at..].eq_ignore_ascii_case(IF_EXISTS))
        .map(|at| &rest[..at]);
    let operator = Operator::parse(bare.unwrap_or(rest)).ok_or_else(PolicyError::syntax)?;
    if operator.test == Test::Null && bare.is_some() {
        return Err(PolicyError::syntax());
    }
    for (key, values) in keys.iter() {
        let values = scalar_texts(values).ok_or_else(PolicyError::syntax)?;
        let operands = values.iter().map(|value| Operand::read(operator.test, value, variables)).collect();
        conditions.push(Condition {
            operator_name: name.clone(),
            operator,
            quantifier,
            if_exists: bare.is_some(),
            key: key.clone(),
            values,
            operands,
        });
    }
    Ok(())
}

/// AWS takes booleans and numbers in a condition as it takes their text.
fn scalar_texts(values: &Value) -> Option<Vec<Text>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_text().into()),
        _ => None,
    };
    match values {
        Value::Array(values) => values.iter().map(scalar).collect(),
        value => scalar(value).map(|text| vec![text]),
    }
}
