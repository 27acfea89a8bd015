use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_protocol::Fault;
use windlass_store::{Batch, ColumnValue, Row};
use windlass_value::{Object, Timestamp, Value};

use crate::faults;
use crate::rotation_rules::Rotation;
use crate::tables::{SECRETS, VALUES, secret_row};

/// The encoding of the rows.
const FORMAT: u32 = 1;
/// How many versions are kept; those without a stage go first.
pub(crate) const VERSIONS_MAX: usize = 100;

/// The stage of the version in use.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// The stage of the one before it.
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";
/// The stage of the one that a rotation makes.
pub(crate) const PENDING: &str = "AWSPENDING";

/// A version without its value. A stored type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// In the order they were attached.
    pub(crate) stages: Vec<String>,
    pub(crate) created_ms: i64,
    /// The day of the last reading.
    pub(crate) accessed_ms: Option<i64>,
    /// Whether it has a value; a rotation makes it before.
    pub(crate) has_value: bool,
}

/// A secret without its values. A stored type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Secret {
    format: u32,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// The random characters at the end of its ARN.
    pub(crate) suffix: String,
    pub(crate) description: Option<String>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) changed_ms: i64,
    /// The day of the last reading.
    pub(crate) accessed_ms: Option<i64>,
    /// When it was marked for deletion, and when that comes.
    pub(crate) deleted_ms: Option<i64>,
    pub(crate) deletion_ms: Option<i64>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) policy: Option<String>,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) rotated_ms: Option<i64>,
    /// By id.
    pub(crate) versions: BTreeMap<String, Version>,
}

/// A secret as it lies in the store.
#[derive(Clone, Debug)]
pub(crate) struct StoredSecret {
    pub(crate) secret: Secret,
    /// Of the row.
    pub(crate) row_version: u64,
}

impl Secret {
    /// A secret without versions.
    pub(crate) fn new(account: &str, region: &str, name: &str, suffix: &str, now: Timestamp) -> Secret {
        Secret {
            format: FORMAT,
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
            suffix: suffix.to_owned(),
            description: None,
            kms_key_id: None,
            created_ms: now.as_ms(),
            changed_ms: now.as_ms(),
            accessed_ms: None,
            deleted_ms: None,
            deletion_ms: None,
            tags: BTreeMap::new(),
            policy: None,
            rotation: None,
            rotated_ms: None,
            versions: BTreeMap::new(),
        }
    }

    pub(crate) fn arn(&self) -> String {
        let Secret { account, region, name, suffix, .. } = self;
        format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-{suffix}")
    }

    /// The name under which a value is sealed.
    pub(crate) fn value_name(&self, version_id: &str) -> String {
        format!("secretsmanager {} {version_id}", self.arn())
    }

    /// Refuses a secret that waits for its deletion.
    ///
    /// # Errors
    /// `InvalidRequestException`
    pub(crate) fn check_not_deleted(&self) -> Result<(), Fault> {
        if self.deleted_ms.is_some() { Err(faults::marked_for_deletion()) } else { Ok(()) }
    }

    /// The id of the version that has a stage.
    pub(crate) fn staged(&self, stage: &str) -> Option<&str> {
        let has = |version: &Version| version.stages.iter().any(|known| known == stage);
        self.versions.iter().find(|(_, version)| has(version)).map(|(id, _)| id.as_str())
    }

    /// Takes a stage from whichever version has it.
    pub(crate) fn unstage(&mut self, stage: &str) {
        for version in self.versions.values_mut() {
            version.stages.retain(|known| known != stage);
        }
    }

    /// Moves a stage to a version that is there. The one that was current is the
    /// previous one then.
    pub(crate) fn stage(&mut self, version_id: &str, stage: &str) {
        let before = self.staged(stage).map(str::to_owned);
        if before.as_deref() == Some(version_id) {
            return;
        }
        self.unstage(stage);
        if stage == CURRENT {
            self.unstage(PREVIOUS);
            if let Some(before) = before.and_then(|before| self.versions.get_mut(&before)) {
                before.stages.push(PREVIOUS.to_owned());
            }
        }
        if let Some(version) = self.versions.get_mut(version_id) {
            version.stages.push(stage.to_owned());
        }
    }

    /// Drops the oldest versions without a stage where there are too many.
    pub(crate) fn prune(&mut self, batch: &mut Batch) {
        let mut unstaged: Vec<(i64, String)> = self
            .versions
            .iter()
            .filter(|(_, version)| version.stages.is_empty())
            .map(|(id, version)| (version.created_ms, id.clone()))
            .collect();
        unstaged.sort();
        let too_many = self.versions.len().saturating_sub(VERSIONS_MAX);
        for (_, id) in unstaged.into_iter().take(too_many) {
            batch.delete(&VALUES, self.row().text(&id));
            self.versions.remove(&id);
        }
    }

    pub(crate) fn row(&self) -> windlass_store::Key {
        secret_row(&self.account, &self.region, &self.name)
    }

    /// Writes the row; over the version that was read, or as a new one.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub(crate) fn put(&self, batch: &mut Batch, row_version: Option<u64>) -> Result<(), Fault> {
        match row_version {
            Some(version) => batch.expect_version(&SECRETS, self.row(), version),
            None => batch.expect_absent(&SECRETS, self.row()),
        }
        let columns = vec![
            self.account.as_str().into(),
            self.region.as_str().into(),
            self.name.as_str().into(),
            self.created_ms.into(),
            self.deletion_ms.map_or(ColumnValue::Null, Into::into),
        ];
        let value = serde_json::to_vec(self).map_err(|error| faults::row("a secret", error))?;
        batch.put(&SECRETS, self.row(), columns, value);
        Ok(())
    }

    /// Reads a row.
    ///
    /// # Errors
    /// It is of another format.
    pub(crate) fn read(row: &Row) -> Result<StoredSecret, Fault> {
        let secret: Secret = serde_json::from_slice(&row.value).map_err(|error| faults::row("a secret", error))?;
        if secret.format != FORMAT {
            return Err(faults::row("a secret", format!("format {} is not {FORMAT}", secret.format)));
        }
        Ok(StoredSecret { secret, row_version: row.version })
    }

    /// `ARN` and `Name`, with which most answers begin.
    pub(crate) fn names(&self) -> Object {
        let mut output = Object::new();
        output.insert("ARN", self.arn());
        output.insert("Name", self.name.as_str());
        output
    }
}

/// An instant as the JSON protocols write it: seconds with a fraction.
pub(crate) fn seconds(ms: i64) -> Value {
    windlass_value::Number::from_f64(ms as f64 / 1000.0).into()
}
