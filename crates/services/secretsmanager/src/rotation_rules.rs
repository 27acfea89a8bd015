use serde::{Deserialize, Serialize};
use windlass_protocol::Fault;
use windlass_schedule_expression::{ScheduleExpression, Zone};
use windlass_value::{Object, Timestamp, Value};

use crate::faults;
use crate::input;

const DAYS_MAX: i64 = 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
const RATE_MS_MIN: i64 = 4 * HOUR_MS;
const RATE_MS_MAX: i64 = 999 * DAY_MS;

/// How a secret is rotated. A stored type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) enabled: bool,
    pub(crate) lambda_arn: Option<String>,
    after_days: Option<i64>,
    duration: Option<String>,
    schedule: Option<String>,
    /// When it comes next.
    pub(crate) next_ms: Option<i64>,
    /// The version that a rotation under way makes.
    pub(crate) running: Option<String>,
}

impl Rotation {
    /// Takes over `RotationRules`.
    ///
    /// # Errors
    /// Both or neither of its two schedules; one that is not understood.
    pub(crate) fn set_rules(&mut self, rules: &Value) -> Result<(), Fault> {
        let after_days = input::integer(rules, "AutomaticallyAfterDays")?;
        let schedule = input::text(rules, "ScheduleExpression")?.map(str::to_owned);
        if after_days.is_some() == schedule.is_some() {
            return Err(faults::invalid_parameter(
                "You must specify either AutomaticallyAfterDays or ScheduleExpression in RotationRules, but not both.",
            ));
        }
        if let Some(days) = after_days.filter(|days| !(1..=DAYS_MAX).contains(days)) {
            return Err(faults::invalid_parameter(format!(
                "AutomaticallyAfterDays must be between 1 and {DAYS_MAX}, but it is {days}."
            )));
        }
        if let Some(schedule) = &schedule {
            parse(schedule)?;
        }
        self.after_days = after_days;
        self.schedule = schedule;
        self.duration = input::text(rules, "Duration")?.map(str::to_owned);
        Ok(())
    }

    /// When the next rotation comes, after one at `now`.
    pub(crate) fn next_after(&self, now: Timestamp) -> Option<i64> {
        let next = match (&self.schedule, self.after_days) {
            (Some(schedule), _) => parse(schedule).ok()?.next(&Zone::utc(), now, now)?,
            (None, days) => now.plus_ms(days?.saturating_mul(DAY_MS)),
        };
        Some(next.as_ms())
    }

    /// `RotationRules`.
    pub(crate) fn rules(&self) -> Value {
        let mut rules = Object::new();
        if let Some(days) = self.after_days {
            rules.insert("AutomaticallyAfterDays", days);
        }
        if let Some(duration) = &self.duration {
            rules.insert("Duration", duration.as_str());
        }
        if let Some(schedule) = &self.schedule {
            rules.insert("ScheduleExpression", schedule.as_str());
        }
        rules.into()
    }
}

/// Reads `rate(4 hours)`, `rate(10 days)` and `cron(0 8 1 * ? *)`, the latter in UTC.
fn parse(schedule: &str) -> Result<ScheduleExpression, Fault> {
    let invalid = |what: &str| {
        faults::invalid_parameter(format!("Invalid schedule expression: {schedule}")).explained(what.to_owned())
    };
    match ScheduleExpression::parse(schedule).map_err(|error| invalid(&error.to_string()))? {
        ScheduleExpression::Rate(rate) if !(RATE_MS_MIN..=RATE_MS_MAX).contains(&rate.period_ms()) => {
            Err(invalid("rates are from four hours to 999 days"))
        }
        ScheduleExpression::At(_) => Err(invalid("a rotation comes again and again")),
        expression => Ok(expression),
    }
}
