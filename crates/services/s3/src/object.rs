use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_protocol::Fault;
use windlass_store::{ColumnValue, Key, Scan};
use windlass_value::Timestamp;

use crate::bucket::{Bucket, Versioning};
use crate::change::Change;
use crate::checksum::Checksum;
use crate::content::Content;
use crate::encryption::Encryption;
use crate::faults;
use crate::identifier;
use crate::s3::S3;
use crate::stored::{self, Versioned};
use crate::tables::{OBJECTS, VERSIONS};

/// How AWS writes the version of objects from times without versions.
pub(crate) const NULL_VERSION: &str = "null";

/// One version of an object, or a delete marker. A stored type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ObjectVersion {
    /// `None`: the null version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// Orders the versions of a key: a later one has a higher.
    pub(crate) sequence: u64,
    /// In the current version only: where the null version lies, if it is no longer current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) null_sequence: Option<u64>,
    pub(crate) modified_ms: i64,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) marker: bool,
    /// Without its quotes.
    #[serde(default)]
    pub(crate) etag: String,
    #[serde(default)]
    pub(crate) bytes: u64,
    #[serde(default, skip_serializing_if = "Content::is_none")]
    pub(crate) content: Content,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<Checksum>,
    /// How many parts it was uploaded in; 0: in none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) parts: u32,
    /// The multipart upload it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<String>,
    #[serde(default)]
    pub(crate) properties: Properties,
}

/// What a request says about an object beside its content. A stored type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Properties {
    /// `ContentType`, `CacheControl`, …: answered as they came.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    /// `x-amz-meta-…`, by what follows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// `None`: `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    #[serde(default)]
    pub(crate) encryption: Encryption,
    /// A canned access control list other than `private`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acl: Option<String>,
}

impl ObjectVersion {
    pub(crate) fn version_text(&self) -> &str {
        self.version.as_deref().unwrap_or(NULL_VERSION)
    }

    /// As S3 counts it: in whole seconds.
    pub(crate) fn modified_seconds(&self) -> i64 {
        self.modified_ms.div_euclid(1000)
    }

    pub(crate) fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// The row of a key's current version.
pub(crate) fn object_key(bucket: &Bucket, key: &str) -> Key {
    bucket.rows().text(key)
}

/// The row of a version that is no longer current.
pub(crate) fn version_key(bucket: &Bucket, key: &str, sequence: u64) -> Key {
    bucket.rows().text(key).number(u64::MAX - sequence)
}

fn columns(bucket: &Bucket, key: &str, version: &ObjectVersion) -> Vec<ColumnValue> {
    vec![bucket.name.as_str().into(), key.into(), i64::try_from(version.bytes).unwrap_or(i64::MAX).into()]
}

/// A version with its place.
pub(crate) struct Placed {
    pub(crate) found: Versioned<ObjectVersion>,
    pub(crate) is_current: bool,
}

/// Which version of a key a request means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    Current,
    Version(&'a str),
}

impl<'a> Which<'a> {
    pub(crate) fn of(version: Option<&'a str>) -> Which<'a> {
        version.map_or(Which::Current, Which::Version)
    }
}

impl S3 {
    /// The current version of a key, delete marker or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn current(&self, bucket: &Bucket, key: &str) -> Result<Option<Versioned<ObjectVersion>>, Fault> {
        stored::get(&self.store, &OBJECTS, &object_key(bucket, key))
    }

    /// The same for a change, which then takes effect only if it still is the current one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn current_for_change(
        &self,
        change: &mut Change,
        bucket: &Bucket,
        key: &str,
    ) -> Result<Option<ObjectVersion>, Fault> {
        let row = object_key(bucket, key);
        match self.current(bucket, key)? {
            Some(found) => {
                change.batch.expect_version(&OBJECTS, row, found.version);
                Ok(Some(found.value))
            }
            None => {
                change.batch.expect_absent(&OBJECTS, row);
                Ok(None)
            }
        }
    }

    /// A version of a key, which may be a delete marker.
    ///
    /// # Errors
    /// The version's id is none; the store cannot be read.
    pub(crate) fn version(&self, bucket: &Bucket, key: &str, version: &str) -> Result<Option<Placed>, Fault> {
        let current = self.current(bucket, key)?;
        let sequence = match version {
            NULL_VERSION => None,
            id => Some(
                identifier::sequence(id)
                    .ok_or_else(|| faults::invalid_argument("Invalid version id specified", "versionId", id))?,
            ),
        };
        let Some(current) = current else { return Ok(None) };
        let is_asked = |found: &ObjectVersion| found.version_text() == version;
        if is_asked(&current.value) {
            return Ok(Some(Placed { found: current, is_current: true }));
        }
        let Some(sequence) = sequence.or(current.value.null_sequence) else { return Ok(None) };
        let found: Option<Versioned<ObjectVersion>> =
            stored::get(&self.store, &VERSIONS, &version_key(bucket, key, sequence))?;
        Ok(found.filter(|found| is_asked(&found.value)).map(|found| Placed { found, is_current: false }))
    }

