use std::collections::HashSet;

use windlass_value::{Number, Value};

use crate::decimal;
use crate::glob::Glob;
use crate::ignore_case::IgnoreCase;
use crate::ip_address::{IpAddress, IpRange};

/// What one value of a pattern's list asks of a scalar in the event.
#[derive(Clone, Debug)]
pub(crate) enum Leaf {
    /// The same string.
    Text(String),
    /// A string that names the same IP address, however written.
    Address(IpAddress),
    /// The same number, in value or in spelling.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// `null`
    Null,
    Prefix(String),
    PrefixIgnoreCase(IgnoreCase),
    Suffix(String),
    SuffixIgnoreCase(IgnoreCase),
    EqualsIgnoreCase(IgnoreCase),
    Wildcard(Glob),
    AnythingBut(AnythingBut),
    Numeric {
        bottom: Option<Limit>,
        top: Option<Limit>,
    },
    NumericEquals(f64),
    Cidr(IpRange),
    /// Any scalar.
    Exists,
}

/// An end of a numeric range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) value: f64,
    /// The limit itself is outside.
    pub(crate) open: bool,
}

/// What a scalar must not be. All but the named kind of scalar passes.
#[derive(Clone, Debug)]
pub(crate) enum AnythingBut {
    Texts(HashSet<String>),
    Numbers(Vec<f64>),
    IgnoreCase(Vec<IgnoreCase>),
    Prefix(Vec<String>),
    Suffix(Vec<String>),
    Wildcard(Vec<Glob>),
}

impl Leaf {
    /// Whether a scalar is what the pattern asks for.
    pub(crate) fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Leaf::Exists, _) => true,
            (Leaf::AnythingBut(but), value) => !but.names(value),
            (Leaf::Null, Value::Null) => true,
            (Leaf::Bool(wanted), Value::Bool(value)) => wanted == value,
            (Leaf::Text(wanted), Value::String(text)) => **wanted == **text,
            (Leaf::Address(wanted), Value::String(text)) => IpAddress::parse(text) == Some(*wanted),
            (Leaf::Prefix(start), Value::String(text)) => text.starts_with(start.as_str()),
            (Leaf::PrefixIgnoreCase(start), Value::String(text)) => start.starts(text),
            (Leaf::Suffix(end), Value::String(text)) => text.ends_with(end.as_str()),
            (Leaf::SuffixIgnoreCase(end), Value::String(text)) => end.ends(text),
            (Leaf::EqualsIgnoreCase(wanted), Value::String(text)) => wanted.equals(text),
            (Leaf::Wildcard(glob), Value::String(text)) => glob.matches(text),
            (Leaf::Cidr(range), Value::String(text)) => {
                IpAddress::parse(text).is_some_and(|address| range.contains(address))
            }
            (Leaf::Number(wanted), Value::Number(number)) => same(wanted, number),
            (Leaf::NumericEquals(wanted), Value::Number(number)) => decimal::comparable(number) == Some(*wanted),
            (Leaf::Numeric { bottom, top }, Value::Number(number)) => {
                decimal::comparable(number).is_some_and(|value| {
                    bottom.is_none_or(|limit| limit.value < value || (!limit.open && limit.value == value))
                        && top.is_none_or(|limit| value < limit.value || (!limit.open && limit.value == value))
                })
            }
            _ => false,
        }
    }
}

impl Leaf {
    /// Whether EventBridge refuses a wildcard as too complex.
    pub(crate) fn is_too_complex(&self) -> bool {
        match self {
            Leaf::Wildcard(glob) => glob.is_too_complex(),
            Leaf::AnythingBut(AnythingBut::Wildcard(globs)) => globs.iter().any(Glob::is_too_complex),
            _ => false,
        }
    }
}

impl AnythingBut {
    fn names(&self, value: &Value) -> bool {
        match (self, value) {
            (AnythingBut::Texts(texts), Value::String(text)) => texts.contains(&**text),
            (AnythingBut::Numbers(numbers), Value::Number(number)) => {
                decimal::comparable(number).is_some_and(|value| numbers.contains(&value))
            }
            (AnythingBut::IgnoreCase(texts), Value::String(text)) => texts.iter().any(|other| other.equals(text)),
            (AnythingBut::Prefix(starts), Value::String(text)) => starts.iter().any(|s| text.starts_with(s.as_str())),
            (AnythingBut::Suffix(ends), Value::String(text)) => ends.iter().any(|end| text.ends_with(end.as_str())),
            (AnythingBut::Wildcard(globs), Value::String(text)) => globs.iter().any(|glob| glob.matches(text)),
            _ => false,
        }
    }
}

/// Equal in spelling, or equal as doubles without loss.
fn same(wanted: &Number, number: &Number) -> bool {
    if let (Number::Int(a), Number::Int(b)) = (wanted, number) {
        return a == b;
    }
    match (decimal::comparable(wanted), decimal::comparable(number)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => Value::from(wanted.clone()).to_text() == Value::from(number.clone()).to_text(),
        _ => false,
    }
}
