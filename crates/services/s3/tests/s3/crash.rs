use windlass_protocol::Service;
use windlass_value::object;

use crate::world::{World, call};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let mut world = World::new();
    world.bucket("bucket").await;
    world.put("bucket", "small", b"small").await;
    world.put("bucket", "large", &[1; 100_000]).await;
    let begun = world.ok("CreateMultipartUpload", r#"{"Bucket": "bucket", "Key": "parts"}"#).await;
    let upload = begun["UploadId"].as_str().expect("an id").to_owned();
    let part = format!(r#"{{"Bucket": "bucket", "Key": "parts", "UploadId": "{upload}", "PartNumber": 1}}"#);
    let etag = world.send("UploadPart", &part, vec![2; 50_000]).await.expect("uploaded").output["ETag"].clone();
    world.crash();
    assert_eq!(world.content("bucket", "small").await.expect("there"), b"small");
    assert_eq!(world.content("bucket", "large").await.expect("there"), [1; 100_000]);
    world.blobs.sweep().await.expect("swept");
    let parts = format!(
        r#"{{"Bucket": "bucket", "Key": "parts", "UploadId": "{upload}", "MultipartUpload": {{"Parts": [{{"PartNumber": 1, "ETag": {etag}}}]}}}}"#
    );
    world.ok("CompleteMultipartUpload", &parts).await;
    world.crash();
    world.blobs.sweep().await.expect("swept");
    assert_eq!(world.content("bucket", "parts").await.expect("there"), [2; 50_000]);
    assert_eq!(world.files(), 2);
}

#[tokio::test]
async fn what_was_not_acknowledged_leaves_nothing() {
    let mut world = World::new();
    world.bucket("bucket").await;
    world.put("bucket", "key", b"before").await;
    world.faults.pause_syncs();
    let s3 = world.s3.clone();
    let put = tokio::spawn(async move {
        let input = object! { "Bucket" => "bucket", "Key" => "key" };
        s3.call(call("PutObject", input, vec![1; 100_000].into())).await
    });
    // The content is on disk, its commit waits.
    while world.files() == 0 {
        tokio::task::yield_now().await;
    }
    world.crash();
    assert!(put.await.expect("no panic").is_err());
    assert_eq!(world.content("bucket", "key").await.expect("there"), b"before");
    world.blobs.sweep().await.expect("swept");
    assert_eq!(world.files(), 0);
    assert_eq!(std::fs::read_dir(world.blobs.incoming_folder()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_failed_commit_is_said() {
    let world = World::new();
    world.bucket("bucket").await;
    world.faults.refuse_next_sync("the disk is full");
    let input = object! { "Bucket" => "bucket", "Key" => "key" };
    let fault = world.s3.call(call("PutObject", input, "x".into())).await.expect_err("refused");
    assert_eq!((fault.code.as_str(), fault.status), ("InternalError", 500));
    assert_eq!(world.fails("HeadObject", r#"{"Bucket": "bucket", "Key": "key"}"#).await, "NoSuchKey");
}