    /// The version of a key that a request means, no delete marker.
    ///
    /// # Errors
    /// `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed` for a delete marker by its id.
    pub(crate) fn readable(&self, bucket: &Bucket, key: &str, which: Which<'_>, method: &str) -> Result<Placed, Fault> {
        match which {
            Which::Current => match self.current(bucket, key)? {
                Some(found) if found.value.marker => Err(faults::no_such_key(key)
                    .with_member("x-amz-delete-marker", "true")
                    .with_member("x-amz-version-id", found.value.version_text())),
                Some(found) => Ok(Placed { found, is_current: true }),
                None => Err(faults::no_such_key(key)),
            },
            Which::Version(version) => match self.version(bucket, key, version)? {
                Some(placed) if placed.found.value.marker => Err(faults::method_not_allowed(method, "DeleteMarker")
                    .with_member("allow", "DELETE")
                    .with_member("x-amz-delete-marker", "true")
                    .with_member("x-amz-version-id", version)
                    .with_member("last-modified", Timestamp(placed.found.value.modified_ms).to_http_date())),
                Some(placed) => Ok(placed),
                None => Err(faults::no_such_version(key, version)),
            },
        }
    }

    /// Adds a new current version to a change, as the bucket's versioning says, and
    /// answers it as it will be stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn supersede(
        &self,
        change: &mut Change,
        bucket: &Bucket,
        key: &str,
        before: Option<ObjectVersion>,
        mut new: ObjectVersion,
    ) -> Result<ObjectVersion, Fault> {
        const US_PER_MS: i64 = 1000;
        new.modified_ms = (self.now)().as_ms();
        let clock = u64::try_from(new.modified_ms.saturating_mul(US_PER_MS)).unwrap_or(0);
        new.sequence = before.as_ref().map_or(clock, |before| clock.max(before.sequence + 1));
        new.version = match bucket.versioning {
            Some(Versioning::Enabled) => Some(identifier::new(new.sequence)?),
            Some(Versioning::Suspended) | None => None,
        };
        new.null_sequence = None;
        if let Some(mut before) = before {
            let null_sequence = before.null_sequence.take();
            let is_null = before.version.is_none();
            if is_null && new.version.is_none() {
                self.forget_content(change, bucket, &before.content)?;
            } else {
                new.null_sequence = if is_null { Some(before.sequence) } else { null_sequence };
                self.put_noncurrent(change, bucket, key, &before);
                if new.version.is_none()
                    && let Some(sequence) = new.null_sequence.take()
                {
                    self.remove_noncurrent(change, bucket, key, sequence)?;
                }
            }
        }
        self.put_current(change, bucket, key, &new);
        Ok(new)
    }

    /// Adds the removal of one version to a change; `None` if there is none.
    ///
    /// # Errors
    /// The version's id is none; the store cannot be read.
    pub(crate) fn remove_version(
        &self,
        change: &mut Change,
        bucket: &Bucket,
        key: &str,
        version: &str,
    ) -> Result<Option<ObjectVersion>, Fault> {
        let Some(current) = self.current_for_change(change, bucket, key)? else {
            // For its error where the id is none.
            return self.version(bucket, key, version).map(|_| None);
        };
        let Some(placed) = self.version(bucket, key, version)? else { return Ok(None) };
        let gone = placed.found.value;
        if !placed.is_current {
            self.remove_noncurrent(change, bucket, key, gone.sequence)?;
            if gone.version.is_none() {
                let mut current = current;
                current.null_sequence = None;
                self.put_current(change, bucket, key, &current);
            }
            return Ok(Some(gone));
        }
        self.forget_content(change, bucket, &gone.content)?;
        let older = stored::scan(&self.store, &VERSIONS, Scan::prefix(&object_key(bucket, key), 1))?;
        match older.first() {
            None => change.batch.delete(&OBJECTS, object_key(bucket, key)),
            Some(row) => {
                let older: Versioned<ObjectVersion> = stored::decode(&VERSIONS, row)?;
                let mut next = older.value;
                change.batch.expect_version(&VERSIONS, row.key.clone(), older.version);
                change.batch.delete(&VERSIONS, row.key.clone());
                next.null_sequence = current.null_sequence.filter(|sequence| *sequence != next.sequence);
                self.put_current(change, bucket, key, &next);
            }
        }
        Ok(Some(gone))
    }

    /// Adds a version as the current one to a change.
    pub(crate) fn put_current(&self, change: &mut Change, bucket: &Bucket, key: &str, version: &ObjectVersion) {
        let row = object_key(bucket, key);
        change.batch.put(&OBJECTS, row, columns(bucket, key, version), stored::encode(version));
    }

    /// Adds a version that is no longer current to a change.
    pub(crate) fn put_noncurrent(&self, change: &mut Change, bucket: &Bucket, key: &str, version: &ObjectVersion) {
        let row = version_key(bucket, key, version.sequence);
        change.batch.put(&VERSIONS, row, columns(bucket, key, version), stored::encode(version));
    }

    fn remove_noncurrent(&self, change: &mut Change, bucket: &Bucket, key: &str, sequence: u64) -> Result<(), Fault> {
        let row = version_key(bucket, key, sequence);
        let found: Option<Versioned<ObjectVersion>> = stored::get(&self.store, &VERSIONS, &row)?;
        if let Some(found) = found {
            self.forget_content(change, bucket, &found.value.content)?;
            change.batch.expect_version(&VERSIONS, row.clone(), found.version);
            change.batch.delete(&VERSIONS, row);
        }
        Ok(())
    }
}
