//! Reads JSON documents by a shape: types are checked and converted as AWS's
//! framework does, unknown members and nulls fall away.

use windlass_value::{Number, Object, Value};

use crate::fault::Fault;
use crate::model::{Kind, Member, ServiceModel, ShapeId, Structure, Wire};

/// AWS's error for a body it cannot read. The framework gives no text for broken JSON.
pub(crate) fn serialization(message: impl Into<String>) -> Fault {
    Fault::new(SERIALIZATION, message)
}

/// The name of errors about what a document is, not what it says.
pub(crate) const SERIALIZATION: &str = "SerializationException";

const LIST_NOT_EXPECTED: &str = "Start of list found where not expected";
const OBJECT_NOT_EXPECTED: &str = "Start of structure or map found where not expected.";

/// Reads a whole document as a structure.
///
/// # Errors
/// `SerializationException` at the first value of the wrong type.
pub(crate) fn read_structure(
    model: &ServiceModel,
    structure: &Structure,
    document: &Value,
    belongs: impl Fn(&Member) -> bool,
) -> Result<Object, Fault> {
    match document {
        Value::Object(given) => {
            let mut out = Object::with_capacity(given.len());
            for (key, value) in given.iter() {
                let member = structure.members.iter().find(|member| *member.wire_name == **key && belongs(member));
                if let Some(member) = member
                    && !value.is_null()
                {
                    out.insert(member.name.as_str(), read(model, member.shape, value)?);
                }
            }
            Ok(out)
        }
        Value::Array(_) => Err(serialization(LIST_NOT_EXPECTED)),
        Value::Null => Ok(Object::new()),
        _ => Err(serialization("Expected null")),
    }
}

/// Reads one value. Nulls inside lists and maps stay: constraints speak about them.
fn read(model: &ServiceModel, id: ShapeId, value: &Value) -> Result<Value, Fault> {
    let shape = model.shape(id);
    match (&shape.kind, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Kind::Document, _) => Ok(value.clone()),
        (Kind::Structure(structure), _) => read_structure(model, structure, value, |_| true).map(Value::from),
        (Kind::List(member), Value::Array(items)) => items
            .iter()
            .map(|item| read(model, member.shape, item))
            .collect::<Result<Vec<Value>, Fault>>()
            .map(Value::array),
        (Kind::List(_), Value::Object(_)) => Err(serialization(OBJECT_NOT_EXPECTED)),
        (Kind::List(_), _) => Err(serialization("Expected list or null")),
        (Kind::Map(_, member), Value::Object(given)) => {
            let mut out = Object::with_capacity(given.len());
            for (key, value) in given.iter() {
                out.insert(key.clone(), read(model, member.shape, value)?);
            }
            Ok(out.into())
        }
        (Kind::Map(..), Value::Array(_)) => Err(serialization(LIST_NOT_EXPECTED)),
        (Kind::Map(..), _) => Err(serialization("Expected map or null")),
        (_, Value::Array(_)) => Err(serialization(LIST_NOT_EXPECTED)),
        (_, Value::Object(_)) => Err(serialization(OBJECT_NOT_EXPECTED)),
        (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(value.clone()),
        (Kind::Float | Kind::Double | Kind::Timestamp, Value::Number(_)) => Ok(value.clone()),
        (Kind::Integer, Value::Number(number)) => Ok(integer(number, i32::MIN.into(), i32::MAX.into())),
        (Kind::Long, Value::Number(number)) => Ok(integer(number, i64::MIN, i64::MAX)),
        (Kind::Boolean, Value::String(text)) => {
            boolean(text).map(Value::Bool).ok_or_else(|| not_convertible(model.wire, &shape.kind, value))
        }
        (Kind::Blob, Value::String(text)) => check_base64(text).map(|()| value.clone()),
        (Kind::Timestamp, Value::String(text)) if shape.format.is_some() => {
            crate::timestamp::read(text).ok_or_else(|| not_convertible(model.wire, &shape.kind, value))
        }
        // JSON has no numbers for these.
        (Kind::Float | Kind::Double, Value::String(text)) if NOT_NUMBERS.contains(&&**text) => Ok(value.clone()),
        _ => Err(not_convertible(model.wire, &shape.kind, value)),
    }
}

