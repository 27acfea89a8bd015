use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use windlass_blob::BlobStore;
use windlass_outbox::{Answers, Outbox, OutboxOptions};
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Reply, Service};
use windlass_store::{Store, StoreError};
use windlass_value::{Now, Text};

use crate::config::S3Config;
use crate::delivery::{Deliverer, Sender};
use crate::faults;

/// The name of this service's outbox and answers.
const NAME: &str = "s3";

/// The S3 service.
pub struct S3 {
    pub(crate) store: Store,
    pub(crate) blobs: BlobStore,
    pub(crate) sender: Arc<Sender>,
    pub(crate) outbox: Outbox,
    pub(crate) answers: Answers,
    pub(crate) now: Now,
    pub(crate) config: S3Config,
    /// The ids of buckets that are being deleted just now.
    pub(crate) deleting: Mutex<HashSet<String>>,
    pub(crate) stopping: AtomicBool,
    pub(crate) wake: Notify,
    sweeper: Mutex<Option<JoinHandle<()>>>,
}

impl S3 {
    /// Opens the service over a store that declares [`crate::TABLES`],
    /// [`windlass_blob::TABLES`] and [`windlass_outbox::TABLES`].
    ///
    /// # Errors
    /// The store does not answer.
    pub fn open(
        store: Store,
        blobs: BlobStore,
        dispatcher: Dispatcher,
        config: S3Config,
        now: Now,
    ) -> Result<Arc<S3>, StoreError> {
        let options = OutboxOptions { concurrency_max: config.deliveries_max };
        Ok(Arc::new(S3 {
            outbox: Outbox::open(&store, NAME, now.clone(), options)?,
            answers: Answers::open(&store, NAME, now.clone()),
            sender: Arc::new(Sender { dispatcher, now: now.clone() }),
            store,
            blobs,
            now,
            config,
            deleting: Mutex::default(),
            stopping: AtomicBool::new(false),
            wake: Notify::new(),
            sweeper: Mutex::default(),
        }))
    }

    /// Begins to deliver notifications and to apply lifecycle rules, and takes up
    /// what an earlier run left. Must be called within a tokio runtime with time.
    pub fn start(self: &Arc<S3>) {
        self.outbox.start(Arc::new(Deliverer { sender: self.sender.clone() }));
        let mut sweeper = self.sweeper.lock();
        if sweeper.is_none() {
            *sweeper = Some(tokio::spawn(crate::lifecycle::run(Arc::downgrade(self))));
        }
    }

    /// Ends what [`S3::start`] began. Notifications that are left stay stored.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.notify_one();
        let sweeper = self.sweeper.lock().take();
        if let Some(sweeper) = sweeper
            && let Err(error) = sweeper.await
        {
            tracing::warn!(%error, "the lifecycle of objects ended early");
        }
        self.outbox.stop().await;
    }

    async fn answer(&self, call: Call) -> Outcome {
        if let Some(answer) = self.first_answer(&call)? {
            return Ok(answer.into());
        }
        if let Some(answered) = self.answer_settings(&call).await {
            return answered;
        }
        match &*call.operation {
            "CreateBucket" => self.create_bucket(&call).await,
            "HeadBucket" => self.head_bucket(&call),
            "DeleteBucket" => self.delete_bucket(&call).await,
            "ListBuckets" => self.list_buckets(&call),
            "GetBucketLocation" => self.get_bucket_location(&call),
            "GetBucketAcl" => self.get_bucket_acl(&call),
            "PutBucketAcl" => self.put_bucket_acl(&call).await,
            "GetBucketNotificationConfiguration" => self.get_notifications(&call),
            "PutBucketNotificationConfiguration" => self.put_notifications(&call).await,
            "ListObjects" => self.list_objects(&call),
            "ListObjectsV2" => self.list_objects_v2(&call),
            "ListObjectVersions" => self.list_object_versions(&call),
            "PutObject" => self.put_object(&call).await,
            "GetObject" => self.get_object(&call),
            "HeadObject" => self.head_object(&call),
            "GetObjectAttributes" => self.get_object_attributes(&call),
            "DeleteObject" => self.delete_object(&call).await,
            "DeleteObjects" => self.delete_objects(&call).await,
            "CopyObject" => self.copy_object(&call).await,
            "GetObjectAcl" => self.get_object_acl(&call),
            "PutObjectAcl" => self.put_object_acl(&call).await,
            "GetObjectTagging" => self.get_object_tagging(&call),
            "PutObjectTagging" => self.put_object_tagging(&call).await,
            "DeleteObjectTagging" => self.delete_object_tagging(&call).await,
            "CreateMultipartUpload" => self.create_multipart_upload(&call).await,
            "UploadPart" => self.upload_part(&call).await,
            "UploadPartCopy" => self.upload_part_copy(&call).await,
            "CompleteMultipartUpload" => self.complete_multipart_upload(&call).await,
            "AbortMultipartUpload" => self.abort_multipart_upload(&call).await,
            "ListParts" => self.list_parts(&call),
            "ListMultipartUploads" => self.list_multipart_uploads(&call),
            other => Err(faults::operation_not_implemented(other)),
        }
    }
}

impl Service for S3 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }

    fn resource_policy<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        Box::pin(std::future::ready(self.policy_of(resource_arn)))
    }

    fn resource_account<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        Box::pin(std::future::ready(self.owner_of(resource_arn)))
    }
}

/// An answer without members.
pub(crate) fn nothing() -> Reply {
    windlass_value::Value::empty_object().into()
}
