use windlass_protocol::{Body, Service};
use windlass_value::{Value, parse};

use crate::world::{World, call};

#[tokio::test]
async fn buckets_are_made_listed_and_deleted() {
    let world = World::new();
    for name in ["bucket-b", "bucket-a", "other"] {
        world.bucket(name).await;
    }
    // The first region answers as if it had made it again.
    world.bucket("bucket-a").await;
    let listed = world.ok("ListBuckets", "{}").await;
    let names = |output: &Value| -> Vec<String> {
        let buckets = output["Buckets"].as_array().expect("a list");
        buckets.iter().map(|bucket| bucket["Name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&listed), ["bucket-a", "bucket-b", "other"]);
    assert_eq!(listed["Buckets"].at(0).and_then(|bucket| bucket["CreationDate"].as_i64()), Some(1_795_348_800));
    let page = world.ok("ListBuckets", r#"{"MaxBuckets": 1, "Prefix": "bucket"}"#).await;
    assert_eq!(names(&page), ["bucket-a"]);
    let token = page["ContinuationToken"].as_str().expect("more");
    let rest = format!(r#"{{"MaxBuckets": 5, "Prefix": "bucket", "ContinuationToken": "{token}"}}"#);
    let rest = world.ok("ListBuckets", &rest).await;
    assert_eq!((names(&rest), &rest["ContinuationToken"]), (vec!["bucket-b".to_owned()], &Value::Null));
    world.put("other", "key", b"x").await;
    assert_eq!(world.fails("DeleteBucket", r#"{"Bucket": "other"}"#).await, "BucketNotEmpty");
    // What was refused leaves the bucket as it was.
    world.put("other", "key2", b"x").await;
    world.ok("DeleteBucket", r#"{"Bucket": "bucket-a"}"#).await;
    assert_eq!(world.fails("HeadBucket", r#"{"Bucket": "bucket-a"}"#).await, "NoSuchBucket");
    assert_eq!(world.fails("DeleteBucket", r#"{"Bucket": "bucket-a"}"#).await, "NoSuchBucket");
    assert_eq!(names(&world.ok("ListBuckets", "{}").await), ["bucket-b", "other"]);
}

#[tokio::test]
async fn names_regions_and_owners() {
    let world = World::new();
    let create = |region: &'static str, account: &'static str, name: &'static str, constraint: Option<&'static str>| {
        let constraint = constraint
            .map(|text| format!(r#", "CreateBucketConfiguration": {{"LocationConstraint": "{text}"}}"#))
            .unwrap_or_default();
        let input = parse(&format!(r#"{{"Bucket": "{name}"{constraint}}}"#)).expect("JSON");
        let mut call = call("CreateBucket", input, Body::empty());
        (call.region, call.account) = (region.into(), account.into());
        let s3 = world.s3.clone();
        async move { s3.call(call).await.map_or_else(|fault| fault.code, |_| "made".to_owned()) }
    };
    let (mine, other) = ("111122223333", "444455556666");
    let cases = [
        ("us-east-1", mine, "Upper", None, "InvalidBucketName"),
        ("us-east-1", mine, "first", None, "made"),
        ("us-east-1", mine, "first", None, "made"),
        ("us-east-1", other, "first", None, "BucketAlreadyExists"),
        ("us-east-1", mine, "second", Some("eu-west-2"), "made"),
        ("us-east-1", mine, "second", Some("eu-west-2"), "BucketAlreadyOwnedByYou"),
        ("eu-west-2", mine, "third", None, "IllegalLocationConstraintException"),
        ("eu-west-2", mine, "third", Some("eu-west-1"), "IllegalLocationConstraintException"),
        ("eu-west-2", mine, "third", Some("eu-west-2"), "made"),
        ("us-east-1", mine, "fourth", Some("moon"), "InvalidLocationConstraint"),
        ("us-east-1", mine, "fourth", Some("us-east-1"), "InvalidLocationConstraint"),
        ("us-east-1", mine, "fifth", Some("EU"), "made"),
    ];
    for (region, account, name, constraint, expected) in cases {
        assert_eq!(create(region, account, name, constraint).await, expected, "{region} {name} {constraint:?}");
    }
    let location = |name: &str| format!(r#"{{"Bucket": "{name}"}}"#);
    assert!(world.ok("GetBucketLocation", &location("first")).await["LocationConstraint"].is_null());
    let fifth = world.ok("GetBucketLocation", &location("fifth")).await;
    assert_eq!(fifth["LocationConstraint"].as_str(), Some("eu-west-1"));
    let head = world.ok("HeadBucket", &location("second")).await;
    assert_eq!(head["BucketRegion"].as_str(), Some("eu-west-2"));
}

#[tokio::test]
async fn no_object_outlives_its_bucket() {
    let world = std::sync::Arc::new(World::new());
    for round in 0..20 {
        world.bucket("bucket").await;
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let world = world.clone();
            tasks.spawn(async move {
                let input = format!(r#"{{"Bucket": "bucket", "Key": "{writer}"}}"#);
                world.send("PutObject", &input, "x").await.is_ok()
            });
        }
        let deleted = world.ask("DeleteBucket", r#"{"Bucket": "bucket"}"#).await;
        let put = tasks.join_all().await.into_iter().filter(|put| *put).count();
        match deleted {
            Ok(_) => {
                assert_eq!(world.fails("ListObjectsV2", r#"{"Bucket": "bucket"}"#).await, "NoSuchBucket", "{round}");
            }
            Err(fault) => {
                assert_eq!(fault.code, "BucketNotEmpty");
                let listed = world.ok("ListObjectsV2", r#"{"Bucket": "bucket"}"#).await;
                assert_eq!(listed["KeyCount"].as_i64(), Some(put as i64));
                for writer in 0..4 {
                    world.ok("DeleteObject", &format!(r#"{{"Bucket": "bucket", "Key": "{writer}"}}"#)).await;
                }
                world.ok("DeleteBucket", r#"{"Bucket": "bucket"}"#).await;
            }
        }
    }
}
