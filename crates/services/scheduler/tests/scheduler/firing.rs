use std::sync::atomic::Ordering;

use windlass_scheduler::{MissedSchedules, SchedulerOptions};

use crate::world::{World, schedule};

const MINUTE_MS: i64 = 60_000;

/// Expression, further members, minutes to step, instants that fire. The clock
/// begins at 17:00 UTC on 2026-11-22.
const FIRED: &[(&str, &str, &[i64], &[&str])] = &[
    // A rate begins at once, or where it says.
    ("rate(2 minutes)", "", &[1, 1, 1, 1], &["17:00:00", "17:02:00", "17:04:00"]),
    ("rate(2 minutes)", r#""StartDate":1795366860"#, &[1, 1, 1, 1], &["17:01:00", "17:03:00"]),
    ("rate(1 minutes)", r#""EndDate":1795366920"#, &[1, 1, 1, 1], &["17:00:00", "17:01:00", "17:02:00"]),
    ("cron(0/2 * * * ? *)", "", &[1, 1, 1, 1], &["17:02:00", "17:04:00"]),
    ("cron(0/2 * * * ? *)", r#""StartDate":1795366980"#, &[1, 1, 1, 1], &["17:04:00"]),
    // 17:03 UTC is 22:33 in Kolkata.
    ("cron(33 22 * * ? *)", r#""ScheduleExpressionTimezone":"Asia/Kolkata""#, &[1, 1, 1, 1], &["17:03:00"]),
    ("at(2026-11-22T17:02:30)", "", &[1, 1, 1, 1], &["17:02:30"]),
    ("at(2026-11-22T12:02:30)", r#""ScheduleExpressionTimezone":"America/New_York""#, &[1, 1, 1], &["17:02:30"]),
    // Precise to a minute: what just passed is due, what is long over is not.
    ("at(2026-11-22T16:59:30)", "", &[1], &["16:59:30"]),
    ("at(2026-11-22T16:58:30)", "", &[1], &[]),
    ("rate(1 minute)", r#""State":"DISABLED""#, &[1, 1], &[]),
];

#[tokio::test]
async fn schedules_fire_at_their_instants() {
    let cases: Vec<_> = FIRED.iter().map(|case| tokio::spawn(fires(case))).collect();
    for case in cases {
        case.await.unwrap();
    }
}

async fn fires((expression, more, steps, expected): &(&str, &str, &[i64], &[&str])) {
    let world = World::new();
    world.schedule("s", expression, more).await;
    let expected: Vec<String> = expected.iter().map(|time| format!("2026-11-22T{time}Z")).collect();
    let due = |passed_minutes: i64| {
        let now = format!("2026-11-22T17:{passed_minutes:02}:00Z");
        expected.iter().filter(|time| **time <= now).count()
    };
    let mut passed = 0;
    world.calls(due(passed)).await;
    for step in *steps {
        world.advance(step * MINUTE_MS);
        passed += step;
        world.calls(due(passed)).await;
    }
    world.settle().await;
    assert_eq!(world.sent(), expected, "{expression} {more}");
}

#[tokio::test]
async fn a_rate_begins_at_once_though_time_goes_on() {
    let world = World::new();
    world.clock.step_ms.store(1, Ordering::SeqCst);
    world.schedule("s", "rate(1 hour)", "").await;
    world.calls(1).await;
}

#[tokio::test]
async fn what_is_done_may_delete_itself() {
    let world = World::new();
    world.schedule("once", "at(2026-11-22T17:01:00)", r#""ActionAfterCompletion":"DELETE""#).await;
    world.schedule("kept", "at(2026-11-22T17:01:00)", "").await;
    world.schedule("ends", "rate(1 minute)", r#""ActionAfterCompletion":"DELETE","EndDate":1795366830"#).await;
    world.advance(MINUTE_MS);
    world.calls(3).await;
    world.settle().await;
    assert!(world.call("GetSchedule", r#"{"Name":"once"}"#).await.is_err());
    assert!(world.call("GetSchedule", r#"{"Name":"ends"}"#).await.is_err());
    assert!(world.call("GetSchedule", r#"{"Name":"kept"}"#).await.is_ok());
}

#[tokio::test]
async fn an_update_replaces_what_was_to_fire() {
    let world = World::new();
    world.schedule("s", "at(2026-11-22T17:01:00)", "").await;
    world.ok("UpdateSchedule", &schedule("s", "at(2026-11-22T17:03:00)", "")).await;
    world.schedule("rate", "rate(3 minutes)", "").await;
    world.calls(1).await;
    // The same rhythm goes on; it does not begin anew.
    world.advance(MINUTE_MS);
    world.ok("UpdateSchedule", &schedule("rate", "rate(3 minutes)", r#""Description":"new""#)).await;
    world.advance(MINUTE_MS);
    world.settle().await;
    assert_eq!(world.sent(), ["2026-11-22T17:00:00Z"]);
    world.advance(MINUTE_MS);
    world.calls(3).await;
    world.settle().await;
    assert_eq!(world.sent(), ["2026-11-22T17:00:00Z", "2026-11-22T17:03:00Z", "2026-11-22T17:03:00Z"]);
}

#[tokio::test]
async fn a_flexible_window_spreads_what_is_due() {
    let world = World::new();
    let window = r#""FlexibleTimeWindow":{"Mode":"FLEXIBLE","MaximumWindowInMinutes":10}"#;
    for n in 0..40 {
        world.schedule(&format!("s{n}"), "at(2026-11-22T18:00:00)", window).await;
    }
    world.advance(60 * MINUTE_MS - 1);
    world.settle().await;
    assert!(world.sent().is_empty(), "not before the window opens");
    world.advance(5 * MINUTE_MS);
    world.settle().await;
    let half = world.sent().len();
    assert!((5..=35).contains(&half), "{half} of 40 fired in the first half");
    world.advance(5 * MINUTE_MS);
    world.calls(40).await;
    assert!(world.sent().iter().all(|time| time == "2026-11-22T18:00:00Z"), "the instant is what the schedule says");
}

#[tokio::test]
async fn what_was_missed_fires_once_or_not_at_all() {
    let once = &["2026-11-22T17:00:00Z", "2026-11-22T17:01:00Z", "2026-11-22T17:11:00Z"][..];
    let skipped = &["2026-11-22T17:00:00Z", "2026-11-22T17:11:00Z"][..];
    let cases = [(MissedSchedules::Once, once), (MissedSchedules::Skip, skipped)];
    for (missed_schedules, expected) in cases {
        let mut world = World::with(SchedulerOptions { missed_schedules });
        world.schedule("s", "rate(1 minute)", "").await;
        world.calls(1).await;
        world.settle().await;
        world.restart(10 * MINUTE_MS).await;
        world.settle().await;
        world.advance(MINUTE_MS);
        world.calls(expected.len()).await;
        world.settle().await;
        assert_eq!(world.sent(), expected, "{missed_schedules:?}");
    }
    // Beyond the age that the schedule's own policy names, nothing fires.
    let mut world = World::new();
    let policy = schedule("s", "at(2026-11-22T17:01:00)", "")
        .replace(r#""Input""#, r#""RetryPolicy":{"MaximumEventAgeInSeconds":300},"Input""#);
    world.ok("CreateSchedule", &policy).await;
    world.restart(7 * MINUTE_MS).await;
    world.settle().await;
    assert!(world.sent().is_empty());
}
