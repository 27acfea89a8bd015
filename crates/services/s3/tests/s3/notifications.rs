use windlass_value::{Value, parse};

use crate::world::World;

const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:queue";
const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:topic";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

async fn configure(world: &World, configuration: &str) {
    let input = format!(
        r#"{{"Bucket": "bucket", "SkipDestinationValidation": true, "NotificationConfiguration": {configuration}}}"#
    );
    world.ok("PutBucketNotificationConfiguration", &input).await;
}

/// What others were asked, once that many calls came.
async fn calls(world: &World, count: usize) -> Vec<windlass_protocol::Call> {
    while world.others.calls.lock().len() < count {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    std::mem::take(&mut *world.others.calls.lock())
}

#[tokio::test]
async fn everyone_is_told_in_their_own_way() {
    let world = World::new();
    world.bucket("bucket").await;
    let configuration = format!(
        r#"{{"QueueConfigurations": [{{"Id": "q", "QueueArn": "{QUEUE}", "Events": ["s3:ObjectCreated:*"],
              "Filter": {{"Key": {{"FilterRules": [{{"Name": "prefix", "Value": "in/"}}, {{"Name": "suffix", "Value": ".txt"}}]}}}}}}],
            "TopicConfigurations": [{{"Id": "t", "TopicArn": "{TOPIC}", "Events": ["s3:ObjectRemoved:Delete"]}}],
            "LambdaFunctionConfigurations": [{{"Id": "f", "LambdaFunctionArn": "{FUNCTION}", "Events": ["s3:ObjectCreated:Put"]}}],
            "EventBridgeConfiguration": {{}}}}"#
    );
    configure(&world, &configuration).await;
    world.s3.start();
    world.put("bucket", "in/a b+c.txt", b"content").await;
    let mut told = calls(&world, 3).await;
    told.sort_by(|one, other| one.service.cmp(&other.service));
    let [bus, function, queue] = &told[..] else { panic!("{told:?}") };
    for call in &told {
        assert_eq!(&*call.principal.arn, "s3.amazonaws.com");
        assert_eq!(call.source_arn.as_deref(), Some("arn:aws:s3:::bucket"));
        assert_eq!(call.depth, 1);
        assert!(call.idempotency_key.is_some());
    }
    assert_eq!((&*bus.service, &*bus.operation), ("events", "PutEvents"));
    let entry = bus.input["Entries"].at(0).cloned().expect("an entry");
    assert_eq!((entry["Source"].as_str(), entry["DetailType"].as_str()), (Some("aws.s3"), Some("Object Created")));
    let detail = parse(entry["Detail"].as_str().expect("a text")).expect("JSON");
    assert_eq!(detail["object"]["key"].as_str(), Some("in/a b+c.txt"));
    assert_eq!(detail["object"]["size"].as_i64(), Some(7));
    assert_eq!((detail["reason"].as_str(), detail["bucket"]["name"].as_str()), (Some("PutObject"), Some("bucket")));
    assert_eq!((&*function.operation, function.input["InvocationType"].as_str()), ("Invoke", Some("Event")));
    let records =
        parse(std::str::from_utf8(function.body.in_memory().expect("in memory")).expect("text")).expect("JSON");
    let record = records["Records"].at(0).cloned().expect("a record");
    assert_eq!(record["eventName"].as_str(), Some("ObjectCreated:Put"));
    assert_eq!(record["s3"]["object"]["key"].as_str(), Some("in/a+b%2Bc.txt"));
    assert_eq!(record["s3"]["configurationId"].as_str(), Some("f"));
    assert_eq!(record["s3"]["object"]["eTag"].as_str(), Some("9a0364b9e99bb480dd25e1f0284c8555"));
    assert_eq!(&*queue.operation, "SendMessage");
    assert_eq!(queue.input["QueueUrl"].as_str(), Some("https://sqs.us-east-1.amazonaws.com/111122223333/queue"));
    let message = parse(queue.input["MessageBody"].as_str().expect("a text")).expect("JSON");
    assert_eq!(message["Records"].at(0).map(|record| record["s3"]["configurationId"].clone()), Some("q".into()));
    // Outside the filter, and of the wrong kind.
    world.put("bucket", "out/x", b"1").await;
    let told = calls(&world, 2).await;
    assert!(told.iter().all(|call| &*call.service != "sqs"));
    world.ok("DeleteObject", r#"{"Bucket": "bucket", "Key": "out/x"}"#).await;
    let told = calls(&world, 2).await;
    let topic = told.iter().find(|call| &*call.service == "sns").expect("told");
    assert_eq!(topic.input["TopicArn"].as_str(), Some(TOPIC));
    assert_eq!(topic.input["Subject"].as_str(), Some("Amazon S3 Notification"));
    let bus = told.iter().find(|call| &*call.service == "events").expect("told");
    let entry = bus.input["Entries"].at(0).cloned().expect("an entry");
    let detail = parse(entry["Detail"].as_str().expect("a text")).expect("JSON");
    assert_eq!(detail["deletion-type"].as_str(), Some("Permanently Deleted"));
    world.s3.stop().await;
}

