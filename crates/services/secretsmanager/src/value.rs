use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_keyring::Secret as Bytes;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::Batch;
use windlass_value::{Object, Value, object};

use crate::create::token;
use crate::faults;
use crate::filter::Filter;
use crate::input;
use crate::secret::{CURRENT, PENDING, Secret, StoredSecret, Version, seconds};
use crate::secrets_manager::SecretsManager;
use crate::tables::VALUES;

/// The longest value.
const VALUE_BYTES_MAX: usize = 65_536;
/// How many secrets are read at once.
const BATCH_MAX: usize = 20;
/// How many stages a version may get at once.
const STAGES_MAX: usize = 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A value: bytes behind one that says what they are.
#[derive(PartialEq)]
pub(crate) struct Plain(Bytes);

const TEXT: u8 = b'T';
const BINARY: u8 = b'B';

impl Plain {
    /// The value of a request, if it has one.
    ///
    /// # Errors
    /// It has two, or one that is too long.
    pub(crate) fn read(input: &Value) -> Result<Option<Plain>, Fault> {
        let text = input::text(input, "SecretString")?;
        let binary = input::blob(input, "SecretBinary")?;
        let (kind, bytes) = match (text, &binary) {
            (Some(_), Some(_)) => {
                return Err(faults::invalid_parameter(
                    "You can't specify both a binary secret value and a string secret value in the same secret.",
                ));
            }
            (Some(text), None) => (TEXT, text.as_bytes()),
            (None, Some(bytes)) => (BINARY, &bytes[..]),
            (None, None) => return Ok(None),
        };
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(Fault::validation(format!(
                "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length less than or equal to {VALUE_BYTES_MAX}",
                if kind == TEXT { "secretString" } else { "secretBinary" }
            )));
        }
        let mut plain = Vec::with_capacity(bytes.len() + 1);
        plain.push(kind);
        plain.extend(bytes);
        Ok(Some(Plain(Bytes::new(plain))))
    }

    /// Adds `SecretString` or `SecretBinary`.
    ///
    /// # Errors
    /// The stored bytes are none of ours.
    fn write_to(&self, output: &mut Object) -> Result<(), Fault> {
        let unreadable = || faults::row("a secret's value", "it is of no known kind");
        match self.0.split_first() {
            Some((&TEXT, text)) => {
                output.insert("SecretString", std::str::from_utf8(text).map_err(|_| unreadable())?);
            }
            Some((&BINARY, bytes)) => {
                output.insert("SecretBinary", STANDARD.encode(bytes));
            }
            _ => return Err(unreadable()),
        }
        Ok(())
    }
}

