use windlass_events::{EventsOptions, MissedSchedules};
use windlass_value::Value;

use crate::world::{QUEUE, World, body};

const MINUTE_MS: i64 = 60_000;

async fn scheduled(world: &World, expression: &str) {
    world.ok("PutRule", &format!(r#"{{"Name":"r","ScheduleExpression":"{expression}"}}"#)).await;
    world.target("r", QUEUE).await;
}

fn times(world: &World) -> Vec<String> {
    let mut times: Vec<_> =
        world.calls_so_far("SendMessage").iter().map(|call| body(call)["time"].as_str().unwrap().to_owned()).collect();
    times.sort();
    times
}

#[tokio::test]
async fn a_schedule_fires_one_event_for_each_instant() {
    let world = World::new();
    scheduled(&world, "rate(1 minute)").await;
    world.settle().await;
    assert!(times(&world).is_empty(), "the first interval has to pass");
    for count in 1..=3 {
        world.advance(MINUTE_MS);
        world.calls("SendMessage", count).await;
    }
    assert_eq!(times(&world), ["2026-11-22T17:01:00Z", "2026-11-22T17:02:00Z", "2026-11-22T17:03:00Z"]);
    let event = body(&world.calls_so_far("SendMessage")[0]);
    assert_eq!(event["detail-type"], Value::from("Scheduled Event"));
    assert_eq!(event["source"], Value::from("aws.events"));
    assert_eq!(event["resources"].to_text(), r#"["arn:aws:events:us-east-1:123456789012:rule/r"]"#);
    assert_eq!(event["detail"], Value::empty_object());
    // Disabled, it does not fire; enabled, it begins anew.
    world.ok("DisableRule", r#"{"Name":"r"}"#).await;
    world.advance(5 * MINUTE_MS);
    world.settle().await;
    assert_eq!(times(&world).len(), 3);
    world.ok("EnableRule", r#"{"Name":"r"}"#).await;
    world.advance(MINUTE_MS);
    world.calls("SendMessage", 4).await;
    assert_eq!(times(&world)[3], "2026-11-22T17:09:00Z");
    world.ok("RemoveTargets", r#"{"Rule":"r","Ids":["q"]}"#).await;
    world.ok("DeleteRule", r#"{"Name":"r"}"#).await;
    world.advance(5 * MINUTE_MS);
    world.settle().await;
    assert_eq!(times(&world).len(), 4);
}

#[tokio::test]
async fn another_expression_replaces_the_one_before() {
    let world = World::new();
    scheduled(&world, "rate(1 minute)").await;
    scheduled(&world, "cron(30 17 * * ? *)").await;
    world.advance(2 * MINUTE_MS);
    world.settle().await;
    assert!(times(&world).is_empty());
    world.advance(28 * MINUTE_MS);
    world.calls("SendMessage", 1).await;
    world.settle().await;
    assert_eq!(times(&world), ["2026-11-22T17:30:00Z"]);
}

#[tokio::test]
async fn what_was_missed_fires_once_or_not_at_all() {
    let cases = [
        (MissedSchedules::Once, 10 * MINUTE_MS, &["2026-11-22T17:01:00Z", "2026-11-22T17:11:00Z"][..]),
        (MissedSchedules::Skip, 10 * MINUTE_MS, &["2026-11-22T17:11:00Z"]),
        (MissedSchedules::Once, 30 * 60 * MINUTE_MS, &["2026-11-23T23:01:00Z"]),
    ];
    for (missed_schedules, down_ms, expected) in cases {
        let mut world = World::with(EventsOptions { missed_schedules });
        scheduled(&world, "rate(1 minute)").await;
        world.restart(down_ms).await;
        world.settle().await;
        world.advance(MINUTE_MS);
        world.calls("SendMessage", expected.len()).await;
        world.settle().await;
        assert_eq!(times(&world), expected, "{missed_schedules:?} after {down_ms} ms");
    }
}
