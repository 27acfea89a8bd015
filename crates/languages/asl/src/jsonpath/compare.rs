use std::cmp::Ordering;

use windlass_value::Value;

use super::NoResult;
use super::evaluate::Fuel;
use super::filter::{Operator, type_name};

/// One evaluated side of a comparison.
pub(super) enum Operand<'a> {
    Value(Value),
    Pattern(&'a regex::Regex),
    /// A path that selected nothing.
    Undefined,
}

/// Whether a comparison holds. Sides of unlike kinds compare false, not wrong.
pub(super) fn holds(
    left: &Operand<'_>,
    operator: Operator,
    right: &Operand<'_>,
    fuel: &mut Fuel,
) -> Result<bool, NoResult> {
    use Operator::{
        All, AnyOf, Contains, Empty, Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual, Matches, NoneOf, NotEqual,
        NotIn, NotSameTypeEqual, SameTypeEqual, Size, SubsetOf, Type,
    };
    if operator == Matches {
        return Ok(match (left, right) {
            (Operand::Value(value), Operand::Pattern(pattern)) | (Operand::Pattern(pattern), Operand::Value(value)) => {
                matches(value, pattern)
            }
            _ => false,
        });
    }
    let (Operand::Value(left), Operand::Value(right)) = (left, right) else {
        return Ok(matches!(operator, NotEqual | NotSameTypeEqual | NotIn));
    };
    let items = |value: &Value| value.as_array().map_or(1, |items| items.len() as u64);
    fuel.burn(match operator {
        In | NotIn | Contains | AnyOf | NoneOf | All | SubsetOf => items(left).saturating_mul(items(right)),
        _ => 1,
    })?;
    let ordered = |wanted: fn(Ordering) -> bool| order(left, right).is_some_and(wanted);
    Ok(match operator {
        Equal => equal(left, right),
        NotEqual => !equal(left, right),
        SameTypeEqual => left.kind() == right.kind() && equal(left, right),
        NotSameTypeEqual => left.kind() != right.kind() || !equal(left, right),
        Less => ordered(Ordering::is_lt),
        LessOrEqual => ordered(Ordering::is_le),
        Greater => ordered(Ordering::is_gt),
        GreaterOrEqual => ordered(Ordering::is_ge),
        In => contains(right, left),
        NotIn => !contains(right, left),
        Contains => match (left, right) {
            (Value::String(left), Value::String(right)) => left.contains(&**right),
            _ => contains(left, right),
        },
        All => both(left, right, |left, right| right.iter().all(|wanted| has(left, wanted))),
        SubsetOf => both(left, right, |left, right| left.iter().all(|item| has(right, item))),
        AnyOf => both(left, right, |left, right| left.iter().any(|item| has(right, item))),
        NoneOf => both(left, right, |left, right| !left.iter().any(|item| has(right, item))),
        Size => right.as_f64().is_some_and(|wanted| match left {
            Value::String(text) => text.encode_utf16().count() as f64 == wanted,
            Value::Array(items) => items.len() as f64 == wanted,
            _ => false,
        }),
        Empty => right.as_bool().is_some_and(|wanted| match left {
            Value::String(text) => text.is_empty() == wanted,
            Value::Array(items) => items.is_empty() == wanted,
            Value::Object(object) => object.is_empty() == wanted,
            _ => false,
        }),
        Type => right.as_str().is_some_and(|wanted| wanted.eq_ignore_ascii_case(&type_name(left))),
        Matches => false,
    })
}

/// Equality; a number and a string are equal where their texts say the same.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            text.trim().parse::<f64>().is_ok_and(|value| value == number.as_f64())
        }
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn contains(items: &Value, wanted: &Value) -> bool {
    items.as_array().is_some_and(|items| has(items, wanted))
}

fn has(items: &[Value], wanted: &Value) -> bool {
    items.iter().any(|item| equal(item, wanted))
}

fn both(left: &Value, right: &Value, test: fn(&[Value], &[Value]) -> bool) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => test(left, right),
        _ => false,
    }
}

/// The whole text matches; of an array, one item's.
fn matches(value: &Value, pattern: &regex::Regex) -> bool {
    match value {
        Value::String(text) => pattern.is_match(text),
        Value::Number(_) | Value::Bool(_) => pattern.is_match(&value.to_text()),
        Value::Array(items) => items.iter().any(|item| !matches!(item, Value::Array(_)) && matches(item, pattern)),
        Value::Null | Value::Object(_) => pattern.is_match(""),
    }
}
