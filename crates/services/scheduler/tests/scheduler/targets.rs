use windlass_protocol::Fault;
use windlass_value::Value;

use crate::world::{OFF, World, json};

fn at(target: &str) -> String {
    format!(
        r#"{{"Name":"s","ScheduleExpression":"at(2026-11-22T17:00:00)",{OFF},"Target":{{"RoleArn":"arn:aws:iam::123456789012:role/r",{target}}}}}"#
    )
}

/// Target, service, operation, and what the call says.
const CALLS: &[(&str, &str, &str, &str, Option<&str>)] = &[
    (
        r#""Arn":"arn:aws:lambda:us-east-1:123456789012:function:f","Input":"{\"at\":\"<aws.scheduler.scheduled-time>\",\"arn\":\"<aws.scheduler.schedule-arn>\",\"n\":\"<aws.scheduler.attempt-number>\"}""#,
        "lambda",
        "Invoke",
        r#"{"FunctionName":"arn:aws:lambda:us-east-1:123456789012:function:f","InvocationType":"Event"}"#,
        Some(
            r#"{"at":"2026-11-22T17:00:00Z","arn":"arn:aws:scheduler:us-east-1:123456789012:schedule/default/s","n":"1"}"#,
        ),
    ),
    (
        r#""Arn":"arn:aws:sqs:us-east-1:123456789012:q.fifo","SqsParameters":{"MessageGroupId":"g"},"Input":"plain""#,
        "sqs",
        "SendMessage",
        r#"{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/123456789012/q.fifo","MessageBody":"plain","MessageGroupId":"g"}"#,
        None,
    ),
    (
        r#""Arn":"arn:aws:sns:us-east-1:123456789012:t","Input":"plain""#,
        "sns",
        "Publish",
        r#"{"TopicArn":"arn:aws:sns:us-east-1:123456789012:t","Message":"plain"}"#,
        None,
    ),
    (
        r#""Arn":"arn:aws:events:us-east-1:123456789012:event-bus/b","EventBridgeParameters":{"Source":"s","DetailType":"t"},"Input":"{\"a\":1}""#,
        "events",
        "PutEvents",
        r#"{"Entries":[{"Time":1795366800,"Source":"s","Resources":["arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"],"DetailType":"t","Detail":"{\"a\":1}","EventBusName":"arn:aws:events:us-east-1:123456789012:event-bus/b"}]}"#,
        None,
    ),
    // Any operation, in the names of the SDK.
    (
        r#""Arn":"arn:aws:scheduler:::aws-sdk:sqs:sendMessage","Input":"{\"QueueUrl\":\"u\",\"MessageBody\":\"b\"}""#,
        "sqs",
        "SendMessage",
        r#"{"QueueUrl":"u","MessageBody":"b"}"#,
        None,
    ),
    (
        r#""Arn":"arn:aws:scheduler:::aws-sdk:sfn:startExecution","Input":"{\"StateMachineArn\":\"m\",\"Input\":\"{}\"}""#,
        "states",
        "StartExecution",
        r#"{"stateMachineArn":"m","input":"{}"}"#,
        None,
    ),
    (
        r#""Arn":"arn:aws:scheduler:::aws-sdk:lambda:invoke","Input":"{\"FunctionName\":\"f\",\"Payload\":\"{}\"}""#,
        "lambda",
        "Invoke",
        r#"{"FunctionName":"f"}"#,
        Some("{}"),
    ),
];

#[tokio::test]
async fn targets_are_called_as_they_ask() {
    for (target, service, operation, input, body) in CALLS {
        let world = World::new();
        world.ok("CreateSchedule", &at(target)).await;
        let call = world.calls(1).await.remove(0);
        assert_eq!((&*call.service, &*call.operation), (*service, *operation), "{target}");
        assert_eq!(call.input.to_text(), *input, "{target}");
        let found = call.body.in_memory().cloned().unwrap_or_default();
        assert_eq!(found, body.unwrap_or_default(), "{target}");
        assert_eq!(&*call.principal.arn, "arn:aws:iam::123456789012:role/r");
        assert_eq!(call.source_arn.as_deref(), Some("arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"));
    }
}

