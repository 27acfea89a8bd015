use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::bucket::Bucket;
use crate::checksum::{self, Kind};
use crate::conditions;
use crate::content::{Part, new_id};
use crate::event::{Event, EventKind};
use crate::faults;
use crate::input;
use crate::multipart::{Named, UploadedPart, part_number};
use crate::object::ObjectVersion;
use crate::properties;
use crate::put::version_id;
use crate::s3::S3;
use crate::stored;
use crate::tables::{PARTS, UPLOADS};
use crate::uri;

/// The least size of a part that is not the last.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// The largest object.
const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024 * 1024;

impl S3 {
    /// `CompleteMultipartUpload`.
    pub(crate) async fn complete_multipart_upload(&self, call: &Call) -> Outcome {
        let key = properties::object_key(call)?;
        let id = new_id()?;
        let completed = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            let upload = match self.upload(&bucket, call) {
                Ok(upload) => upload,
                Err(fault) if fault.code == "NoSuchUpload" => return self.completed_before(call, &bucket, fault),
                Err(fault) => return Err(fault),
            };
            let current = self.current_for_change(change, &bucket, key)?;
            conditions::check_write(&call.input, key, current.as_ref())?;
            let (parts, etags) = self.chosen(call, &bucket, &upload)?;
            let properties = upload.found.value.properties.clone();
            let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
            check_size(&call.input, bytes)?;
            let checksum = checksum_of(call, &upload, &parts)?;
            let numbers: Vec<u32> = parts.iter().map(|part| part.number).collect();
            change.batch.expect_version(&UPLOADS, upload.key.clone(), upload.found.version);
            change.batch.delete(&UPLOADS, upload.key.clone());
            self.drop_parts(change, &bucket, &upload.bytes, &numbers)?;
            let new = ObjectVersion {
                etag: etag_of(&etags),
                bytes,
                content: self.put_parts(change, &bucket, &id, &parts),
                checksum: Some(checksum),
                parts: parts.len() as u32,
                upload: Some(upload.found.value.id.clone()),
                properties,
                ..ObjectVersion::default()
            };
            let new = self.supersede(change, &bucket, key, current, new)?;
            change.events.push(Event::created(EventKind::CompleteMultipartUpload, &bucket, key, &new));
            Ok(self.completed(&bucket, key, &new))
        });
        completed.await.map(Reply::from)
    }

    fn completed(&self, bucket: &Bucket, key: &str, new: &ObjectVersion) -> Value {
        let path = uri::encode(key);
        let mut output = Object::new();
        output.insert(
            "Location",
            match &self.config.endpoint {
                Some(endpoint) => format!("{endpoint}/{}/{path}", bucket.name),
                None => format!("https://{}.s3.{}.amazonaws.com/{path}", bucket.name, bucket.region),
            },
        );
        output.insert("Bucket", bucket.name.as_str());
        output.insert("Key", key);
        output.insert("ETag", new.quoted_etag());
        if let Some(checksum) = &new.checksum {
            checksum.write(&mut output);
        }
        new.properties.encryption.write(&mut output);
        if new.version.is_some() {
            output.insert("VersionId", version_id(new));
        }
        output.into()
    }

    /// A client that did not hear the answer asks again.
    fn completed_before(&self, call: &Call, bucket: &Bucket, fault: Fault) -> Result<Value, Fault> {
        let key = properties::object_key(call)?;
        let id = input::required(&call.input, "UploadId")?;
        match self.current(bucket, key)? {
            Some(found) if found.value.upload.as_deref() == Some(id) => Ok(self.completed(bucket, key, &found.value)),
            _ => Err(fault),
        }
    }

    /// The parts that the client lists, and their entity tags.
    fn chosen(&self, call: &Call, bucket: &Bucket, upload: &Named) -> Result<(Vec<Part>, Vec<String>), Fault> {
        let asked = input::list(&call.input["MultipartUpload"], "Parts");
        if asked.is_empty() {
            return Err(faults::malformed_xml());
        }
        let numbers = asked.iter().map(|part| input::integer(part, "PartNumber").ok_or_else(faults::malformed_xml));
        let numbers = numbers.collect::<Result<Vec<i64>, Fault>>()?;
        if numbers.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Fault::new(
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
            )
            .with_member("UploadId", upload.found.value.id.as_str()));
        }
        let rows = self.part_rows(bucket, &upload.bytes)?;
        let (algorithm, kind) = (upload.found.value.algorithm, upload.found.value.kind);
        let count = asked.len();
        let mut parts = Vec::with_capacity(count);
        let mut etags = Vec::with_capacity(count);
        for (asked, number) in asked.iter().zip(numbers) {
            let etag = asked["ETag"].as_str().unwrap_or_default().trim_matches('"');
            let invalid = || {
                let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
                Fault::new("InvalidPart", message)
                    .with_member("UploadId", upload.found.value.id.as_str())
                    .with_member("PartNumber", number)
                    .with_member("ETag", etag)
            };
            let row = rows.binary_search_by_key(&number, |row| i64::from(part_number(row))).map_err(|_| invalid())?;
            let part: UploadedPart = stored::decode(&PARTS, &rows[row])?.value;
            if part.etag != etag {
                return Err(invalid());
            }
            match input::text(asked, algorithm.member()) {
                Some(given) if given != part.checksum => return Err(invalid()),
                None if upload.found.value.declared && kind == Kind::Composite => {
                    let name = algorithm.name().to_ascii_lowercase();
                    return Err(faults::invalid_request(format!(
                        "The upload was created using a {name} checksum. The complete request must include the checksum for each part. It was missing for part {number} in the request."
                    )));
                }
                _ => {}
            }
            etags.push(part.etag);
            parts.push(Part {
                number: number as u32,
                bytes: part.bytes,
                content: part.content,
                checksum: Some(part.checksum),
            });
        }
        let all_but_last = parts.iter().zip(&etags).take(count - 1);
        if let Some((part, etag)) = all_but_last.into_iter().find(|(part, _)| part.bytes < PART_BYTES_MIN) {
            return Err(Fault::new("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
                .with_member("ProposedSize", part.bytes)
                .with_member("MinSizeAllowed", PART_BYTES_MIN)
                .with_member("PartNumber", i64::from(part.number))
                .with_member("ETag", etag.as_str()));
        }
        Ok((parts, etags))
    }
}

