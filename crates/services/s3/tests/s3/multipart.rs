use windlass_value::Value;

use crate::world::{World, read};

const MIB: usize = 1024 * 1024;

async fn begin(world: &World, more: &str) -> String {
    let begun = world.ok("CreateMultipartUpload", &format!(r#"{{"Bucket": "bucket", "Key": "big"{more}}}"#)).await;
    begun["UploadId"].as_str().expect("an id").to_owned()
}

fn named(upload: &str, more: &str) -> String {
    format!(r#"{{"Bucket": "bucket", "Key": "big", "UploadId": "{upload}"{more}}}"#)
}

async fn part(world: &World, upload: &str, number: usize, content: &[u8]) -> String {
    let input = named(upload, &format!(r#", "PartNumber": {number}"#));
    let output = world.send("UploadPart", &input, content.to_vec()).await.expect("uploaded").output;
    output["ETag"].as_str().expect("a tag").trim_matches('"').to_owned()
}

fn list(parts: &[(usize, &str)]) -> String {
    let parts: Vec<String> =
        parts.iter().map(|(number, etag)| format!(r#"{{"PartNumber": {number}, "ETag": "{etag}"}}"#)).collect();
    format!(r#", "MultipartUpload": {{"Parts": [{}]}}"#, parts.join(","))
}

#[tokio::test]
async fn parts_make_an_object() {
    let world = World::new();
    world.bucket("bucket").await;
    let upload = begin(&world, r#", "ContentType": "x/y", "Metadata": {"a": "b"}"#).await;
    let contents = [vec![1; 5 * MIB], vec![2; 5 * MIB], b"the end".to_vec()];
    let mut etags = Vec::new();
    // Uploaded out of order, one twice, with gaps between the numbers.
    part(&world, &upload, 2, &[9; 100]).await;
    for (number, content) in [(2, &contents[0]), (30, &contents[2]), (7, &contents[1])] {
        etags.push((number, part(&world, &upload, number, content).await));
    }
    part(&world, &upload, 8, b"left out").await;
    etags.sort();
    let listed = world.ok("ListParts", &named(&upload, r#", "MaxParts": 3"#)).await;
    assert_eq!((listed["NextPartNumberMarker"].as_i64(), listed["IsTruncated"].as_bool()), (Some(8), Some(true)));
    let rest = world.ok("ListParts", &named(&upload, r#", "PartNumberMarker": 8"#)).await;
    assert_eq!(rest["Parts"].at(0).and_then(|part| part["PartNumber"].as_i64()), Some(30));
    let parts: Vec<(usize, &str)> = etags.iter().map(|(number, etag)| (*number, etag.as_str())).collect();
    let done = world.ok("CompleteMultipartUpload", &named(&upload, &list(&parts))).await;
    assert_eq!(done["ETag"].as_str(), Some("\"847e6d7bd7f5bcb86a1dfcbeb47aa465-3\""));
    // A client that did not hear it asks again.
    assert_eq!(world.ok("CompleteMultipartUpload", &named(&upload, &list(&parts))).await, done);
    let whole = contents.concat();
    assert_eq!(world.content("bucket", "big").await.expect("there"), whole);
    let head = world.ok("HeadObject", r#"{"Bucket": "bucket", "Key": "big", "PartNumber": 2}"#).await;
    assert_eq!(head["PartsCount"].as_i64(), Some(3));
    assert_eq!(head["ContentLength"].as_i64(), Some(5 * MIB as i64));
    assert_eq!(head["Metadata"].to_text(), r#"{"a":"b"}"#);
    // Ranges within a part, over two and over all.
    for (from, to) in [(3, 10), (5 * MIB - 2, 5 * MIB + 1), (10 * MIB, 10 * MIB + 3), (MIB, 10 * MIB + 6)] {
        let input = format!(r#"{{"Bucket": "bucket", "Key": "big", "Range": "bytes={from}-{to}"}}"#);
        let reply = world.send("GetObject", &input, "").await.expect("got");
        assert_eq!(read(&reply), &whole[from..=to], "{from}-{to}");
        assert_eq!(reply.body.len() as usize, to - from + 1);
    }
    let attributes =
        r#"{"Bucket": "bucket", "Key": "big", "ObjectAttributes": ["ObjectParts", "ObjectSize", "Checksum"]}"#;
    let attributes = world.ok("GetObjectAttributes", attributes).await;
    assert_eq!(attributes["ObjectParts"]["TotalPartsCount"].as_i64(), Some(3));
    assert_eq!(attributes["Checksum"]["ChecksumType"].as_str(), Some("FULL_OBJECT"));
    // The checksum of the parts is that of the whole.
    world.put("bucket", "whole", &whole).await;
    let same = r#"{"Bucket": "bucket", "Key": "whole", "ObjectAttributes": ["Checksum"]}"#;
    assert_eq!(world.ok("GetObjectAttributes", same).await["Checksum"], attributes["Checksum"]);
    for key in ["big", "whole"] {
        world.ok("DeleteObject", &format!(r#"{{"Bucket": "bucket", "Key": "{key}"}}"#)).await;
    }
    world.blobs.sweep().await.expect("swept");
    assert_eq!(world.files(), 0);
}

#[tokio::test]
async fn what_completing_refuses() {
    let world = World::new();
    world.bucket("bucket").await;
    let upload = begin(&world, "").await;
    let first = part(&world, &upload, 1, b"small").await;
    let second = part(&world, &upload, 2, b"small too").await;
    let cases = [
        (list(&[]), "MalformedXML"),
        (list(&[(2, &second), (1, &first)]), "InvalidPartOrder"),
        (list(&[(1, &first), (1, &first)]), "InvalidPartOrder"),
        (list(&[(1, &first), (3, &second)]), "InvalidPart"),
        (list(&[(1, &second)]), "InvalidPart"),
        (list(&[(1, &first), (2, &second)]), "EntityTooSmall"),
        (list(&[(1, &first)]) + r#", "MpuObjectSize": 6"#, "InvalidRequest"),
        (list(&[(1, &first)]) + r#", "ChecksumCRC64NVME": "AAAAAAAAAAA=""#, "BadDigest"),
    ];
    for (parts, code) in cases {
        assert_eq!(world.fails("CompleteMultipartUpload", &named(&upload, &parts)).await, code, "{parts}");
    }
    world.put("bucket", "big", b"there").await;
    let only_new = list(&[(1, &first)]) + r#", "IfNoneMatch": "*""#;
    assert_eq!(world.fails("CompleteMultipartUpload", &named(&upload, &only_new)).await, "PreconditionFailed");
    world.ok("CompleteMultipartUpload", &named(&upload, &list(&[(1, &first)]))).await;
    assert_eq!(world.content("bucket", "big").await.expect("there"), b"small");
    assert_eq!(world.fails("AbortMultipartUpload", &named(&upload, "")).await, "NoSuchUpload");
    let part = named(&upload, r#", "PartNumber": 1"#);
    assert_eq!(world.fails("UploadPart", &part).await, "NoSuchUpload");
    assert_eq!(world.fails("UploadPart", &named("x", r#", "PartNumber": 1"#)).await, "NoSuchUpload");
    assert_eq!(world.fails("UploadPart", &named(&upload, r#", "PartNumber": 10001"#)).await, "InvalidArgument");
}

#[tokio::test]
async fn checksums_of_parts() {
    let world = World::new();
    world.bucket("bucket").await;
    let upload = begin(&world, r#", "ChecksumAlgorithm": "SHA256""#).await;
    let sha = "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
    let given = named(&upload, &format!(r#", "PartNumber": 1, "ChecksumSHA256": "{sha}""#));
    let output = world.send("UploadPart", &given, "content").await.expect("uploaded").output;
    assert_eq!(output["ChecksumSHA256"].as_str(), Some(sha));
    let other = named(&upload, r#", "PartNumber": 1, "ChecksumCRC32": "AAAAAA==""#);
    assert_eq!(world.fails("UploadPart", &other).await, "InvalidRequest");
    let etag = output["ETag"].as_str().expect("a tag").trim_matches('"');
    assert_eq!(world.fails("CompleteMultipartUpload", &named(&upload, &list(&[(1, etag)]))).await, "InvalidRequest");
    let parts = format!(
        r#", "MultipartUpload": {{"Parts": [{{"PartNumber": 1, "ETag": "{etag}", "ChecksumSHA256": "{sha}"}}]}}"#
    );
    let done = world.ok("CompleteMultipartUpload", &named(&upload, &parts)).await;
    assert_eq!(done["ChecksumType"].as_str(), Some("COMPOSITE"));
    assert!(done["ChecksumSHA256"].as_str().is_some_and(|value| value.ends_with("-1")), "{done}");
    let cases = [
        (r#", "ChecksumType": "FULL_OBJECT""#, "InvalidRequest"),
        (r#", "ChecksumAlgorithm": "SHA1", "ChecksumType": "FULL_OBJECT""#, "InvalidRequest"),
        (r#", "ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE""#, "InvalidRequest"),
        (r#", "ChecksumAlgorithm": "ROT13""#, "InvalidRequest"),
    ];
    for (more, code) in cases {
        let input = format!(r#"{{"Bucket": "bucket", "Key": "big"{more}}}"#);
        assert_eq!(world.fails("CreateMultipartUpload", &input).await, code, "{more}");
    }
}

#[tokio::test]
async fn uploads_are_listed_and_given_up() {
    let world = World::new();
    world.bucket("bucket").await;
    let mut ids = Vec::new();
    for key in ["a", "a", "b/1", "b/2", "c"] {
        world.later(10);
        let begun = world.ok("CreateMultipartUpload", &format!(r#"{{"Bucket": "bucket", "Key": "{key}"}}"#)).await;
        ids.push((key, begun["UploadId"].as_str().expect("an id").to_owned()));
    }
    let keys = |output: &Value| -> Vec<(String, String)> {
        let uploads = output["Uploads"].as_array().expect("a list");
        let text = |upload: &Value, member: &str| upload[member].as_str().expect("a text").to_owned();
        uploads.iter().map(|upload| (text(upload, "Key"), text(upload, "UploadId"))).collect()
    };
    let expected: Vec<(String, String)> = ids.iter().map(|(key, id)| ((*key).to_owned(), id.clone())).collect();
    assert_eq!(keys(&world.ok("ListMultipartUploads", r#"{"Bucket": "bucket"}"#).await), expected);
    let mut found = Vec::new();
    let mut marker = String::new();
    loop {
        let page = format!(r#"{{"Bucket": "bucket", "MaxUploads": 1{marker}}}"#);
        let page = world.ok("ListMultipartUploads", &page).await;
        found.extend(keys(&page));
        if page["IsTruncated"] != Value::Bool(true) {
            break;
        }
        marker =
            format!(r#", "KeyMarker": {}, "UploadIdMarker": {}"#, page["NextKeyMarker"], page["NextUploadIdMarker"]);
    }
    assert_eq!(found, expected);
    let rolled = world.ok("ListMultipartUploads", r#"{"Bucket": "bucket", "Delimiter": "/"}"#).await;
    assert_eq!(rolled["CommonPrefixes"].to_text(), r#"[{"Prefix":"b/"}]"#);
    for (key, id) in &ids[..2] {
        let input = format!(r#"{{"Bucket": "bucket", "Key": "{key}", "UploadId": "{id}"}}"#);
        let part = format!(r#"{{"Bucket": "bucket", "Key": "{key}", "UploadId": "{id}", "PartNumber": 1}}"#);
        world.send("UploadPart", &part, vec![1; MIB]).await.expect("uploaded");
        world.ok("AbortMultipartUpload", &input).await;
    }
    world.blobs.sweep_suspects().await.expect("swept");
    assert_eq!(world.files(), 0);
    // A bucket without objects goes with its uploads.
    world.ok("DeleteBucket", r#"{"Bucket": "bucket"}"#).await;
    world.bucket("bucket").await;
    assert!(keys(&world.ok("ListMultipartUploads", r#"{"Bucket": "bucket"}"#).await).is_empty());
}

#[tokio::test]
async fn parts_are_copied() {
    let world = World::new();
    world.bucket("bucket").await;
    let source: Vec<u8> = (0..6 * MIB).map(|at| (at / 7) as u8).collect();
    world.put("bucket", "source", &source).await;
    let upload = begin(&world, "").await;
    let copied =
        world.ok("UploadPartCopy", &named(&upload, r#", "PartNumber": 1, "CopySource": "bucket/source""#)).await;
    let ranged = named(&upload, r#", "PartNumber": 2, "CopySource": "bucket/source", "CopySourceRange": "bytes=5-14""#);
    let ranged = world.ok("UploadPartCopy", &ranged).await;
    let beyond =
        format!(r#", "PartNumber": 2, "CopySource": "bucket/source", "CopySourceRange": "bytes=0-{}""#, 6 * MIB);
    assert_eq!(world.fails("UploadPartCopy", &named(&upload, &beyond)).await, "InvalidArgument");
    let etag = |output: &Value| output["CopyPartResult"]["ETag"].as_str().expect("a tag").trim_matches('"').to_owned();
    let (first, second) = (etag(&copied), etag(&ranged));
    world.ok("CompleteMultipartUpload", &named(&upload, &list(&[(1, &first), (2, &second)]))).await;
    let expected = [&source[..], &source[5..15]].concat();
    assert_eq!(world.content("bucket", "big").await.expect("there"), expected);
}
