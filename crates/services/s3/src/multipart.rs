//! Multipart uploads: begun, their parts, and given up.

use serde::{Deserialize, Serialize};
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Key, Row, Scan};
use windlass_value::{Object, Value, object};

use crate::bucket::Bucket;
use crate::change::Change;
use crate::checksum::{Algorithm, Computed, Expected, Kind};
use crate::content::{Content, Held};
use crate::copy::Source;
use crate::faults;
use crate::identifier;
use crate::input;
use crate::object::Properties;
use crate::properties;
use crate::put::PUT_BYTES_MAX;
use crate::range::ByteRange;
use crate::s3::{S3, nothing};
use crate::stored::{self, Versioned};
use crate::tables::{PARTS, UPLOADS};

/// How many parts an upload has at most; also the highest number of one.
pub(crate) const PARTS_MAX: std::ops::RangeInclusive<i64> = 1..=10_000;
const PARTS_COUNT_MAX: usize = 10_000;

/// An upload under way. A stored type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) initiated_ms: i64,
    pub(crate) initiator: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
    /// The client named the algorithm.
    pub(crate) declared: bool,
    pub(crate) properties: Properties,
}

/// A part of an upload under way. A stored type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UploadedPart {
    pub(crate) etag: String,
    pub(crate) bytes: u64,
    pub(crate) modified_ms: i64,
    pub(crate) content: Content,
    /// Of the upload's algorithm, in base64.
    pub(crate) checksum: String,
}

fn upload_key(bucket: &Bucket, key: &str, upload: &[u8]) -> Key {
    bucket.rows().text(key).fixed(upload)
}

/// What the keys of an upload's parts start with.
pub(crate) fn parts_start(bucket: &Bucket, upload: &[u8]) -> Key {
    bucket.rows().fixed(upload)
}

fn part_key(bucket: &Bucket, upload: &[u8], number: u32) -> Key {
    parts_start(bucket, upload).number(u64::from(number))
}

