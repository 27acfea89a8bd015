use windlass_value::Value;

use crate::world::World;

fn texts<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().map(|items| items.iter().filter_map(|item| item[member].as_str()).collect()).unwrap_or_default()
}

async fn filled(keys: &[&str]) -> World {
    let world = World::new();
    world.bucket("bucket").await;
    for key in keys {
        world.put("bucket", key, b"x").await;
    }
    world
}

#[tokio::test]
async fn prefixes_and_delimiters() {
    let world = filled(&["a", "a/1", "a/2/x", "a/2/y", "a/3", "b", "b/", "b/1", "ä/1", "z"]).await;
    // What is asked, keys and common prefixes.
    let cases: [(&str, &[&str], &[&str]); 10] = [
        ("", &["a", "a/1", "a/2/x", "a/2/y", "a/3", "b", "b/", "b/1", "z", "ä/1"], &[]),
        (r#", "Delimiter": "/""#, &["a", "b", "z"], &["a/", "b/", "ä/"]),
        (r#", "Delimiter": "/", "Prefix": "a/""#, &["a/1", "a/3"], &["a/2/"]),
        (r#", "Delimiter": "/", "Prefix": "a""#, &["a"], &["a/"]),
        (r#", "Prefix": "a/2""#, &["a/2/x", "a/2/y"], &[]),
        (r#", "Prefix": "none""#, &[], &[]),
        (r#", "Delimiter": "2/""#, &["a", "a/1", "a/3", "b", "b/", "b/1", "z", "ä/1"], &["a/2/"]),
        (r#", "StartAfter": "a/3""#, &["b", "b/", "b/1", "z", "ä/1"], &[]),
        (r#", "Delimiter": "/", "StartAfter": "a/""#, &["b", "z"], &["b/", "ä/"]),
        (r#", "MaxKeys": 0"#, &[], &[]),
    ];
    for (asked, keys, prefixes) in cases {
        let listed = world.ok("ListObjectsV2", &format!(r#"{{"Bucket": "bucket"{asked}}}"#)).await;
        assert_eq!(texts(&listed["Contents"], "Key"), keys, "{asked}");
        assert_eq!(texts(&listed["CommonPrefixes"], "Prefix"), prefixes, "{asked}");
        assert_eq!(listed["KeyCount"].as_i64(), Some((keys.len() + prefixes.len()) as i64));
        assert_eq!(listed["IsTruncated"].as_bool(), Some(false));
    }
}

#[tokio::test]
async fn pages_join_without_gap_or_repeat() {
    let keys: Vec<String> = (0..120).map(|at| format!("{}/{}/{at:03}", at % 3, at % 7)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let world = filled(&keys).await;
    for delimiter in ["", r#", "Delimiter": "/""#, r#", "Delimiter": "/", "Prefix": "1/""#] {
        for limit in [1, 2, 7, 50] {
            let whole = world.ok("ListObjectsV2", &format!(r#"{{"Bucket": "bucket"{delimiter}}}"#)).await;
            let (mut found, mut prefixes, mut token) = (Vec::new(), Vec::new(), String::new());
            loop {
                let page = format!(r#"{{"Bucket": "bucket", "MaxKeys": {limit}{delimiter}{token}}}"#);
                let page = world.ok("ListObjectsV2", &page).await;
                assert!(page["KeyCount"].as_i64() <= Some(limit));
                found.extend(texts(&page["Contents"], "Key").iter().map(|key| (*key).to_owned()));
                prefixes.extend(texts(&page["CommonPrefixes"], "Prefix").iter().map(|text| (*text).to_owned()));
                let Some(next) = page["NextContinuationToken"].as_str() else { break };
                token = format!(r#", "ContinuationToken": "{next}""#);
            }
            assert_eq!(found, texts(&whole["Contents"], "Key"), "{delimiter} {limit}");
            assert_eq!(prefixes, texts(&whole["CommonPrefixes"], "Prefix"), "{delimiter} {limit}");
        }
    }
    assert_eq!(
        world.fails("ListObjectsV2", r#"{"Bucket": "bucket", "ContinuationToken": "x"}"#).await,
        "InvalidArgument"
    );
    assert_eq!(world.fails("ListObjectsV2", r#"{"Bucket": "bucket", "MaxKeys": -1}"#).await, "InvalidArgument");
}

#[tokio::test]
async fn the_first_version_of_listings() {
    let world = filled(&["a/1", "a/2", "b", "c d&<"]).await;
    let listed = world.ok("ListObjects", r#"{"Bucket": "bucket", "Delimiter": "/", "MaxKeys": 1}"#).await;
    assert_eq!(texts(&listed["CommonPrefixes"], "Prefix"), ["a/"]);
    assert_eq!((listed["IsTruncated"].as_bool(), listed["NextMarker"].as_str()), (Some(true), Some("a/")));
    let listed = world.ok("ListObjects", r#"{"Bucket": "bucket", "Delimiter": "/", "Marker": "a/"}"#).await;
    assert_eq!(texts(&listed["Contents"], "Key"), ["b", "c d&<"]);
    assert!(listed["CommonPrefixes"].as_array().is_some_and(|prefixes| prefixes.is_empty()));
    let listed = world.ok("ListObjects", r#"{"Bucket": "bucket", "MaxKeys": 2}"#).await;
    assert!(listed["NextMarker"].is_null());
    let listed = world.ok("ListObjects", r#"{"Bucket": "bucket", "EncodingType": "url", "Prefix": "c "}"#).await;
    assert_eq!(texts(&listed["Contents"], "Key"), ["c%20d%26%3C"]);
    assert_eq!(listed["Prefix"].as_str(), Some("c%20"));
    let entry = listed["Contents"].at(0).cloned().unwrap_or_default();
    assert_eq!((entry["Size"].as_i64(), entry["StorageClass"].as_str()), (Some(1), Some("STANDARD")));
    assert!(entry["Owner"]["ID"].as_str().is_some_and(|id| id.len() == 64));
    assert_eq!(world.fails("ListObjects", r#"{"Bucket": "bucket", "EncodingType": "xml"}"#).await, "InvalidArgument");
}

#[tokio::test]
async fn a_bucket_of_deleted_objects_is_read_page_by_page() {
    let world = World::new();
    world.bucket("bucket").await;
    world.ok("PutBucketVersioning", r#"{"Bucket": "bucket", "VersioningConfiguration": {"Status": "Enabled"}}"#).await;
    // Deleting what is not there makes a delete marker all the same.
    for hundred in 0..110 {
        let objects: Vec<String> = (0..100).map(|at| format!(r#"{{"Key": "{hundred:03}{at:02}"}}"#)).collect();
        let input = format!(r#"{{"Bucket": "bucket", "Delete": {{"Objects": [{}]}}}}"#, objects.join(","));
        world.ok("DeleteObjects", &input).await;
    }
    world.put("bucket", "z", b"x").await;
    let first = world.ok("ListObjectsV2", r#"{"Bucket": "bucket"}"#).await;
    assert_eq!((first["KeyCount"].as_i64(), first["IsTruncated"].as_bool()), (Some(0), Some(true)));
    let next = format!(r#"{{"Bucket": "bucket", "ContinuationToken": {}}}"#, first["NextContinuationToken"]);
    let next = world.ok("ListObjectsV2", &next).await;
    assert_eq!((texts(&next["Contents"], "Key"), next["IsTruncated"].as_bool()), (vec!["z"], Some(false)));
    let first = world.ok("ListObjects", r#"{"Bucket": "bucket"}"#).await;
    let next = format!(r#"{{"Bucket": "bucket", "Marker": {}}}"#, first["NextMarker"]);
    assert_eq!(texts(&world.ok("ListObjects", &next).await["Contents"], "Key"), ["z"]);
}
