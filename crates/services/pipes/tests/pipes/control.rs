use windlass_value::Value;

use crate::world::{SOURCE, World, pipe};

const TARGET: &str = "arn:aws:sqs:us-east-1:123456789012:out";

#[tokio::test]
async fn pipes_are_made_shown_changed_and_removed() {
    let mut world = World::new();
    let made = world.ok("CreatePipe", &pipe("p", TARGET, r#""Description":"d","Tags":{"a":"1"}"#)).await;
    let arn = "arn:aws:pipes:us-east-1:123456789012:pipe/p";
    let expected = format!(
        r#"{{"Arn":"{arn}","Name":"p","DesiredState":"RUNNING","CurrentState":"CREATING","CreationTime":1795366800,"LastModifiedTime":1795366800}}"#
    );
    assert_eq!(made.to_text(), expected);
    let refused = world.refusal("CreatePipe", &pipe("p", TARGET, "")).await;
    assert_eq!(refused, "409 ConflictException: Pipe p already exists.");
    world.restart().await;
    let shown = world.ok("DescribePipe", r#"{"Name":"p"}"#).await;
    assert_eq!(shown["CurrentState"], Value::from("RUNNING"));
    assert_eq!(shown["SourceParameters"].to_text(), r#"{"SqsQueueParameters":{"BatchSize":10}}"#);
    assert_eq!(shown["Tags"].to_text(), r#"{"a":"1"}"#);
    let stopped = world.ok("StopPipe", r#"{"Name":"p"}"#).await;
    assert_eq!(stopped["CurrentState"], Value::from("STOPPING"));
    world.restart().await;
    world.send("m", "b");
    world.settle().await;
    assert!(world.outside.calls.lock().unwrap().is_empty(), "a stopped pipe reads nothing");
    let started = world.ok("StartPipe", r#"{"Name":"p"}"#).await;
    assert_eq!(started["CurrentState"], Value::from("STARTING"));
    world.deleted(1).await;
    let update = r#"{"Name":"p","RoleArn":"arn:aws:iam::123456789012:role/other","SourceParameters":{"SqsQueueParameters":{"BatchSize":3}},"DesiredState":"STOPPED"}"#;
    assert_eq!(world.ok("UpdatePipe", update).await["CurrentState"], Value::from("UPDATING"));
    let shown = world.ok("DescribePipe", r#"{"Name":"p"}"#).await;
    assert_eq!(shown["RoleArn"], Value::from("arn:aws:iam::123456789012:role/other"));
    assert_eq!(shown["SourceParameters"].to_text(), r#"{"SqsQueueParameters":{"BatchSize":3}}"#);
    assert_eq!(shown["Description"], Value::from("d"));
    world.ok("TagResource", &format!(r#"{{"resourceArn":"{arn}","tags":{{"b":"2"}}}}"#)).await;
    world.ok("UntagResource", &format!(r#"{{"resourceArn":"{arn}","tagKeys":["a"]}}"#)).await;
    let tags = world.ok("ListTagsForResource", &format!(r#"{{"resourceArn":"{arn}"}}"#)).await;
    assert_eq!(tags.to_text(), r#"{"tags":{"b":"2"}}"#);
    assert_eq!(world.ok("DeletePipe", r#"{"Name":"p"}"#).await["CurrentState"], Value::from("DELETING"));
    for operation in ["DescribePipe", "StartPipe", "StopPipe", "DeletePipe"] {
        let refused = world.refusal(operation, r#"{"Name":"p"}"#).await;
        assert_eq!(refused, "404 NotFoundException: Pipe p does not exist.", "{operation}");
    }
}

#[tokio::test]
async fn pipes_are_listed() {
    let world = World::new();
    for name in ["a1", "a2", "a3", "b1"] {
        world.ok("CreatePipe", &pipe(name, TARGET, r#""DesiredState":"STOPPED""#)).await;
    }
    let first = world.ok("ListPipes", r#"{"NamePrefix":"a","Limit":2}"#).await;
    assert_eq!(first["Pipes"].as_array().unwrap().len(), 2);
    let token = first["NextToken"].as_str().unwrap();
    let second = world.ok("ListPipes", &format!(r#"{{"NamePrefix":"a","Limit":2,"NextToken":"{token}"}}"#)).await;
    assert_eq!(second.pointer("/Pipes/0/Name"), Some(&Value::from("a3")));
    assert_eq!(second.get("NextToken"), None);
    let none = world.ok("ListPipes", r#"{"DesiredState":"RUNNING"}"#).await;
    assert_eq!(none.to_text(), r#"{"Pipes":[]}"#);
}

#[tokio::test]
async fn pipes_are_checked() {
    let world = World::new();
    let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let topic = "arn:aws:sns:us-east-1:123456789012:t";
    let cases = [
        (
            pipe("p", TARGET, "").replace(SOURCE, stream),
            "Source: Windlass does not work with targets of the service 'kinesis' (stream) yet.".to_owned(),
        ),
        (
            pipe("p", TARGET, "").replace(SOURCE, topic),
            format!("Windlass does not read from {topic} yet: the source of a pipe can be an SQS queue."),
        ),
        (pipe("p", "nothing", ""), "Target is not valid: nothing. Provided Arn is not in correct format.".to_owned()),
        (
            pipe("p", "arn:aws:events:us-east-1:123456789012:api-destination/d/1", ""),
            "Windlass does not deliver from pipes to arn:aws:events:us-east-1:123456789012:api-destination/d/1 yet."
                .to_owned(),
        ),
        (
            pipe("p", "arn:aws:sqs:us-east-1:123456789012:out.fifo", ""),
            "SqsQueueParameters.MessageGroupId must be specified for a FIFO queue.".to_owned(),
        ),
        (
            pipe("p", TARGET, &format!(r#""Enrichment":"{topic}""#)),
            format!("Windlass does not enrich by {topic} yet: a function or an Express state machine can."),
        ),
        (
            pipe("p", TARGET, r#""SourceParameters":{"SqsQueueParameters":{"BatchSize":0}}"#),
            "BatchSize must be from 1 to 10000.".to_owned(),
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(
            world.refusal("CreatePipe", &input).await,
            format!("400 ValidationException: {expected}"),
            "{input}"
        );
    }
    let filter = pipe("p", TARGET, r#""SourceParameters":{"FilterCriteria":{"Filters":[{"Pattern":"{\"body\":1}"}]}}"#);
    let refused = world.refusal("CreatePipe", &filter).await;
    assert!(refused.starts_with("400 ValidationException: Invalid filter pattern: "), "{refused}");
}
