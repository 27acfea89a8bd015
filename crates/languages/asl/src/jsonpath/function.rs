use windlass_value::{Number, Value};

use super::evaluate::{Fuel, select};
use super::filter::InnerPath;
use super::{FUEL_MAX, NoResult};
use crate::failure::shown;

/// A call at the end of a path.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Argument>,
}

/// An argument: JSON, or a path from the document or from the value called on.
#[derive(Debug)]
pub(super) enum Argument {
    Literal(Value),
    Path(InnerPath),
}

/// Jayway's functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Min,
    Max,
    Avg,
    Stddev,
    Sum,
    Length,
    Size,
    Keys,
    Concat,
    Append,
    First,
    Last,
    Index,
}

impl Function {
    const ALL: [Function; 13] = [
        Function::Min,
        Function::Max,
        Function::Avg,
        Function::Stddev,
        Function::Sum,
        Function::Length,
        Function::Size,
        Function::Keys,
        Function::Concat,
        Function::Append,
        Function::First,
        Function::Last,
        Function::Index,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Function::Min => "min",
            Function::Max => "max",
            Function::Avg => "avg",
            Function::Stddev => "stddev",
            Function::Sum => "sum",
            Function::Length => "length",
            Function::Size => "size",
            Function::Keys => "keys",
            Function::Concat => "concat",
            Function::Append => "append",
            Function::First => "first",
            Function::Last => "last",
            Function::Index => "index",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.name() == name)
    }
}

impl Call {
    /// The result of the call on a value.
    pub(super) fn invoke(&self, value: &Value, root: &Value, fuel: &mut Fuel) -> Result<Value, NoResult> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            arguments.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Path(path) => {
                    let from = if path.current { value } else { root };
                    select(&path.steps, path.definite, from, root, fuel)?
                }
            });
        }
        fuel.burn(value.as_array().map_or(1, |items| items.len() as u64))?;
        match self.function {
            Function::Length | Function::Size => Ok(length(arguments.first().unwrap_or(value))),
            Function::Keys => Ok(match value {
                Value::Object(object) => Value::array(object.keys().map(Value::from).collect()),
                _ => Value::Null,
            }),
            Function::Concat => {
                // Values share subtrees: what they are as text is counted before it is made.
                for argument in &arguments {
                    let bytes = argument.text_len_within(FUEL_MAX as usize).map_or(u64::MAX, |bytes| bytes as u64);
                    fuel.burn(bytes)?;
                }
                Ok(Value::from(concat(value, &arguments)))
            }
            Function::Append => match value {
                Value::Array(items) => Ok(Value::array(items.iter().cloned().chain(arguments).collect())),
                other => Ok(other.clone()),
            },
            Function::First => element(value, 0),
            Function::Last => element(value, -1),
            Function::Index => element(value, arguments.first().and_then(Value::as_i64).unwrap_or(0)),
            Function::Min | Function::Max | Function::Avg | Function::Stddev | Function::Sum => {
                aggregate(self.function, value, &arguments)
            }
        }
    }
}

fn length(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::from(items.len()),
        Value::Object(object) => Value::from(object.len()),
        _ => Value::Null,
    }
}

fn concat(value: &Value, arguments: &[Value]) -> String {
    let mut text = String::new();
    let own = value.as_array().map(|items| items.as_slice()).unwrap_or_default();
    for item in own.iter().filter(|item| item.as_str().is_some()).chain(arguments) {
        match item {
            Value::String(part) => text.push_str(part),
            other => other.write_to(&mut text),
        }
    }
    text
}

fn element(value: &Value, index: i64) -> Result<Value, NoResult> {
    let Value::Array(items) = value else {
        return Err(NoResult::unsuitable(format!("Attempted to get an element of {}", shown(value))));
    };
    let at = if index < 0 { index + items.len() as i64 } else { index };
    Ok(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or(Value::Null))
}

/// The aggregates answer doubles, and have no answer over no numbers.
fn aggregate(function: Function, value: &Value, arguments: &[Value]) -> Result<Value, NoResult> {
    let own = value.as_array().map(|items| items.as_slice()).unwrap_or_default();
    let mut numbers: Vec<f64> = own.iter().filter_map(Value::as_f64).collect();
    for argument in arguments {
        match argument {
            Value::Array(items) => numbers.extend(items.iter().filter_map(Value::as_f64)),
            other => numbers.extend(other.as_f64()),
        }
    }
    if numbers.is_empty() {
        return Err(NoResult::unsuitable(
            "Aggregation function attempted to calculate value using empty array".to_owned(),
        ));
    }
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let result = match function {
        Function::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Avg => sum / count,
        Function::Stddev => {
            let squares: f64 = numbers.iter().map(|number| number * number).sum();
            (squares / count - sum * sum / count / count).max(0.0).sqrt()
        }
        _ => sum,
    };
    if result.is_finite() {
        Ok(Value::Number(Number::Float(result)))
    } else {
        Err(NoResult::unsuitable(format!("Function {} left the range of numbers", function.name())))
    }
}
