use std::sync::Arc;

use windlass_blob::BlobId;
use windlass_protocol::{Body, Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::checksum::{Algorithm, Computed, Expected};
use crate::conditions;
use crate::content::{Held, INLINE_BYTES_MAX, blocking, unreadable};
use crate::event::{Event, EventKind};
use crate::faults;
use crate::object::ObjectVersion;
use crate::properties;
use crate::s3::S3;

/// The largest object in one request.
pub(crate) const PUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

impl S3 {
    /// `PutObject`.
    pub(crate) async fn put_object(&self, call: &Call) -> Outcome {
        let key = properties::object_key(call)?;
        let bucket = self.bucket(call)?.value;
        // What is wrong with the request is said before anything is written.
        properties::of_request(&bucket, &call.input)?;
        if !call.input["WriteOffsetBytes"].is_null() {
            return Err(faults::not_implemented("x-amz-write-offset-bytes"));
        }
        let expected = Expected::of(&call.input)?;
        let (held, computed) = self.receive(&call.body, &expected, PUT_BYTES_MAX, expected.algorithm()).await?;
        let output = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            let current = self.current_for_change(change, &bucket, key)?;
            conditions::check_write(&call.input, key, current.as_ref())?;
            let new = ObjectVersion {
                etag: computed.etag(),
                bytes: held.bytes,
                content: held.put(&self.blobs, change, &bucket),
                checksum: Some(computed.checksum()),
                properties: properties::of_request(&bucket, &call.input)?,
                ..ObjectVersion::default()
            };
            let new = self.supersede(change, &bucket, key, current, new)?;
            change.events.push(Event::created(EventKind::Put, &bucket, key, &new));
            let mut output = Object::new();
            output.insert("ETag", new.quoted_etag());
            computed.checksum().write(&mut output);
            new.properties.encryption.write(&mut output);
            if let Some(version) = new.version.as_deref() {
                output.insert("VersionId", version);
            }
            Ok(output.into())
        });
        let output = output.await?;
        held.keep();
        Ok(Reply::from(output))
    }

    /// Takes the content of a request: computes what its headers promise, and
    /// brings it to disk unless it is small.
    ///
    /// # Errors
    /// `EntityTooLarge`, `BadDigest`; the disk refuses.
    pub(crate) async fn receive(
        &self,
        body: &Body,
        expected: &Expected,
        bytes_max: u64,
        algorithm: Algorithm,
    ) -> Result<(Held, Computed), Fault> {
        if body.len() > bytes_max {
            return Err(faults::entity_too_large(body.len(), bytes_max));
        }
        if let Some(bytes) = body.in_memory().filter(|bytes| bytes.len() as u64 <= INLINE_BYTES_MAX) {
            let computed = Computed::of(bytes, algorithm);
            expected.check(&computed)?;
            if let Some(other) = expected.beside(algorithm) {
                expected.check(&Computed::of(bytes, other))?;
            }
            return Ok((Held::inline(bytes.clone())?, computed));
        }
        if let Some(other) = expected.beside(algorithm) {
            let body = body.clone();
            let md5 = expected.md5.unwrap_or_default();
            expected.check(&blocking(move || Computed::of_body(&body, other, Some(md5))).await?)?;
        }
        let received = body.in_file().filter(|file| file.offset == 0).and_then(|file| file.received.clone());
        let shared = Arc::new((body.clone(), expected.clone()));
        if let Some(received) = received {
            let md5 = received.md5;
            let computed = blocking(move || Computed::of_body(&shared.0, algorithm, Some(md5))).await?;
            expected.check(&computed)?;
            let adopted = self.blobs.adopt(received.path.clone(), BlobId::new(received.sha256)).await;
            return Ok((Held::file(adopted.map_err(|error| unreadable(&error))?)?, computed));
        }
        // Checked before it is written: what was cut off or changed on its way needs no disk.
        let read = shared.clone();
        let computed = blocking(move || Computed::of_body(&read.0, algorithm, None)).await?;
        expected.check(&computed)?;
        let body = body.clone();
        let written =
            self.blobs.write_with(move |incoming| crate::content::each_piece(&body, |bytes| incoming.write(bytes)));
        let written = written.await.map_err(|error| unreadable(&error))?;
        Ok((Held::file(written.blob)?, computed))
    }
}

/// What an answer says of a version's id, in a bucket with versions.
pub(crate) fn version_id(version: &ObjectVersion) -> Value {
    version.version.as_deref().map(Value::from).unwrap_or_default()
}