const NOT_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Fractions are cut and what is too large becomes the largest, as Java's `Number` does.
fn integer(number: &Number, min: i64, max: i64) -> Value {
    let whole = number.as_i64().unwrap_or_else(|| number.as_f64() as i64);
    Value::int(whole.clamp(min, max))
}

/// The words the framework takes for booleans.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "t" | "1" => Some(true),
        "false" | "no" | "n" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// `STRING_VALUE can not be converted to an Integer`; restJson services name the
/// Java class instead, and always say "an".
fn not_convertible(wire: Wire, kind: &Kind, value: &Value) -> Fault {
    let target = target_name(wire, kind);
    let found = match (wire, value) {
        (Wire::RestJson, Value::String(_)) => "class java.lang.String",
        (Wire::RestJson, Value::Number(_)) => "class com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        (Wire::RestJson, _) => "class java.lang.Boolean",
        (_, Value::String(_)) => "STRING_VALUE",
        (_, Value::Number(_)) => "NUMBER_VALUE",
        (_, Value::Bool(false)) => "FALSE_VALUE",
        _ => "TRUE_VALUE",
    };
    serialization(format!("{found} can not be converted to {target}"))
}

fn target_name(wire: Wire, kind: &Kind) -> &'static str {
    match (kind, wire) {
        (Kind::String, Wire::RestJson) => "an String",
        (Kind::Long, Wire::RestJson) => "an Long",
        (Kind::Float, Wire::RestJson) => "an Float",
        (Kind::Double, Wire::RestJson) => "an Double",
        (Kind::String, _) => "a String",
        (Kind::Long, _) => "a Long",
        (Kind::Float, _) => "a Float",
        (Kind::Double, _) => "a Double",
        (Kind::Integer, _) => "an Integer",
        (Kind::Boolean, _) => "an Boolean",
        (Kind::Timestamp, _) => "milliseconds since epoch",
        (Kind::Blob, _) => "a Blob",
        (Kind::List(_), _) => "a List",
        (Kind::Map(..), _) => "a Map",
        (Kind::Structure(_) | Kind::Document, _) => "a Structure",
    }
}

/// Reads a scalar that came as text: in a path, query, header or form.
///
/// # Errors
/// `SerializationException` where the text does not fit the type.
pub(crate) fn read_text(model: &ServiceModel, member: &Member, text: &str) -> Result<Value, Fault> {
    let shape = model.shape(member.shape);
    let refused =
        || serialization(format!("'{text}' can not be converted to {}", target_name(model.wire, &shape.kind)));
    match &shape.kind {
        Kind::Integer => text.parse::<i32>().map(Value::from).map_err(|_| refused()),
        Kind::Long => text.parse::<i64>().map(Value::from).map_err(|_| refused()),
        Kind::Float | Kind::Double => {
            text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::from).ok_or_else(refused)
        }
        Kind::Boolean => boolean(text).map(Value::Bool).ok_or_else(refused),
        Kind::Timestamp => crate::timestamp::read(text).ok_or_else(refused),
        Kind::Blob => check_base64(text).map(|()| Value::string(text)),
        _ => Ok(Value::string(text)),
    }
}

/// Whether a text is base64 with padding, in AWS's words.
fn check_base64(text: &str) -> Result<(), Fault> {
    const SHOWN_CHARS_MAX: usize = 1024;
    let refused = |why: String| {
        let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        serialization(format!("'{shown}' can not be converted to a Blob: {why}"))
    };
    if !text.len().is_multiple_of(4) {
        let length = text.len();
        return Err(refused(format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}")));
    }
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    match body.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/'))) {
        Some(wrong) => Err(refused(format!("Invalid Base64 character: '{wrong}'"))),
        None => Ok(()),
    }
}

/// How many bytes a base64 text stands for.
pub(crate) fn base64_bytes(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}
