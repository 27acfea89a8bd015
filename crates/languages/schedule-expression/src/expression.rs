use std::fmt;

use jiff::civil::DateTime;
use windlass_value::Timestamp;

use crate::cron::Cron;
use crate::rate::Rate;
use crate::zone::Zone;

/// A parsed schedule expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleExpression {
    /// `at(2026-11-22T17:00:00)`: once, by the clocks of a zone.
    At(DateTime),
    /// `rate(5 minutes)`
    Rate(Rate),
    /// `cron(0 12 * * ? *)`
    Cron(Box<Cron>),
}

/// A text that is no schedule expression; displays what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError(pub(crate) String);

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExpressionError {}

impl ScheduleExpression {
    /// Reads one of the three kinds.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<ScheduleExpression, ExpressionError> {
        let inside = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(inside) = inside("cron") {
            return Ok(ScheduleExpression::Cron(Box::new(Cron::parse(inside)?)));
        }
        if let Some(inside) = inside("rate") {
            let rate = Rate::parse(inside)
                .ok_or_else(|| ExpressionError("a rate is a whole number above 0 and minutes, hours or days".into()))?;
            return Ok(ScheduleExpression::Rate(rate));
        }
        if let Some(inside) = inside("at") {
            return at(inside)
                .map(ScheduleExpression::At)
                .ok_or_else(|| ExpressionError("at takes a date and time: yyyy-mm-ddThh:mm:ss".into()));
        }
        Err(ExpressionError("an expression is at(…), rate(…) or cron(…)".into()))
    }

    /// The first instant later than `after` at which the expression is due; `None`
    /// when there is none any more. `anchor` is where a rate begins, and is itself due.
    ///
    /// Where clocks are set forward, a cron's times in the gap are skipped and an
    /// `at` in it is due as much later; where they are set back, a time that occurs
    /// twice is due at its first occurrence only.
    pub fn next(&self, zone: &Zone, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match self {
            ScheduleExpression::At(civil) => zone.instant_or_later(*civil).filter(|instant| *instant > after),
            ScheduleExpression::Rate(rate) => Some(rate.next(after, anchor)),
            ScheduleExpression::Cron(cron) => cron.next(zone, after),
        }
    }

    /// Whether it is due once only.
    pub fn is_once(&self) -> bool {
        matches!(self, ScheduleExpression::At(_))
    }
}

/// `2026-11-22T17:00:00`, exactly so.
fn at(text: &str) -> Option<DateTime> {
    let shape = text.len() == 19
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    // jiff reads second 60 as 59; there is no such time.
    (shape && !text.ends_with(":60")).then(|| text.parse().ok())?
}
