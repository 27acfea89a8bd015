//! Texts made of values. A value may hold the same array many times at no cost;
//! its text may not, so every writer here stops at a bound.

use windlass_value::{Number, Value};

/// Longest text a function makes, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The text of an argument that has to be one.
pub(super) fn string<'a>(value: &'a Value, which: &str) -> Result<&'a str, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("The {which} argument must be a string, but was: {}", other.kind())),
    }
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Style {
    /// Compact JSON.
    Json,
    /// JSON that two values share exactly when Jackson has them equal: members
    /// sorted, doubles normalised.
    Canonical,
    /// As Java's `toString` writes maps, lists and boxes: `{a=1, b=[x, null]}`.
    Java,
}

/// Appends a value, as long as the whole stays within the bound.
pub(super) fn write(value: &Value, style: Style, out: &mut String) -> Result<(), String> {
    let comma = if style == Style::Java { ", " } else { "," };
    match value {
        Value::String(text) if style == Style::Java => out.push_str(text),
        Value::Number(number @ (Number::Literal(_) | Number::Decimal(..)))
            if style != Style::Json && !number.is_integer() && number.as_f64().is_finite() =>
        {
            Value::Number(Number::Float(number.as_f64())).write_to(out);
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(comma);
                }
                write(item, style, out)?;
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            if style == Style::Canonical {
                members.sort_by_key(|(name, _)| *name);
            }
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push_str(comma);
                }
                if style == Style::Java {
                    out.push_str(name);
                    out.push('=');
                } else {
                    Value::from(name).write_to(out);
                    out.push(':');
                }
                write(member, style, out)?;
            }
            out.push('}');
        }
        other => other.write_to(out),
    }
    if out.len() > TEXT_BYTES_MAX {
        return Err(format!("The text is longer than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// Compact JSON.
pub(super) fn json(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    write(value, Style::Json, &mut out)?;
    Ok(out)
}
