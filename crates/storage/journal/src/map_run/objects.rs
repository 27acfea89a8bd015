use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use windlass_value::{Text, Value};

/// What an object store answers, later.
pub type ObjectsFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Text>> + Send + 'a>>;

/// An object by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPlace {
    /// The bucket.
    pub bucket: Text,
    /// The key.
    pub key: Text,
    /// The version; `None`: the latest.
    pub version_id: Option<Text>,
}

/// Some bytes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectBytes {
    /// The bytes, fewer than asked for at the object's end.
    pub bytes: Bytes,
    /// Bytes of the whole object.
    pub length: u64,
    /// The object's entity tag.
    pub etag: Option<Text>,
}

/// The object store that Map Runs read items from and write results to, under one
/// role. Faults are texts for people, which the Map Run fails with.
pub trait Objects: Send + Sync {
    /// Bytes of an object; `etag` is what the object must still have.
    fn read<'a>(
        &'a self,
        place: &'a ObjectPlace,
        offset: u64,
        bytes_max: u64,
        etag: Option<&'a str>,
    ) -> ObjectsFuture<'a, ObjectBytes>;

    /// A page of a listing, by member name as `ListObjectsV2` answers it.
    fn list<'a>(&'a self, bucket: &'a str, prefix: &'a str, start_after: Option<&'a str>) -> ObjectsFuture<'a, Value>;

    /// Writes a whole object.
    fn put<'a>(&'a self, bucket: &'a str, key: &'a str, content: Bytes) -> ObjectsFuture<'a, ()>;

    /// Begins an object of many parts and answers the upload's id.
    fn create_upload<'a>(&'a self, bucket: &'a str, key: &'a str) -> ObjectsFuture<'a, Text>;

    /// Writes a part, numbered from 1, and answers its entity tag.
    fn upload_part<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        upload: &'a str,
        number: u32,
        content: Bytes,
    ) -> ObjectsFuture<'a, Text>;

    /// Makes an object of the parts whose entity tags are given in order.
    fn complete_upload<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        upload: &'a str,
        etags: &'a [Text],
    ) -> ObjectsFuture<'a, ()>;

    /// Lets an upload go.
    fn abort_upload<'a>(&'a self, bucket: &'a str, key: &'a str, upload: &'a str) -> ObjectsFuture<'a, ()>;
}
