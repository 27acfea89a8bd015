//! Numbers: integers exact within 64 bits, doubles otherwise.

use std::cmp::Ordering;
use std::fmt::Write;

use windlass_value::{Number, Value};

/// Doubles from here on do not fit an `i64`.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Num {
    Int(i64),
    Float(f64),
}

impl Num {
    /// A double, as an integer where it is one that fits.
    pub(crate) fn from_f64(value: f64) -> Num {
        let whole = value as i64;
        if whole as f64 == value && value.abs() < TWO_63 { Num::Int(whole) } else { Num::Float(value) }
    }

    /// JSON's number grammar; `None` where it is beyond a double.
    pub(crate) fn parse(text: &str) -> Option<Num> {
        if let Ok(value) = text.parse::<i64>() {
            return Some(Num::Int(value));
        }
        text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Num::from_f64)
    }

    pub(crate) fn from_value(number: &Number) -> Num {
        match number {
            Number::Int(value) => Num::Int(*value),
            Number::Float(value) => Num::from_f64(*value),
            Number::Decimal(..) => Num::from_f64(number.as_f64()),
            Number::Literal(text) => Num::parse(text).unwrap_or(Num::Float(number.as_f64())),
        }
    }

    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Num::Int(value) => value as f64,
            Num::Float(value) => value,
        }
    }

    /// Truncated towards zero and held within `i64`.
    pub(crate) fn truncated(self) -> i64 {
        match self {
            Num::Int(value) => value,
            Num::Float(value) => value as i64,
        }
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Num::Int(_)) || self.as_f64().fract() == 0.0
    }

    pub(crate) fn negate(self) -> Num {
        match self {
            Num::Int(value) => value.checked_neg().map_or(Num::Float(TWO_63), Num::Int),
            Num::Float(value) => Num::from_f64(-value),
        }
    }

    pub(crate) fn compare(self, other: Num) -> Option<Ordering> {
        match (self, other) {
            (Num::Int(a), Num::Int(b)) => Some(a.cmp(&b)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }

    pub(crate) fn equals(self, other: Num) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    /// JavaScript's text, as `$string` and error messages write it: doubles with
    /// 15 significant digits.
    pub(crate) fn to_text(self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    /// Appends that text.
    pub(crate) fn write_to(self, out: &mut String) {
        match self {
            Num::Int(value) => {
                let _ = write!(out, "{value}");
            }
            // A decimal of few digits is written the same by everyone.
            Num::Float(value) if (1e-3..1e7).contains(&value.abs()) && is_short(value) => {
                Value::Number(Number::Float(value)).write_to(out);
            }
            other => out.push_str(&other.long_text()),
        }
    }

    fn long_text(self) -> String {
        match self {
            Num::Int(value) => value.to_string(),
            Num::Float(value) if value.is_nan() => "NaN".to_owned(),
            Num::Float(value) if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            Num::Float(value) if value.fract() == 0.0 => javascript(value),
            Num::Float(value) => {
                let rounded = format!("{value:.14e}").parse().unwrap_or(value);
                javascript(rounded)
            }
        }
    }
}

/// Whether at most six digits follow the point; then 15 digits show them all.
fn is_short(value: f64) -> bool {
    let millionths = value * 1e6;
    (millionths.round_ties_even() / 1e6) == value && value as i64 as f64 != value
}

/// JavaScript's `Number.prototype.toString`.
fn javascript(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let digits = mantissa.replace('.', "");
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = digits.len() as i32;
    let zeros = |n: i32| "0".repeat(n.max(0) as usize);
    let body = if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, more) = digits.split_at(1);
        let more = if more.is_empty() { String::new() } else { format!(".{more}") };
        format!("{first}{more}e{}{}", if point > 0 { '+' } else { '-' }, (point - 1).abs())
    };
    if value < 0.0 { format!("-{body}") } else { body }
}
