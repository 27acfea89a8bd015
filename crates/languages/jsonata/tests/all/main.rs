//! Data-driven tests: the official suite, our own cases, hostile expressions;
//! properties of random ones.

mod cases;
mod hostile;
mod properties;
mod suite;

use windlass_jsonata::{ErrorKind, EvaluationError, Expression, Limits, World};
use windlass_value::{Timestamp, Value};

fn world() -> World {
    World { now: Timestamp(1_700_000_000_123), seed: 7 }
}

/// Compiles and evaluates; a compile error comes back with its code.
fn evaluate(
    source: &str,
    input: Option<&Value>,
    bindings: &Value,
    limits: &Limits,
) -> Result<Option<Value>, EvaluationError> {
    let expression = Expression::compile(source).map_err(|error| EvaluationError {
        kind: ErrorKind::Evaluation { code: Some(error.code.to_owned()) },
        message: error.message,
    })?;
    let bindings: Vec<(&str, Value)> = match bindings {
        Value::Object(object) => object.iter().map(|(name, value)| (&**name, value.clone())).collect(),
        _ => Vec::new(),
    };
    match input {
        Some(input) => expression.evaluate_with_context(input, &bindings, &world(), limits),
        None => expression.evaluate(&bindings, &world(), limits),
    }
}

fn read(text: &str) -> Value {
    windlass_value::parse(text).expect("test data is JSON")
}
