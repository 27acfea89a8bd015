use windlass_value::{Text, Value};

use crate::failure::ReaderFailure;

/// One object of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectAddress {
    /// The bucket.
    pub bucket: Text,
    /// The key.
    pub key: Text,
    /// The version, where the definition names one.
    pub version_id: Option<Text>,
}

impl ObjectAddress {
    /// The latest version of an object.
    pub fn new(bucket: impl Into<Text>, key: impl Into<Text>) -> ObjectAddress {
        ObjectAddress { bucket: bucket.into(), key: key.into(), version_id: None }
    }

    /// Reads `s3://bucket/key`; `None` where the text is anything else.
    pub fn from_uri(uri: &str) -> Option<ObjectAddress> {
        let rest = uri.strip_prefix("s3://").or_else(|| uri.strip_prefix("S3://"))?;
        let (bucket, key) = rest.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty()).then(|| ObjectAddress::new(bucket, key))
    }

    /// `S3://bucket/key`, as `$$.Map.Item.Source` shows it.
    pub fn uri(&self) -> Text {
        format!("S3://{}/{}", self.bucket, self.key).into()
    }
}

/// The data set of an `ItemReader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `s3:getObject`: an object of items, or a manifest.
    Object(ObjectAddress),
    /// `s3:listObjectsV2`.
    Listing {
        /// The bucket.
        bucket: Text,
        /// What the keys begin with; may be empty.
        prefix: Text,
    },
}

impl Source {
    /// Reads a reader's `Resource` and its evaluated `Parameters` or `Arguments`.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` where a member is missing or no string.
    pub fn from_arguments(resource: &str, arguments: &Value) -> Result<Source, ReaderFailure> {
        let optional = |member: &str| match arguments.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(ReaderFailure::new(format!("{member} must be a string but was: {other}"))),
        };
        let required = |member: &str| {
            let text = optional(member)?.filter(|text| !text.is_empty());
            text.ok_or_else(|| ReaderFailure::new(format!("{member} must be specified.")))
        };
        let bucket = required("Bucket")?;
        if resource.ends_with(":listObjectsV2") {
            return Ok(Source::Listing { bucket, prefix: optional("Prefix")?.unwrap_or_default() });
        }
        let version_id = optional("VersionId")?;
        Ok(Source::Object(ObjectAddress { bucket, key: required("Key")?, version_id }))
    }
}

/// Wanted: the bytes of an object, fed in order until its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Which object.
    pub object: ObjectAddress,
    /// The first byte.
    pub offset: u64,
    /// The entity tag the object had when its first items were read: `If-Match`.
    pub etag: Option<Text>,
}

/// Wanted: some bytes out of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Which object.
    pub object: ObjectAddress,
    /// The first byte.
    pub offset: u64,
    /// How many bytes, at least 1.
    pub length: u64,
    /// The entity tag the object had when its first items were read: `If-Match`.
    pub etag: Option<Text>,
}

/// Wanted: a page of `ListObjectsV2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The bucket.
    pub bucket: Text,
    /// What the keys begin with; may be empty.
    pub prefix: Text,
    /// `StartAfter`: the page begins behind this key.
    pub start_after: Option<Text>,
}
