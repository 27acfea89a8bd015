//! Which numbers may be compared, and how: as doubles, but only when the double says
//! the same as the text. An account number of twenty digits is thus never equal to
//! its neighbour.

use windlass_value::Number;

/// The double of a number, when nothing of it is lost by reading it as one.
pub(crate) fn comparable(number: &Number) -> Option<f64> {
    match number {
        // Below 2^53 every integer is a double.
        Number::Int(value) if value.unsigned_abs() < 1 << 53 => Some(*value as f64),
        Number::Int(value) => comparable_text(&value.to_string()),
        Number::Float(value) => Some(*value),
        // At most 15 digits: a double says them all.
        Number::Decimal(..) => Some(number.as_f64()),
        Number::Literal(text) => comparable_text(text),
    }
}

/// As [`comparable`], of a number in JSON's grammar.
pub(crate) fn comparable_text(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    (normal_form(text)? == normal_form(&format!("{value:e}"))?).then_some(if value == 0.0 { 0.0 } else { value })
}

/// Sign, significant digits without zeroes at either end, and the power of ten of the
/// last of them.
fn normal_form(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let kept = digits.trim_start_matches('0').trim_end_matches('0');
    if kept.is_empty() {
        return Some((false, String::new(), 0));
    }
    let zeroes = digits.len() - digits.trim_end_matches('0').len();
    Some((negative, kept.to_owned(), exponent.checked_add(i64::try_from(zeroes).ok()?)?))
}