impl SecretsManager {
    /// The value of a version, if it has one.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn value(&self, secret: &Secret, version_id: &str) -> Result<Option<Plain>, Fault> {
        let row = self.store.get(&VALUES, &secret.row().text(version_id)).map_err(|error| faults::store(&error))?;
        let open = |row: windlass_store::Row| self.keyring.open_sealed(&secret.value_name(version_id), &row.value);
        row.map(open).transpose().map(|plain| plain.map(Plain)).map_err(faults::open)
    }

    /// Adds a version with its value, or the value to a version without one.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn add_value(
        &self,
        batch: &mut Batch,
        secret: &mut Secret,
        version_id: &str,
        plain: &Plain,
    ) -> Result<(), Fault> {
        let sealed = self.keyring.seal(&secret.value_name(version_id), &plain.0).map_err(faults::seal)?;
        let columns = vec![
            secret.account.as_str().into(),
            secret.region.as_str().into(),
            secret.name.as_str().into(),
            version_id.into(),
        ];
        batch.put(&VALUES, secret.row().text(version_id), columns, sealed);
        let now_ms = (self.now)().as_ms();
        let new = Version { stages: Vec::new(), created_ms: now_ms, accessed_ms: None, has_value: false };
        let version = secret.versions.entry(version_id.to_owned()).or_insert(new);
        version.has_value = true;
        version.created_ms = now_ms;
        secret.changed_ms = now_ms;
        Ok(())
    }

    /// A version that is there already must have the same value.
    ///
    /// # Errors
    /// `ResourceExistsException`
    pub(crate) fn check_same(&self, secret: &Secret, version_id: &str, plain: &Plain) -> Result<(), Fault> {
        if self.value(secret, version_id)?.as_ref() == Some(plain) {
            return Ok(());
        }
        Err(faults::exists(format!(
            "You can't use ClientRequestToken {version_id} because that value is already in use for a version of secret {}.",
            secret.arn()
        )))
    }

    /// `PutSecretValue`.
    pub(crate) async fn put_value(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        let plain = Plain::read(&call.input)?
            .ok_or_else(|| faults::invalid_request("You must provide either SecretString or SecretBinary."))?;
        let token = token(call)?;
        let stages = input::texts(&call.input, "VersionStages")?;
        if stages.len() > STAGES_MAX {
            return Err(faults::invalid_parameter(format!("A version has at most {STAGES_MAX} staging labels.")));
        }
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            let secret = &mut stored.secret;
            secret.check_not_deleted()?;
            if secret.versions.get(&token).is_some_and(|version| version.has_value) {
                self.check_same(secret, &token, &plain)?;
            } else {
                let is_first = secret.versions.values().all(|version| !version.has_value);
                self.add_value(batch, secret, &token, &plain)?;
                for stage in &stages {
                    secret.stage(&token, stage);
                }
                // The first version is current, whatever it was asked to be, but
                // for one that a rotation makes.
                if stages.is_empty() || (is_first && !stages.contains(&PENDING)) {
                    secret.stage(&token, CURRENT);
                }
                secret.prune(batch);
                secret.put(batch, Some(stored.row_version))?;
            }
            let secret = &stored.secret;
            let mut output = secret.names();
            output.insert("VersionId", token.as_str());
            output.insert("VersionStages", stages_of(secret, &token));
            Ok(output.into())
        })
        .await
    }

    /// `GetSecretValue`.
    pub(crate) async fn get_value(&self, call: &Call) -> Outcome {
        let stored = self.secret_of(call, input::required(&call.input, "SecretId")?)?;
        let version_id = input::text(&call.input, "VersionId")?;
        let stage = input::text(&call.input, "VersionStage")?;
        let output = self.read_value(&stored.secret, version_id, stage)?;
        if let Some(version_id) = output["VersionId"].as_str() {
            self.note_access(&stored, version_id).await;
        }
        Ok(Reply::from(output))
    }

    fn read_value(&self, secret: &Secret, version_id: Option<&str>, stage: Option<&str>) -> Result<Value, Fault> {
        secret.check_not_deleted()?;
        let version_id = match (version_id, stage) {
            (Some(id), stage) => {
                let version = secret.versions.get(id);
                if let (Some(version), Some(stage)) = (version, stage)
                    && version.stages.iter().all(|known| known != stage)
                {
                    return Err(faults::invalid_request(
                        "You provided a VersionStage that is not associated to the provided VersionId.",
                    ));
                }
                version.filter(|version| version.has_value).map(|_| id).ok_or_else(|| {
                    faults::not_found(format!(
                        "Secrets Manager can't find the specified secret value for VersionId: {id}"
                    ))
                })?
            }
            (None, stage) => {
                let stage = stage.unwrap_or(CURRENT);
                let found = secret.staged(stage).filter(|id| secret.versions[*id].has_value);
                found.ok_or_else(|| {
                    faults::not_found(format!(
                        "Secrets Manager can't find the specified secret value for staging label: {stage}"
                    ))
                })?
            }
        };
        let plain =
            self.value(secret, version_id)?.ok_or_else(|| faults::row("a secret's value", "it is not there"))?;
        let mut output = secret.names();
        output.insert("VersionId", version_id);
        plain.write_to(&mut output)?;
        output.insert("VersionStages", stages_of(secret, version_id));
        output.insert("CreatedDate", seconds(secret.versions[version_id].created_ms));
        Ok(output.into())
    }

    /// Notes the day on which a secret was read: one commit a day and version.
    async fn note_access(&self, stored: &StoredSecret, version_id: &str) {
        let today = (self.now)().as_ms().div_euclid(DAY_MS) * DAY_MS;
        let is_noted = stored.secret.accessed_ms == Some(today)
            && stored.secret.versions.get(version_id).is_some_and(|version| version.accessed_ms == Some(today));
        if is_noted {
            return;
        }
        let mut secret = stored.secret.clone();
        secret.accessed_ms = Some(today);
        if let Some(version) = secret.versions.get_mut(version_id) {
            version.accessed_ms = Some(today);
        }
        let mut batch = Batch::default();
        if secret.put(&mut batch, Some(stored.row_version)).is_ok()
            && let Err(error) = self.store.commit(batch).await
        {
            // The next reading notes it.
            tracing::debug!(secret = secret.arn(), %error, "the day of a reading is not noted");
        }
    }

    /// `BatchGetSecretValue`.
    pub(crate) async fn batch_get_value(&self, call: &Call) -> Outcome {
        let ids = input::texts(&call.input, "SecretIdList")?;
        let has_filters = call.input["Filters"].as_array().is_some_and(|filters| !filters.is_empty());
        if ids.is_empty() != has_filters {
            return Err(faults::invalid_parameter(
                "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
            ));
        }
        let mut next = None;
        let ids: Vec<String> = if has_filters {
            let filters = Filter::read_all(&call.input)?;
            let (found, token) = self.select(call, BATCH_MAX, &filters, false, false)?;
            next = token;
            found.into_iter().map(|stored| stored.secret.arn()).collect()
        } else {
            if ids.len() > BATCH_MAX {
                return Err(faults::invalid_parameter(format!("SecretIdList has at most {BATCH_MAX} entries.")));
            }
            ids.into_iter().map(str::to_owned).collect()
        };
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for id in &ids {
            let read =
                self.secret_of(call, id).and_then(|stored| Ok((self.read_value(&stored.secret, None, None)?, stored)));
            match read {
                Ok((value, stored)) => {
                    if let Some(version_id) = value["VersionId"].as_str() {
                        self.note_access(&stored, version_id).await;
                    }
                    values.push(value);
                }
                Err(fault) => errors.push(object! {
                    "SecretId" => id.as_str(),
                    "ErrorCode" => fault.code,
                    "Message" => fault.message,
                }),
            }
        }
        let mut output = Object::new();
        output.insert("SecretValues", values);
        if let Some(next) = next {
            output.insert("NextToken", next);
        }
        output.insert("Errors", errors);
        Ok(Reply::from(Value::from(output)))
    }
}

/// The stages of a version, as AWS lists them.
pub(crate) fn stages_of(secret: &Secret, version_id: &str) -> Vec<Value> {
    let stages = secret.versions.get(version_id).map(|version| version.stages.as_slice()).unwrap_or_default();
    stages.iter().map(Value::from).collect()
}
