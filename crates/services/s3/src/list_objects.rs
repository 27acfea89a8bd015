use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Value};

use crate::account;
use crate::bucket::Bucket;
use crate::cursor::Cursor;
use crate::input;
use crate::listing::{Listing, behind_prefix};
use crate::object::ObjectVersion;
use crate::page_token;
use crate::properties;
use crate::s3::S3;
use crate::stored;
use crate::tables::OBJECTS;

/// How many delete markers a page skips at most; one that met more ends early, so
/// that no request has to read through a bucket of deleted objects.
const SKIPPED_MAX: usize = 10_000;

/// A page of keys.
struct Page {
    objects: Vec<(String, ObjectVersion)>,
    prefixes: Vec<String>,
    /// The last key or common prefix, where more follow.
    next: Option<String>,
}

impl S3 {
    /// `ListObjectsV2`.
    pub(crate) fn list_objects_v2(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let bucket = self.bucket(call)?.value;
        let listing = Listing::of(call, "MaxKeys", "maxKeys")?;
        let token = input["ContinuationToken"].as_str();
        let place = match token.filter(|token| !token.is_empty()) {
            Some(token) => Some(page_token::read(token).ok_or_else(|| page_token::refused(token))?),
            None => input::text(input, "StartAfter").map(str::to_owned),
        };
        let page = self.page(&bucket, &listing, place.as_deref())?;
        let mut output = Object::new();
        listing.echo(&bucket, "MaxKeys", "Name", &mut output);
        output.insert("KeyCount", page.objects.len() + page.prefixes.len());
        output.insert("IsTruncated", page.next.is_some());
        if let Some(token) = token {
            output.insert("ContinuationToken", token);
        }
        if let Some(next) = &page.next {
            output.insert("NextContinuationToken", page_token::write(next));
        }
        if let Some(start) = input::text(input, "StartAfter") {
            output.insert("StartAfter", listing.text(start));
        }
        output.insert("Contents", contents(&bucket, &listing, &page.objects, input::flag(input, "FetchOwner")));
        output.insert("CommonPrefixes", listing.common_prefixes(&page.prefixes));
        Ok(Value::from(output).into())
    }

    /// `ListObjects`.
    pub(crate) fn list_objects(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        let listing = Listing::of(call, "MaxKeys", "maxKeys")?;
        let marker = call.input["Marker"].as_str().unwrap_or_default();
        let page = self.page(&bucket, &listing, Some(marker).filter(|marker| !marker.is_empty()))?;
        let mut output = Object::new();
        listing.echo(&bucket, "MaxKeys", "Name", &mut output);
        output.insert("Marker", listing.text(marker));
        output.insert("IsTruncated", page.next.is_some());
        // Without a delimiter the last key is the marker, unless the page ended behind it.
        let last = page.objects.last().map(|(key, _)| key);
        if let Some(next) = page.next.as_ref().filter(|next| listing.delimiter.is_some() || last != Some(*next)) {
            output.insert("NextMarker", listing.text(next));
        }
        output.insert("Contents", contents(&bucket, &listing, &page.objects, true));
        output.insert("CommonPrefixes", listing.common_prefixes(&page.prefixes));
        Ok(Value::from(output).into())
    }

    fn page(&self, bucket: &Bucket, listing: &Listing<'_>, marker: Option<&str>) -> Result<Page, Fault> {
        let mut page = Page { objects: Vec::new(), prefixes: Vec::new(), next: None };
        if listing.limit == 0 {
            return Ok(page);
        }
        let mut cursor = Cursor::new(&self.store, &OBJECTS, listing.range(bucket));
        if let Some(marker) = marker {
            cursor.seek(&listing.behind(bucket, marker));
        }
        let mut last = String::new();
        let mut skipped = 0;
        while let Some(row) = cursor.peek()? {
            let key = stored::text_column(row, 1);
            let version: ObjectVersion = stored::decode(&OBJECTS, row)?.value;
            if version.marker {
                if skipped == SKIPPED_MAX {
                    page.next = Some(key.to_owned());
                    break;
                }
                skipped += 1;
                cursor.step();
                continue;
            }
            if page.objects.len() + page.prefixes.len() == listing.limit {
                page.next = Some(last);
                break;
            }
            if let Some(common) = listing.common_prefix(key) {
                let common = common.to_owned();
                cursor.seek(&behind_prefix(bucket, &common));
                last.clone_from(&common);
                page.prefixes.push(common);
            } else {
                key.clone_into(&mut last);
                page.objects.push((key.to_owned(), version));
                cursor.step();
            }
        }
        Ok(page)
    }
}

fn contents(bucket: &Bucket, listing: &Listing<'_>, objects: &[(String, ObjectVersion)], has_owner: bool) -> Value {
    let entry = |(key, version): &(String, ObjectVersion)| {
        let mut entry = Object::new();
        entry.insert("Key", listing.text(key));
        describe(version, &mut entry);
        if has_owner {
            entry.insert("Owner", account::owner(&bucket.account));
        }
        Value::from(entry)
    };
    Value::array(objects.iter().map(entry).collect())
}

/// What every listing says of a version that is no delete marker.
pub(crate) fn describe(version: &ObjectVersion, entry: &mut Object) {
    entry.insert("LastModified", version.modified_seconds());
    entry.insert("ETag", version.quoted_etag());
    if let Some(checksum) = &version.checksum {
        entry.insert("ChecksumAlgorithm", Value::array(vec![checksum.algorithm.name().into()]));
        entry.insert("ChecksumType", checksum.kind.as_str());
    }
    entry.insert("Size", version.bytes);
    entry.insert("StorageClass", version.properties.storage_class.as_deref().unwrap_or(properties::STANDARD));
}
