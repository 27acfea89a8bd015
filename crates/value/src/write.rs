//! Compact JSON, written as Jackson writes it: upper-case hex in `\u00XX`, no
//! escaped slash, non-ASCII as it is, doubles in Java's spelling.

use crate::number::Number;
use crate::value::Value;

pub(crate) fn value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(value) => number(value, out),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                self::value(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (index, (key, item)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                self::value(item, out);
            }
            out.push('}');
        }
    }
}

pub(crate) fn pretty(value: &Value, depth: usize, out: &mut String) {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str("  "));
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, depth + 1);
                pretty(item, depth + 1, out);
            }
            line(out, depth);
            out.push(']');
        }
        Value::Object(object) if !object.is_empty() => {
            out.push('{');
            for (index, (key, item)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, depth + 1);
                string(key, out);
                out.push_str(": ");
                pretty(item, depth + 1, out);
            }
            line(out, depth);
            out.push('}');
        }
        other => self::value(other, out),
    }
}

pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.push_str(&text[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push_str("\\u00");
                out.push(HEX[usize::from(other >> 4)] as char);
                out.push(HEX[usize::from(other & 15)] as char);
            }
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

pub(crate) fn number(number: &Number, out: &mut String) {
    use std::fmt::Write;
    match number {
        Number::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Number::Literal(text) => out.push_str(text),
        Number::Decimal(value, scale) => decimal(*value, usize::from(*scale), out),
        Number::Float(value) => java_double(*value, out),
    }
}

/// Digits with a decimal point before the last `scale` of them.
fn decimal(value: i64, scale: usize, out: &mut String) {
    const DIGITS_MAX: usize = 20;
    let mut digits = [b'0'; DIGITS_MAX];
    let mut start = DIGITS_MAX;
    let mut rest = value.unsigned_abs();
    while rest > 0 || start + scale >= DIGITS_MAX {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if value < 0 {
        out.push('-');
    }
    let point = DIGITS_MAX - scale;
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(&digits[range]).unwrap_or_default();
    out.push_str(text(start..point));
    out.push('.');
    out.push_str(text(point..DIGITS_MAX));
}

/// The digits of a double that is a decimal of at most 15 of them, at most six
/// after the point: they are its shortest spelling, found without search.
fn short_decimal(value: f64) -> Option<(i64, usize)> {
    let mut power = 1.0;
    for scale in 0..=6 {
        let digits = (value * power).round_ties_even();
        if digits.abs() >= 1e15 {
            return None;
        }
        if digits / power == value {
            // A whole number shows one zero after the point.
            return Some(if scale == 0 { (digits as i64 * 10, 1) } else { (digits as i64, scale) });
        }
        power *= 10.0;
    }
    None
}

/// `Double.toString`: plain between 10^-3 and 10^7, else `d.dddE±x`.
fn java_double(value: f64, out: &mut String) {
    use std::fmt::Write;
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        if value != 0.0
            && let Some((digits, scale)) = short_decimal(value)
        {
            return decimal(digits, scale, out);
        }
        let _ = write!(out, "{value:?}");
        return;
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    out.push_str(mantissa);
    if !mantissa.contains('.') {
        out.push_str(".0");
    }
    out.push('E');
    out.push_str(exponent);
}
