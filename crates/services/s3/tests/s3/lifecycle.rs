use windlass_value::Value;

use crate::world::World;

const DAY_MS: i64 = 86_400_000;

async fn rules(world: &World, rules: &str) {
    let input = format!(r#"{{"Bucket": "bucket", "LifecycleConfiguration": {{"Rules": [{rules}]}}}}"#);
    world.ok("PutBucketLifecycleConfiguration", &input).await;
}

async fn keys(world: &World) -> Vec<String> {
    let listed = world.ok("ListObjectsV2", r#"{"Bucket": "bucket"}"#).await;
    let contents = listed["Contents"].as_array().expect("a list");
    contents.iter().filter_map(|entry| entry["Key"].as_str().map(str::to_owned)).collect()
}

async fn versions(world: &World) -> (usize, usize) {
    let listed = world.ok("ListObjectVersions", r#"{"Bucket": "bucket"}"#).await;
    let count = |list: &str| listed[list].as_array().map_or(0, |items| items.len());
    (count("Versions"), count("DeleteMarkers"))
}

#[tokio::test]
async fn objects_expire_at_the_midnight_after_their_days() {
    let world = World::new();
    world.bucket("bucket").await;
    rules(
        &world,
        r#"{"Status": "Enabled", "Filter": {"Prefix": "log/"}, "Expiration": {"Days": 1}},
           {"Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
           {"Status": "Enabled", "Filter": {"And": {"Prefix": "", "Tags": [{"Key": "t", "Value": "1"}]}}, "Expiration": {"Days": 1}}"#,
    )
    .await;
    for key in ["log/1", "keep"] {
        world.put("bucket", key, b"x").await;
    }
    world.send("PutObject", r#"{"Bucket": "bucket", "Key": "tagged", "Tagging": "t=1"}"#, "x").await.expect("put");
    // Put at noon: a day later it is not midnight yet.
    world.later(DAY_MS + DAY_MS / 2 - 1);
    world.s3.apply_lifecycle().await.expect("applied");
    assert_eq!(keys(&world).await, ["keep", "log/1", "tagged"]);
    world.later(1);
    world.s3.apply_lifecycle().await.expect("applied");
    assert_eq!(keys(&world).await, ["keep"]);
}

#[tokio::test]
async fn versions_expire() {
    let world = World::new();
    world.bucket("bucket").await;
    world.ok("PutBucketVersioning", r#"{"Bucket": "bucket", "VersioningConfiguration": {"Status": "Enabled"}}"#).await;
    rules(
        &world,
        r#"{"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 10},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}}"#,
    )
    .await;
    for _ in 0..4 {
        world.put("bucket", "key", b"x").await;
        world.later(1000);
    }
    world.later(2 * DAY_MS);
    world.s3.apply_lifecycle().await.expect("applied");
    assert_eq!(versions(&world).await, (2, 0));
    // The current one is hidden by a marker, and is now the one that is kept.
    world.later(10 * DAY_MS);
    world.s3.apply_lifecycle().await.expect("applied");
    assert_eq!(versions(&world).await, (1, 1));
    rules(
        &world,
        r#"{"Status": "Enabled", "Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": true},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}"#,
    )
    .await;
    world.later(2 * DAY_MS);
    // The versions go first, and with nothing left to hide the marker.
    for _ in 0..2 {
        world.s3.apply_lifecycle().await.expect("applied");
    }
    assert_eq!(versions(&world).await, (0, 0));
}

#[tokio::test]
async fn a_new_null_version_does_not_expire_for_the_one_before() {
    let world = World::new();
    world.bucket("bucket").await;
    rules(&world, r#"{"Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}"#).await;
    for status in ["", "Enabled", "Suspended"] {
        if !status.is_empty() {
            let input = format!(r#"{{"Bucket": "bucket", "VersioningConfiguration": {{"Status": "{status}"}}}}"#);
            world.ok("PutBucketVersioning", &input).await;
        }
        if status != "Suspended" {
            world.put("bucket", "a", b"old").await;
            world.put("bucket", "b", b"old").await;
        }
    }
    world.later(3 * DAY_MS);
    let held = async |count: usize| {
        while world.faults.unsynced() < count {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    world.faults.pause_syncs();
    let s3 = world.s3.clone();
    let applied = tokio::spawn(async move { s3.apply_lifecycle().await });
    // The first key's version is being removed, the second's has been read.
    held(1).await;
    let (applied, _, ()) = tokio::join!(applied, world.put("bucket", "b", b"new"), async {
        held(2).await;
        world.faults.release_syncs();
    });
    applied.expect("a task").expect("applied");
    assert_eq!(world.content("bucket", "b").await.expect("there"), b"new");
    // Each key's current version, and the one that the new object superseded.
    assert_eq!(versions(&world).await, (3, 0));
}

#[tokio::test]
async fn uploads_that_nobody_completes_end() {
    let world = World::new();
    world.bucket("bucket").await;
    rules(
        &world,
        r#"{"Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}"#,
    )
    .await;
    world.ok("CreateMultipartUpload", r#"{"Bucket": "bucket", "Key": "key"}"#).await;
    let count = async |world: &World| {
        let listed = world.ok("ListMultipartUploads", r#"{"Bucket": "bucket"}"#).await;
        listed["Uploads"].as_array().map_or(0, |uploads| uploads.len())
    };
    world.later(2 * DAY_MS);
    world.s3.apply_lifecycle().await.expect("applied");
    assert_eq!(count(&world).await, 1);
    world.later(DAY_MS);
    world.s3.apply_lifecycle().await.expect("applied");
    assert_eq!(count(&world).await, 0);
}

#[tokio::test]
async fn configurations_come_back_or_are_refused() {
    let world = World::new();
    world.bucket("bucket").await;
    let bucket = r#"{"Bucket": "bucket"}"#;
    assert_eq!(world.fails("GetBucketLifecycleConfiguration", bucket).await, "NoSuchLifecycleConfiguration");
    rules(&world, r#"{"ID": "one", "Status": "Enabled", "Filter": {"Prefix": "a"}, "Expiration": {"Days": 3}}"#).await;
    let found = world.ok("GetBucketLifecycleConfiguration", bucket).await;
    assert_eq!(found["Rules"].at(0).map(|rule| rule["Expiration"]["Days"].clone()), Some(Value::int(3)));
    assert_eq!(found["TransitionDefaultMinimumObjectSize"].as_str(), Some("all_storage_classes_128K"));
    let cases = [
        ("", "MalformedXML"),
        (r#"{"Status": "On", "Expiration": {"Days": 1}}"#, "MalformedXML"),
        (r#"{"Status": "Enabled", "Filter": {}}"#, "InvalidRequest"),
        (r#"{"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 0}}"#, "InvalidArgument"),
        (r#"{"Status": "Enabled", "Filter": {}, "Expiration": {"Date": 1}}"#, "InvalidArgument"),
        (r#"{"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1, "Date": 0}}"#, "MalformedXML"),
        (
            r#"{"ID": "a", "Status": "Enabled", "Expiration": {"Days": 1}}, {"ID": "a", "Status": "Enabled", "Expiration": {"Days": 1}}"#,
            "InvalidArgument",
        ),
    ];
    for (rules, code) in cases {
        let input = format!(r#"{{"Bucket": "bucket", "LifecycleConfiguration": {{"Rules": [{rules}]}}}}"#);
        assert_eq!(world.fails("PutBucketLifecycleConfiguration", &input).await, code, "{rules}");
    }
    world.ok("DeleteBucketLifecycle", bucket).await;
    assert_eq!(world.fails("GetBucketLifecycleConfiguration", bucket).await, "NoSuchLifecycleConfiguration");
}
