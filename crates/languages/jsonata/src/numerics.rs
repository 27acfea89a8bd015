//! Functions on numbers.

use crate::builtins::Arguments;
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::Item;
use crate::number::Num;

fn numbers(item: &Item<'_>) -> Option<Vec<Num>> {
    match item {
        Item::Array(array) => Some(array.iter().filter_map(|item| item.as_num()).collect()),
        _ => None,
    }
}

fn add(a: Num, b: Num) -> Num {
    if let (Num::Int(a), Num::Int(b)) = (a, b)
        && let Some(sum) = a.checked_add(b)
    {
        return Num::Int(sum);
    }
    // Kept as a double until the end, so that no step rounds to an integer.
    Num::Float(a.as_f64() + b.as_f64())
}

fn total(values: &[Num]) -> Num {
    match values.iter().copied().fold(Num::Int(0), add) {
        Num::Float(value) => Num::from_f64(value),
        sum => sum,
    }
}

pub(crate) fn sum<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(values) = numbers(&arguments.take(0)) else { return Ok(Item::Undefined) };
    evaluator.spend(values.len())?;
    Ok(Item::Number(total(&values)))
}

fn extreme<'v>(evaluator: &mut Evaluator<'v>, item: Item<'v>, wanted: std::cmp::Ordering) -> Outcome<Item<'v>> {
    let Some(values) = numbers(&item) else { return Ok(Item::Undefined) };
    evaluator.spend(values.len())?;
    let best = values.into_iter().reduce(|best, value| if value.compare(best) == Some(wanted) { value } else { best });
    Ok(best.map_or(Item::Undefined, Item::Number))
}

pub(crate) fn max<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    extreme(evaluator, arguments.take(0), std::cmp::Ordering::Greater)
}

pub(crate) fn min<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    extreme(evaluator, arguments.take(0), std::cmp::Ordering::Less)
}

pub(crate) fn average<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(values) = numbers(&arguments.take(0)) else { return Ok(Item::Undefined) };
    evaluator.spend(values.len())?;
    if values.is_empty() {
        return Ok(Item::Undefined);
    }
    Ok(Item::Number(Num::from_f64(total(&values).as_f64() / values.len() as f64)))
}

/// JavaScript's reading of `0x`, `0o` and `0b` numbers.
fn prefixed(text: &str) -> Option<f64> {
    let (prefix, digits) = text.split_at_checked(2)?;
    let radix = match prefix {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        _ => return None,
    };
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0.0, |value, digit| Some(value * f64::from(radix) + f64::from(digit.to_digit(radix)?)))
}

fn decimal(text: &str) -> Option<Num> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let shape = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && !digits.ends_with('.')
        && !digits.contains(".e")
        && !digits.contains(".E");
    if shape { Num::parse(text) } else { None }
}

pub(crate) fn number<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let item = arguments.take(0);
    let value = match &item {
        Item::Undefined => return Ok(Item::Undefined),
        Item::Number(value) => Some(*value),
        Item::Bool(value) => Some(Num::Int(i64::from(*value))),
        Item::String(text) => decimal(text).or_else(|| prefixed(text).map(Num::from_f64)),
        _ => None,
    };
    match value {
        Some(value) => Ok(Item::Number(value)),
        None => fail("D3030", format!("Unable to cast value to a number: {}", evaluator.shown(&item))),
    }
}

fn on_number<'v>(arguments: &mut Arguments<'v>, change: fn(f64) -> f64) -> Item<'v> {
    match arguments.take(0) {
        Item::Number(Num::Float(value)) => Item::Number(Num::from_f64(change(value))),
        other => other,
    }
}

pub(crate) fn floor<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(on_number(arguments, f64::floor))
}

pub(crate) fn ceil<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(on_number(arguments, f64::ceil))
}

pub(crate) fn abs<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(match arguments.take(0) {
        Item::Number(value) if value.as_f64() < 0.0 => Item::Number(value.negate()),
        other => other,
    })
}

/// Moves the decimal point in the number's decimal spelling, so that 2.675
/// stays exactly that while it is rounded.
fn shift(value: f64, places: i64) -> f64 {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse::<i64>().unwrap_or(0).saturating_add(places);
    format!("{mantissa}e{exponent}").parse().unwrap_or(value)
}

/// Rounds half to even.
pub(crate) fn round_to(value: Num, places: i64) -> Num {
    if let Num::Int(_) = value
        && places >= 0
    {
        return value;
    }
    let shifted = shift(value.as_f64(), places);
    if !shifted.is_finite() {
        return value;
    }
    Num::from_f64(shift(shifted.round_ties_even(), -places))
}

pub(crate) fn round<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Number(value) = arguments.take(0) else { return Ok(Item::Undefined) };
    let places = arguments.take(1).as_num().map_or(0, Num::truncated);
    Ok(Item::Number(round_to(value, places)))
}

pub(crate) fn sqrt<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Number(value) = arguments.take(0) else { return Ok(Item::Undefined) };
    if value.as_f64() < 0.0 {
        let shown = value.to_text();
        return fail("D3060", format!("The sqrt function cannot be applied to a negative number: {shown}"));
    }
    Ok(Item::Number(Num::from_f64(value.as_f64().sqrt())))
}

pub(crate) fn power<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Number(base) = arguments.take(0) else { return Ok(Item::Undefined) };
    let exponent = arguments.take(1).as_num().unwrap_or(Num::Float(f64::NAN));
    let value = base.as_f64().powf(exponent.as_f64());
    if !value.is_finite() {
        let message = format!(
            "The power function has resulted in a value that cannot be represented as a JSON number: base={}, exponent={}",
            base.to_text(),
            exponent.to_text()
        );
        return fail("D3061", message);
    }
    Ok(Item::Number(Num::from_f64(value)))
}

pub(crate) fn format_base<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Number(value) = arguments.take(0) else { return Ok(Item::Undefined) };
    let radix = arguments.take(1).as_num().map_or(10, |radix| round_to(radix, 0).truncated());
    if !(2..=36).contains(&radix) {
        let message = format!("The radix of the formatBase function must be between 2 and 36.  It was given {radix}");
        return fail("D3100", message);
    }
    let value = round_to(value, 0).truncated();
    let mut left = value.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((left % radix as u64) as u32, radix as u32).unwrap_or('0'));
        left /= radix as u64;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push('-');
    }
    Ok(Item::string(digits.into_iter().rev().collect::<String>()))
}
