use std::fmt;
use std::sync::Arc;

use crate::measure;
use crate::number::Number;
use crate::object::Object;
use crate::write;

/// A shared string.
pub type Text = Arc<str>;

/// A JSON value. Cloning is cheap: strings, arrays and objects are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number with its spelling.
    Number(Number),
    /// A string.
    String(Text),
    /// An array.
    Array(Arc<Vec<Value>>),
    /// An object.
    Object(Arc<Object>),
}

static NULL: Value = Value::Null;

impl Value {
    /// `{}`
    pub fn empty_object() -> Value {
        Value::Object(Arc::new(Object::new()))
    }

    /// A string value.
    pub fn string(text: impl Into<Text>) -> Value {
        Value::String(text.into())
    }

    /// An array value.
    pub fn array(items: Vec<Value>) -> Value {
        Value::Array(Arc::new(items))
    }

    /// An integer value.
    pub fn int(value: i64) -> Value {
        Value::Number(Number::Int(value))
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The integer, if it is a number spelled as one within `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// The nearest double, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The array, if it is one.
    pub fn as_array(&self) -> Option<&Arc<Vec<Value>>> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Arc<Object>> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The member of an object, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The element of an array, if this is an array that has it.
    pub fn at(&self, index: usize) -> Option<&Value> {
        match self {
            Value::Array(items) => items.get(index),
            _ => None,
        }
    }

    /// The value at a JSON pointer (RFC 6901).
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |value, step| match value {
            Value::Object(object) => object.get(&step.replace("~1", "/").replace("~0", "~")),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// JSON's name for the kind of value, as AWS's error texts write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// Compact JSON text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        write::value(self, &mut out);
        out
    }

    /// The length of [`Value::to_text`] in bytes, without making the text.
    /// `None` when it is longer than `max` or nests deeper than
    /// [`crate::DEPTH_MAX`], so that the text could not be read again. Takes
    /// time in proportion to the length or to `max`, whichever is less.
    pub fn text_len_within(&self, max: usize) -> Option<usize> {
        measure::text_len_within(self, max)
    }

    /// Appends compact JSON text.
    pub fn write_to(&self, out: &mut String) {
        write::value(self, out);
    }

    /// Indented JSON text, two blanks a level.
    pub fn to_pretty(&self) -> String {
        let mut out = String::new();
        write::pretty(self, 0, &mut out);
        out
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Indexing that answers `null` where there is nothing, for reading documents.
impl std::ops::Index<&str> for Value {
    type Output = Value;
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NULL)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::int(value)
    }
}
impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::int(value.into())
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::int(value.into())
    }
}
impl From<u64> for Value {
    fn from(value: u64) -> Value {
        i64::try_from(value).map_or_else(|_| Value::Number(Number::from_literal(&value.to_string())), Value::int)
    }
}
impl From<usize> for Value {
    fn from(value: usize) -> Value {
        Value::from(value as u64)
    }
}
impl From<Number> for Value {
    fn from(value: Number) -> Value {
        Value::Number(value)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Value {
        Value::String(text.as_str().into())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text.into())
    }
}
impl From<Text> for Value {
    fn from(text: Text) -> Value {
        Value::String(text)
    }
}
impl From<&Text> for Value {
    fn from(text: &Text) -> Value {
        Value::String(text.clone())
    }
}
impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::array(items)
    }
}
impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(Arc::new(object))
    }
}
impl From<&Value> for Value {
    fn from(value: &Value) -> Value {
        value.clone()
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// Builds an object value in order: `object! { "a" => 1, "b" => "x" }`.
#[macro_export]
macro_rules! object {
    ($($key:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut object = $crate::Object::new();
        $(object.insert($key, $value);)*
        $crate::Value::from(object)
    }};
}
