use std::cmp::Ordering;
use std::fmt;

use windlass_value::{Timestamp, Value};

use super::expression::{Location, expression, noted, unexpected};
use crate::failure::Failure;
use crate::jsonpath::Path;
use crate::program::{Choice, Condition, Operand, Operator};
use crate::scope::Scope;

/// The index of the first rule that holds.
///
/// # Errors
/// As [`Condition::evaluate`].
pub fn choose(choice: &Choice, scope: &Scope<'_>) -> Result<Option<usize>, Failure> {
    for (index, rule) in choice.rules.iter().enumerate() {
        if rule.condition.evaluate(scope, index)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

impl Condition {
    /// Whether the condition of the rule at `rule_index` holds. And and Or stop
    /// at the first condition that decides.
    ///
    /// # Errors
    /// `States.Runtime` where a path selects nothing (but for `IsPresent`),
    /// `States.QueryEvaluationError` where an expression fails or is no boolean.
    pub fn evaluate(&self, scope: &Scope<'_>, rule_index: usize) -> Result<bool, Failure> {
        let rules = Location::Root("Choices");
        self.evaluate_at(scope, &Location::Element(&rules, rule_index))
    }

    fn evaluate_at(&self, scope: &Scope<'_>, place: &Location<'_>) -> Result<bool, Failure> {
        match self {
            Condition::Literal(value) => Ok(*value),
            // Conditions are only as deep as the JSON text they were read from.
            Condition::And(conditions) => {
                let list = Location::Member(place, "And");
                for (at, condition) in conditions.iter().enumerate() {
                    if !condition.evaluate_at(scope, &Location::Element(&list, at))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Or(conditions) => {
                let list = Location::Member(place, "Or");
                for (at, condition) in conditions.iter().enumerate() {
                    if condition.evaluate_at(scope, &Location::Element(&list, at))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!condition.evaluate_at(scope, &Location::Member(place, "Not"))?),
            Condition::Compare { variable, operator, operand } => compare(variable, *operator, operand, scope, place),
            Condition::Expression(source) => {
                let location = Location::Member(place, "Condition");
                let value = expression(source, scope, &location)?;
                value.as_bool().ok_or_else(|| unexpected(source, &location, "boolean", &value))
            }
        }
    }
}

fn invalid(path: &Path) -> Failure {
    Failure::runtime(format!(
        "Invalid path '{}': The choice state's condition path references an invalid value.",
        path.text()
    ))
}

fn compare(
    variable: &Path,
    operator: Operator,
    operand: &Operand,
    scope: &Scope<'_>,
    place: &Location<'_>,
) -> Result<bool, Failure> {
    if operator == Operator::IsPresent {
        // An indefinite path is present where it selects something, and an index
        // past the end of an array is not.
        let present = match variable.evaluate_present(scope) {
            Ok(Value::Array(items)) if !variable.is_definite() => !items.is_empty(),
            found => found.is_ok(),
        };
        return Ok(operand_value(operator, operand, scope, place)?.as_bool() == Some(present));
    }
    let left = noted(
        variable.evaluate_present(scope).map_err(|_| invalid(variable)),
        scope,
        &Location::Member(place, "Variable"),
    )?;
    let right = operand_value(operator, operand, scope, place)?;
    Ok(holds(operator, &left, &right))
}

/// The place of a `…Path` operand.
struct OperandPlace<'a>(&'a Location<'a>, Operator);

impl fmt::Display for OperandPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}Path", self.0, self.1)
    }
}

fn operand_value(
    operator: Operator,
    operand: &Operand,
    scope: &Scope<'_>,
    place: &Location<'_>,
) -> Result<Value, Failure> {
    match operand {
        Operand::Literal(value) => Ok(value.clone()),
        Operand::Path(path) => {
            let found = path.evaluate_present(scope).map_err(|_| invalid(path));
            scope.surroundings.evaluated(&OperandPlace(place, operator), found.as_ref());
            found
        }
    }
}

/// Sides of other types than the operator's compare false.
fn holds(operator: Operator, left: &Value, right: &Value) -> bool {
    use Operator as O;
    let is = |answer: bool| right.as_bool() == Some(answer);
    let strings = || Some(left.as_str()?.cmp(right.as_str()?));
    let numbers = || left.as_number()?.partial_cmp(right.as_number()?);
    let instants = || Some(instant(left)?.cmp(&instant(right)?));
    match operator {
        O::StringEquals => strings().is_some_and(Ordering::is_eq),
        O::StringLessThan => strings().is_some_and(Ordering::is_lt),
        O::StringGreaterThan => strings().is_some_and(Ordering::is_gt),
        O::StringLessThanEquals => strings().is_some_and(Ordering::is_le),
        O::StringGreaterThanEquals => strings().is_some_and(Ordering::is_ge),
        O::NumericEquals => numbers().is_some_and(Ordering::is_eq),
        O::NumericLessThan => numbers().is_some_and(Ordering::is_lt),
        O::NumericGreaterThan => numbers().is_some_and(Ordering::is_gt),
        O::NumericLessThanEquals => numbers().is_some_and(Ordering::is_le),
        O::NumericGreaterThanEquals => numbers().is_some_and(Ordering::is_ge),
        O::TimestampEquals => instants().is_some_and(Ordering::is_eq),
        O::TimestampLessThan => instants().is_some_and(Ordering::is_lt),
        O::TimestampGreaterThan => instants().is_some_and(Ordering::is_gt),
        O::TimestampLessThanEquals => instants().is_some_and(Ordering::is_le),
        O::TimestampGreaterThanEquals => instants().is_some_and(Ordering::is_ge),
        O::BooleanEquals => matches!((left, right), (Value::Bool(left), Value::Bool(right)) if left == right),
        O::StringMatches => left.as_str().zip(right.as_str()).is_some_and(|(text, pattern)| matches(text, pattern)),
        O::IsNull => is(left.is_null()),
        O::IsPresent => is(true),
        O::IsNumeric => is(left.as_number().is_some()),
        O::IsString => is(left.as_str().is_some()),
        O::IsBoolean => is(left.as_bool().is_some()),
        O::IsTimestamp => is(instant(left).is_some()),
    }
}

fn instant(value: &Value) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(value.as_str()?).ok()
}

/// One character of a `StringMatches` pattern.
#[derive(Clone, Copy, PartialEq)]
enum Wildcard {
    Run,
    Exact(char),
}

/// `*` stands for any run of characters, `\*` and `\\` for themselves.
///
/// Going back only to the last `*` bounds the work by text times pattern.
fn matches(text: &str, pattern: &str) -> bool {
    let mut wanted = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        wanted.push(match character {
            '*' => Wildcard::Run,
            '\\' => match characters.next_if(|next| matches!(next, '*' | '\\')) {
                Some(escaped) => Wildcard::Exact(escaped),
                None => Wildcard::Exact('\\'),
            },
            other => Wildcard::Exact(other),
        });
    }
    let mut at = 0;
    let mut rest = text.chars();
    let mut again: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        match wanted.get(at) {
            Some(Wildcard::Run) => {
                at += 1;
                again = Some((at, rest.clone()));
                continue;
            }
            Some(Wildcard::Exact(character)) if rest.clone().next() == Some(*character) => {
                rest.next();
                at += 1;
                continue;
            }
            None if rest.as_str().is_empty() => return true,
            _ => {}
        }
        // Let the last run take one character more.
        let Some((after_run, from)) = &mut again else { return false };
        if from.next().is_none() {
            return false;
        }
        at = *after_run;
        rest = from.clone();
    }
}
