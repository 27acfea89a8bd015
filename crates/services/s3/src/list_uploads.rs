use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::Scan;
use windlass_value::{Object, Value};

use crate::account;
use crate::cursor::Cursor;
use crate::identifier;
use crate::input;
use crate::listing::{Listing, behind_prefix};
use crate::multipart::{Upload, UploadedPart, initiator, part_number, parts_start};
use crate::properties;
use crate::s3::S3;
use crate::stored;
use crate::tables::{PARTS, UPLOADS};

impl S3 {
    /// `ListMultipartUploads`.
    pub(crate) fn list_multipart_uploads(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let bucket = self.bucket(call)?.value;
        let listing = Listing::of(call, "MaxUploads", "max-uploads")?;
        let key_marker = input::text(input, "KeyMarker");
        // Without a key it means nothing.
        let upload_marker = input::text(input, "UploadIdMarker").filter(|_| key_marker.is_some());
        let mut cursor = Cursor::new(&self.store, &UPLOADS, listing.range(&bucket));
        if let Some(marker) = key_marker {
            match upload_marker.and_then(identifier::bytes) {
                Some(upload) => cursor.seek(&bucket.rows().text(marker).fixed(&upload).fixed(&[0])),
                None => cursor.seek(&listing.behind(&bucket, marker)),
            }
        }
        let (mut uploads, mut prefixes) = (Vec::new(), Vec::new());
        let mut last = (String::new(), String::new());
        let mut is_truncated = false;
        while listing.limit > 0
            && let Some(row) = cursor.peek()?
        {
            if uploads.len() + prefixes.len() == listing.limit {
                is_truncated = true;
                break;
            }
            let key = stored::text_column(row, 1);
            if let Some(common) = listing.common_prefix(key) {
                let common = common.to_owned();
                cursor.seek(&behind_prefix(&bucket, &common));
                last = (common.clone(), String::new());
                prefixes.push(common);
                continue;
            }
            let upload: Upload = stored::decode(&UPLOADS, row)?.value;
            let mut entry = Object::new();
            entry.insert("Key", listing.text(key));
            entry.insert("UploadId", upload.id.as_str());
            entry.insert("Initiated", upload.initiated_ms.div_euclid(1000));
            describe(&upload, &bucket.account, &mut entry);
            if upload.declared {
                entry.insert("ChecksumAlgorithm", upload.algorithm.name());
                entry.insert("ChecksumType", upload.kind.as_str());
            }
            last = (key.to_owned(), upload.id);
            uploads.push(entry.into());
            cursor.step();
        }
        let mut output = Object::new();
        listing.echo(&bucket, "MaxUploads", "Bucket", &mut output);
        output.insert("KeyMarker", listing.text(key_marker.unwrap_or_default()));
        output.insert("UploadIdMarker", upload_marker.unwrap_or_default());
        output.insert("IsTruncated", is_truncated);
        if is_truncated {
            output.insert("NextKeyMarker", listing.text(&last.0));
            output.insert("NextUploadIdMarker", last.1);
        }
        output.insert("Uploads", Value::array(uploads));
        output.insert("CommonPrefixes", listing.common_prefixes(&prefixes));
        Ok(Value::from(output).into())
    }

    /// `ListParts`.
    pub(crate) fn list_parts(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let bucket = self.bucket(call)?.value;
        let upload = self.upload(&bucket, call)?;
        let limit = input::page_limit(call, "MaxParts", "max-parts")?;
        let marker = input::integer(input, "PartNumberMarker").unwrap_or_default();
        let start = parts_start(&bucket, &upload.bytes);
        let first = u64::try_from(marker).unwrap_or_default() + 1;
        let mut scan = Scan::prefix(&start, limit + 1);
        scan.range.start = Some(start.number(first));
        let mut rows = stored::scan(&self.store, &PARTS, scan)?;
        let is_truncated = rows.len() > limit && limit > 0;
        rows.truncate(limit);
        let found = &upload.found.value;
        let mut output = Object::new();
        output.insert("Bucket", bucket.name.as_str());
        output.insert("Key", properties::object_key(call)?);
        output.insert("UploadId", found.id.as_str());
        output.insert("PartNumberMarker", marker);
        output.insert("NextPartNumberMarker", rows.last().map_or(0, |row| i64::from(part_number(row))));
        output.insert("MaxParts", limit);
        output.insert("IsTruncated", is_truncated);
        describe(found, &bucket.account, &mut output);
        if found.declared {
            output.insert("ChecksumAlgorithm", found.algorithm.name());
            output.insert("ChecksumType", found.kind.as_str());
        }
        let part = |row| -> Result<Value, Fault> {
            let part: UploadedPart = stored::decode(&PARTS, row)?.value;
            let mut entry = Object::new();
            entry.insert("PartNumber", i64::from(part_number(row)));
            entry.insert("LastModified", part.modified_ms.div_euclid(1000));
            entry.insert("ETag", format!("\"{}\"", part.etag));
            entry.insert("Size", part.bytes);
            if found.declared {
                entry.insert(found.algorithm.member(), part.checksum);
            }
            Ok(entry.into())
        };
        output.insert("Parts", Value::array(rows.iter().map(part).collect::<Result<_, Fault>>()?));
        Ok(Value::from(output).into())
    }
}

fn describe(upload: &Upload, account: &str, entry: &mut Object) {
    entry.insert("StorageClass", upload.properties.storage_class.as_deref().unwrap_or(properties::STANDARD));
    entry.insert("Owner", account::owner(account));
    entry.insert("Initiator", initiator(&upload.initiator, account));
}
