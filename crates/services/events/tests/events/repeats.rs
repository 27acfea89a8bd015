//! Calls of our own services come again when their answer was lost.

use crate::world::{World, call};

const BUS: &str = "arn:aws:events:us-east-1:123456789012:event-bus/default";

#[tokio::test]
async fn a_repeat_changes_nothing_and_has_the_first_answer() {
    let archive = format!(r#"{{"ArchiveName":"a","EventSourceArn":"{BUS}"}}"#);
    let replay = format!(
        r#"{{"ReplayName":"r","EventSourceArn":"arn:aws:events:us-east-1:123456789012:archive/a","EventStartTime":1,"EventEndTime":2,"Destination":{{"Arn":"{BUS}"}}}}"#
    );
    let connection = r#"{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"p"}}}"#;
    let calls = [
        ("CreateEventBus", r#"{"Name":"b"}"#),
        ("UpdateEventBus", r#"{"Name":"b","Description":"d"}"#),
        ("PutPermission", r#"{"Action":"events:PutEvents","Principal":"*","StatementId":"one"}"#),
        ("RemovePermission", r#"{"StatementId":"one"}"#),
        ("PutRule", r#"{"Name":"r","EventPattern":"{\"source\":[\"s\"]}"}"#),
        ("PutTargets", r#"{"Rule":"r","Targets":[{"Id":"q","Arn":"arn:aws:sqs:us-east-1:123456789012:q"}]}"#),
        (
            "TagResource",
            r#"{"ResourceARN":"arn:aws:events:us-east-1:123456789012:rule/r","Tags":[{"Key":"a","Value":"1"}]}"#,
        ),
        ("RemoveTargets", r#"{"Rule":"r","Ids":["q"]}"#),
        ("DeleteRule", r#"{"Name":"r"}"#),
        ("CreateArchive", &archive),
        ("StartReplay", &replay),
        ("CreateConnection", connection),
        ("DeauthorizeConnection", r#"{"Name":"c"}"#),
        ("DeleteConnection", r#"{"Name":"c"}"#),
        ("DeleteArchive", r#"{"ArchiveName":"a"}"#),
        ("DeleteEventBus", r#"{"Name":"b"}"#),
    ];
    let mut world = World::new();
    for (operation, input) in calls {
        let mut once = call(operation, input);
        once.idempotency_key = Some(format!("key of {operation}").into());
        let first = world.raw(once.clone()).await;
        assert!(first.is_ok(), "{operation}: {first:?}");
        world.advance(1_000);
        assert_eq!(world.raw(once.clone()).await, first, "{operation}");
        world.restart(1_000).await;
        assert_eq!(world.raw(once).await, first, "{operation} after a crash");
    }
}
