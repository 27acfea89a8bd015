use windlass_protocol::Service;

use crate::world::{ACCOUNT, World};

const BUCKET: &str = r#"{"Bucket": "bucket"}"#;

#[tokio::test]
async fn a_new_bucket_has_what_aws_gives_it() {
    let world = World::new();
    world.bucket("bucket").await;
    let configured = [
        ("GetBucketVersioning", "{}"),
        ("GetBucketLogging", "{}"),
        ("GetBucketAccelerateConfiguration", "{}"),
        ("GetBucketRequestPayment", r#"{"Payer":"BucketOwner"}"#),
        ("GetBucketNotificationConfiguration", "{}"),
        (
            "GetBucketEncryption",
            r#"{"ServerSideEncryptionConfiguration":{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"},"BucketKeyEnabled":false}]}}"#,
        ),
        (
            "GetBucketOwnershipControls",
            r#"{"OwnershipControls":{"Rules":[{"ObjectOwnership":"BucketOwnerEnforced"}]}}"#,
        ),
    ];
    for (operation, expected) in configured {
        assert_eq!(world.ok(operation, BUCKET).await.to_text(), expected, "{operation}");
    }
    let missing = [
        ("GetBucketPolicy", "NoSuchBucketPolicy"),
        ("GetBucketPolicyStatus", "NoSuchBucketPolicy"),
        ("GetBucketCors", "NoSuchCORSConfiguration"),
        ("GetBucketWebsite", "NoSuchWebsiteConfiguration"),
        ("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
        ("GetBucketReplication", "ReplicationConfigurationNotFoundError"),
        ("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
        ("GetBucketTagging", "NoSuchTagSet"),
        ("GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
    ];
    for (operation, code) in missing {
        let fault = world.ask(operation, BUCKET).await.expect_err(operation);
        assert_eq!((fault.code.as_str(), fault.status), (code, 404), "{operation}");
    }
    let acl = world.ok("GetBucketAcl", BUCKET).await;
    assert_eq!(acl["Grants"].at(0).map(|grant| grant["Permission"].to_text()), Some("\"FULL_CONTROL\"".to_owned()));
}

#[tokio::test]
async fn settings_come_back_and_go() {
    let world = World::new();
    world.bucket("bucket").await;
    // Put, what it is given, get, what comes back, delete.
    let cases = [
        (
            "PutBucketTagging",
            r#""Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}"#,
            "GetBucketTagging",
            r#"{"TagSet":[{"Key":"a","Value":"b"}]}"#,
            "DeleteBucketTagging",
        ),
        (
            "PutBucketCors",
            r#""CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}"#,
            "GetBucketCors",
            r#"{"CORSRules":[{"AllowedMethods":["GET"],"AllowedOrigins":["*"]}]}"#,
            "DeleteBucketCors",
        ),
        (
            "PutBucketWebsite",
            r#""WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}"#,
            "GetBucketWebsite",
            r#"{"IndexDocument":{"Suffix":"index.html"}}"#,
            "DeleteBucketWebsite",
        ),
        (
            "PutPublicAccessBlock",
            r#""PublicAccessBlockConfiguration": {"BlockPublicAcls": true}"#,
            "GetPublicAccessBlock",
            r#"{"PublicAccessBlockConfiguration":{"BlockPublicAcls":true,"IgnorePublicAcls":false,"BlockPublicPolicy":false,"RestrictPublicBuckets":false}}"#,
            "DeletePublicAccessBlock",
        ),
    ];
    for (put, given, get, expected, delete) in cases {
        world.ok(put, &format!(r#"{{"Bucket": "bucket", {given}}}"#)).await;
        assert_eq!(world.ok(get, BUCKET).await.to_text(), expected, "{put}");
        world.ok(delete, BUCKET).await;
        assert!(world.ask(get, BUCKET).await.is_err(), "{delete}");
    }
    world
        .ok(
            "PutBucketEncryption",
            r#"{"Bucket": "bucket", "ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}, "BucketKeyEnabled": true}]}}"#,
        )
        .await;
    let put = world.put("bucket", "key", b"x").await;
    assert_eq!(put["ServerSideEncryption"].as_str(), Some("aws:kms"));
    assert_eq!(put["BucketKeyEnabled"].as_bool(), Some(true));
}

#[tokio::test]
async fn policies() {
    let world = World::new();
    world.bucket("bucket").await;
    let put = |policy: &str| {
        let policy = windlass_value::Value::from(policy).to_text();
        format!(r#"{{"Bucket": "bucket", "Policy": {policy}}}"#)
    };
    let allow = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}]}"#;
    for broken in [
        "x",
        "[]",
        "{}",
        r#"{"Statement": [{"Effect": "Maybe", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket"}]}"#,
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket"}]}"#,
        r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "arn:aws:s3:::bucket"}]}"#,
        r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::other"}]}"#,
        r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*"}]}"#,
    ] {
        assert_eq!(world.fails("PutBucketPolicy", &put(broken)).await, "MalformedPolicy", "{broken}");
    }
    assert_eq!(world.s3.resource_policy("arn:aws:s3:::bucket/key").await, Ok(None));
    assert_eq!(world.s3.resource_account("arn:aws:s3:::none/key").await, Ok(None));
    world.ok("PutBucketPolicy", &put(allow)).await;
    assert_eq!(world.ok("GetBucketPolicy", BUCKET).await["Policy"].as_str(), Some(allow));
    let status = world.ok("GetBucketPolicyStatus", BUCKET).await;
    assert_eq!(status["PolicyStatus"]["IsPublic"].as_bool(), Some(true));
    for arn in ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/a/key"] {
        assert_eq!(world.s3.resource_policy(arn).await, Ok(Some(allow.into())), "{arn}");
        assert_eq!(world.s3.resource_account(arn).await, Ok(Some(crate::world::ACCOUNT.into())), "{arn}");
    }
    let owner = world.s3.resource_account("arn:aws:s3:::bucket/a/key").await;
    assert_eq!(owner.expect("an owner").as_deref(), Some(ACCOUNT));
    assert_eq!(world.s3.resource_account("arn:aws:s3:::none").await, Ok(None));
    let block = r#"{"Bucket": "bucket", "PublicAccessBlockConfiguration": {"BlockPublicPolicy": true}}"#;
    world.ok("PutPublicAccessBlock", block).await;
    assert_eq!(world.fails("PutBucketPolicy", &put(allow)).await, "AccessDenied");
    world.ok("DeleteBucketPolicy", BUCKET).await;
    assert_eq!(world.fails("GetBucketPolicy", BUCKET).await, "NoSuchBucketPolicy");
}

