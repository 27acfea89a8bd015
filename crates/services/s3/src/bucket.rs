use serde::{Deserialize, Serialize};
use windlass_protocol::{Call, Fault};
use windlass_store::{ColumnValue, Key, shard_of};
use windlass_value::Timestamp;

use crate::change::Change;
use crate::faults;
use crate::input;
use crate::notification::Notifications;
use crate::s3::S3;
use crate::stored::{self, Versioned};
use crate::tables::BUCKETS;

/// The encoding of the rows of buckets.
const FORMAT: u32 = 1;

/// A bucket, with those of its settings that every request needs. A stored type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) format: u32,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// Names this life of the bucket: its rows start with it, so that nothing of a
    /// deleted bucket turns up in the next of that name.
    pub(crate) id: String,
    pub(crate) created_ms: i64,
    /// `None`: what was configured is deleted.
    pub(crate) ownership: Option<Ownership>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) versioning: Option<Versioning>,
    #[serde(default)]
    pub(crate) encryption: DefaultEncryption,
    #[serde(default, skip_serializing_if = "Notifications::is_empty")]
    pub(crate) notifications: Notifications,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acl: Option<String>,
}

/// Whether a bucket keeps versions; a bucket that never did has none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    Enabled,
    Suspended,
}

impl Versioning {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Versioning::Enabled => "Enabled",
            Versioning::Suspended => "Suspended",
        }
    }
}

/// Who owns objects, and whether access control lists count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ownership {
    BucketOwnerEnforced,
    BucketOwnerPreferred,
    ObjectWriter,
}

impl Ownership {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Ownership::BucketOwnerEnforced => "BucketOwnerEnforced",
            Ownership::BucketOwnerPreferred => "BucketOwnerPreferred",
            Ownership::ObjectWriter => "ObjectWriter",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Ownership> {
        match text {
            "BucketOwnerEnforced" => Some(Ownership::BucketOwnerEnforced),
            "BucketOwnerPreferred" => Some(Ownership::BucketOwnerPreferred),
            "ObjectWriter" => Some(Ownership::ObjectWriter),
            _ => None,
        }
    }
}

/// What objects that say nothing are encrypted with, as far as answers say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultEncryption {
    pub(crate) algorithm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) bucket_key: bool,
}

impl Default for DefaultEncryption {
    fn default() -> DefaultEncryption {
        DefaultEncryption { algorithm: "AES256".to_owned(), key: None, bucket_key: false }
    }
}

impl Bucket {
    pub(crate) fn new(account: &str, region: &str, name: &str, id: String, now: Timestamp) -> Bucket {
        Bucket {
            format: FORMAT,
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
            id,
            created_ms: now.as_ms(),
            ownership: Some(Ownership::BucketOwnerEnforced),
            versioning: None,
            encryption: DefaultEncryption::default(),
            notifications: Notifications::default(),
            acl: None,
        }
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }

    /// What the keys of all rows that belong to this bucket start with.
    pub(crate) fn rows(&self) -> Key {
        Key::new(shard_of(&self.name), &self.account, &self.region).text(&self.id)
    }

    /// Writes the bucket's row.
    pub(crate) fn put(&self, change: &mut Change) {
        let columns = vec![
            ColumnValue::from(self.account.as_str()),
            self.name.as_str().into(),
            self.region.as_str().into(),
            self.created_ms.into(),
        ];
        change.batch.put(&BUCKETS, bucket_key(&self.name), columns, stored::encode(self));
    }
}

/// The key of a bucket's row.
pub(crate) fn bucket_key(name: &str) -> Key {
    Key::new(shard_of(name), "", "").text(name)
}

impl S3 {
    /// The bucket of that name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn find_bucket(&self, name: &str) -> Result<Option<Versioned<Bucket>>, Fault> {
        stored::get(&self.store, &BUCKETS, &bucket_key(name))
    }

    /// The bucket a call names.
    ///
    /// # Errors
    /// `NoSuchBucket`; `AccessDenied` where the caller expects another owner.
    pub(crate) fn bucket(&self, call: &Call) -> Result<Versioned<Bucket>, Fault> {
        let name = input::required(&call.input, "Bucket")?;
        let bucket = self.find_bucket(name)?.ok_or_else(|| faults::no_such_bucket(name))?;
        match input::text(&call.input, "ExpectedBucketOwner") {
            Some(expected) if expected != bucket.value.account => Err(faults::access_denied()),
            _ => Ok(bucket),
        }
    }

    /// The same for a change, which then takes effect only if the bucket is still
    /// as it was found.
    ///
    /// # Errors
    /// As [`S3::bucket`]; `OperationAborted` while the bucket is being deleted.
    pub(crate) fn bucket_for_change(&self, change: &mut Change, call: &Call) -> Result<Bucket, Fault> {
        let found = self.bucket(call)?;
        change.batch.expect_version(&BUCKETS, bucket_key(&found.value.name), found.version);
        if self.deleting.lock().contains(&found.value.id) {
            return Err(faults::operation_aborted());
        }
        Ok(found.value)
    }
}
