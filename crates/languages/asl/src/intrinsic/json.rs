use windlass_value::{Number, Object, Value};

use super::text::string;

/// `States.StringToJson`. Blank text is null, as Jackson's empty document is.
pub(super) fn parse(value: &Value) -> Result<Value, String> {
    let text = string(value, "first")?;
    if text.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
        return Ok(Value::Null);
    }
    let value = windlass_value::parse(text).map_err(|error| format!("Invalid JSON: {error}"))?;
    Ok(if text.contains("-0") { unsigned_zero(value) } else { value })
}

/// Java's integers know no negative zero.
fn unsigned_zero(value: Value) -> Value {
    match value {
        Value::Number(Number::Literal(literal)) if &*literal == "-0" => Value::int(0),
        Value::Array(items) => Value::array(items.iter().cloned().map(unsigned_zero).collect()),
        Value::Object(object) => Value::from(
            object.iter().map(|(name, member)| (name.clone(), unsigned_zero(member.clone()))).collect::<Object>(),
        ),
        other => other,
    }
}

/// `States.JsonMerge`: shallow, the right side wins and keeps the left's place.
pub(super) fn merge(left: &Value, right: &Value, deep: &Value) -> Result<Value, String> {
    match deep {
        Value::Bool(false) => {}
        Value::Bool(true) => return Err("Deep merge is not supported: the third argument must be false".to_owned()),
        other => return Err(format!("The third argument must be a boolean, but was: {}", other.kind())),
    }
    let object = |value: &'_ Value, which: &str| {
        value
            .as_object()
            .cloned()
            .ok_or_else(|| format!("The {which} argument must be an object, but was: {}", value.kind()))
    };
    let (left, right) = (object(left, "first")?, object(right, "second")?);
    let mut merged = Object::clone(&left);
    merged.extend(right.iter().map(|(name, member)| (name.clone(), member.clone())));
    Ok(Value::from(merged))
}

/// `States.StringSplit`: the second text is a set of characters, and empty
/// pieces are dropped.
pub(super) fn split(value: &Value, separators: &Value) -> Result<Value, String> {
    let (value, separators) = (string(value, "first")?, string(separators, "second")?);
    let pieces = value.split(|character| separators.contains(character));
    Ok(Value::array(pieces.filter(|piece| !piece.is_empty()).map(Value::from).collect()))
}
