use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value, object};

use crate::bucket::Bucket;
use crate::change::Change;
use crate::event::{Event, EventKind};
use crate::faults;
use crate::input;
use crate::object::{ObjectVersion, Which};
use crate::properties;
use crate::s3::S3;
use crate::uri;

const OBJECT_TAGS_MAX: usize = 10;
const BUCKET_TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Tags as a header gives them: `a=b&c=d`, percent-encoded.
///
/// # Errors
/// Beyond S3's bounds, or a name twice.
pub(crate) fn of_header(header: &str) -> Result<BTreeMap<String, String>, Fault> {
    let unreadable = || {
        faults::invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
            "x-amz-tagging",
            header,
        )
    };
    let mut tags = BTreeMap::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| uri::decode_form(text).ok_or_else(unreadable);
        if tags.insert(decode(name)?, decode(value)?).is_some() {
            return Err(unreadable());
        }
    }
    check(&tags, OBJECT_TAGS_MAX, "Object")?;
    Ok(tags)
}

fn of_set(input: &Value, tags_max: usize, what: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut tags = BTreeMap::new();
    for tag in input::list(&input["Tagging"], "TagSet") {
        let (Some(name), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) else {
            return Err(faults::malformed_xml());
        };
        if tags.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(
                faults::invalid_tag("Cannot provide multiple Tags with the same key").with_member("TagKey", name)
            );
        }
    }
    check(&tags, tags_max, what)?;
    Ok(tags)
}

fn check(tags: &BTreeMap<String, String>, tags_max: usize, what: &str) -> Result<(), Fault> {
    if tags.len() > tags_max {
        return Err(Fault::new("BadRequest", format!("{what} tags cannot be greater than {tags_max}")));
    }
    for (name, value) in tags {
        if name.is_empty() || name.chars().count() > KEY_CHARS_MAX {
            return Err(
                faults::invalid_tag("The TagKey you have provided is invalid").with_member("TagKey", name.as_str())
            );
        }
        if value.chars().count() > VALUE_CHARS_MAX {
            let fault = faults::invalid_tag("The TagValue you have provided is invalid");
            return Err(fault.with_member("TagKey", name.as_str()).with_member("TagValue", value.as_str()));
        }
        if name.to_ascii_lowercase().starts_with("aws:") {
            return Err(faults::invalid_tag("System tags cannot be added/updated by requester")
                .with_member("TagKey", name.as_str()));
        }
    }
    Ok(())
}

pub(crate) fn to_set(tags: &BTreeMap<String, String>) -> Value {
    let tags = tags.iter().map(|(name, value)| object! { "Key" => name.as_str(), "Value" => value.as_str() });
    Value::array(tags.collect())
}

/// The tags of a bucket that a request gives.
///
/// # Errors
/// Beyond S3's bounds, or a name twice.
pub(crate) fn of_bucket(input: &Value) -> Result<Value, Fault> {
    Ok(object! { "TagSet" => to_set(&of_set(input, BUCKET_TAGS_MAX, "Bucket")?) })
}

impl S3 {
    /// `GetObjectTagging`.
    pub(crate) fn get_object_tagging(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        let key = properties::object_key(call)?;
        let which = Which::of(input::text(&call.input, "VersionId"));
        let version = self.readable(&bucket, key, which, "GET")?.found.value;
        let mut output = with_version(&bucket, &version);
        output.insert("TagSet", to_set(&version.properties.tags));
        Ok(Value::from(output).into())
    }

    /// `PutObjectTagging`.
    pub(crate) async fn put_object_tagging(&self, call: &Call) -> Outcome {
        let tags = of_set(&call.input, OBJECT_TAGS_MAX, "Object")?;
        let put = self.alter_version(call, |change, bucket, key, version| {
            version.properties.tags.clone_from(&tags);
            change.events.push(Event::created(EventKind::TaggingPut, bucket, key, version));
            Ok(with_version(bucket, version))
        });
        put.await.map(Reply::from)
    }

    /// `DeleteObjectTagging`.
    pub(crate) async fn delete_object_tagging(&self, call: &Call) -> Outcome {
        let delete = self.alter_version(call, |change, bucket, key, version| {
            version.properties.tags.clear();
            change.events.push(Event::created(EventKind::TaggingDelete, bucket, key, version));
            Ok(with_version(bucket, version))
        });
        delete.await.map(Reply::from)
    }

    /// Changes what is said of a version beside its content.
    ///
    /// # Errors
    /// There is no such version; the function's own.
    pub(crate) async fn alter_version(
        &self,
        call: &Call,
        alter: impl Fn(&mut Change, &Bucket, &str, &mut ObjectVersion) -> Result<Object, Fault> + Send + Sync,
    ) -> Result<Value, Fault> {
        let key = properties::object_key(call)?;
        let which = Which::of(input::text(&call.input, "VersionId"));
        let changed = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            self.current_for_change(change, &bucket, key)?;
            let placed = self.readable(&bucket, key, which, "PUT")?;
            let mut version = placed.found.value;
            let output = alter(change, &bucket, key, &mut version)?;
            if placed.is_current {
                self.put_current(change, &bucket, key, &version);
            } else {
                let row = crate::object::version_key(&bucket, key, version.sequence);
                change.batch.expect_version(&crate::tables::VERSIONS, row, placed.found.version);
                self.put_noncurrent(change, &bucket, key, &version);
            }
            Ok(output.into())
        });
        changed.await
    }
}

fn with_version(bucket: &Bucket, version: &ObjectVersion) -> Object {
    let mut output = Object::new();
    if bucket.versioning.is_some() {
        output.insert("VersionId", version.version_text());
    }
    output
}
