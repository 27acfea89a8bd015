use windlass_value::Value;

use crate::world::World;

async fn versioned() -> World {
    let world = World::new();
    world.bucket("bucket").await;
    set(&world, "Enabled").await;
    world
}

async fn set(world: &World, status: &str) {
    let input = format!(r#"{{"Bucket": "bucket", "VersioningConfiguration": {{"Status": "{status}"}}}}"#);
    world.ok("PutBucketVersioning", &input).await;
}

async fn put(world: &World, key: &str, content: &str) -> String {
    world.later(1000);
    let output = world.put("bucket", key, content.as_bytes()).await;
    output["VersionId"].as_str().unwrap_or("null").to_owned()
}

/// Key, version, whether it is the latest; delete markers with a star before the key.
async fn listed(world: &World) -> Vec<(String, String, bool)> {
    let output = world.ok("ListObjectVersions", r#"{"Bucket": "bucket"}"#).await;
    let entries = |list: &Value, star: &str| -> Vec<(String, String, bool)> {
        let items = list.as_array().expect("a list");
        let text = |item: &Value, member: &str| item[member].as_str().expect("a text").to_owned();
        let entry = |item: &Value| {
            (format!("{star}{}", text(item, "Key")), text(item, "VersionId"), item["IsLatest"] == Value::Bool(true))
        };
        items.iter().map(entry).collect()
    };
    [entries(&output["Versions"], ""), entries(&output["DeleteMarkers"], "*")].concat()
}

fn entry(key: &str, version: &str, is_latest: bool) -> (String, String, bool) {
    (key.to_owned(), version.to_owned(), is_latest)
}

async fn delete(world: &World, key: &str, version: Option<&str>) -> Value {
    let version = version.map(|version| format!(r#", "VersionId": "{version}""#)).unwrap_or_default();
    world.ok("DeleteObject", &format!(r#"{{"Bucket": "bucket", "Key": "{key}"{version}}}"#)).await
}

#[tokio::test]
async fn versions_stay_until_they_are_deleted_by_name() {
    let world = versioned().await;
    let (first, second) = (put(&world, "key", "1").await, put(&world, "key", "2").await);
    let marker = delete(&world, "key", None).await;
    assert_eq!(marker["DeleteMarker"].as_bool(), Some(true));
    let marker = marker["VersionId"].as_str().expect("an id").to_owned();
    assert_eq!(
        listed(&world).await,
        [entry("key", &second, false), entry("key", &first, false), entry("*key", &marker, true)]
    );
    // Hidden, but there by its name.
    let fault = world.ask("GetObject", r#"{"Bucket": "bucket", "Key": "key"}"#).await.expect_err("hidden");
    assert_eq!(fault.code, "NoSuchKey");
    assert_eq!(fault.members.get("x-amz-delete-marker").and_then(Value::as_str), Some("true"));
    let named = |version: &str| format!(r#"{{"Bucket": "bucket", "Key": "key", "VersionId": "{version}"}}"#);
    assert_eq!(world.ok("HeadObject", &named(&first)).await["VersionId"].as_str(), Some(&*first));
    let fault = world.ask("GetObject", &named(&marker)).await.expect_err("a marker");
    assert_eq!((fault.code.as_str(), fault.status), ("MethodNotAllowed", 405));
    // Without its marker it is back.
    assert_eq!(delete(&world, "key", Some(&marker)).await["DeleteMarker"].as_bool(), Some(true));
    assert_eq!(world.content("bucket", "key").await.expect("back"), b"2");
    delete(&world, "key", Some(&second)).await;
    assert_eq!(world.content("bucket", "key").await.expect("back"), b"1");
    assert_eq!(listed(&world).await, [entry("key", &first, true)]);
    delete(&world, "key", Some(&first)).await;
    assert!(listed(&world).await.is_empty());
    assert_eq!(world.fails("GetObject", &named(&first)).await, "NoSuchVersion");
    world.ok("DeleteBucket", r#"{"Bucket": "bucket"}"#).await;
}

#[tokio::test]
async fn the_null_version_is_one() {
    let world = World::new();
    world.bucket("bucket").await;
    put(&world, "key", "before").await;
    set(&world, "Enabled").await;
    let second = put(&world, "key", "2").await;
    assert_eq!(listed(&world).await, [entry("key", &second, true), entry("key", "null", false)]);
    let null = r#"{"Bucket": "bucket", "Key": "key", "VersionId": "null"}"#;
    assert_eq!(world.ok("HeadObject", null).await["ContentLength"].as_i64(), Some(6));
    set(&world, "Suspended").await;
    // Takes the place of the null version from before.
    put(&world, "key", "nil").await;
    assert_eq!(listed(&world).await, [entry("key", "null", true), entry("key", &second, false)]);
    set(&world, "Enabled").await;
    let third = put(&world, "key", "3").await;
    assert_eq!(
        listed(&world).await,
        [entry("key", &third, true), entry("key", "null", false), entry("key", &second, false)]
    );
    set(&world, "Suspended").await;
    // The marker is the null version now.
    delete(&world, "key", None).await;
    assert_eq!(
        listed(&world).await,
        [entry("key", &third, false), entry("key", &second, false), entry("*key", "null", true)]
    );
    set(&world, "Enabled").await;
    let fourth = put(&world, "key", "4").await;
    delete(&world, "key", Some("null")).await;
    assert_eq!(
        listed(&world).await,
        [entry("key", &fourth, true), entry("key", &third, false), entry("key", &second, false)]
    );
    delete(&world, "key", Some(&fourth)).await;
    assert_eq!(world.content("bucket", "key").await.expect("there"), b"3");
}

#[tokio::test]
async fn pages_of_versions() {
    let world = versioned().await;
    for key in ["a", "b", "c/1", "c/2", "d"] {
        for round in 0..4 {
            put(&world, key, &format!("{round}")).await;
        }
        if key != "d" {
            delete(&world, key, None).await;
        }
    }
    for (asked, count) in [("", 24), (r#", "Delimiter": "/""#, 15), (r#", "Prefix": "c/""#, 10)] {
        for limit in [1, 3, 4, 11] {
            let (mut found, mut marker) = (Vec::new(), String::new());
            loop {
                let page = format!(r#"{{"Bucket": "bucket", "MaxKeys": {limit}{asked}{marker}}}"#);
                let page = world.ok("ListObjectVersions", &page).await;
                let mut entries = Vec::new();
                for list in ["Versions", "DeleteMarkers", "CommonPrefixes"] {
                    for item in page[list].as_array().expect("a list").iter() {
                        let text = |member: &str| item[member].as_str().unwrap_or_default().to_owned();
                        entries.push((text("Key") + &text("Prefix"), text("VersionId")));
                    }
                }
                assert!(entries.len() <= limit);
                found.extend(entries);
                if page["IsTruncated"] != Value::Bool(true) {
                    break;
                }
                let key = page["NextKeyMarker"].as_str().expect("a marker");
                marker = format!(r#", "KeyMarker": "{key}""#);
                if let Some(version) = page["NextVersionIdMarker"].as_str() {
                    marker += &format!(r#", "VersionIdMarker": "{version}""#);
                }
            }
            let mut unique = found.clone();
            unique.sort();
            unique.dedup();
            assert_eq!((found.len(), unique.len()), (count, count), "{asked} {limit}");
        }
    }
    let alone = r#"{"Bucket": "bucket", "VersionIdMarker": "x"}"#;
    assert_eq!(world.fails("ListObjectVersions", alone).await, "InvalidArgument");
}

#[tokio::test]
async fn tags_of_old_versions() {
    let world = versioned().await;
    let first = put(&world, "key", "1").await;
    put(&world, "key", "2").await;
    let named = format!(r#"{{"Bucket": "bucket", "Key": "key", "VersionId": "{first}""#);
    let tagging = r#""Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}"#;
    world.ok("PutObjectTagging", &format!("{named}, {tagging}}}")).await;
    let of_first = world.ok("GetObjectTagging", &format!("{named}}}")).await;
    assert_eq!(of_first["TagSet"].to_text(), r#"[{"Key":"a","Value":"b"}]"#);
    let of_current = world.ok("GetObjectTagging", r#"{"Bucket": "bucket", "Key": "key"}"#).await;
    assert_eq!(of_current["TagSet"].to_text(), "[]");
}
