use serde::{Deserialize, Serialize};
use windlass_protocol::Fault;
use windlass_value::{Object, Value};

use crate::faults;
use crate::input;

const DAYS_MAX: i64 = 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

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
            period_ms(schedule)?;
        }
        self.after_days = after_days;
        self.schedule = schedule;
        self.duration = input::text(rules, "Duration")?.map(str::to_owned);
        Ok(())
    }

    /// The time from one rotation to the next.
    pub(crate) fn period_ms(&self) -> Option<i64> {
        match (&self.schedule, self.after_days) {
            (Some(schedule), _) => period_ms(schedule).ok(),
            (None, days) => days.map(|days| days * DAY_MS),
        }
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

/// Reads `rate(4 hours)` and `rate(10 days)`.
fn period_ms(schedule: &str) -> Result<i64, Fault> {
    if schedule.starts_with("cron(") {
        return Err(Fault::not_built("rotation schedules in cron(…); rate(…) and AutomaticallyAfterDays work"));
    }
    let read = || {
        let (number, unit) = schedule.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
        let number = number.parse::<i64>().ok().filter(|number| *number > 0)?;
        let unit_ms = match unit {
            "hour" | "hours" => HOUR_MS,
            "day" | "days" => DAY_MS,
            _ => return None,
        };
        // AWS takes rates from four hours to 999 days.
        number.checked_mul(unit_ms).filter(|period_ms| (4 * HOUR_MS..=999 * DAY_MS).contains(period_ms))
    };
    read().ok_or_else(|| faults::invalid_parameter(format!("Invalid schedule expression: {schedule}")))
}
