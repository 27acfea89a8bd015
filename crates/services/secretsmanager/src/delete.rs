use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::{Batch, Scan};
use windlass_value::{Object, Timestamp, Value};

use crate::create::names;
use crate::due;
use crate::faults;
use crate::input;
use crate::secret::{Secret, seconds};
use crate::secrets_manager::SecretsManager;
use crate::tables::{SECRETS, VALUES};

const WINDOW_DAYS_DEFAULT: i64 = 30;
const WINDOW_DAYS_MIN: i64 = 7;
const WINDOW_DAYS_MAX: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl SecretsManager {
    /// `DeleteSecret`: at once, or when the recovery window is over.
    pub(crate) async fn delete_secret(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        let is_forced = input::flag(&call.input, "ForceDeleteWithoutRecovery")?;
        let window_days = input::integer(&call.input, "RecoveryWindowInDays")?;
        if is_forced && window_days.is_some() {
            return Err(faults::invalid_parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            ));
        }
        let window_days = window_days.unwrap_or(WINDOW_DAYS_DEFAULT);
        if !(WINDOW_DAYS_MIN..=WINDOW_DAYS_MAX).contains(&window_days) {
            return Err(faults::invalid_parameter(format!(
                "The RecoveryWindowInDays value must be between {WINDOW_DAYS_MIN} and {WINDOW_DAYS_MAX} days (inclusive)."
            )));
        }
        self.change(call, |batch, entries| {
            let now = (self.now)();
            let mut stored = match self.secret_of(call, secret_id) {
                // A forced deletion that is repeated finds nothing any more.
                Err(fault) if is_forced && fault.code == "ResourceNotFoundException" => {
                    return Ok(absent(call, secret_id, now));
                }
                stored => stored?,
            };
            let secret = &mut stored.secret;
            let deletion_ms = if is_forced {
                self.erase(secret, stored.row_version, batch)?;
                now.as_ms()
            } else {
                if secret.deleted_ms.is_some() {
                    return Err(faults::invalid_request(
                        "You can't perform this operation on the secret because it was already scheduled for deletion.",
                    ));
                }
                let deletion_ms = now.as_ms().saturating_add(window_days * DAY_MS);
                secret.deleted_ms = Some(now.as_ms());
                secret.deletion_ms = Some(deletion_ms);
                secret.put(batch, Some(stored.row_version))?;
                let entry = due::deletion(secret, Timestamp(deletion_ms));
                self.due.add(batch, &secret.account, &secret.region, &entry);
                entries.push(entry);
                deletion_ms
            };
            let mut output = secret.names();
            output.insert("DeletionDate", seconds(deletion_ms));
            Ok(output.into())
        })
        .await
    }

    /// `RestoreSecret`.
    pub(crate) async fn restore_secret(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            let secret = &mut stored.secret;
            if secret.deleted_ms.take().is_some() {
                secret.deletion_ms = None;
                secret.put(batch, Some(stored.row_version))?;
                self.due.remove(batch, &secret.account, &secret.region, &due::deletion_id(secret));
            }
            Ok(names(secret))
        })
        .await
    }

    /// Removes everything of a secret.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn erase(&self, secret: &Secret, row_version: u64, batch: &mut Batch) -> Result<(), Fault> {
        // More than a secret has versions, so all of them are found at once.
        const VALUES_MAX: usize = 10_000;
        let values =
            self.store.scan(&VALUES, Scan::prefix(&secret.row(), VALUES_MAX)).map_err(|error| faults::store(&error))?;
        batch.expect_version(&SECRETS, secret.row(), row_version);
        batch.delete.extend(values.into_iter().map(|row| (&VALUES, row.key)));
        batch.delete(&SECRETS, secret.row());
        for id in [due::deletion_id(secret), due::schedule_id(secret)] {
            self.due.remove(batch, &secret.account, &secret.region, &id);
        }
        Ok(())
    }
}

fn absent(call: &Call, secret_id: &str, now: Timestamp) -> Value {
    let (name, arn) = match secret_id.split_once(":secret:") {
        Some((_, name)) => (name.to_owned(), secret_id.to_owned()),
        None => {
            let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{secret_id}", call.region, call.account);
            (secret_id.to_owned(), arn)
        }
    };
    let mut output = Object::new();
    output.insert("ARN", arn);
    output.insert("Name", name);
    output.insert("DeletionDate", seconds(now.as_ms()));
    output.into()
}
