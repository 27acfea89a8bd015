use windlass_value::Value;

use crate::world::{QUEUE, World, body};

const BUS: &str = "arn:aws:events:us-east-1:123456789012:event-bus/default";
const ARCHIVE: &str = "arn:aws:events:us-east-1:123456789012:archive/a";

fn replay(name: &str, more: &str) -> String {
    format!(
        r#"{{"ReplayName":"{name}","EventSourceArn":"{ARCHIVE}","EventStartTime":1795366800,"EventEndTime":1795370400,"Destination":{{"Arn":"{BUS}"{more}}}}}"#
    )
}

async fn finished(world: &World, name: &str) -> Value {
    loop {
        let found = world.ok("DescribeReplay", &format!(r#"{{"ReplayName":"{name}"}}"#)).await;
        if !matches!(found["State"].as_str(), Some("STARTING" | "RUNNING" | "CANCELLING")) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn archived_events_are_replayed() {
    let mut world = World::new();
    let archive = format!(
        r#"{{"ArchiveName":"a","EventSourceArn":"{BUS}","EventPattern":"{{\"source\":[\"s\"]}}","RetentionDays":2}}"#
    );
    assert_eq!(world.ok("CreateArchive", &archive).await["State"], Value::from("ENABLED"));
    for n in 0..120 {
        world.put("s", &format!(r#"{{"n":{n}}}"#)).await;
        world.advance(1000);
    }
    world.put("other", "{}").await;
    world.restart(0).await;
    let found = world.ok("DescribeArchive", r#"{"ArchiveName":"a"}"#).await;
    assert_eq!(found["EventCount"], Value::int(120));
    world.rule("one", r#"{"source":["s"]}"#, QUEUE).await;
    world.rule("two", r#"{"source":["s"]}"#, r#"{"Id":"t","Arn":"arn:aws:sns:us-east-1:123456789012:t"}"#).await;
    let chosen = r#","FilterArns":["arn:aws:events:us-east-1:123456789012:rule/one"]"#;
    let started = world.ok("StartReplay", &replay("r", chosen)).await;
    assert_eq!(started["State"], Value::from("STARTING"));
    let sent = world.calls("SendMessage", 120).await;
    let done = finished(&world, "r").await;
    assert_eq!(done["State"], Value::from("COMPLETED"));
    assert_eq!(done["EventLastReplayedTime"], Value::int(1_795_366_919));
    let mut numbers: Vec<_> = sent.iter().map(|call| body(call)["detail"]["n"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..120).collect::<Vec<_>>());
    assert!(sent.iter().all(|call| body(call)["replay-name"] == Value::from("r")));
    assert!(
        sent.iter().any(|call| body(call)["time"] == Value::from("2026-11-22T17:00:05Z")),
        "events keep their time"
    );
    world.settle().await;
    assert!(world.calls_so_far("Publish").is_empty(), "the other rule was not chosen");
    assert_eq!(world.calls_so_far("SendMessage").len(), 120);
    let again = world.ok("DescribeArchive", r#"{"ArchiveName":"a"}"#).await;
    assert_eq!(again["EventCount"], Value::int(120), "what is replayed is not archived again");
    let refusals = [
        (replay("r", ""), "ResourceAlreadyExistsException: Replay r already exists."),
        (
            replay("x", "").replace("1795370400", "1795366800"),
            "ValidationException: Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
        (
            replay("x", "").replace("archive/a", "archive/b"),
            "ValidationException: Parameter EventSourceArn is not valid. Reason: Archive b does not exist.",
        ),
    ];
    for (input, expected) in refusals {
        assert_eq!(world.refusal("StartReplay", &input).await, expected, "{input}");
    }
    let refused = world.refusal("CancelReplay", r#"{"ReplayName":"r"}"#).await;
    assert_eq!(refused, "IllegalStatusException: Replay r is not in a valid state for this operation.");
    world.ok("DeleteArchive", r#"{"ArchiveName":"a"}"#).await;
    let refused = world.refusal("DescribeArchive", r#"{"ArchiveName":"a"}"#).await;
    assert_eq!(refused, "ResourceNotFoundException: Archive a does not exist.");
    assert_eq!(world.ok("ListReplays", "{}").await.pointer("/Replays/0/State"), Some(&Value::from("COMPLETED")));
}

#[tokio::test]
async fn an_archive_forgets_after_its_days() {
    const DAY_MS: i64 = 86_400_000;
    let mut world = World::new();
    world.ok("CreateArchive", &format!(r#"{{"ArchiveName":"a","EventSourceArn":"{BUS}","RetentionDays":2}}"#)).await;
    world.ok("CreateArchive", &format!(r#"{{"ArchiveName":"b","EventSourceArn":"{BUS}"}}"#)).await;
    for _ in 0..4 {
        world.put("s", "{}").await;
        world.advance(DAY_MS);
    }
    world.restart(0).await;
    world.settle().await;
    for (name, count) in [("a", 2), ("b", 4)] {
        let found = world.ok("DescribeArchive", &format!(r#"{{"ArchiveName":"{name}"}}"#)).await;
        assert_eq!(found["EventCount"], Value::int(count), "{name}");
    }
    let list = world.ok("ListArchives", r#"{"NamePrefix":"b"}"#).await;
    assert_eq!(list.pointer("/Archives/0/ArchiveName"), Some(&Value::from("b")));
}
