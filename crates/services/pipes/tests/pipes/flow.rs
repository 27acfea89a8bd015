use std::collections::BTreeSet;

use windlass_protocol::{Body, Fault, Reply};
use windlass_value::{Value, object};

use crate::world::{World, json};

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:out";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
const BUS: &str = "arn:aws:events:us-east-1:123456789012:event-bus/b";

fn answer(body: &str) -> Result<Reply, Fault> {
    Ok(Reply { output: object! { "StatusCode" => 200 }, body: Body::from(body.to_owned()) })
}

fn ids(calls: &[windlass_protocol::Call]) -> BTreeSet<String> {
    let bodies = calls.iter().map(|call| json(call.input["MessageBody"].as_str().unwrap()));
    bodies.map(|body| body["messageId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn messages_reach_a_queue_one_by_one_and_are_deleted_then() {
    let world = World::new();
    world.pipe(QUEUE, "").await;
    for n in 0..25 {
        world.send(&format!("m{n:02}"), "hello");
    }
    let deleted = world.deleted(25).await;
    let calls = world.calls(25).await;
    assert_eq!(ids(&calls), deleted.into_iter().collect());
    let body = json(calls[0].input["MessageBody"].as_str().unwrap());
    let id = body["messageId"].as_str().unwrap();
    let expected = format!(
        r#"{{"messageId":"{id}","receiptHandle":"{id}","body":"hello","attributes":{{"SentTimestamp":"1"}},"messageAttributes":{{}},"md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:in","awsRegion":"us-east-1"}}"#
    );
    assert_eq!(body.to_text(), expected);
    assert_eq!(&*calls[0].principal.arn, "arn:aws:iam::123456789012:role/r");
    assert_eq!(calls[0].source_arn.as_deref(), Some("arn:aws:pipes:us-east-1:123456789012:pipe/p"));
}

#[tokio::test]
async fn what_a_target_does_not_take_comes_again_under_its_key() {
    let mut world = World::new();
    world.answers([Err(Fault::new("ThrottlingException", "slow"))]);
    world.pipe(QUEUE, "").await;
    world.send("m", "b");
    world.calls(1).await;
    world.settle().await;
    assert!(world.outside.deleted.lock().unwrap().is_empty());
    // A crash after the target took it, before it was deleted, looks the same.
    world.restart().await;
    world.outside.show_again();
    world.deleted(1).await;
    let calls = world.calls(2).await;
    assert_eq!(calls[0].idempotency_key, calls[1].idempotency_key);
    assert!(calls[0].idempotency_key.is_some());
}

#[tokio::test]
async fn filters_look_into_bodies_and_drop_what_they_refuse() {
    let world = World::new();
    let filters = r#""SourceParameters":{"FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"n\":[{\"numeric\":[\">\",5]}]}}"},{"Pattern":"{\"body\":[\"plain\"]}"}]}}"#;
    world.pipe(QUEUE, filters).await;
    for (id, body) in [("a", r#"{"n":6}"#), ("b", r#"{"n":5}"#), ("c", "plain"), ("d", "other")] {
        world.send(id, body);
    }
    assert_eq!(world.deleted(4).await, ["a", "b", "c", "d"]);
    assert_eq!(ids(&world.calls(2).await), BTreeSet::from(["a".to_owned(), "c".to_owned()]));
}

#[tokio::test]
async fn templates_make_inputs() {
    let cases = [
        (r#"{\"n\": <$.body.n>, \"who\": \"<$.body.who> of <aws.pipes.pipe-name>\"}"#, r#"{"n":1.50,"who":"me of p"}"#),
        ("<$.body>", r#"{"n":1.50,"who":"me"}"#),
        ("<$.body.who>", "me"),
        ("plain <$.messageId>", r#"plain "m""#),
    ];
    for (template, expected) in cases {
        let world = World::new();
        world.pipe(QUEUE, &format!(r#""TargetParameters":{{"InputTemplate":"{template}"}}"#)).await;
        world.send("m", r#"{"n":1.50,"who":"me"}"#);
        let sent = world.calls(1).await.remove(0);
        assert_eq!(sent.input["MessageBody"].as_str(), Some(expected), "{template}");
    }
}

#[tokio::test]
async fn a_function_gets_a_batch_and_may_refuse_some() {
    let world = World::new();
    let batch = r#""SourceParameters":{"SqsQueueParameters":{"BatchSize":3,"MaximumBatchingWindowInSeconds":1}}"#;
    world.answers([answer(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#)]);
    world.send("a", "1");
    world.send("b", "2");
    world.pipe(FUNCTION, batch).await;
    assert_eq!(world.deleted(1).await, ["a"]);
    let invoked = world.calls(1).await.remove(0);
    assert_eq!(invoked.input["InvocationType"], Value::from("RequestResponse"));
    let payload = json(str::from_utf8(invoked.body.in_memory().unwrap()).unwrap());
    assert_eq!(payload.as_array().unwrap().len(), 2);
    // A function that fails takes nothing.
    let failed = Reply { output: object! { "FunctionError" => "Unhandled" }, body: Body::from("{}") };
    world.answers([Ok(failed)]);
    world.send("c", "3");
    world.calls(2).await;
    world.settle().await;
    assert_eq!(world.deleted(1).await, ["a"]);
}

#[tokio::test]
async fn machines_are_started_or_waited_for() {
    let world = World::new();
    world
        .pipe(
            MACHINE,
            r#""TargetParameters":{"StepFunctionStateMachineParameters":{"InvocationType":"FIRE_AND_FORGET"}}"#,
        )
        .await;
    world.send("a", "1");
    world.deleted(1).await;
    let started = world.calls(1).await.remove(0);
    assert_eq!(&*started.operation, "StartExecution");
    assert_eq!(json(started.input["input"].as_str().unwrap()).as_array().unwrap().len(), 1);
    // The same messages again are the same execution.
    world.answers([Err(Fault::new("ExecutionAlreadyExists", "x"))]);
    world.send("a", "1");
    world.deleted(2).await;
    let again = world.calls(2).await.remove(1);
    assert_eq!(again.input["name"], started.input["name"]);

    let world = World::new();
    world
        .pipe(
            MACHINE,
            r#""TargetParameters":{"StepFunctionStateMachineParameters":{"InvocationType":"REQUEST_RESPONSE"}}"#,
        )
        .await;
    world.answers([Ok(Reply::from(json(r#"{"status":"FAILED","error":"E"}"#)))]);
    world.send("a", "1");
    world.calls(1).await;
    world.settle().await;
    assert!(world.outside.deleted.lock().unwrap().is_empty());
    world.answers([Ok(Reply::from(json(r#"{"status":"SUCCEEDED","output":"{}"}"#)))]);
    world.outside.show_again();
    world.deleted(1).await;
    assert_eq!(&*world.calls(2).await[1].operation, "StartSyncExecution");
}

#[tokio::test]
async fn an_enrichment_changes_what_the_target_gets() {
    let world = World::new();
    world.pipe(BUS, &format!(
        r#""Enrichment":"{FUNCTION}","EnrichmentParameters":{{"InputTemplate":"{{\"id\": <$.messageId>}}"}},"TargetParameters":{{"EventBridgeEventBusParameters":{{"Source":"my.source","DetailType":"$.kind"}}}}"#
    )).await;
    world.answers([answer(r#"[{"kind":"one"},{"kind":"two"}]"#)]);
    world.send("a", "1");
    world.deleted(1).await;
    let calls = world.calls(3).await;
    assert_eq!(str::from_utf8(calls[0].body.in_memory().unwrap()), Ok(r#"[{"id":"a"}]"#));
    let kinds: Vec<_> =
        calls[1..].iter().map(|call| call.input.pointer("/Entries/0/DetailType").unwrap().to_text()).collect();
    assert_eq!(kinds, [r#""one""#, r#""two""#]);
    assert_eq!(calls[1].input.pointer("/Entries/0/Source"), Some(&Value::from("my.source")));
    assert_eq!(calls[1].input.pointer("/Entries/0/Detail"), Some(&Value::from(r#"{"kind":"one"}"#)));
    // Nothing left over is nothing to deliver.
    world.answers([answer("[]")]);
    world.send("b", "2");
    world.deleted(2).await;
    assert_eq!(world.calls(4).await.len(), 4);
}
