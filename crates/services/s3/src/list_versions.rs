use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::{Key, Row};
use windlass_value::{Object, Value};

use crate::account;
use crate::bucket::Bucket;
use crate::cursor::Cursor;
use crate::faults;
use crate::input;
use crate::list_objects::describe;
use crate::listing::{Listing, behind_key, behind_prefix};
use crate::object::{ObjectVersion, version_key};
use crate::s3::S3;
use crate::stored;
use crate::tables::{OBJECTS, VERSIONS};

impl S3 {
    /// `ListObjectVersions`.
    pub(crate) fn list_object_versions(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let bucket = self.bucket(call)?.value;
        let listing = Listing::of(call, "MaxKeys", "maxKeys")?;
        let key_marker = input::text(input, "KeyMarker");
        let version_marker = input::text(input, "VersionIdMarker");
        if version_marker.is_some() && key_marker.is_none() {
            return Err(faults::invalid_argument(
                "A version-id marker cannot be specified without a key marker.",
                "version-id-marker",
                version_marker.unwrap_or_default(),
            ));
        }
        let mut walk = Walk::new(self, &bucket, &listing);
        if let Some(marker) = key_marker {
            walk.begin(self, &bucket, &listing, marker, version_marker)?;
        }
        let (mut versions, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
        let mut last: Option<(String, Option<String>)> = None;
        let mut is_truncated = false;
        while listing.limit > 0
            && let Some((key, version, is_latest)) = walk.peek()?
        {
            if versions.len() + markers.len() + prefixes.len() == listing.limit {
                is_truncated = true;
                break;
            }
            if let Some(common) = listing.common_prefix(&key) {
                walk.seek(&behind_prefix(&bucket, common));
                prefixes.push(common.to_owned());
                last = Some((common.to_owned(), None));
                continue;
            }
            let mut entry = Object::new();
            entry.insert("Key", listing.text(&key));
            entry.insert("VersionId", version.version_text());
            entry.insert("IsLatest", is_latest);
            entry.insert("Owner", account::owner(&bucket.account));
            if version.marker {
                entry.insert("LastModified", version.modified_seconds());
                markers.push(entry.into());
            } else {
                describe(&version, &mut entry);
                versions.push(entry.into());
            }
            last = Some((key, Some(version.version_text().to_owned())));
            walk.step();
        }
        let mut output = Object::new();
        listing.echo(&bucket, "MaxKeys", "Name", &mut output);
        output.insert("KeyMarker", listing.text(key_marker.unwrap_or_default()));
        output.insert("VersionIdMarker", version_marker.unwrap_or_default());
        output.insert("IsTruncated", is_truncated);
        if is_truncated && let Some((key, version)) = last {
            output.insert("NextKeyMarker", listing.text(&key));
            if let Some(version) = version {
                output.insert("NextVersionIdMarker", version);
            }
        }
        output.insert("Versions", Value::array(versions));
        output.insert("DeleteMarkers", Value::array(markers));
        output.insert("CommonPrefixes", listing.common_prefixes(&prefixes));
        Ok(Value::from(output).into())
    }
}

/// Current and earlier versions in one order: by key, and the newest of a key first.
struct Walk<'a> {
    current: Cursor<'a>,
    earlier: Cursor<'a>,
    /// Whether the last look was at a current version.
    at_current: bool,
}

impl<'a> Walk<'a> {
    fn new(s3: &'a S3, bucket: &Bucket, listing: &Listing<'_>) -> Walk<'a> {
        let range = listing.range(bucket);
        Walk {
            current: Cursor::new(&s3.store, &OBJECTS, range.clone()),
            earlier: Cursor::new(&s3.store, &VERSIONS, range),
            at_current: true,
        }
    }

    /// Skips what an earlier page showed: up to a key, or up to a version of it.
    fn begin(
        &mut self,
        s3: &S3,
        bucket: &Bucket,
        listing: &Listing<'_>,
        key: &str,
        version: Option<&str>,
    ) -> Result<(), Fault> {
        let behind = listing.behind(bucket, key);
        self.current.seek(&behind);
        let placed = match version {
            Some(version) => s3.version(bucket, key, version)?,
            None => None,
        };
        match placed {
            // The rows of earlier versions lie behind it from the newest on.
            Some(placed) if placed.is_current => self.earlier.seek(&bucket.rows().text(key)),
            Some(placed) => {
                let row = version_key(bucket, key, placed.found.value.sequence);
                self.earlier.seek(&row.fixed(&[0]));
            }
            // A version that is gone since: the next older one by its id.
            None => match version.and_then(crate::identifier::sequence) {
                Some(sequence) => self.earlier.seek(&version_key(bucket, key, sequence).fixed(&[0])),
                None => self.earlier.seek(&behind_key(bucket, key)),
            },
        }
        if version.is_none() {
            self.earlier.seek(&behind);
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<(String, ObjectVersion, bool)>, Fault> {
        let current = self.current.peek()?.map(|row| stored::text_column(row, 1).to_owned());
        let earlier = self.earlier.peek()?.map(|row| stored::text_column(row, 1).to_owned());
        self.at_current = match (&current, &earlier) {
            (None, None) => return Ok(None),
            (Some(current), Some(earlier)) => current <= earlier,
            (current, _) => current.is_some(),
        };
        let (cursor, table) =
            if self.at_current { (&mut self.current, &OBJECTS) } else { (&mut self.earlier, &VERSIONS) };
        let Some(row): Option<&Row> = cursor.peek()? else { return Ok(None) };
        let version = stored::decode(table, row)?.value;
        Ok(Some((stored::text_column(row, 1).to_owned(), version, self.at_current)))
    }

    fn step(&mut self) {
        if self.at_current { self.current.step() } else { self.earlier.step() }
    }

    fn seek(&mut self, key: &Key) {
        self.current.seek(key);
        self.earlier.seek(key);
    }
}
