//! What a request says about an object beside its content.

use windlass_protocol::{Call, Fault};
use windlass_value::{Object, Value};

use crate::acl;
use crate::bucket::Bucket;
use crate::encryption::Encryption;
use crate::faults;
use crate::input;
use crate::object::{ObjectVersion, Properties};
use crate::tagging;

/// Headers that are answered as they came.
const HEADERS: [&str; 7] = [
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
];

/// Members of the input that replace a header of the answer, and the header's member.
const OVERRIDES: [(&str, &str); 6] = [
    ("ResponseCacheControl", "CacheControl"),
    ("ResponseContentDisposition", "ContentDisposition"),
    ("ResponseContentEncoding", "ContentEncoding"),
    ("ResponseContentLanguage", "ContentLanguage"),
    ("ResponseContentType", "ContentType"),
    ("ResponseExpires", "Expires"),
];

const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";
/// User metadata: names and values together.
const METADATA_BYTES_MAX: usize = 2048;
const KEY_BYTES_MAX: usize = 1024;

pub(crate) const STANDARD: &str = "STANDARD";
const STORAGE_CLASSES: [&str; 7] = [
    STANDARD,
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];
/// Objects of these cannot be read before they are restored.
const ARCHIVES: [&str; 4] = ["GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "SNOW"];

/// The object key a call names.
///
/// # Errors
/// `KeyTooLongError`.
pub(crate) fn object_key(call: &Call) -> Result<&str, Fault> {
    let key = input::required(&call.input, "Key")?;
    if key.len() > KEY_BYTES_MAX {
        return Err(faults::key_too_long(key, KEY_BYTES_MAX));
    }
    Ok(key)
}

/// What the request for a new object says.
///
/// # Errors
/// S3's words for what does not fit.
pub(crate) fn of_request(bucket: &Bucket, input: &Value) -> Result<Properties, Fault> {
    refuse_locks(input)?;
    let headers = HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), input::text(input, name)?.to_owned())));
    let metadata = input::text_map(input, "Metadata");
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX {
        return Err(Fault::new("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
            .with_member("Size", bytes)
            .with_member("MaxSizeAllowed", METADATA_BYTES_MAX));
    }
    let tags = input::text(input, "Tagging").map(tagging::of_header).transpose()?.unwrap_or_default();
    Ok(Properties {
        headers: headers.collect(),
        metadata,
        tags,
        storage_class: storage_class(input)?,
        encryption: Encryption::of(bucket, input)?,
        acl: acl::of_request(bucket, input)?,
    })
}

/// The storage class a request asks for; `None`: the standard one.
///
/// # Errors
/// `InvalidStorageClass`.
pub(crate) fn storage_class(input: &Value) -> Result<Option<String>, Fault> {
    let Some(class) = input::text(input, "StorageClass") else { return Ok(None) };
    if ARCHIVES.contains(&class) {
        return Err(faults::not_implemented(&format!("the storage class {class}")));
    }
    if !STORAGE_CLASSES.contains(&class) {
        return Err(Fault::new("InvalidStorageClass", "The storage class you specified is not valid")
            .with_member("StorageClassRequested", class));
    }
    Ok((class != STANDARD).then(|| class.to_owned()))
}

fn refuse_locks(input: &Value) -> Result<(), Fault> {
    const LOCKS: [&str; 4] =
        ["ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus", "ObjectLockEventHold"];
    if LOCKS.iter().any(|member| !input[*member].is_null()) {
        return Err(faults::invalid_request("Bucket is missing Object Lock Configuration"));
    }
    Ok(())
}

/// Adds what is known of a version to an answer.
pub(crate) fn write(bucket: &Bucket, version: &ObjectVersion, output: &mut Object) {
    let properties = &version.properties;
    output.insert("ETag", version.quoted_etag());
    output.insert("LastModified", version.modified_seconds());
    output.insert("AcceptRanges", "bytes");
    output.insert("ContentType", DEFAULT_CONTENT_TYPE);
    for (name, value) in &properties.headers {
        output.insert(name.as_str(), value.as_str());
    }
    if !properties.metadata.is_empty() {
        let metadata: Object =
            properties.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        output.insert("Metadata", metadata);
    }
    if !properties.tags.is_empty() {
        output.insert("TagCount", properties.tags.len());
    }
    if let Some(class) = &properties.storage_class {
        output.insert("StorageClass", class.as_str());
    }
    properties.encryption.write(output);
    if bucket.versioning.is_some() {
        output.insert("VersionId", version.version_text());
    }
}

/// Puts what a reader wants to read instead into the answer.
pub(crate) fn overrule(input: &Value, output: &mut Object) {
    for (member, header) in OVERRIDES {
        match &input[member] {
            Value::Null => {}
            Value::Number(seconds) => {
                let instant = windlass_value::Timestamp((seconds.as_f64() * 1000.0) as i64);
                output.insert(header, instant.to_http_date());
            }
            value => {
                output.insert(header, value.clone());
            }
        }
    }
}
