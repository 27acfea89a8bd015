use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, ColumnValue, Scan};
use windlass_value::{Object, Timestamp, Value, object};

use crate::due;
use crate::faults;
use crate::input;
use crate::key::{KeyRecord, Rotation, Spec, seconds};
use crate::kms::Kms;
use crate::lifecycle::DAY_MS;
use crate::page::Page;
use crate::tables::{MATERIALS, key_row};

const PERIOD_DAYS_DEFAULT: i64 = 365;
const PERIOD_DAYS_MIN: i64 = 90;
const PERIOD_DAYS_MAX: i64 = 2560;
/// How often a key is rotated on demand.
const ON_DEMAND_MAX: u32 = 10;

impl Kms {
    /// `EnableKeyRotation`; once more it changes the period.
    pub(crate) async fn enable_rotation(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        let period_days = input::integer(&call.input, "RotationPeriodInDays")?;
        if let Some(days) = period_days.filter(|days| !(PERIOD_DAYS_MIN..=PERIOD_DAYS_MAX).contains(days)) {
            let (bound, limit) = if days < PERIOD_DAYS_MIN {
                ("greater than or equal to", PERIOD_DAYS_MIN)
            } else {
                ("less than or equal to", PERIOD_DAYS_MAX)
            };
            return Err(Fault::validation(format!(
                "1 validation error detected: Value '{days}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value {bound} {limit}"
            )));
        }
        self.change(call, |batch, entries| {
            let mut stored = self.key_to_change(call, key_id)?;
            check_rotatable(&stored.key)?;
            let period_days =
                period_days.or(stored.key.rotation.map(|rotation| rotation.period_days)).unwrap_or(PERIOD_DAYS_DEFAULT);
            let next_ms = match stored.key.rotation {
                // The same once more changes nothing.
                Some(rotation) if rotation.period_days == period_days => rotation.next_ms,
                _ => (self.now)().as_ms().saturating_add(period_days * DAY_MS),
            };
            stored.key.rotation = Some(Rotation { period_days, next_ms });
            stored.key.put(batch, Some(stored.row_version))?;
            let entry = due::rotation(&stored.key, Timestamp(next_ms));
            self.due.add(batch, &stored.key.account, &stored.key.region, &entry);
            entries.push(entry);
            Ok(Value::empty_object())
        })
        .await
    }

    /// `DisableKeyRotation`.
    pub(crate) async fn disable_rotation(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            check_rotatable(&stored.key)?;
            stored.key.rotation = None;
            stored.key.put(batch, Some(stored.row_version))?;
            self.due.remove(batch, &stored.key.account, &stored.key.region, &due::rotation_id(&stored.key));
            Ok(Value::empty_object())
        })
        .await
    }

    /// `GetKeyRotationStatus`.
    pub(crate) fn rotation_status(&self, call: &Call) -> Outcome {
        let stored = self.key_itself(call, input::required(&call.input, "KeyId")?)?;
        let mut output = Object::new();
        output.insert("KeyRotationEnabled", stored.key.rotation.is_some() && stored.key.deletion_ms.is_none());
        output.insert("KeyId", stored.key.id.as_str());
        if let Some(rotation) = stored.key.rotation.filter(|_| stored.key.deletion_ms.is_none()) {
            output.insert("RotationPeriodInDays", rotation.period_days);
            output.insert("NextRotationDate", seconds(rotation.next_ms));
        }
        Ok(Reply::from(Value::from(output)))
    }

    /// `RotateKeyOnDemand`.
    pub(crate) async fn rotate_on_demand(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            check_rotatable(&stored.key)?;
            if stored.key.on_demand_rotations >= ON_DEMAND_MAX {
                return Err(Fault::new(
                    "LimitExceededException",
                    format!("On-demand rotations quota of {ON_DEMAND_MAX} exceeded for {}.", stored.key.arn()),
                ));
            }
            stored.key.on_demand_rotations += 1;
            self.rotate(&mut stored.key, "ON_DEMAND", batch)?;
            stored.key.put(batch, Some(stored.row_version))?;
            Ok(object! { "KeyId" => stored.key.id.as_str() })
        })
        .await
    }

    /// Adds a version of the material, by which the key encrypts from now on.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn rotate(&self, key: &mut KeyRecord, cause: &str, batch: &mut Batch) -> Result<(), Fault> {
        key.version += 1;
        let sealed = self.new_material(key, key.version)?;
        key.put_material(batch, key.version, sealed, cause, (self.now)());
        Ok(())
    }

    /// `ListKeyRotations`: those that were carried out.
    pub(crate) fn list_rotations(&self, call: &Call) -> Outcome {
        const VERSIONS_MAX: usize = 10_000;
        let stored = self.key_itself(call, input::required(&call.input, "KeyId")?)?;
        let page = Page::read(&self.keyring, call, &[&stored.key.id])?;
        let row = key_row(&stored.key.account, &stored.key.region, &stored.key.id);
        let rows =
            self.store.scan(&MATERIALS, Scan::prefix(&row, VERSIONS_MAX)).map_err(|error| faults::store(&error))?;
        let after = page.after.as_deref().and_then(|after| after.parse::<i64>().ok()).unwrap_or(1);
        let rotations = rows.into_iter().filter_map(|row| match &row.columns[3..] {
            [ColumnValue::Integer(version), ColumnValue::Integer(made), ColumnValue::Text(cause)]
                if *version > after =>
            {
                let entry = object! {
                    "KeyId" => stored.key.id.as_str(),
                    "RotationDate" => seconds(*made),
                    "RotationType" => cause.as_str(),
                };
                Some((version.to_string(), entry))
            }
            _ => None,
        });
        let rotations = rotations.take(page.limit + 1).collect();
        Ok(Reply::from(Value::from(page.answer(&self.keyring, "Rotations", rotations)?)))
    }
}

fn check_rotatable(key: &KeyRecord) -> Result<(), Fault> {
    key.check_not_pending()?;
    if !key.enabled {
        return Err(faults::disabled(&key.arn()));
    }
    if key.spec != Spec::Symmetric {
        return Err(Fault::new("UnsupportedOperationException", "").explained("only symmetric keys are rotated"));
    }
    Ok(())
}
