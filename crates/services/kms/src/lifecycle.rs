use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Timestamp, Value, object};

use crate::due;
use crate::faults;
use crate::input;
use crate::key::seconds;
use crate::kms::Kms;

const WINDOW_DAYS_DEFAULT: i64 = 30;
const WINDOW_DAYS_MIN: i64 = 7;
const WINDOW_DAYS_MAX: i64 = 30;
/// A day.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Kms {
    /// `EnableKey` and `DisableKey`.
    pub(crate) async fn set_enabled(&self, call: &Call, enabled: bool) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            stored.key.check_not_pending()?;
            stored.key.enabled = enabled;
            stored.key.put(batch, Some(stored.row_version))?;
            Ok(Value::empty_object())
        })
        .await
    }

    /// `ScheduleKeyDeletion`.
    pub(crate) async fn schedule_deletion(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        let window_days = input::integer(&call.input, "PendingWindowInDays")?.unwrap_or(WINDOW_DAYS_DEFAULT);
        if !(WINDOW_DAYS_MIN..=WINDOW_DAYS_MAX).contains(&window_days) {
            return Err(Fault::validation(format!(
                "PendingWindowInDays should be between {WINDOW_DAYS_MIN} and {WINDOW_DAYS_MAX}, but it is {window_days}"
            )));
        }
        self.change(call, |batch, entries| {
            let mut stored = self.key_to_change(call, key_id)?;
            stored.key.check_not_pending()?;
            let deletion_ms = (self.now)().as_ms().saturating_add(window_days * DAY_MS);
            stored.key.deletion_ms = Some(deletion_ms);
            stored.key.put(batch, Some(stored.row_version))?;
            let entry = due::deletion(&stored.key, Timestamp(deletion_ms));
            self.due.add(batch, &stored.key.account, &stored.key.region, &entry);
            entries.push(entry);
            Ok(object! {
                "KeyId" => stored.key.arn(),
                "DeletionDate" => seconds(deletion_ms),
                "KeyState" => stored.key.state(),
                "PendingWindowInDays" => window_days,
            })
        })
        .await
    }

    /// `CancelKeyDeletion`; the key is disabled then.
    pub(crate) async fn cancel_deletion(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            if stored.key.deletion_ms.take().is_none() {
                return Err(faults::state(&stored.key.arn(), "is not pending deletion."));
            }
            stored.key.enabled = false;
            stored.key.put(batch, Some(stored.row_version))?;
            self.due.remove(batch, &stored.key.account, &stored.key.region, &due::deletion_id(&stored.key));
            Ok(object! { "KeyId" => stored.key.arn() })
        })
        .await
    }
}
