use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A JSON number that keeps how it was written.
///
/// Integers that fit an `i64` and are spelled canonically are `Int`; a computed
/// non-integer is `Float`; every other literal keeps its digits or its text, so
/// that `1.50` or a 30-digit integer leaves the server as it came.
#[derive(Clone, Debug)]
pub enum Number {
    /// An integer within `i64`, written without sign surprises.
    Int(i64),
    /// A computed double. Never NaN nor infinite: JSON has no word for them.
    Float(f64),
    /// A literal of at most 15 digits with a decimal point: the digits as an
    /// integer, and how many of them follow the point. 1.50 is (150, 2).
    Decimal(i64, u8),
    /// Any other literal in its own spelling (valid JSON number grammar).
    Literal(Arc<str>),
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 17] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];

impl Number {
    /// A number from a literal that is already known to follow JSON's grammar.
    pub fn from_literal(text: &str) -> Number {
        match text.parse::<i64>() {
            Ok(value) if text != "-0" => Number::Int(value),
            _ => Number::from_fractional(text),
        }
    }

    /// As [`from_literal`](Number::from_literal) for a text that is no integer.
    pub(crate) fn from_fractional(text: &str) -> Number {
        Number::decimal(text).unwrap_or_else(|| Number::Literal(Arc::from(text)))
    }

    fn decimal(text: &str) -> Option<Number> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.len() > 16 {
            return None;
        }
        let mut value = 0;
        let mut point = None;
        for (at, byte) in digits.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => value = value * 10 + i64::from(byte - b'0'),
                b'.' => point = Some(at),
                _ => return None,
            }
        }
        let scale = digits.len() - 1 - point?;
        // A zero has no sign here.
        if digits.len() < text.len() {
            return (value != 0).then_some(Number::Decimal(-value, scale as u8));
        }
        Some(Number::Decimal(value, scale as u8))
    }

    /// A number from a double; `None` for NaN and the infinities. Integral
    /// doubles below 2^53 become `Int`.
    pub fn from_f64(value: f64) -> Option<Number> {
        if !value.is_finite() {
            return None;
        }
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            return Some(Number::Int(value as i64));
        }
        Some(Number::Float(value))
    }

    /// The nearest double.
    pub fn as_f64(&self) -> f64 {
        match self {
            Number::Int(value) => *value as f64,
            Number::Float(value) => *value,
            // Both are exact, so the quotient is the nearest double.
            Number::Decimal(value, scale) => *value as f64 / POWERS[usize::from(*scale).min(POWERS.len() - 1)],
            Number::Literal(text) => text.parse().unwrap_or(f64::INFINITY),
        }
    }

    /// The value as an integer when it is written as one (`1.0` is not).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Number::Int(value) => Some(*value),
            Number::Float(_) | Number::Decimal(..) => None,
            Number::Literal(text) => text.parse().ok(),
        }
    }

    /// Whether the spelling is that of an integer (no point, no exponent).
    pub fn is_integer(&self) -> bool {
        match self {
            Number::Int(_) => true,
            Number::Float(_) | Number::Decimal(..) => false,
            Number::Literal(text) => !text.contains(['.', 'e', 'E']),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a == b,
            (Number::Literal(a), Number::Literal(b)) if a == b => true,
            (Number::Decimal(a, m), Number::Decimal(b, n)) if m == n => a == b,
            _ => self.as_f64() == other.as_f64(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_f64().to_bits().hash(state);
    }
}
