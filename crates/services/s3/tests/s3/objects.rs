use windlass_protocol::{Body, Service};
use windlass_value::object;

use crate::world::{World, call, read};

const KIB: usize = 1024;

#[tokio::test]
async fn contents_come_back_whatever_their_size() {
    let world = World::new();
    world.bucket("bucket").await;
    for bytes in [0, 1, 32 * KIB, 32 * KIB + 1, 300 * KIB] {
        let content: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
        let key = format!("key{bytes}");
        world.put("bucket", &key, &content).await;
        assert_eq!(world.content("bucket", &key).await.expect("there"), content, "{bytes}");
    }
    // Small ones lie in the store.
    assert_eq!(world.files(), 2);
    // A replaced or deleted content goes.
    world.put("bucket", &format!("key{}", 300 * KIB), b"small").await;
    world.ok("DeleteObject", &format!(r#"{{"Bucket": "bucket", "Key": "key{}"}}"#, 32 * KIB + 1)).await;
    world.blobs.sweep_suspects().await.expect("swept");
    assert_eq!(world.files(), 0);
}

#[tokio::test]
async fn a_received_file_becomes_the_object() {
    use std::io::Write;
    use std::sync::Arc;

    use sha2::{Digest, Sha256};
    use windlass_protocol::{FileBody, Received};

    let world = World::new();
    world.bucket("bucket").await;
    let content = vec![7; 400 * KIB];
    let path = world.blobs.incoming_folder().join("upload");
    let mut file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).expect("made");
    file.write_all(&content).expect("written");
    let md5: [u8; 16] = md5::Md5::digest(&content).into();
    let received = Received { path: path.clone(), sha256: Sha256::digest(&content).into(), md5 };
    let body =
        FileBody { file: Arc::new(file), offset: 0, len: content.len() as u64, received: Some(Arc::new(received)) };
    let input = object! { "Bucket" => "bucket", "Key" => "key" };
    world.s3.call(call("PutObject", input, Body::file(body))).await.expect("put");
    assert!(!path.exists());
    assert_eq!(world.content("bucket", "key").await.expect("there"), content);
}

#[tokio::test]
async fn what_is_said_of_an_object_comes_back() {
    let world = World::new();
    world.bucket("bucket").await;
    let put = r#"{"Bucket": "bucket", "Key": "key", "ContentType": "text/plain", "CacheControl": "no-cache",
        "ContentEncoding": "gzip", "ContentLanguage": "de", "ContentDisposition": "inline", "Expires": "never",
        "Metadata": {"a": "b"}, "Tagging": "t=1&u=%C3%A4", "StorageClass": "STANDARD_IA"}"#;
    world.send("PutObject", put, "content").await.expect("put");
    let got = world.ok("HeadObject", r#"{"Bucket": "bucket", "Key": "key"}"#).await;
    let expected = [
        ("ContentType", "\"text/plain\""),
        ("CacheControl", "\"no-cache\""),
        ("ContentEncoding", "\"gzip\""),
        ("ContentLanguage", "\"de\""),
        ("ContentDisposition", "\"inline\""),
        ("Expires", "\"never\""),
        ("Metadata", r#"{"a":"b"}"#),
        ("TagCount", "2"),
        ("StorageClass", "\"STANDARD_IA\""),
        ("ContentLength", "7"),
        ("ETag", r#""\"9a0364b9e99bb480dd25e1f0284c8555\"""#),
        ("ServerSideEncryption", "\"AES256\""),
        ("LastModified", "1795348800"),
        ("AcceptRanges", "\"bytes\""),
    ];
    for (member, text) in expected {
        assert_eq!(got[member].to_text(), text, "{member}");
    }
    assert!(got["VersionId"].is_null());
    let tags = world.ok("GetObjectTagging", r#"{"Bucket": "bucket", "Key": "key"}"#).await;
    assert_eq!(tags.to_text(), r#"{"TagSet":[{"Key":"t","Value":"1"},{"Key":"u","Value":"ä"}]}"#);
    let overruled = r#"{"Bucket": "bucket", "Key": "key", "ResponseContentType": "x/y", "ResponseExpires": 0}"#;
    let got = world.ok("GetObject", overruled).await;
    assert_eq!(
        (got["ContentType"].as_str(), got["Expires"].as_str()),
        (Some("x/y"), Some("Thu, 01 Jan 1970 00:00:00 GMT"))
    );
}

#[tokio::test]
async fn ranges() {
    let world = World::new();
    world.bucket("bucket").await;
    world.put("bucket", "key", b"0123456789").await;
    let cases = [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=5-100", "56789", "bytes 5-9/10"),
    ];
    for (range, content, header) in cases {
        let input = format!(r#"{{"Bucket": "bucket", "Key": "key", "Range": "{range}"}}"#);
        let reply = world.send("GetObject", &input, Body::empty()).await.expect("got");
        assert_eq!(read(&reply), content.as_bytes(), "{range}");
        assert_eq!(reply.output["ContentRange"].as_str(), Some(header));
        assert_eq!(reply.output["ContentLength"].as_i64(), Some(content.len() as i64));
    }
    let input = r#"{"Bucket": "bucket", "Key": "key", "Range": "bytes=10-"}"#;
    let fault = world.ask("GetObject", input).await.expect_err("outside");
    assert_eq!((fault.code.as_str(), fault.status), ("InvalidRange", 416));
    assert_eq!(fault.members.get("ActualObjectSize").and_then(|bytes| bytes.as_i64()), Some(10));
}

#[tokio::test]
async fn conditions_of_reads() {
    let world = World::new();
    world.bucket("bucket").await;
    // Its MD5, and it is modified at 1795348800.
    world.put("bucket", "key", b"content").await;
    let (etag, other) = (r#""IfMatch": "\"9a0364b9e99bb480dd25e1f0284c8555\"""#, r#""IfMatch": "\"00\"""#);
    let (none, none_other) = (r#""IfNoneMatch": "9a0364b9e99bb480dd25e1f0284c8555""#, r#""IfNoneMatch": "\"00\"""#);
    let (modified, modified_old) = (r#""IfModifiedSince": 1795348800"#, r#""IfModifiedSince": 1795348799"#);
    let (unmodified, unmodified_old) = (r#""IfUnmodifiedSince": 1795348800"#, r#""IfUnmodifiedSince": 1795348799"#);
    let cases: [(&[&str], u16); 15] = [
        (&[etag], 200),
        (&[other], 412),
        (&[r#""IfMatch": "*""#], 200),
        (&[none], 304),
        (&[none_other], 200),
        (&[modified], 304),
        (&[modified_old], 200),
        (&[unmodified], 200),
        (&[unmodified_old], 412),
        // The entity tag outweighs the time.
        (&[etag, unmodified_old], 200),
        (&[other, unmodified], 412),
        (&[none_other, modified], 200),
        (&[none, modified_old], 304),
        (&[etag, none], 304),
        (&[other, none_other], 412),
    ];
    for (conditions, status) in cases {
        let input = format!(r#"{{"Bucket": "bucket", "Key": "key", {}}}"#, conditions.join(", "));
        let found = world.ask("GetObject", &input).await.map_or_else(|fault| fault.status, |_| 200);
        assert_eq!(found, status, "{conditions:?}");
    }
}

#[tokio::test]
async fn conditions_of_writes() {
    let world = World::new();
    world.bucket("bucket").await;
    let put = |key: &str, condition: &str| format!(r#"{{"Bucket": "bucket", "Key": "{key}", {condition}}}"#);
    assert_eq!(world.fails("PutObject", &put("new", r#""IfMatch": "x""#)).await, "NoSuchKey");
    world.send("PutObject", &put("new", r#""IfNoneMatch": "*""#), "content").await.expect("there was none");
    assert_eq!(world.fails("PutObject", &put("new", r#""IfNoneMatch": "*""#)).await, "PreconditionFailed");
    assert_eq!(world.fails("PutObject", &put("new", r#""IfMatch": "x""#)).await, "PreconditionFailed");
    assert_eq!(world.fails("PutObject", &put("new", r#""IfNoneMatch": "x""#)).await, "NotImplemented");
    let matching = put("new", r#""IfMatch": "\"9a0364b9e99bb480dd25e1f0284c8555\"""#);
    world.send("PutObject", &matching, "more").await.expect("it matches");
    assert_eq!(world.fails("PutObject", &matching).await, "PreconditionFailed");
}

#[tokio::test]
async fn of_many_who_put_if_none_is_there_one_does() {
    let world = std::sync::Arc::new(World::new());
    world.bucket("bucket").await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..20 {
        let world = world.clone();
        writers.spawn(async move {
            let input = r#"{"Bucket": "bucket", "Key": "lock", "IfNoneMatch": "*"}"#;
            world.send("PutObject", input, format!("{writer}")).await.is_ok()
        });
    }
    let won = writers.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn checksums_are_checked_and_kept() {
    let world = World::new();
    world.bucket("bucket").await;
    let cases = [
        // Nothing given: S3 keeps one all the same.
        ("", Ok(("ChecksumCRC64NVME", "WQF+Pn9+sLw="))),
        (r#", "ChecksumCRC32": "pwaoRw==""#, Err("BadDigest")),
        (
            r#", "ChecksumSHA256": "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=""#,
            Ok(("ChecksumSHA256", "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=")),
        ),
        (r#", "ChecksumSHA256": "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3N=""#, Err("InvalidRequest")),
        (r#", "ChecksumCRC32": "AAAA""#, Err("InvalidRequest")),
        (r#", "ChecksumCRC32": "pwaoRw==", "ChecksumSHA1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=""#, Err("InvalidRequest")),
        (r#", "ChecksumAlgorithm": "CRC32""#, Err("InvalidRequest")),
        (r#", "ContentMD5": "mgNkuembtIDdJeHwKEyFVQ==""#, Ok(("ChecksumType", "FULL_OBJECT"))),
        (r#", "ContentMD5": "AANkuembtIDdJeHwKEyFVQ==""#, Err("BadDigest")),
        (r#", "ContentMD5": "short""#, Err("InvalidDigest")),
        (r#", "ChecksumXXHASH64": "AAAAAAAAAAA=""#, Err("NotImplemented")),
    ];
    for (given, expected) in cases {
        let put = format!(r#"{{"Bucket": "bucket", "Key": "key"{given}}}"#);
        let found = world.send("PutObject", &put, "content").await;
        match expected {
            Err(code) => assert_eq!(found.expect_err(given).code, code, "{given}"),
            Ok((member, value)) => {
                let output = found.unwrap_or_else(|fault| panic!("{given}: {fault}")).output;
                if member != "ChecksumCRC64NVME" {
                    assert_eq!(output[member].as_str(), Some(value), "{given}");
                }
                let head =
                    world.ok("HeadObject", r#"{"Bucket": "bucket", "Key": "key", "ChecksumMode": "ENABLED"}"#).await;
                assert_eq!(head[member], output[member], "{given}");
                assert!(head[member].as_str().is_some(), "{given}");
            }
        }
    }
}

#[tokio::test]
async fn keys_of_customers_are_asked_for() {
    let world = World::new();
    world.bucket("bucket").await;
    let shown = |key: &str, md5: &str| {
        format!(r#", "SSECustomerAlgorithm": "AES256", "SSECustomerKey": "{key}", "SSECustomerKeyMD5": "{md5}""#)
    };
    let key = shown("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "cLyPS3KoaSFGi/joRB3OUQ==");
    let other = shown("BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "S2Ku1/k+6q1sd3h+KB531w==");
    let input = |more: &str| format!(r#"{{"Bucket": "bucket", "Key": "key"{more}}}"#);
    world.send("PutObject", &input(&key), "secret").await.expect("put");
    assert_eq!(world.fails("GetObject", &input("")).await, "InvalidRequest");
    assert_eq!(world.fails("GetObject", &input(&other)).await, "AccessDenied");
    assert_eq!(world.fails("PutObject", &input(&shown("AAAA", "AAAA"))).await, "InvalidArgument");
    let got = world.ok("GetObject", &input(&key)).await;
    assert_eq!(got["SSECustomerAlgorithm"].as_str(), Some("AES256"));
}

#[tokio::test]
async fn what_s3_refuses() {
    let world = World::new();
    world.bucket("bucket").await;
    world.put("bucket", "key", b"content").await;
    let long = "k".repeat(1025);
    let cases = [
        ("GetObject", r#"{"Bucket": "bucket", "Key": "none"}"#.to_owned(), "NoSuchKey"),
        ("GetObject", r#"{"Bucket": "none", "Key": "key"}"#.to_owned(), "NoSuchBucket"),
        ("GetObject", r#"{"Bucket": "bucket", "Key": "key", "VersionId": "x"}"#.to_owned(), "InvalidArgument"),
        (
            "GetObject",
            r#"{"Bucket": "bucket", "Key": "key", "ExpectedBucketOwner": "999999999999"}"#.to_owned(),
            "AccessDenied",
        ),
        ("PutObject", format!(r#"{{"Bucket": "bucket", "Key": "{long}"}}"#), "KeyTooLongError"),
        (
            "PutObject",
            r#"{"Bucket": "bucket", "Key": "key", "StorageClass": "NONE"}"#.to_owned(),
            "InvalidStorageClass",
        ),
        ("PutObject", r#"{"Bucket": "bucket", "Key": "key", "StorageClass": "GLACIER"}"#.to_owned(), "NotImplemented"),
        (
            "PutObject",
            r#"{"Bucket": "bucket", "Key": "key", "ACL": "public-read"}"#.to_owned(),
            "AccessControlListNotSupported",
        ),
        ("PutObject", r#"{"Bucket": "bucket", "Key": "key", "Tagging": "a=1&a=2"}"#.to_owned(), "InvalidArgument"),
        (
            "PutObject",
            r#"{"Bucket": "bucket", "Key": "key", "ServerSideEncryption": "ROT13"}"#.to_owned(),
            "InvalidArgument",
        ),
        (
            "PutObject",
            r#"{"Bucket": "bucket", "Key": "key", "ObjectLockMode": "GOVERNANCE"}"#.to_owned(),
            "InvalidRequest",
        ),
        (
            "PutObject",
            format!(r#"{{"Bucket": "bucket", "Key": "key", "Metadata": {{"a": "{}"}}}}"#, "v".repeat(2048)),
            "MetadataTooLarge",
        ),
        ("SelectObjectContent", r#"{"Bucket": "bucket", "Key": "key"}"#.to_owned(), "NotImplemented"),
    ];
    for (operation, input, code) in cases {
        assert_eq!(world.fails(operation, &input).await, code, "{operation} {input}");
    }
}

#[tokio::test]
async fn a_call_that_comes_again_has_effect_once() {
    let world = World::new();
    world.bucket("bucket").await;
    world.ok("PutBucketVersioning", r#"{"Bucket": "bucket", "VersioningConfiguration": {"Status": "Enabled"}}"#).await;
    let mut versions = Vec::new();
    for _ in 0..2 {
        let mut put = call("PutObject", object! { "Bucket" => "bucket", "Key" => "key" }, "content".into());
        put.idempotency_key = Some("once".into());
        versions.push(world.s3.call(put).await.expect("put").output);
    }
    assert_eq!(versions[0], versions[1]);
    let listed = world.ok("ListObjectVersions", r#"{"Bucket": "bucket"}"#).await;
    assert_eq!(listed["Versions"].as_array().map(|versions| versions.len()), Some(1));
}

#[tokio::test]
async fn a_key_twice_in_one_request() {
    let world = World::new();
    world.bucket("bucket").await;
    world.ok("PutBucketVersioning", r#"{"Bucket": "bucket", "VersioningConfiguration": {"Status": "Enabled"}}"#).await;
    world.put("bucket", "key", b"1").await;
    let input = r#"{"Bucket": "bucket", "Delete": {"Objects": [{"Key": "key"}, {"Key": "other"}, {"Key": "key"}]}}"#;
    let deleted = world.ok("DeleteObjects", input).await;
    assert_eq!(deleted["Deleted"].as_array().map(|entries| entries.len()), Some(3));
    let listed = world.ok("ListObjectVersions", r#"{"Bucket": "bucket"}"#).await;
    let count = |list: &str| listed[list].as_array().map(|entries| entries.len());
    assert_eq!((count("Versions"), count("DeleteMarkers")), (Some(1), Some(3)));
    // More than go in one commit.
    let objects: Vec<String> = (0..600).map(|at| format!(r#"{{"Key": "{at}"}}"#)).collect();
    for _ in 0..2 {
        let input = format!(r#"{{"Bucket": "bucket", "Delete": {{"Objects": [{}]}}}}"#, objects.join(","));
        let deleted = world.ok("DeleteObjects", &input).await;
        assert_eq!(deleted["Deleted"].as_array().map(|entries| entries.len()), Some(600));
    }
}

#[tokio::test]
async fn many_deletions_in_one_request() {
    let world = World::new();
    world.bucket("bucket").await;
    world.put("bucket", "a", b"1").await;
    world.put("bucket", "b", b"2").await;
    let input = r#"{"Bucket": "bucket", "Delete": {"Objects": [{"Key": "a"}, {"Key": "none"}, {"Key": "b", "ETag": "\"00\""}]}}"#;
    let deleted = world.ok("DeleteObjects", input).await;
    assert_eq!(deleted["Deleted"].to_text(), r#"[{"Key":"a"},{"Key":"none"}]"#);
    assert_eq!(deleted["Errors"].at(0).map(|error| error["Code"].to_text()), Some("\"PreconditionFailed\"".to_owned()));
    let quiet = r#"{"Bucket": "bucket", "Delete": {"Quiet": true, "Objects": [{"Key": "b"}]}}"#;
    assert_eq!(world.ok("DeleteObjects", quiet).await.to_text(), r#"{"Errors":[]}"#);
    assert_eq!(
        world.fails("DeleteObjects", r#"{"Bucket": "bucket", "Delete": {"Objects": []}}"#).await,
        "MalformedXML"
    );
}
