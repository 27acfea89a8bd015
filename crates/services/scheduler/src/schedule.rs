use serde::{Deserialize, Serialize};
use windlass_event_target::{AGE_SECONDS_MAX, ATTEMPTS_MAX, RetryPolicy};
use windlass_protocol::Fault;
use windlass_schedule_expression::{ScheduleExpression, Zone};
use windlass_store::{Batch, Key};
use windlass_value::{Object, Timestamp, Value, object};

use crate::faults;
use crate::place::Place;
use crate::request::seconds;
use crate::tables::{SCHEDULES, schedule_key};

/// A one-time schedule whose instant passed that little ago is still due: schedules
/// are precise to a minute.
const PRECISION_MS: i64 = 60_000;

/// What is stored of a schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) place: Place,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) expression: String,
    pub(crate) zone: String,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) description: Option<String>,
    pub(crate) is_enabled: bool,
    pub(crate) kms_key: Option<String>,
    /// `Target` as it came, as JSON text.
    pub(crate) target: String,
    /// 0: `OFF`.
    pub(crate) window_minutes: u32,
    pub(crate) deletes_itself: bool,
    /// Names what is to fire: what an earlier state of this schedule left is stale.
    pub(crate) revision: String,
    /// Where a rate begins.
    pub(crate) anchor_ms: i64,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
}

impl Schedule {
    pub(crate) fn arn(&self) -> String {
        self.place.schedule_arn(&self.group, &self.name)
    }

    pub(crate) fn key(&self) -> Key {
        schedule_key(&self.place, &self.group, &self.name)
    }

    /// Adds its row to a batch.
    ///
    /// # Errors
    /// It cannot be encoded, which is our failure.
    pub(crate) fn put(&self, batch: &mut Batch) -> Result<(), Fault> {
        let columns = [&*self.place.account, &*self.place.region, &self.group, &self.name];
        let value = serde_json::to_vec(self).map_err(|error| faults::internal(error.to_string()))?;
        batch.put(&SCHEDULES, self.key(), columns.map(Into::into).to_vec(), value);
        Ok(())
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Schedule, Fault> {
        serde_json::from_slice(bytes).map_err(|error| faults::internal(format!("a schedule cannot be read: {error}")))
    }

    /// The first instant after `after` that the expression names, within the
    /// schedule's dates.
    ///
    /// # Errors
    /// An expression or zone that cannot be read.
    pub(crate) fn next(&self, after: Timestamp) -> Result<Option<Timestamp>, Fault> {
        let expression =
            ScheduleExpression::parse(&self.expression).map_err(|error| faults::internal(error.to_string()))?;
        let zone = Zone::named(&self.zone).ok_or_else(|| faults::internal(format!("no time zone {}", self.zone)))?;
        if expression.is_once() {
            // Dates do not bound what happens once.
            return Ok(expression.next(&zone, after, after));
        }
        let after = match self.start_ms {
            Some(start_ms) => after.max(Timestamp(start_ms - 1)),
            None => after,
        };
        let next = expression.next(&zone, after, Timestamp(self.anchor_ms));
        Ok(next.filter(|next| self.end_ms.is_none_or(|end_ms| next.as_ms() <= end_ms)))
    }

    /// The first instant of a schedule that is made, or begins anew, `now`.
    ///
    /// # Errors
    /// As [`Schedule::next`].
    pub(crate) fn first(&self, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
        let back_ms = match self.expression.split('(').next() {
            Some("at") => PRECISION_MS,
            // A rate begins at once: its anchor is an instant too.
            Some("rate") => 1,
            _ => 0,
        };
        self.next(now.plus_ms(-back_ms))
    }

    /// `Target` as it came.
    pub(crate) fn target(&self) -> Value {
        windlass_value::parse(&self.target).unwrap_or(Value::Null)
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        retry(&self.target())
    }

    /// As `GetSchedule` shows it.
    pub(crate) fn to_value(&self) -> Value {
        let mut output = Object::new();
        output.insert("Arn", self.arn());
        output.insert("GroupName", self.group.as_str());
        output.insert("Name", self.name.as_str());
        output.insert("ScheduleExpression", self.expression.as_str());
        output.insert("ScheduleExpressionTimezone", self.zone.as_str());
        for (name, instant_ms) in [("StartDate", self.start_ms), ("EndDate", self.end_ms)] {
            if let Some(instant_ms) = instant_ms {
                output.insert(name, seconds(instant_ms));
            }
        }
        if let Some(description) = &self.description {
            output.insert("Description", description.as_str());
        }
        output.insert("State", self.state());
        output.insert("CreationDate", seconds(self.created_ms));
        output.insert("LastModificationDate", seconds(self.modified_ms));
        if let Some(key) = &self.kms_key {
            output.insert("KmsKeyArn", key.as_str());
        }
        let mut target = self.target().as_object().map(|target| Object::clone(target)).unwrap_or_default();
        let RetryPolicy { attempts_max, age_seconds_max } = self.retry();
        let retry = object! { "MaximumEventAgeInSeconds" => age_seconds_max, "MaximumRetryAttempts" => attempts_max };
        target.insert("RetryPolicy", retry);
        output.insert("Target", target);
        let mut window = Object::new();
        window.insert("Mode", if self.window_minutes == 0 { "OFF" } else { "FLEXIBLE" });
        if self.window_minutes > 0 {
            window.insert("MaximumWindowInMinutes", self.window_minutes);
        }
        output.insert("FlexibleTimeWindow", window);
        output.insert("ActionAfterCompletion", if self.deletes_itself { "DELETE" } else { "NONE" });
        output.into()
    }

    /// As `ListSchedules` shows it.
    pub(crate) fn to_summary(&self) -> Value {
        object! {
            "Arn" => self.arn(),
            "CreationDate" => seconds(self.created_ms),
            "GroupName" => self.group.as_str(),
            "LastModificationDate" => seconds(self.modified_ms),
            "Name" => self.name.as_str(),
            "State" => self.state(),
            "Target" => object! { "Arn" => &self.target()["Arn"] },
        }
    }

    pub(crate) fn state(&self) -> &'static str {
        if self.is_enabled { "ENABLED" } else { "DISABLED" }
    }
}

/// The retry policy of a target; what it does not say is AWS's.
pub(crate) fn retry(target: &Value) -> RetryPolicy {
    let bounded = |name: &str, max: u32| {
        let given = target["RetryPolicy"][name].as_i64().and_then(|value| u32::try_from(value).ok());
        given.unwrap_or(max).min(max)
    };
    RetryPolicy {
        attempts_max: bounded("MaximumRetryAttempts", ATTEMPTS_MAX),
        age_seconds_max: bounded("MaximumEventAgeInSeconds", AGE_SECONDS_MAX),
    }
}
