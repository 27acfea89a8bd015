//! The length of a value's text without the text: values share subtrees, so a
//! small value can stand for gigabytes of text.

use crate::number::Number;
use crate::object::Object;
use crate::parse::DEPTH_MAX;
use crate::value::{Text, Value};
use crate::write;

/// What is still to be counted of a container.
enum Rest<'a> {
    Items(std::slice::Iter<'a, Value>),
    Members(std::slice::Iter<'a, (Text, Value)>),
}

/// See [`Value::text_len_within`]. Every value costs a byte at least, so the
/// work is bounded by `max`, whatever is shared.
pub(crate) fn text_len_within(value: &Value, max: usize) -> Option<usize> {
    let mut length = 0_usize;
    let mut stack: Vec<Rest<'_>> = Vec::new();
    let mut next = Some(value);
    loop {
        if let Some(value) = next.take() {
            length += match value {
                Value::Null => 4,
                Value::Bool(value) => 5 - usize::from(*value),
                Value::Number(number) => number_len(number),
                Value::String(text) => string_len(text),
                // Both brackets, and the commas between.
                Value::Array(items) => 2 + items.len().saturating_sub(1),
                // Both braces, the colons, and the commas between.
                Value::Object(object) => 2 + object.len() + object.len().saturating_sub(1),
            };
            let rest = match value {
                Value::Array(items) => Some(Rest::Items(items.iter())),
                Value::Object(object) => Some(Rest::Members(Object::entries(object))),
                _ => None,
            };
            if let Some(rest) = rest {
                if stack.len() >= DEPTH_MAX {
                    return None;
                }
                stack.push(rest);
            }
            if length > max {
                return None;
            }
        }
        match stack.last_mut() {
            None => return Some(length),
            Some(Rest::Items(items)) => next = items.next(),
            Some(Rest::Members(members)) => {
                next = members.next().map(|(name, value)| {
                    length += string_len(name);
                    value
                });
            }
        }
        if next.is_none() {
            stack.pop();
        }
    }
}

fn string_len(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | 0x08 | 0x0c | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

fn number_len(number: &Number) -> usize {
    match number {
        Number::Int(value) => {
            let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
            digits + usize::from(*value < 0)
        }
        Number::Literal(text) => text.len(),
        Number::Decimal(value, scale) => {
            let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
            digits.max(usize::from(*scale) + 1) + 1 + usize::from(*value < 0)
        }
        Number::Float(_) => {
            let mut text = String::new();
            write::number(number, &mut text);
            text.len()
        }
    }
}