#[tokio::test]
async fn access_control_lists() {
    let world = World::new();
    world.bucket("bucket").await;
    world.put("bucket", "key", b"x").await;
    let acl = |acl: &str| format!(r#"{{"Bucket": "bucket", "Key": "key", "ACL": "{acl}"}}"#);
    assert_eq!(world.fails("PutBucketAcl", &acl("public-read")).await, "AccessControlListNotSupported");
    let owners =
        r#"{"Bucket": "bucket", "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}}"#;
    world.ok("PutBucketOwnershipControls", owners).await;
    world.ok("PutBucketAcl", &acl("public-read")).await;
    world.ok("PutObjectAcl", &acl("public-read")).await;
    for operation in ["GetBucketAcl", "GetObjectAcl"] {
        let found = world.ok(operation, r#"{"Bucket": "bucket", "Key": "key"}"#).await;
        let grant = found["Grants"].at(1).cloned().expect("a grant for all");
        assert_eq!(grant["Grantee"]["URI"].as_str(), Some("http://acs.amazonaws.com/groups/global/AllUsers"));
        // What was read can be written back.
        let policy = format!(r#"{{"Bucket": "bucket", "Key": "key", "AccessControlPolicy": {found}}}"#);
        world.ok(&operation.replace("Get", "Put"), &policy).await;
    }
    assert_eq!(world.fails("PutBucketAcl", &acl("nonsense")).await, "InvalidArgument");
    assert_eq!(
        world.fails("PutBucketOwnershipControls", &owners.replace("Preferred", "Enforced")).await,
        "InvalidBucketAclWithObjectOwnership"
    );
    world.ok("DeleteBucketOwnershipControls", BUCKET).await;
    assert_eq!(world.fails("GetBucketOwnershipControls", BUCKET).await, "OwnershipControlsNotFoundError");
}

#[tokio::test]
async fn browsers_are_told_what_is_configured() {
    let world = World::new();
    world.bucket("bucket").await;
    assert_eq!(world.s3.cors("bucket", "https://a", "GET", &[]), Ok(None));
    let rules = r#"{"Bucket": "bucket", "CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://a"]}]}}"#;
    world.ok("PutBucketCors", rules).await;
    let answer = world.s3.cors("bucket", "https://a", "GET", &[]).expect("readable").expect("allowed");
    assert_eq!(answer.allow_origin, "https://a");
    assert_eq!(world.s3.cors("bucket", "https://b", "GET", &[]), Ok(None));
    assert_eq!(world.s3.cors("none", "https://a", "GET", &[]), Ok(None));
    let method = rules.replace("GET", "PATCH");
    assert_eq!(world.fails("PutBucketCors", &method).await, "InvalidRequest");
}