/// The number of a part's row.
pub(crate) fn part_number(row: &Row) -> u32 {
    row.key.as_bytes().last_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// An upload that a call names.
pub(crate) struct Named {
    pub(crate) key: Key,
    pub(crate) bytes: [u8; 24],
    pub(crate) found: Versioned<Upload>,
}

impl S3 {
    /// `CreateMultipartUpload`.
    pub(crate) async fn create_multipart_upload(&self, call: &Call) -> Outcome {
        const US_PER_MS: i64 = 1000;
        let input = &call.input;
        let key = properties::object_key(call)?;
        let named = input::text(input, "ChecksumAlgorithm").map(Algorithm::parse).transpose()?;
        let algorithm = named.unwrap_or(Algorithm::Crc64Nvme);
        let kind = match input::text(input, "ChecksumType") {
            None => algorithm.default_kind(),
            Some(_) if named.is_none() => {
                return Err(faults::invalid_request(
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
                ));
            }
            Some(text) => Kind::parse(text)?,
        };
        let fits = match kind {
            Kind::FullObject => algorithm.combines(),
            Kind::Composite => algorithm != Algorithm::Crc64Nvme,
        };
        if !fits {
            return Err(faults::invalid_request(format!(
                "The {} checksum type cannot be used with the {} checksum algorithm.",
                kind.as_str(),
                algorithm.name().to_ascii_lowercase()
            )));
        }
        let now = (self.now)();
        let id = identifier::new(u64::try_from(now.as_ms().saturating_mul(US_PER_MS)).unwrap_or(0))?;
        let bytes = identifier::bytes(&id).unwrap_or_default();
        let begun = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            let upload = Upload {
                id: id.clone(),
                initiated_ms: now.as_ms(),
                initiator: call.principal.arn.to_string(),
                algorithm,
                kind,
                declared: named.is_some(),
                properties: properties::of_request(&bucket, input)?,
            };
            let columns = vec![bucket.name.as_str().into(), key.into()];
            change.batch.put(&UPLOADS, upload_key(&bucket, key, &bytes), columns, stored::encode(&upload));
            let mut output = Object::new();
            output.insert("Bucket", bucket.name.as_str());
            output.insert("Key", key);
            output.insert("UploadId", id.as_str());
            if named.is_some() {
                output.insert("ChecksumAlgorithm", algorithm.name());
                output.insert("ChecksumType", kind.as_str());
            }
            upload.properties.encryption.write(&mut output);
            Ok(output.into())
        });
        begun.await.map(Reply::from)
    }

    /// The upload that a call names.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub(crate) fn upload(&self, bucket: &Bucket, call: &Call) -> Result<Named, Fault> {
        let key = properties::object_key(call)?;
        let id = input::required(&call.input, "UploadId")?;
        let bytes = identifier::bytes(id).ok_or_else(|| faults::no_such_upload(id))?;
        let row = upload_key(bucket, key, &bytes);
        let found = stored::get(&self.store, &UPLOADS, &row)?.ok_or_else(|| faults::no_such_upload(id))?;
        Ok(Named { key: row, bytes, found })
    }

    /// `UploadPart`.
    pub(crate) async fn upload_part(&self, call: &Call) -> Outcome {
        let number = number(call)?;
        let bucket = self.bucket(call)?.value;
        let upload = self.upload(&bucket, call)?.found.value;
        upload.properties.encryption.check_part(&call.input)?;
        let expected = Expected::of(&call.input)?;
        if let Some((given, _)) = &expected.checksum
            && upload.declared
            && *given != upload.algorithm
        {
            return Err(faults::invalid_request(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                upload.algorithm.name().to_ascii_lowercase(),
                given.name().to_ascii_lowercase()
            )));
        }
        let received = self.receive(&call.body, &expected, PUT_BYTES_MAX, upload.algorithm).await?;
        let (held, computed) = received;
        self.put_part(call, number, &held, &computed).await?;
        held.keep();
        let mut output = Object::new();
        output.insert("ETag", format!("\"{}\"", computed.etag()));
        if upload.declared || expected.checksum.is_some() {
            match expected.checksum {
                Some((given, value)) if given != upload.algorithm => output.insert(given.member(), value),
                _ => output.insert(computed.algorithm.member(), computed.value.as_str()),
            };
        }
        upload.properties.encryption.write(&mut output);
        Ok(Value::from(output).into())
    }

    /// `UploadPartCopy`.
    pub(crate) async fn upload_part_copy(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let number = number(call)?;
        let bucket = self.bucket(call)?.value;
        let upload = self.upload(&bucket, call)?.found.value;
        upload.properties.encryption.check_part(input)?;
        let source = self.source(call)?;
        let range = match input::text(input, "CopySourceRange") {
            None => ByteRange { start: 0, len: source.version.bytes },
            Some(text) => copy_range(text, source.version.bytes)?,
        };
        if range.len > PUT_BYTES_MAX {
            return Err(faults::entity_too_large(range.len, PUT_BYTES_MAX));
        }
        let (held, computed) = self.copy_bytes(&source, range, upload.algorithm).await?;
        let modified = self.put_part(call, number, &held, &computed).await?;
        held.keep();
        let mut result = Object::new();
        result.insert("ETag", format!("\"{}\"", computed.etag()));
        result.insert("LastModified", modified);
        if upload.declared {
            result.insert(computed.algorithm.member(), computed.value.as_str());
        }
        let mut output = Object::new();
        output.insert("CopyPartResult", result);
        write_source_version(&source, &mut output);
        upload.properties.encryption.write(&mut output);
        Ok(Value::from(output).into())
    }

    async fn put_part(&self, call: &Call, number: u32, held: &Held, computed: &Computed) -> Result<Value, Fault> {
        let put = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            let upload = self.upload(&bucket, call)?;
            change.batch.expect_version(&UPLOADS, upload.key.clone(), upload.found.version);
            let row = part_key(&bucket, &upload.bytes, number);
            let before: Option<Versioned<UploadedPart>> = stored::get(&self.store, &PARTS, &row)?;
            match before {
                Some(before) => {
                    self.forget_content(change, &bucket, &before.value.content)?;
                    change.batch.expect_version(&PARTS, row.clone(), before.version);
                }
                None => change.batch.expect_absent(&PARTS, row.clone()),
            }
            let modified_ms = (self.now)().as_ms();
            let part = UploadedPart {
                etag: computed.etag(),
                bytes: held.bytes,
                modified_ms,
                content: held.put(&self.blobs, change, &bucket),
                checksum: computed.value.clone(),
            };
            change.batch.put(&PARTS, row, Vec::new(), stored::encode(&part));
            Ok(modified_ms.div_euclid(1000).into())
        });
        put.await
    }

    /// `AbortMultipartUpload`.
    pub(crate) async fn abort_multipart_upload(&self, call: &Call) -> Outcome {
        let aborted = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            let upload = self.upload(&bucket, call)?;
            let initiated = input::instant(&call.input, "IfMatchInitiatedTime");
            if initiated.is_some_and(|at| at.as_ms() / 1000 != upload.found.value.initiated_ms / 1000) {
                return Err(faults::precondition_failed("x-amz-if-match-initiated-time"));
            }
            change.batch.expect_version(&UPLOADS, upload.key.clone(), upload.found.version);
            change.batch.delete(&UPLOADS, upload.key);
            self.drop_parts(change, &bucket, &upload.bytes, &[])?;
            Ok(Value::empty_object())
        });
        aborted.await?;
        Ok(nothing())
    }

    /// Adds the end of an upload to a change.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn drop_upload(&self, change: &mut Change, bucket: &Bucket, row: &Row) -> Result<(), Fault> {
        let found: Versioned<Upload> = stored::decode(&UPLOADS, row)?;
        change.batch.expect_version(&UPLOADS, row.key.clone(), found.version);
        change.batch.delete(&UPLOADS, row.key.clone());
        match identifier::bytes(&found.value.id) {
            Some(bytes) => self.drop_parts(change, bucket, &bytes, &[]),
            None => Ok(()),
        }
    }

    /// The rows of an upload's parts, by number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn part_rows(&self, bucket: &Bucket, upload: &[u8]) -> Result<Vec<Row>, Fault> {
        stored::scan(&self.store, &PARTS, Scan::prefix(&parts_start(bucket, upload), PARTS_COUNT_MAX))
    }

    /// Adds the removal of an upload's parts to a change; the contents of those in
    /// `kept` live on in the object.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn drop_parts(
        &self,
        change: &mut Change,
        bucket: &Bucket,
        upload: &[u8],
        kept: &[u32],
    ) -> Result<(), Fault> {
        for row in self.part_rows(bucket, upload)? {
            let part: Versioned<UploadedPart> = stored::decode(&PARTS, &row)?;
            if kept.binary_search(&part_number(&row)).is_err() {
                self.forget_content(change, bucket, &part.value.content)?;
            }
            // One that is replaced just now would lose its content.
            change.batch.expect_version(&PARTS, row.key.clone(), part.version);
            change.batch.delete(&PARTS, row.key);
        }
        Ok(())
    }
}

