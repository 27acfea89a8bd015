use windlass_protocol::{Fault, Principal};
use windlass_value::{Value, object};

use crate::world::{QUEUE, World, body, call, json};

#[tokio::test]
async fn an_event_reaches_the_targets_of_the_rules_it_matches() {
    let world = World::new();
    world.rule("one", r#"{"source":["shop"],"detail":{"n":[{"numeric":[">",4]}]}}"#, QUEUE).await;
    world.target("one", r#"{"Id":"t","Arn":"arn:aws:sns:us-east-1:123456789012:t"}"#).await;
    world
        .rule(
            "two",
            r#"{"source":["other"]}"#,
            r#"{"Id":"f","Arn":"arn:aws:lambda:us-east-1:123456789012:function:f"}"#,
        )
        .await;
    let machine = r#"{"Id":"m","Arn":"arn:aws:states:us-east-1:123456789012:stateMachine:m","RoleArn":"arn:aws:iam::123456789012:role/r"}"#;
    world.rule("three", r#"{"detail-type":["test"]}"#, machine).await;
    let id = world.put("shop", r#"{"n":5.50,"k":"v"}"#).await;
    let sent = world.calls("SendMessage", 1).await.remove(0);
    let expected = format!(
        r#"{{"version":"0","id":"{id}","detail-type":"test","source":"shop","account":"123456789012","time":"2026-11-22T17:00:00Z","region":"us-east-1","resources":[],"detail":{{"n":5.50,"k":"v"}}}}"#
    );
    assert_eq!(sent.input["MessageBody"].as_str(), Some(expected.as_str()));
    assert_eq!(&*sent.principal.arn, "events.amazonaws.com");
    assert_eq!(sent.source_arn.as_deref(), Some("arn:aws:events:us-east-1:123456789012:rule/one"));
    assert_eq!(sent.depth, 1);
    let published = world.calls("Publish", 1).await.remove(0);
    assert_eq!(published.input["Message"].as_str(), Some(expected.as_str()));
    let started = world.calls("StartExecution", 1).await.remove(0);
    assert_eq!(&*started.principal.arn, "arn:aws:iam::123456789012:role/r");
    assert_eq!(started.input["name"].as_str(), started.idempotency_key.as_deref());
    assert!(started.input["name"].as_str().is_some_and(|name| name.starts_with(&id) && name.len() <= 80));
    assert_eq!(started.input["input"].as_str(), Some(expected.as_str()));
    world.settle().await;
    assert_eq!(world.recorder.calls.lock().unwrap().len(), 3, "nobody else is called, and nobody twice");
}

#[tokio::test]
async fn entries_are_checked_one_by_one() {
    let world = World::new();
    let entries = r#"{"Entries":[
        {"DetailType":"t","Detail":"{}"},
        {"Source":"s","Detail":"{}"},
        {"Source":"s","DetailType":"t"},
        {"Source":"s","DetailType":"t","Detail":"[]"},
        {"Source":"s","DetailType":"t","Detail":"{"},
        {"Source":"aws.s3","DetailType":"t","Detail":"{}"},
        {"Source":"s","DetailType":"t","Detail":"{}"},
        {"Source":"s","DetailType":"t","Detail":"{}","EventBusName":"no such bus"}]}"#;
    let output = world.ok("PutEvents", entries).await;
    assert_eq!(output["FailedEntryCount"], Value::int(6));
    let found: Vec<_> = output["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| match entry["ErrorCode"].as_str() {
            Some(code) => format!("{code}: {}", entry["ErrorMessage"].as_str().unwrap()),
            None => entry["EventId"].as_str().map(|_| "taken".to_owned()).unwrap(),
        })
        .collect();
    let expected = [
        "InvalidArgument: Parameter Source is not valid. Reason: Source is a required argument.",
        "InvalidArgument: Parameter DetailType is not valid. Reason: DetailType is a required argument.",
        "InvalidArgument: Parameter Detail is not valid. Reason: Detail is a required argument.",
        "MalformedDetail: Detail is malformed.",
        "MalformedDetail: Detail is malformed.",
        "NotAuthorizedForSourceException: Not authorized for the source.",
        "taken",
        "taken",
    ];
    assert_eq!(found, expected);
    let large =
        object! { "Source" => "s", "DetailType" => "t", "Detail" => format!(r#"{{"x":"{}"}}"#, "x".repeat(1_048_576)) };
    let refused = world.refusal("PutEvents", &object! { "Entries" => Value::array(vec![large]) }.to_text()).await;
    assert_eq!(refused, "ValidationException: Total size of the entries in the request is over the limit.");
}

#[tokio::test]
async fn only_services_speak_for_aws() {
    let world = World::new();
    world.rule("aws", r#"{"source":["aws.s3"]}"#, QUEUE).await;
    let entry = r#"{"Entries":[{"Source":"aws.s3","DetailType":"Object Created","Detail":"{}","Time":1700000000,"Resources":["arn:aws:s3:::b"]}]}"#;
    let mut from_service = call("PutEvents", entry);
    from_service.principal =
        Principal { arn: "s3.amazonaws.com".into(), account: "123456789012".into(), access_key_id: None };
    let outside = world.raw(from_service.clone()).await.unwrap();
    assert_eq!(outside["FailedEntryCount"], Value::int(1), "a principal alone is no proof");
    from_service.depth = 1;
    assert_eq!(world.raw(from_service).await.unwrap()["FailedEntryCount"], Value::int(0));
    let sent = body(&world.calls("SendMessage", 1).await[0]);
    assert_eq!(sent["time"], Value::from("2023-11-14T22:13:20Z"));
    assert_eq!(sent["resources"].to_text(), r#"["arn:aws:s3:::b"]"#);
}

#[tokio::test]
async fn inputs_are_made_as_targets_ask() {
    let world = World::new();
    let queue = "arn:aws:sqs:us-east-1:123456789012:q";
    let inputs = [
        (r#""Input":"{\"a\":1}""#, r#"{"a":1}"#),
        (r#""InputPath":"$.detail.k""#, r#"{"x":[1.0]}"#),
        (r#""InputPath":"$.detail.absent""#, "{}"),
        (
            r#""InputTransformer":{"InputPathsMap":{"n":"$.detail.n","k":"$.detail.k"},"InputTemplate":"{\"n\": <n>, \"text\": \"<n> of <aws.events.rule-name>\", \"k\": <k>, \"rule\": <aws.events.rule-arn>, \"at\": <aws.events.event.ingestion-time>}"}"#,
            r#"{"n": "five", "text": "five of r", "k": {"x":[1.0]}, "rule": "arn:aws:events:us-east-1:123456789012:rule/r", "at": "2026-11-22T17:00:00.000Z"}"#,
        ),
        (r#""InputTransformer":{"InputTemplate":"\"<aws.events.rule-name> fired\""}"#, r#""r fired""#),
    ];
    world.ok("PutRule", r#"{"Name":"r","EventPattern":"{\"source\":[\"s\"]}"}"#).await;
    for (at, (input, _)) in inputs.iter().enumerate() {
        world.target("r", &format!(r#"{{"Id":"{at}","Arn":"{queue}{at}",{input}}}"#)).await;
    }
    world.put("s", r#"{"n":"five","k":{"x":[1.0]}}"#).await;
    let sent = world.calls("SendMessage", inputs.len()).await;
    for (at, (input, expected)) in inputs.iter().enumerate() {
        let url = format!("/q{at}");
        let found = sent.iter().find(|call| call.input["QueueUrl"].as_str().unwrap().ends_with(&url)).unwrap();
        assert_eq!(found.input["MessageBody"].as_str(), Some(*expected), "{input}");
    }
}

#[tokio::test]
async fn deliveries_are_tried_again_and_then_buried() {
    let world = World::new();
    let target = r#"{"Id":"q","Arn":"arn:aws:sqs:us-east-1:123456789012:q","InputPath":"$.detail","RetryPolicy":{"MaximumRetryAttempts":2,"MaximumEventAgeInSeconds":3600},"DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:123456789012:dead"}}"#;
    world.rule("r", r#"{"source":["s"]}"#, target).await;
    let throttled = || Err(Fault::new("ThrottlingException", "Rate exceeded"));
    world.recorder.answers.lock().unwrap().extend([throttled(), throttled(), throttled()]);
    let id = world.put("s", r#"{"n":1}"#).await;
    for attempt in 1..=3 {
        world.calls("SendMessage", attempt).await;
        // Until its next instant is set by the clock before it moves on.
        world.settle().await;
        world.advance(10_000);
    }
    let sent = world.calls("SendMessage", 4).await;
    let keys: Vec<_> = sent[..3].iter().map(|call| call.idempotency_key.clone()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "every attempt has the delivery's key: {keys:?}");
    let letter = &sent[3];
    assert!(letter.input["QueueUrl"].as_str().unwrap().ends_with("/dead"));
    assert_eq!(body(letter)["id"], Value::from(id), "a dead letter is the event, not the target's input");
    let attribute = |name: &str| letter.input["MessageAttributes"][name]["StringValue"].as_str().map(str::to_owned);
    let expected = [
        ("RULE_ARN", Some("arn:aws:events:us-east-1:123456789012:rule/r")),
        ("TARGET_ARN", Some("arn:aws:sqs:us-east-1:123456789012:q")),
        ("ERROR_CODE", Some("ThrottlingException")),
        ("ERROR_MESSAGE", Some("Rate exceeded")),
        ("EXHAUSTED_RETRY_CONDITION", Some("MaximumRetryAttempts")),
        ("RETRY_ATTEMPTS", Some("2")),
    ];
    for (name, value) in expected {
        assert_eq!(attribute(name).as_deref(), value, "{name}");
    }
    // What no further attempt would mend is buried at once.
    let gone = Fault::new("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.");
    world.recorder.answers.lock().unwrap().push_back(Err(gone));
    world.put("s", r#"{"n":2}"#).await;
    let sent = world.calls("SendMessage", 6).await;
    let letter = &sent[5];
    assert_eq!(letter.input["MessageAttributes"].get("EXHAUSTED_RETRY_CONDITION"), None);
    assert_eq!(letter.input["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"], Value::from("0"));
}

#[tokio::test]
async fn a_started_execution_is_a_delivery_done() {
    let world = World::new();
    let machine = r#"{"Id":"m","Arn":"arn:aws:states:us-east-1:123456789012:stateMachine:m","RoleArn":"arn:aws:iam::123456789012:role/r","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:123456789012:dead"}}"#;
    world.rule("r", r#"{"source":["s"]}"#, machine).await;
    let lost = Err(Fault::internal("the answer was lost"));
    let again = Err(Fault::new("ExecutionAlreadyExists", "Execution Already Exists: 'x'"));
    world.recorder.answers.lock().unwrap().extend([lost, again]);
    world.put("s", "{}").await;
    world.calls("StartExecution", 1).await;
    world.settle().await;
    world.advance(10_000);
    let started = world.calls("StartExecution", 2).await;
    assert_eq!(started[0].input["name"], started[1].input["name"]);
    world.settle().await;
    assert!(world.calls_so_far("SendMessage").is_empty());
}

#[tokio::test]
async fn a_call_that_comes_again_puts_once() {
    let world = World::new();
    world.rule("r", r#"{"source":["s"]}"#, QUEUE).await;
    let mut put = call("PutEvents", r#"{"Entries":[{"Source":"s","DetailType":"t","Detail":"{}"}]}"#);
    put.idempotency_key = Some("key".into());
    let first = world.raw(put.clone()).await.unwrap();
    let (second, third) = tokio::join!(world.raw(put.clone()), world.raw(put));
    assert_eq!((second.unwrap(), third.unwrap()), (first.clone(), first));
    world.settle().await;
    assert_eq!(world.calls_so_far("SendMessage").len(), 1);
}

#[tokio::test]
async fn a_bus_passes_events_on_to_another() {
    let world = World::new();
    world.ok("CreateEventBus", r#"{"Name":"b"}"#).await;
    world.rule("forward", r#"{"source":["s"]}"#, r#"{"Id":"b","Arn":"arn:aws:events:us-east-1:123456789012:event-bus/b","RoleArn":"arn:aws:iam::123456789012:role/r"}"#).await;
    world.ok("PutRule", r#"{"Name":"r","EventBusName":"b","EventPattern":"{\"detail\":{\"n\":[1]}}"}"#).await;
    world.ok("PutTargets", &format!(r#"{{"Rule":"r","EventBusName":"b","Targets":[{QUEUE}]}}"#)).await;
    world.put("s", r#"{"n":1}"#).await;
    let sent = world.calls("SendMessage", 1).await.remove(0);
    assert_eq!(body(&sent)["detail"], json(r#"{"n":1}"#));
    assert_eq!(sent.source_arn.as_deref(), Some("arn:aws:events:us-east-1:123456789012:rule/b/r"));
    assert_eq!(sent.depth, 2);
}

#[tokio::test]
async fn events_that_go_round_come_to_an_end() {
    let world = World::new();
    world.ok("CreateEventBus", r#"{"Name":"b"}"#).await;
    world
        .rule("there", r#"{"source":["s"]}"#, r#"{"Id":"b","Arn":"arn:aws:events:us-east-1:123456789012:event-bus/b"}"#)
        .await;
    world.target("there", QUEUE).await;
    world.ok("PutRule", r#"{"Name":"back","EventBusName":"b","EventPattern":"{\"source\":[\"s\"]}"}"#).await;
    world.ok("PutTargets", r#"{"Rule":"back","EventBusName":"b","Targets":[{"Id":"d","Arn":"arn:aws:events:us-east-1:123456789012:event-bus/default"}]}"#).await;
    world.put("s", "{}").await;
    world.settle().await;
    // Depths 0, 2, … 16 reach this bus; the queue is called one deeper, so not from 16.
    assert_eq!(world.calls_so_far("SendMessage").len(), 8);
}

#[tokio::test]
async fn a_log_group_gets_lines() {
    let world = World::new();
    world
        .rule(
            "r",
            r#"{"source":["s"]}"#,
            r#"{"Id":"l","Arn":"arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/x:*"}"#,
        )
        .await;
    world.recorder.answers.lock().unwrap().push_back(Err(Fault::new("ResourceAlreadyExistsException", "there")));
    world.put("s", "{}").await;
    let put = world.calls("PutLogEvents", 1).await.remove(0);
    assert_eq!(put.input["logGroupName"], Value::from("/aws/events/x"));
    assert_eq!(put.input["logStreamName"], Value::from("r/2026-11-22"));
    let line = put.input["logEvents"].at(0).unwrap();
    assert_eq!(line["timestamp"], Value::int(1_795_366_800_000));
    assert_eq!(json(line["message"].as_str().unwrap())["source"], Value::from("s"));
}