/// The entity tag of an object in parts: the MD5 of the parts' MD5s, and their number.
fn etag_of(etags: &[String]) -> String {
    let mut hasher = Md5::new();
    for etag in etags {
        let bytes: Vec<u8> =
            (0..etag.len()).step_by(2).filter_map(|at| u8::from_str_radix(etag.get(at..at + 2)?, 16).ok()).collect();
        hasher.update(bytes);
    }
    format!("{}-{}", checksum::hex(&hasher.finalize()), etags.len())
}

fn check_size(input: &Value, bytes: u64) -> Result<(), Fault> {
    if bytes > OBJECT_BYTES_MAX {
        return Err(faults::entity_too_large(bytes, OBJECT_BYTES_MAX));
    }
    match input::integer(input, "MpuObjectSize") {
        Some(given) if u64::try_from(given) != Ok(bytes) => Err(faults::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {given} does not match what was computed: {bytes}"
        ))),
        _ => Ok(()),
    }
}

fn checksum_of(call: &Call, upload: &Named, parts: &[Part]) -> Result<checksum::Checksum, Fault> {
    let upload = &upload.found.value;
    if let Some(given) = input::text(&call.input, "ChecksumType")
        && given != upload.kind.as_str()
        && upload.declared
    {
        return Err(faults::invalid_request(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            upload.kind.as_str()
        )));
    }
    let of_parts: Vec<(&str, u64)> =
        parts.iter().map(|part| (part.checksum.as_deref().unwrap_or_default(), part.bytes)).collect();
    let computed = checksum::of_parts(upload.algorithm, upload.kind, &of_parts)?;
    if let Some((given, value)) = checksum::given(&call.input)?
        && given == upload.algorithm
    {
        // A composite one may come with or without the number of parts.
        let bare = computed.value.split_once('-').map_or(computed.value.as_str(), |(bare, _)| bare);
        debug_assert!(STANDARD.decode(bare).is_ok());
        if value != computed.value && value != bare {
            return Err(checksum::mismatch(given));
        }
    }
    Ok(computed)
}