/// The number of the part that a call uploads.
fn number(call: &Call) -> Result<u32, Fault> {
    let number = input::integer(&call.input, "PartNumber").unwrap_or_default();
    if !PARTS_MAX.contains(&number) {
        return Err(faults::invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            number.to_string(),
        ));
    }
    Ok(number as u32)
}

/// `bytes=first-last` of a source; both must be given and lie within it.
fn copy_range(text: &str, whole: u64) -> Result<ByteRange, Fault> {
    let range = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let parsed = range.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let Some((first, last)) = parsed.filter(|(first, last)| first <= last) else {
        return Err(faults::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            text,
        ));
    };
    if last >= whole {
        return Err(faults::invalid_argument(
            format!("Range specified is not valid for source object of size: {whole}"),
            "x-amz-copy-source-range",
            text,
        ));
    }
    Ok(ByteRange { start: first, len: last - first + 1 })
}

/// Adds the source's version to an answer.
pub(crate) fn write_source_version(source: &Source, output: &mut Object) {
    if source.bucket.versioning.is_some() {
        output.insert("CopySourceVersionId", source.version.version_text());
    }
}

/// An account as S3 writes initiators.
pub(crate) fn initiator(arn: &str, account: &str) -> Value {
    if arn.ends_with(":root") {
        crate::account::owner(account)
    } else {
        object! { "ID" => arn, "DisplayName" => arn }
    }
}