#[tokio::test]
async fn an_execution_is_named_by_its_invocation() {
    let world = World::new();
    world.ok("CreateSchedule", &at(r#""Arn":"arn:aws:states:us-east-1:123456789012:stateMachine:m""#)).await;
    let call = world.calls(1).await.remove(0);
    assert_eq!(call.input["name"].as_str(), call.idempotency_key.as_deref());
    // Without an input, the target is told what happened.
    let told = json(call.input["input"].as_str().unwrap());
    assert_eq!(told["source"], Value::from("aws.scheduler"));
    assert_eq!(told["time"], Value::from("2026-11-22T17:00:00Z"));
    assert_eq!(told["detail"], Value::from("{}"));
    assert_eq!(told["id"].as_str(), call.idempotency_key.as_deref());
}

#[tokio::test]
async fn targets_are_checked() {
    let world = World::new();
    let cases = [
        (r#""Arn":"nothing""#, "Provided Arn is not in correct format: nothing"),
        (
            r#""Arn":"arn:aws:ecs:us-east-1:123456789012:cluster/c""#,
            "Windlass does not deliver to targets of the service 'ecs' (cluster) yet.",
        ),
        (
            r#""Arn":"arn:aws:lambda:us-east-1:123456789012:function:f","Input":"x""#,
            "Invalid Input: it must be a well-formed JSON document for this target.",
        ),
        (
            r#""Arn":"arn:aws:events:us-east-1:123456789012:event-bus/b""#,
            "EventBridgeParameters must be specified for an event bus.",
        ),
        (r#""Arn":"arn:aws:sqs:us-east-1:123456789012:q.fifo""#, "SqsParameters must be specified for a FIFO queue."),
        (
            r#""Arn":"arn:aws:scheduler:::aws-sdk:sqs:receiveMessage""#,
            "The target aws-sdk:sqs:receiveMessage is not valid: schedules do not call operations that only read.",
        ),
        (
            r#""Arn":"arn:aws:scheduler:::aws-sdk:sqs:sing""#,
            "The target aws-sdk:sqs:sing is not valid: the operation is not known.",
        ),
        (
            r#""Arn":"arn:aws:scheduler:::aws-sdk:nosuch:sing""#,
            "The target aws-sdk:nosuch:sing is not valid: the service is not known.",
        ),
    ];
    for (target, expected) in cases {
        let found = world.refusal("CreateSchedule", &at(target)).await;
        assert_eq!(found, format!("400 ValidationException: {expected}"), "{target}");
    }
}

#[tokio::test]
async fn invocations_are_tried_again_and_then_buried() {
    let world = World::new();
    let throttled = || Err(Fault::new("ThrottlingException", "Rate exceeded"));
    world.recorder.answers.lock().unwrap().extend([throttled(), throttled()]);
    world.ok("CreateSchedule", &at(r#""Arn":"arn:aws:sqs:us-east-1:123456789012:q","Input":"<aws.scheduler.attempt-number>","RetryPolicy":{"MaximumRetryAttempts":1},"DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:123456789012:dead"}"#)).await;
    world.calls(1).await;
    world.settle().await;
    world.advance(10_000);
    let calls = world.calls(3).await;
    assert_eq!(calls[0].idempotency_key, calls[1].idempotency_key);
    let bodies: Vec<_> = calls.iter().map(|call| call.input["MessageBody"].as_str().unwrap().to_owned()).collect();
    assert_eq!(bodies, ["1", "2", "2"]);
    let attribute = |name: &str| calls[2].input["MessageAttributes"][name]["StringValue"].as_str().map(str::to_owned);
    let expected = [
        ("ERROR_CODE", "ThrottlingException"),
        ("ERROR_MESSAGE", "Rate exceeded"),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("RETRY_ATTEMPTS", "1"),
        ("SCHEDULED_TIME", "2026-11-22T17:00:00Z"),
        ("SCHEDULE_ARN", "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"),
        ("TARGET_ARN", "arn:aws:sqs:us-east-1:123456789012:q"),
    ];
    for (name, value) in expected {
        assert_eq!(attribute(name).as_deref(), Some(value), "{name}");
    }
    assert!(calls[2].input["QueueUrl"].as_str().unwrap().ends_with("/dead"));
}
