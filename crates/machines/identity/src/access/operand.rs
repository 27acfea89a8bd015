use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_value::Timestamp;

use crate::access::cidr::Cidr;
use crate::access::context::Context;
use crate::access::operator::Test;
use crate::access::pattern::{Pattern, Syntax};
use crate::access::resource_pattern::ResourcePattern;

/// A value of a condition, read for its operator.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Text(Pattern),
    Number(f64),
    /// Milliseconds since the epoch.
    Date(i64),
    Bool(bool),
    Binary(Vec<u8>),
    Addresses(Cidr),
    Arn(ResourcePattern),
    /// Not what the operator compares: matches nothing.
    Unreadable,
}

impl Operand {
    pub(crate) fn read(test: Test, text: &str, variables: bool) -> Operand {
        let read = match test {
            Test::StringEquals | Test::StringEqualsIgnoreCase => {
                Some(Operand::Text(Pattern::compile(text, Syntax { wildcards: false, variables })))
            }
            Test::StringLike => Some(Operand::Text(Pattern::compile(text, Syntax { wildcards: true, variables }))),
            Test::Numeric(_) => number(text).map(Operand::Number),
            Test::Date(_) => instant_ms(text).map(Operand::Date),
            Test::Bool | Test::Null => boolean(text).map(Operand::Bool),
            Test::BinaryEquals => STANDARD.decode(text).ok().map(Operand::Binary),
            Test::IpAddress => Cidr::parse(text).map(Operand::Addresses),
            Test::Arn => Some(Operand::Arn(ResourcePattern::compile(text, variables))),
        };
        read.unwrap_or(Operand::Unreadable)
    }

    /// Whether a value of the request matches this one. `Null` does not come here.
    pub(crate) fn matches(&self, test: Test, value: &str, context: &Context) -> bool {
        match (self, test) {
            (Operand::Text(pattern), Test::StringEqualsIgnoreCase) => pattern.matches_any_case(value, context),
            (Operand::Text(pattern), _) => pattern.matches(value, context),
            (Operand::Number(bound), Test::Numeric(order)) => {
                number(value).is_some_and(|value| order.holds(value, *bound))
            }
            (Operand::Date(bound), Test::Date(order)) => {
                instant_ms(value).is_some_and(|value| order.holds(value, *bound))
            }
            (Operand::Bool(expected), _) => boolean(value) == Some(*expected),
            (Operand::Binary(expected), _) => STANDARD.decode(value).is_ok_and(|value| value == *expected),
            (Operand::Addresses(block), _) => block.contains(value),
            (Operand::Arn(pattern), _) => pattern.matches(value, context),
            (Operand::Number(_) | Operand::Date(_) | Operand::Unreadable, _) => false,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// ISO 8601 in AWS's spellings (a date, or with hours, minutes, seconds and a
/// zone), or seconds since the epoch.
fn instant_ms(text: &str) -> Option<i64> {
    const MS_PER_SECOND: i64 = 1000;
    let text = text.trim();
    // Five digits and more are no year, so a bare year stays a date.
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(MS_PER_SECOND);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let date = match date.len() {
        4 => format!("{date}-01-01"),
        7 => format!("{date}-01"),
        _ => date.to_owned(),
    };
    let time = match time {
        None => "00:00:00Z".to_owned(),
        Some(time) => {
            let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
            let (clock, zone) = time.split_at(zone_at);
            let seconds = if clock.len() == 5 { ":00" } else { "" };
            let zone = if zone.is_empty() { "Z" } else { zone };
            format!("{clock}{seconds}{zone}")
        }
    };
    Timestamp::parse_rfc3339(&format!("{date}T{time}")).ok().map(Timestamp::as_ms)
}
