use crate::world::World;

#[tokio::test]
async fn copies_share_or_repeat_the_content() {
    let world = World::new();
    world.bucket("from").await;
    world.bucket("target").await;
    for content in [&b""[..], b"small", &[5; 100_000]] {
        let put = r#"{"Bucket": "from", "Key": "a b", "ContentType": "x/y", "Metadata": {"m": "1"}, "Tagging": "t=1"}"#;
        let put = world.send("PutObject", put, content.to_vec()).await.expect("put").output;
        let copied =
            world.ok("CopyObject", r#"{"Bucket": "target", "Key": "copy", "CopySource": "/from/a%20b"}"#).await;
        assert_eq!(copied["CopyObjectResult"]["ETag"], put["ETag"]);
        let head = world.ok("HeadObject", r#"{"Bucket": "target", "Key": "copy"}"#).await;
        assert_eq!((head["ContentType"].as_str(), head["Metadata"]["m"].as_str()), (Some("x/y"), Some("1")));
        assert_eq!(head["TagCount"].as_i64(), Some(1));
        world.ok("DeleteObject", r#"{"Bucket": "from", "Key": "a b"}"#).await;
        world.blobs.sweep().await.expect("swept");
        assert_eq!(world.content("target", "copy").await.expect("there"), content);
    }
    assert_eq!(world.files(), 1);
    world.ok("DeleteObject", r#"{"Bucket": "target", "Key": "copy"}"#).await;
    world.blobs.sweep().await.expect("swept");
    assert_eq!(world.files(), 0);
}

#[tokio::test]
async fn what_a_copy_may_change() {
    let world = World::new();
    world.bucket("bucket").await;
    let put = r#"{"Bucket": "bucket", "Key": "key", "ContentType": "x/y", "Metadata": {"m": "1"}, "Tagging": "t=1", "StorageClass": "STANDARD_IA"}"#;
    world.send("PutObject", put, "content").await.expect("put");
    let itself = |more: &str| format!(r#"{{"Bucket": "bucket", "Key": "key", "CopySource": "bucket/key"{more}}}"#);
    assert_eq!(world.fails("CopyObject", &itself("")).await, "InvalidRequest");
    let replace = itself(r#", "MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE", "Metadata": {"n": "2"}"#);
    world.ok("CopyObject", &replace).await;
    let head = world.ok("HeadObject", r#"{"Bucket": "bucket", "Key": "key"}"#).await;
    assert_eq!(head["Metadata"].to_text(), r#"{"n":"2"}"#);
    assert_eq!(head["ContentType"].as_str(), Some("binary/octet-stream"));
    // The class is not copied, and tags were replaced by none.
    assert!(head["StorageClass"].is_null() && head["TagCount"].is_null());
    assert_eq!(world.content("bucket", "key").await.expect("there"), b"content");
    let cases = [
        (r#", "MetadataDirective": "NONE""#, "InvalidArgument"),
        (r#", "StorageClass": "STANDARD", "CopySourceIfMatch": "\"00\"""#, "PreconditionFailed"),
        (r#", "StorageClass": "STANDARD", "CopySourceIfNoneMatch": "*""#, "PreconditionFailed"),
        (r#", "StorageClass": "STANDARD", "IfNoneMatch": "*""#, "PreconditionFailed"),
    ];
    for (more, code) in cases {
        assert_eq!(world.fails("CopyObject", &itself(more)).await, code, "{more}");
    }
    for (source, code) in [("none/key", "NoSuchBucket"), ("bucket/none", "NoSuchKey"), ("bucket", "InvalidArgument")] {
        let input = format!(r#"{{"Bucket": "bucket", "Key": "copy", "CopySource": "{source}"}}"#);
        assert_eq!(world.fails("CopyObject", &input).await, code, "{source}");
    }
}

#[tokio::test]
async fn an_old_version_is_brought_back_by_a_copy() {
    let world = World::new();
    world.bucket("bucket").await;
    world.ok("PutBucketVersioning", r#"{"Bucket": "bucket", "VersioningConfiguration": {"Status": "Enabled"}}"#).await;
    let first = world.put("bucket", "key", b"first").await;
    let first = first["VersionId"].as_str().expect("an id");
    world.put("bucket", "key", b"second").await;
    let input = format!(r#"{{"Bucket": "bucket", "Key": "key", "CopySource": "bucket/key?versionId={first}"}}"#);
    let copied = world.ok("CopyObject", &input).await;
    assert_eq!(copied["CopySourceVersionId"].as_str(), Some(first));
    assert_ne!(copied["VersionId"].as_str(), Some(first));
    assert_eq!(world.content("bucket", "key").await.expect("there"), b"first");
}

#[tokio::test]
async fn a_copy_asks_for_another_checksum() {
    let world = World::new();
    world.bucket("bucket").await;
    world.put("bucket", "key", &[3; 50_000]).await;
    let input = r#"{"Bucket": "bucket", "Key": "copy", "CopySource": "bucket/key", "ChecksumAlgorithm": "SHA256"}"#;
    let copied = world.ok("CopyObject", input).await;
    let put =
        world.send("PutObject", r#"{"Bucket": "bucket", "Key": "direct"}"#, vec![3; 50_000]).await.expect("put").output;
    assert_eq!(copied["CopyObjectResult"]["ETag"], put["ETag"]);
    assert!(copied["CopyObjectResult"]["ChecksumSHA256"].as_str().is_some());
}
