use std::collections::HashSet;

use windlass_value::Value;

use super::math;
use super::text::{self, Style};

/// Most items `States.ArrayRange` makes.
const RANGE_ITEMS_MAX: u64 = 1000;
/// Largest result of `States.ArrayPartition`, in bytes of JSON.
const PARTITION_BYTES_MAX: usize = 262_144;

/// The items of an argument.
pub(super) fn items(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("The first argument must be an array, but was: {}", other.kind())),
    }
}

pub(super) fn partition(value: &Value, size: &Value) -> Result<Value, String> {
    let items = items(value)?;
    let size = usize::try_from(math::integer(size, "second")?)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| "The chunk size must be a positive integer".to_owned())?;
    let chunks = Value::array(items.chunks(size).map(|chunk| Value::array(chunk.to_vec())).collect());
    if text::json(&chunks)?.len() > PARTITION_BYTES_MAX {
        return Err(format!("The result is larger than {PARTITION_BYTES_MAX} bytes"));
    }
    Ok(chunks)
}

pub(super) fn contains(value: &Value, wanted: &Value) -> Result<Value, String> {
    Ok(Value::Bool(items(value)?.iter().any(|item| same(item, wanted))))
}

pub(super) fn range(first: &Value, last: &Value, step: &Value) -> Result<Value, String> {
    let (first, last, step) =
        (math::integer(first, "first")?, math::integer(last, "second")?, math::integer(step, "third")?);
    if step == 0 {
        return Err("The step must not be zero".to_owned());
    }
    let reach = if step > 0 { i128::from(last) - i128::from(first) } else { i128::from(first) - i128::from(last) };
    if reach < 0 {
        return Ok(Value::array(Vec::new()));
    }
    let count = reach as u128 / u128::from(step.unsigned_abs()) + 1;
    if count > u128::from(RANGE_ITEMS_MAX) {
        return Err(format!("The range has more than {RANGE_ITEMS_MAX} items"));
    }
    Ok(Value::array((0..count as i64).map(|at| Value::int(first + at * step)).collect()))
}

pub(super) fn item(value: &Value, index: &Value) -> Result<Value, String> {
    let items = items(value)?;
    let index = math::integer(index, "second")?;
    usize::try_from(index)
        .ok()
        .and_then(|at| items.get(at))
        .cloned()
        .ok_or_else(|| format!("Index {index} out of bounds for length {}", items.len()))
}

pub(super) fn unique(value: &Value) -> Result<Value, String> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in items(value)? {
        let mut text = String::new();
        text::write(item, Style::Canonical, &mut text)?;
        if seen.insert(text) {
            kept.push(item.clone());
        }
    }
    Ok(Value::array(kept))
}

/// Deep equality as Jackson has it: `1` is not `1.0`, the order of members does
/// not matter.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right && left.is_integer() == right.is_integer(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}
