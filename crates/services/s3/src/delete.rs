use std::collections::HashSet;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::bucket::{Bucket, Versioning};
use crate::change::{Change, step_of};
use crate::conditions::{self, DeleteConditions};
use crate::event::{Event, EventKind};
use crate::faults;
use crate::input;
use crate::object::{NULL_VERSION, ObjectVersion, object_key};
use crate::properties;
use crate::s3::S3;
use crate::tables::OBJECTS;

/// How many objects one request deletes at most.
const DELETE_MAX: usize = 1000;

/// How many of them go in one commit.
const DELETE_AT_ONCE: usize = 250;

/// Cuts the objects of a request into groups that are deleted in one commit each. No
/// group has a key twice: what is to be done with it depends on what was done before.
fn groups(objects: &[Value]) -> Result<Vec<&[Value]>, Fault> {
    let mut groups = Vec::new();
    let (mut start, mut keys) = (0, HashSet::new());
    for (at, object) in objects.iter().enumerate() {
        let key = object["Key"].as_str().ok_or_else(faults::malformed_xml)?;
        if keys.len() == DELETE_AT_ONCE || keys.contains(key) {
            groups.push(&objects[start..at]);
            start = at;
            keys.clear();
        }
        keys.insert(key);
    }
    groups.push(&objects[start..]);
    Ok(groups)
}

/// What became of a deletion.
#[derive(Default)]
pub(crate) struct Deleted {
    /// The version that was named, or the delete marker that was made.
    pub(crate) version: Option<String>,
    /// A delete marker was made or removed.
    pub(crate) marker: bool,
}

impl S3 {
    /// `DeleteObject`.
    pub(crate) async fn delete_object(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let key = properties::object_key(call)?;
        let version = input::text(input, "VersionId");
        let conditions = DeleteConditions {
            etag: input::text(input, "IfMatch"),
            modified: input::instant(input, "IfMatchLastModifiedTime"),
            bytes: input::integer(input, "IfMatchSize"),
        };
        let deleted = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            let deleted = self.delete_key(change, &bucket, key, version, &conditions)?;
            let mut output = Object::new();
            if deleted.marker {
                output.insert("DeleteMarker", true);
            }
            if let Some(version) = deleted.version {
                output.insert("VersionId", version);
            }
            Ok(output.into())
        });
        deleted.await.map(Reply::from)
    }

    /// `DeleteObjects`.
    pub(crate) async fn delete_objects(&self, call: &Call) -> Outcome {
        self.bucket(call)?;
        let asked = &call.input["Delete"];
        let objects = input::list(asked, "Objects");
        if objects.is_empty() || objects.len() > DELETE_MAX {
            return Err(faults::malformed_xml());
        }
        let is_quiet = input::flag(asked, "Quiet");
        let (mut done, mut errors) = (Vec::new(), Vec::new());
        for (step, group) in groups(objects)?.into_iter().enumerate() {
            let step = step_of(call, step);
            let deleted = self.change(&step, |change| {
                let bucket = self.bucket_for_change(change, call)?;
                let entries = group.iter().map(|object| self.delete_one(change, &bucket, object));
                Ok(Value::array(entries.collect::<Result<_, Fault>>()?))
            });
            let entries = deleted.await?;
            for entry in entries.as_array().map_or(&[][..], |entries| entries) {
                if entry["Code"].is_null() { done.push(entry.clone()) } else { errors.push(entry.clone()) }
            }
        }
        let mut output = Object::new();
        if !is_quiet {
            output.insert("Deleted", Value::array(done));
        }
        output.insert("Errors", Value::array(errors));
        Ok(Value::from(output).into())
    }

    /// Adds one deletion of many to a change, and answers what becomes of it. What may
    /// not be deleted is an answer too: the others are deleted all the same.
    fn delete_one(&self, change: &mut Change, bucket: &Bucket, object: &Value) -> Result<Value, Fault> {
        let key = object["Key"].as_str().ok_or_else(faults::malformed_xml)?;
        let version = input::text(object, "VersionId");
        let conditions = DeleteConditions {
            etag: input::text(object, "ETag"),
            modified: input::instant(object, "LastModifiedTime"),
            bytes: input::integer(object, "Size"),
        };
        let mut entry = Object::new();
        entry.insert("Key", key);
        if let Some(version) = version {
            entry.insert("VersionId", version);
        }
        match self.delete_key(change, bucket, key, version, &conditions) {
            Ok(deleted) if deleted.marker => {
                entry.insert("DeleteMarker", true);
                entry.insert("DeleteMarkerVersionId", deleted.version);
            }
            Ok(_) => {}
            Err(fault) if fault.status < 500 => {
                entry.insert("Code", fault.code);
                entry.insert("Message", fault.message);
            }
            Err(fault) => return Err(fault),
        }
        Ok(entry.into())
    }

    /// Adds the deletion of a key, or of one version of it, to a change.
    ///
    /// # Errors
    /// The conditions do not hold; the version's id is none; the store cannot be read.
    pub(crate) fn delete_key(
        &self,
        change: &mut Change,
        bucket: &Bucket,
        key: &str,
        version: Option<&str>,
        conditions: &DeleteConditions<'_>,
    ) -> Result<Deleted, Fault> {
        if let Some(version) = version {
            if let Some(placed) = self.version(bucket, key, version)? {
                conditions::check_delete(conditions, Some(&placed.found.value))?;
            } else {
                conditions::check_delete(conditions, None)?;
            }
            let gone = self.remove_version(change, bucket, key, version)?;
            let shown = (bucket.versioning.is_some() || version != NULL_VERSION).then(|| version.to_owned());
            let Some(gone) = gone else { return Ok(Deleted { version: shown, marker: false }) };
            change.events.push(Event::removed(EventKind::Delete, bucket, key, &gone));
            return Ok(Deleted { version: shown, marker: gone.marker });
        }
        let current = self.current_for_change(change, bucket, key)?;
        conditions::check_delete(conditions, current.as_ref())?;
        match bucket.versioning {
            None => {
                let Some(current) = current else { return Ok(Deleted::default()) };
                self.forget_content(change, bucket, &current.content)?;
                change.batch.delete(&OBJECTS, object_key(bucket, key));
                change.events.push(Event::removed(EventKind::Delete, bucket, key, &current));
                Ok(Deleted::default())
            }
            Some(Versioning::Enabled | Versioning::Suspended) => {
                let marker = ObjectVersion { marker: true, ..ObjectVersion::default() };
                let marker = self.supersede(change, bucket, key, current, marker)?;
                change.events.push(Event::removed(EventKind::MarkerCreated, bucket, key, &marker));
                Ok(Deleted { version: Some(marker.version_text().to_owned()), marker: true })
            }
        }
    }
}
