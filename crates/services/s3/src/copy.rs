use windlass_protocol::{Body, Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::bucket::Bucket;
use crate::checksum::{Algorithm, Checksum, Computed, Kind};
use crate::conditions;
use crate::content::{Content, Held, INLINE_BYTES_MAX, blocking, each_piece, unreadable};
use crate::event::{Event, EventKind};
use crate::faults;
use crate::input;
use crate::multipart::write_source_version;
use crate::object::{ObjectVersion, Properties, Which};
use crate::properties;
use crate::put::PUT_BYTES_MAX;
use crate::range::ByteRange;
use crate::s3::S3;
use crate::tagging;
use crate::uri;

/// How often a copy begins anew because its source was replaced under it.
const READS_MAX: usize = 16;

/// What is copied.
pub(crate) struct Source {
    pub(crate) bucket: Bucket,
    pub(crate) key: String,
    pub(crate) version: ObjectVersion,
    is_named_version: bool,
}

struct SourceName {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl SourceName {
    fn of(call: &Call) -> Result<SourceName, Fault> {
        let text = input::required(&call.input, "CopySource")?;
        if text.starts_with("arn:") || text.starts_with("/arn:") {
            return Err(faults::not_implemented("copies from access points"));
        }
        let invalid = || {
            faults::invalid_argument(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                "x-amz-copy-source",
                text,
            )
        };
        let (path, version) = match text.rsplit_once("?versionId=") {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let path = uri::decode(path).ok_or_else(invalid)?;
        let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/').ok_or_else(invalid)?;
        if bucket.is_empty() || key.is_empty() {
            return Err(invalid());
        }
        let version = version.filter(|version| !version.is_empty()).map(str::to_owned);
        Ok(SourceName { bucket: bucket.to_owned(), key: key.to_owned(), version })
    }
}

/// What a directive says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Copy,
    Replace,
}

impl Directive {
    fn of(input: &Value, member: &str, what: &str) -> Result<Directive, Fault> {
        match input::text(input, member) {
            None | Some("COPY") => Ok(Directive::Copy),
            Some("REPLACE") => Ok(Directive::Replace),
            Some(other) => {
                let argument = format!("x-amz-{what}-directive");
                Err(faults::invalid_argument(format!("Unknown {what} directive."), &argument, other))
            }
        }
    }
}

impl S3 {
    /// What a call copies.
    ///
    /// # Errors
    /// It is not there, or the conditions do not hold. Whether the caller may read it was
    /// asked before the call came here.
    pub(crate) fn source(&self, call: &Call) -> Result<Source, Fault> {
        let name = SourceName::of(call)?;
        let found = self.find_bucket(&name.bucket)?.ok_or_else(|| faults::no_such_bucket(&name.bucket))?;
        let bucket = found.value;
        if input::text(&call.input, "ExpectedSourceBucketOwner").is_some_and(|expected| expected != bucket.account) {
            return Err(faults::access_denied());
        }
        let placed = self.readable(&bucket, &name.key, Which::of(name.version.as_deref()), "GET");
        let version = placed
            .map_err(|fault| match fault.code.as_str() {
                "MethodNotAllowed" => faults::invalid_request(
                    "The source of a copy request may not specifically refer to a delete marker by version id.",
                ),
                _ => fault,
            })?
            .found
            .value;
        version.properties.encryption.check_reader(&call.input, "CopySource")?;
        conditions::check_source(&call.input, &version)?;
        Ok(Source { bucket, key: name.key, version, is_named_version: name.version.is_some() })
    }

    /// `CopyObject`.
    pub(crate) async fn copy_object(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let key = properties::object_key(call)?;
        let metadata = Directive::of(input, "MetadataDirective", "metadata")?;
        let tags = Directive::of(input, "TaggingDirective", "tagging")?;
        let algorithm = input::text(input, "ChecksumAlgorithm").map(Algorithm::parse).transpose()?;
        self.bucket(call)?;
        for _ in 0..READS_MAX {
            let source = self.source(call)?;
            if source.version.bytes > PUT_BYTES_MAX {
                return Err(faults::invalid_request(format!(
                    "The specified copy source is larger than the maximum allowable size for a copy source: {PUT_BYTES_MAX}"
                )));
            }
            refuse_idle_copy(input, &source, key, metadata)?;
            let Some(copied) = self.copy_whole(&source, algorithm).await? else { continue };
            let output = self.change(call, |change| {
                let bucket = self.bucket_for_change(change, call)?;
                let current = self.current_for_change(change, &bucket, key)?;
                conditions::check_write(input, key, current.as_ref())?;
                let new = ObjectVersion {
                    etag: copied.etag.clone(),
                    bytes: copied.held.bytes,
                    content: copied.held.put(&self.blobs, change, &bucket),
                    checksum: Some(copied.checksum.clone()),
                    properties: properties_of_copy(&bucket, input, &source.version, metadata, tags)?,
                    ..ObjectVersion::default()
                };
                let new = self.supersede(change, &bucket, key, current, new)?;
                change.events.push(Event::created(EventKind::Copy, &bucket, key, &new));
                let mut result = Object::new();
                result.insert("ETag", new.quoted_etag());
                result.insert("LastModified", new.modified_seconds());
                copied.checksum.write(&mut result);
                let mut output = Object::new();
                output.insert("CopyObjectResult", result);
                write_source_version(&source, &mut output);
                if let Some(version) = new.version.as_deref() {
                    output.insert("VersionId", version);
                }
                new.properties.encryption.write(&mut output);
                Ok(output.into())
            });
            let output = output.await?;
            copied.held.keep();
            return Ok(Reply::from(output));
        }
        Err(faults::internal("the source of a copy is gone"))
    }

    /// Takes the whole content of a source. `None`: it was replaced meanwhile.
    async fn copy_whole(&self, source: &Source, algorithm: Option<Algorithm>) -> Result<Option<Copied>, Fault> {
        let version = &source.version;
        let kept = version.checksum.as_ref().filter(|checksum| {
            checksum.kind == Kind::FullObject && algorithm.is_none_or(|algorithm| algorithm == checksum.algorithm)
        });
        let algorithm = algorithm.or(version.checksum.as_ref().map(|it| it.algorithm)).unwrap_or(Algorithm::Crc64Nvme);
        let Some(body) = self.body(&source.bucket, &version.content, 0, version.bytes)? else { return Ok(None) };
        let held = match version.content.blob()? {
            // The same file serves both.
            Some(blob) => match self.blobs.pin(blob).map_err(|error| unreadable(&error))? {
                Some(pinned) => Held::file(pinned)?,
                None => return Ok(None),
            },
            None if matches!(version.content, Content::Parts { .. }) => {
                let (held, computed) = self.write_anew(body, algorithm).await?;
                return Ok(Some(Copied { etag: computed.etag(), checksum: computed.checksum(), held }));
            }
            None => Held::inline(body.read(INLINE_BYTES_MAX).map_err(|error| unreadable(&error))?)?,
        };
        let checksum = match kept {
            Some(checksum) => checksum.clone(),
            None => blocking(move || Computed::of_body(&body, algorithm, Some([0; 16]))).await?.checksum(),
        };
        Ok(Some(Copied { etag: version.etag.clone(), checksum, held }))
    }

    /// Takes a part of a source's content.
    ///
    /// # Errors
    /// Store or disk cannot be read or written.
    pub(crate) async fn copy_bytes(
        &self,
        source: &Source,
        range: ByteRange,
        algorithm: Algorithm,
    ) -> Result<(Held, Computed), Fault> {
        let body = self.body(&source.bucket, &source.version.content, range.start, range.len)?;
        let body = body.ok_or_else(|| {
            faults::operation_aborted().explained("the source of a copy was replaced while it was looked at")
        })?;
        self.write_anew(body, algorithm).await
    }

    async fn write_anew(&self, body: Body, algorithm: Algorithm) -> Result<(Held, Computed), Fault> {
        if body.len() <= INLINE_BYTES_MAX {
            let bytes = blocking(move || body.read(INLINE_BYTES_MAX)).await?;
            let computed = Computed::of(&bytes, algorithm);
            return Ok((Held::inline(bytes)?, computed));
        }
        let read = body.clone();
        let written = self.blobs.write_with(move |incoming| each_piece(&read, |bytes| incoming.write(bytes)));
        let written = written.await.map_err(|error| unreadable(&error))?;
        let md5 = written.md5;
        let computed = blocking(move || Computed::of_body(&body, algorithm, Some(md5))).await?;
        Ok((Held::file(written.blob)?, computed))
    }
}

struct Copied {
    held: Held,
    etag: String,
    checksum: Checksum,
}

/// Copying an object onto itself must change something.
fn refuse_idle_copy(input: &Value, source: &Source, key: &str, metadata: Directive) -> Result<(), Fault> {
    const CHANGES: [&str; 5] = [
        "StorageClass",
        "ServerSideEncryption",
        "WebsiteRedirectLocation",
        "SSECustomerAlgorithm",
        "ChecksumAlgorithm",
    ];
    let is_itself =
        input["Bucket"].as_str() == Some(&source.bucket.name) && key == source.key && !source.is_named_version;
    let changes = metadata == Directive::Replace || CHANGES.iter().any(|member| input::text(input, member).is_some());
    if is_itself && !changes {
        return Err(faults::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    Ok(())
}

/// What is said of a copy beside its content. What the request says of storage class,
/// encryption and access always counts; the source's is never copied.
fn properties_of_copy(
    bucket: &Bucket,
    input: &Value,
    source: &ObjectVersion,
    metadata: Directive,
    tags: Directive,
) -> Result<Properties, Fault> {
    let mut asked = properties::of_request(bucket, input)?;
    if metadata == Directive::Copy {
        let redirect = asked.headers.remove("WebsiteRedirectLocation");
        asked.headers.clone_from(&source.properties.headers);
        asked.headers.remove("WebsiteRedirectLocation");
        asked.headers.extend(redirect.map(|redirect| ("WebsiteRedirectLocation".to_owned(), redirect)));
        asked.metadata.clone_from(&source.properties.metadata);
    }
    asked.tags = match tags {
        Directive::Copy => source.properties.tags.clone(),
        Directive::Replace => input::text(input, "Tagging").map(tagging::of_header).transpose()?.unwrap_or_default(),
    };
    Ok(asked)
}

/// For tests of names of sources.
#[cfg(test)]
mod tests {
    use windlass_protocol::Principal;
    use windlass_value::object;

    use super::*;

    fn name_of(text: &str) -> Option<(String, String, Option<String>)> {
        let call = Call {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            service: "s3".into(),
            operation: "CopyObject".into(),
            input: object! { "CopySource" => text },
            body: Body::empty(),
            principal: Principal { arn: "".into(), account: "".into(), access_key_id: None },
            source_arn: None,
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 0,
            request_id: "".into(),
        };
        let SourceName { bucket, key, version } = SourceName::of(&call).ok()?;
        Some((bucket, key, version))
    }

    #[test]
    fn names_of_sources() {
        let cases = [
            ("b/k", Some(("b", "k", None))),
            ("/b/a/k", Some(("b", "a/k", None))),
            ("b/a%20%2B+k", Some(("b", "a ++k", None))),
            ("b/k?versionId=v1", Some(("b", "k", Some("v1")))),
            ("b%2Fk", Some(("b", "k", None))),
            ("b", None),
            ("b/", None),
            ("/k", None),
        ];
        for (text, expected) in cases {
            let expected =
                expected.map(|(bucket, key, version)| (bucket.to_owned(), key.to_owned(), version.map(str::to_owned)));
            assert_eq!(name_of(text), expected, "{text}");
        }
    }
}
