use windlass_outbox::Entry;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::Batch;
use windlass_value::{Timestamp, Value};

use crate::create::token;
use crate::due;
use crate::faults;
use crate::input;
use crate::rotation_rules::Rotation;
use crate::secret::{CURRENT, PENDING, Secret, Version};
use crate::secrets_manager::SecretsManager;

impl SecretsManager {
    /// `RotateSecret`: sets how, and begins at once unless told not to.
    pub(crate) async fn rotate_secret(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let secret_id = input::required(input, "SecretId")?;
        let token = token(call)?;
        let lambda_arn = input::text(input, "RotationLambdaARN")?;
        let at_once = match &input["RotateImmediately"] {
            Value::Null => true,
            _ => input::flag(input, "RotateImmediately")?,
        };
        self.change(call, |batch, entries| {
            let mut stored = self.secret_of(call, secret_id)?;
            let secret = &mut stored.secret;
            secret.check_not_deleted()?;
            let now = (self.now)();
            let mut rotation = secret.rotation.take().unwrap_or_default();
            if let Some(lambda_arn) = lambda_arn {
                rotation.lambda_arn = Some(lambda_arn.to_owned());
            }
            if rotation.lambda_arn.is_none() {
                return Err(faults::invalid_request("No Lambda rotation function ARN is associated with this secret."));
            }
            if !input["RotationRules"].is_null() {
                rotation.set_rules(&input["RotationRules"])?;
            }
            rotation.enabled = true;
            rotation.next_ms = rotation.next_after(now);
            secret.rotation = Some(rotation);
            self.schedule(secret, batch, entries);
            let mut output = secret.names();
            if at_once {
                let version_id = self.begin_rotation(secret, &token, batch, entries)?;
                output.insert("VersionId", version_id);
            }
            secret.put(batch, Some(stored.row_version))?;
            Ok(output.into())
        })
        .await
    }

    /// `CancelRotateSecret`.
    pub(crate) async fn cancel_rotation(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            let secret = &mut stored.secret;
            secret.check_not_deleted()?;
            let mut output = secret.names();
            if let Some(rotation) = &mut secret.rotation {
                rotation.enabled = false;
                rotation.next_ms = None;
                if let Some(running) = rotation.running.take() {
                    output.insert("VersionId", running);
                }
            }
            self.due.remove(batch, &secret.account, &secret.region, &due::schedule_id(secret));
            secret.put(batch, Some(stored.row_version))?;
            Ok(output.into())
        })
        .await
    }

    /// Sets the instant of the next rotation.
    pub(crate) fn schedule(&self, secret: &Secret, batch: &mut Batch, entries: &mut Vec<Entry>) {
        if let Some(next_ms) = secret.rotation.as_ref().and_then(|rotation| rotation.next_ms) {
            let entry = due::schedule(secret, Timestamp(next_ms));
            self.due.add(batch, &secret.account, &secret.region, &entry);
            entries.push(entry);
        }
    }

    /// Begins a rotation: the version that it makes gets its stage, and the
    /// first step its entry. One that failed before is taken up again. Answers
    /// the version's id.
    ///
    /// # Errors
    /// One is under way; the token is that of a version with a value.
    pub(crate) fn begin_rotation(
        &self,
        secret: &mut Secret,
        token: &str,
        batch: &mut Batch,
        entries: &mut Vec<Entry>,
    ) -> Result<String, Fault> {
        if secret.rotation.as_ref().is_some_and(|rotation| rotation.running.is_some()) {
            return Err(faults::invalid_request(
                "A previous rotation isn't complete. That rotation will be reattempted.",
            ));
        }
        let now = (self.now)();
        let unfinished = secret.staged(PENDING).filter(|pending| secret.staged(CURRENT) != Some(pending));
        let version_id = match unfinished {
            Some(unfinished) => unfinished.to_owned(),
            None => {
                if secret.versions.contains_key(token) {
                    return Err(faults::exists(format!(
                        "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
                        secret.arn()
                    )));
                }
                let version =
                    Version { stages: Vec::new(), created_ms: now.as_ms(), accessed_ms: None, has_value: false };
                secret.versions.insert(token.to_owned(), version);
                secret.stage(token, PENDING);
                secret.prune(batch);
                token.to_owned()
            }
        };
        secret.rotation.get_or_insert_with(Rotation::default).running = Some(version_id.clone());
        let entry = due::step(secret, &version_id, 0, now);
        self.due.add(batch, &secret.account, &secret.region, &entry);
        entries.push(entry);
        Ok(version_id)
    }
}