#[tokio::test]
async fn a_crash_loses_no_notification() {
    let mut world = World::new();
    world.bucket("bucket").await;
    configure(&world, r#"{"EventBridgeConfiguration": {}}"#).await;
    // Nobody delivers yet.
    world.put("bucket", "key", b"x").await;
    world.crash();
    world.s3.start();
    world.later(5000);
    assert_eq!(&*calls(&world, 1).await[0].operation, "PutEvents");
    world.s3.stop().await;
}

#[tokio::test]
async fn destinations_are_tried_when_they_are_configured() {
    let world = World::new();
    world.bucket("bucket").await;
    let put = format!(
        r#"{{"Bucket": "bucket", "NotificationConfiguration": {{"QueueConfigurations": [{{"QueueArn": "{QUEUE}", "Events": ["s3:ObjectCreated:*"]}}]}}}}"#
    );
    world.others.failing.lock().push("sqs");
    assert_eq!(world.fails("PutBucketNotificationConfiguration", &put).await, "InvalidArgument");
    world.others.failing.lock().clear();
    world.others.calls.lock().clear();
    world.ok("PutBucketNotificationConfiguration", &put).await;
    let told = calls(&world, 1).await;
    let message = parse(told[0].input["MessageBody"].as_str().expect("a text")).expect("JSON");
    assert_eq!(message["Event"].as_str(), Some("s3:TestEvent"));
    let found = world.ok("GetBucketNotificationConfiguration", r#"{"Bucket": "bucket"}"#).await;
    let queue = found["QueueConfigurations"].at(0).cloned().expect("one");
    assert_eq!(queue["QueueArn"].as_str(), Some(QUEUE));
    assert!(queue["Id"].as_str().is_some_and(|id| !id.is_empty()));
    let cases = [
        r#"{"QueueConfigurations": [{"QueueArn": "arn:aws:sns:::x", "Events": ["s3:ObjectCreated:*"]}]}"#,
        r#"{"TopicConfigurations": [{"TopicArn": "arn:aws:sns:us-east-1:1:x", "Events": ["s3:Nothing"]}]}"#,
        r#"{"TopicConfigurations": [{"TopicArn": "arn:aws:sns:us-east-1:1:x", "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "middle", "Value": "x"}]}}}]}"#,
    ];
    for configuration in cases {
        let input = format!(r#"{{"Bucket": "bucket", "NotificationConfiguration": {configuration}}}"#);
        assert_eq!(
            world.fails("PutBucketNotificationConfiguration", &input).await,
            "InvalidArgument",
            "{configuration}"
        );
    }
    configure(&world, "{}").await;
    let found = world.ok("GetBucketNotificationConfiguration", r#"{"Bucket": "bucket"}"#).await;
    assert_eq!(found, Value::empty_object());
}
