//! S3 as Map Runs read it and write to it: API calls under the role of the execution.

use std::sync::Arc;

use bytes::Bytes;
use windlass_journal::{ObjectBytes, ObjectPlace, Objects, ObjectsFuture};
use windlass_protocol::{Body, Call, Dispatcher, Fault, Principal, Reply};
use windlass_value::{Arn, Object, Text, Value, object};
use windlass_workflow::Identity;

use super::failure::Failure;
use super::models::SdkService;
use crate::environment::Environment;

/// The object store as one execution's role sees it.
pub(super) struct ExecutionObjects {
    pub(super) dispatcher: Dispatcher,
    pub(super) environment: Environment,
    pub(super) identity: Arc<Identity>,
}

impl ExecutionObjects {
    /// Makes a call; faults come as people read them.
    async fn call(&self, operation: &str, input: Value, body: impl Into<Body>) -> Result<Reply, Fault> {
        let identity = &self.identity;
        let account: Text = Arn::parse(&identity.arn).map_or_else(Text::default, |arn| arn.account.into());
        let request_id = self.environment.uuid();
        let call = Call {
            principal: Principal::under_role(&identity.role_arn, &account),
            account,
            region: identity.region.clone(),
            service: "s3".into(),
            operation: operation.into(),
            input,
            body: body.into(),
            source_arn: Some(identity.machine_arn.clone()),
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 1,
            request_id: request_id.clone(),
        };
        let answered = self.dispatcher.call(call).await;
        answered.map_err(|fault| fault.with_member(REQUEST_ID, &request_id))
    }
}

/// Where a fault carries the id of its request until it is told.
const REQUEST_ID: &str = "windlassRequestId";

fn told(fault: Fault) -> Text {
    let request_id = fault.members.get(REQUEST_ID).and_then(Value::as_str).unwrap_or_default();
    match SdkService::of("s3") {
        Some(service) => Failure::of_sdk_fault(&fault, service.prefix, service.model, request_id).cause,
        None => fault.message.as_str().into(),
    }
}

/// The body of an answer; blocking reads leave the runtime's threads.
async fn bytes_of(body: Body, bytes_max: u64) -> Result<Bytes, Text> {
    if let Some(bytes) = body.in_memory() {
        return Ok(bytes.clone());
    }
    let read = tokio::task::spawn_blocking(move || body.read(bytes_max)).await;
    let read = read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
    read.map_err(|error| format!("The object could not be read: {error}").into())
}

impl Objects for ExecutionObjects {
    fn read<'a>(
        &'a self,
        place: &'a ObjectPlace,
        offset: u64,
        bytes_max: u64,
        etag: Option<&'a str>,
    ) -> ObjectsFuture<'a, ObjectBytes> {
        Box::pin(async move {
            let last = offset.saturating_add(bytes_max.max(1)) - 1;
            let mut input = Object::new();
            input.insert("Bucket", &place.bucket);
            input.insert("Key", &place.key);
            input.insert("Range", format!("bytes={offset}-{last}"));
            if let Some(version_id) = &place.version_id {
                input.insert("VersionId", version_id);
            }
            if let Some(etag) = etag {
                input.insert("IfMatch", etag);
            }
            let reply = match self.call("GetObject", input.into(), Body::empty()).await {
                Ok(reply) => reply,
                // Nothing lies there: the object is empty, or ends before.
                Err(fault) if fault.code == "InvalidRange" => {
                    return Ok(ObjectBytes { bytes: Bytes::new(), length: offset, etag: etag.map(Text::from) });
                }
                Err(fault) => return Err(told(fault)),
            };
            let output = &reply.output;
            let range = output["ContentRange"].as_str().and_then(|range| range.rsplit_once('/'));
            let length = range.and_then(|(_, whole)| whole.parse().ok());
            let length = length.unwrap_or_else(|| offset + reply.body.len());
            let etag = output["ETag"].as_str().map(Text::from);
            // A store that does not know ranges answers the whole object.
            let is_part = range.is_some();
            let bytes = bytes_of(reply.body, bytes_max).await?;
            let bytes = match is_part || offset == 0 {
                true => bytes,
                false => return Err("The object store does not answer parts of objects.".into()),
            };
            Ok(ObjectBytes { bytes, length, etag })
        })
    }

    fn list<'a>(&'a self, bucket: &'a str, prefix: &'a str, start_after: Option<&'a str>) -> ObjectsFuture<'a, Value> {
        Box::pin(async move {
            let mut input = Object::new();
            input.insert("Bucket", bucket);
            input.insert("Prefix", prefix);
            if let Some(start_after) = start_after {
                input.insert("StartAfter", start_after);
            }
            let reply = self.call("ListObjectsV2", input.into(), Body::empty()).await.map_err(told)?;
            Ok(reply.output)
        })
    }

    fn put<'a>(&'a self, bucket: &'a str, key: &'a str, content: Bytes) -> ObjectsFuture<'a, ()> {
        Box::pin(async move {
            let input = object! {
                "Bucket" => bucket,
                "Key" => key,
                "ContentType" => content_type(key),
                "ContentLength" => content.len()
            };
            self.call("PutObject", input, content).await.map(|_| ()).map_err(told)
        })
    }

    fn create_upload<'a>(&'a self, bucket: &'a str, key: &'a str) -> ObjectsFuture<'a, Text> {
        Box::pin(async move {
            let input = object! { "Bucket" => bucket, "Key" => key, "ContentType" => content_type(key) };
            let reply = self.call("CreateMultipartUpload", input, Body::empty()).await.map_err(told)?;
            let upload = reply.output["UploadId"].as_str().map(Text::from);
            upload.ok_or_else(|| "The object store began no upload.".into())
        })
    }

    fn upload_part<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        upload: &'a str,
        number: u32,
        content: Bytes,
    ) -> ObjectsFuture<'a, Text> {
        Box::pin(async move {
            let input = object! {
                "Bucket" => bucket,
                "Key" => key,
                "UploadId" => upload,
                "PartNumber" => number,
                "ContentLength" => content.len()
            };
            let reply = self.call("UploadPart", input, content).await.map_err(told)?;
            let etag = reply.output["ETag"].as_str().map(Text::from);
            etag.ok_or_else(|| "The object store named no part.".into())
        })
    }

    fn complete_upload<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        upload: &'a str,
        etags: &'a [Text],
    ) -> ObjectsFuture<'a, ()> {
        Box::pin(async move {
            let part = |(at, etag): (usize, &Text)| object! { "ETag" => etag, "PartNumber" => at + 1 };
            let parts: Vec<Value> = etags.iter().enumerate().map(part).collect();
            let input = object! {
                "Bucket" => bucket,
                "Key" => key,
                "UploadId" => upload,
                "MultipartUpload" => object! { "Parts" => parts }
            };
            self.call("CompleteMultipartUpload", input, Body::empty()).await.map(|_| ()).map_err(told)
        })
    }

    fn abort_upload<'a>(&'a self, bucket: &'a str, key: &'a str, upload: &'a str) -> ObjectsFuture<'a, ()> {
        Box::pin(async move {
            let input = object! { "Bucket" => bucket, "Key" => key, "UploadId" => upload };
            self.call("AbortMultipartUpload", input, Body::empty()).await.map(|_| ()).map_err(told)
        })
    }
}

fn content_type(key: &str) -> &'static str {
    if key.ends_with(".json") { "application/json" } else { "application/jsonl" }
}
