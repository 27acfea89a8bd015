//! What happens to objects, as others are told of it.

use windlass_protocol::Call;
use windlass_value::{Object, Timestamp, Value, object};

use crate::account;
use crate::bucket::Bucket;
use crate::object::ObjectVersion;
use crate::uri;

/// What happened to an object.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    pub(crate) bucket: Bucket,
    pub(crate) key: String,
    version: Option<String>,
    etag: String,
    bytes: u64,
    sequence: u64,
    pub(crate) modified_ms: i64,
}

/// How it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Put,
    Copy,
    CompleteMultipartUpload,
    Delete,
    MarkerCreated,
    Expired,
    ExpiredMarkerCreated,
    TaggingPut,
    TaggingDelete,
    AclPut,
}

impl EventKind {
    /// Its name in configurations, without `s3:`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            EventKind::Put => "ObjectCreated:Put",
            EventKind::Copy => "ObjectCreated:Copy",
            EventKind::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            EventKind::Delete => "ObjectRemoved:Delete",
            EventKind::MarkerCreated => "ObjectRemoved:DeleteMarkerCreated",
            EventKind::Expired => "LifecycleExpiration:Delete",
            EventKind::ExpiredMarkerCreated => "LifecycleExpiration:DeleteMarkerCreated",
            EventKind::TaggingPut => "ObjectTagging:Put",
            EventKind::TaggingDelete => "ObjectTagging:Delete",
            EventKind::AclPut => "ObjectAcl:Put",
        }
    }

    /// What EventBridge calls it, and why it happened.
    pub(crate) fn detail_type(self) -> (&'static str, Option<&'static str>) {
        match self {
            EventKind::Put => ("Object Created", Some("PutObject")),
            EventKind::Copy => ("Object Created", Some("CopyObject")),
            EventKind::CompleteMultipartUpload => ("Object Created", Some("CompleteMultipartUpload")),
            EventKind::Delete | EventKind::MarkerCreated => ("Object Deleted", Some("DeleteObject")),
            EventKind::Expired | EventKind::ExpiredMarkerCreated => ("Object Deleted", Some("Lifecycle Expiration")),
            EventKind::TaggingPut => ("Object Tags Added", None),
            EventKind::TaggingDelete => ("Object Tags Deleted", None),
            EventKind::AclPut => ("Object ACL Updated", None),
        }
    }

    pub(crate) fn is_creation(self) -> bool {
        matches!(self, EventKind::Put | EventKind::Copy | EventKind::CompleteMultipartUpload)
    }

    /// How an object was deleted, as EventBridge says it.
    fn deletion(self) -> Option<&'static str> {
        match self {
            EventKind::Delete | EventKind::Expired => Some("Permanently Deleted"),
            EventKind::MarkerCreated | EventKind::ExpiredMarkerCreated => Some("Delete Marker Created"),
            _ => None,
        }
    }
}

impl Event {
    /// A version came to be or changed.
    pub(crate) fn created(kind: EventKind, bucket: &Bucket, key: &str, version: &ObjectVersion) -> Event {
        Event {
            kind,
            bucket: bucket.clone(),
            key: key.to_owned(),
            version: version.version.clone(),
            etag: version.etag.clone(),
            bytes: version.bytes,
            sequence: version.sequence,
            modified_ms: version.modified_ms,
        }
    }

    /// A version went, or a delete marker hides it.
    pub(crate) fn removed(kind: EventKind, bucket: &Bucket, key: &str, version: &ObjectVersion) -> Event {
        Event::created(kind, bucket, key, version)
    }

    /// As queues, topics and functions are told.
    pub(crate) fn record(&self, call: &Call, at: Timestamp, configuration: &str) -> Value {
        let mut object = Object::new();
        object.insert("key", uri::encode_form(&self.key));
        if self.kind.is_creation() {
            object.insert("size", self.bytes);
        }
        if !self.etag.is_empty() && self.kind.deletion() != Some("Permanently Deleted") {
            object.insert("eTag", self.etag.as_str());
        }
        if let Some(version) = &self.version {
            object.insert("versionId", version.as_str());
        }
        object.insert("sequencer", self.sequencer());
        object! {
            "eventVersion" => "2.1",
            "eventSource" => "aws:s3",
            "awsRegion" => self.bucket.region.as_str(),
            "eventTime" => at.to_rfc3339(),
            "eventName" => self.kind.name(),
            "userIdentity" => object! { "principalId" => principal_id(call) },
            "requestParameters" => object! { "sourceIPAddress" => SOURCE_ADDRESS },
            "responseElements" => object! {
                "x-amz-request-id" => &call.request_id,
                "x-amz-id-2" => &call.request_id,
            },
            "s3" => object! {
                "s3SchemaVersion" => "1.0",
                "configurationId" => configuration,
                "bucket" => object! {
                    "name" => self.bucket.name.as_str(),
                    "ownerIdentity" => object! { "principalId" => account::canonical_id(&self.bucket.account) },
                    "arn" => self.bucket.arn(),
                },
                "object" => object,
            },
        }
    }

    /// As EventBridge is told.
    pub(crate) fn detail(&self, call: &Call) -> Value {
        let mut object = Object::new();
        object.insert("key", self.key.as_str());
        if self.kind.is_creation() {
            object.insert("size", self.bytes);
        }
        if !self.etag.is_empty() && self.kind.deletion() != Some("Permanently Deleted") {
            object.insert("etag", self.etag.as_str());
        }
        if let Some(version) = &self.version {
            object.insert("version-id", version.as_str());
        }
        object.insert("sequencer", self.sequencer());
        let mut detail = Object::new();
        detail.insert("version", "0");
        detail.insert("bucket", object! { "name" => self.bucket.name.as_str() });
        detail.insert("object", object);
        detail.insert("request-id", &call.request_id);
        detail.insert("requester", &call.principal.account);
        detail.insert("source-ip-address", SOURCE_ADDRESS);
        if let Some(reason) = self.kind.detail_type().1 {
            detail.insert("reason", reason);
        }
        if let Some(deletion) = self.kind.deletion() {
            detail.insert("deletion-type", deletion);
        }
        detail.into()
    }

    fn sequencer(&self) -> String {
        format!("{:016X}", self.sequence)
    }
}

/// Where a call came from is not part of it.
const SOURCE_ADDRESS: &str = "127.0.0.1";

fn principal_id(call: &Call) -> String {
    format!("AWS:{}", call.principal.access_key_id.as_deref().unwrap_or(&call.principal.arn))
}
