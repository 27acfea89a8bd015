//! Executions of one key: never more than may run at once, in the order of their starts,
//! wherever the server is cut off.

use windlass_asl::ConcurrencyPolicy;
use windlass_journal::{ConcurrencyLimit, JournalConfig, Record, StartError, TABLES};
use windlass_store::Scan;
use windlass_workflow::{EventType, Status};

use crate::crashes::{FAULTS, Fault, strike};
use crate::world::{World, in_virtual_time};

const WAIT: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":3,"End":true}}}"#;
const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const LONG: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":3600,"End":true}}}"#;

fn limit(key: &str, limit: u32, policy: ConcurrencyPolicy) -> Option<ConcurrencyLimit> {
    Some(ConcurrencyLimit { key: key.into(), limit, policy })
}

async fn start(
    world: &World,
    name: &str,
    definition: &str,
    wanted: Option<ConcurrencyLimit>,
) -> Result<Record, StartError> {
    let mut new = world.new_execution(name, definition, "1");
    new.concurrency = wanted;
    world.journal.start(new).await
}

/// When an execution entered its first state, in milliseconds; `None`: it has not.
fn begun_at(world: &World, name: &str) -> Option<i64> {
    world
        .history(name)
        .get(1)
        .filter(|event| event.event_type.name().ends_with("Entered"))
        .map(|event| event.at.as_ms())
}

fn tickets(world: &World) -> usize {
    let table = TABLES.iter().find(|table| table.name == "concurrency_tickets").expect("a table of tickets");
    world.store.scan(table, Scan { limit: 1_000, ..Scan::default() }).expect("the store reads").len()
}

#[test]
fn any_commit_of_a_line_may_be_the_last() {
    let mut runs = 0;
    for (most, count, definition) in [(1, 4, WAIT), (2, 5, WAIT), (1, 3, PASS)] {
        let groups = in_virtual_time(line(most, count, definition, None));
        for at in 1..=groups {
            for fault in FAULTS {
                let run = || in_virtual_time(line(most, count, definition, Some((at, fault))));
                let outcome = std::panic::catch_unwind(run);
                assert!(outcome.is_ok(), "limit {most} of {count}: {fault:?} at group {at} of {groups}");
                runs += 1;
            }
        }
    }
    assert!(runs > 100, "only {runs} runs");
}

/// Starts executions of one key one after the other and sees them to their ends, with one
/// fault at most. Answers how many groups were synced.
async fn line(most: u32, count: usize, definition: &str, fault: Option<(usize, Fault)>) -> usize {
    let names: Vec<String> = (0..count).map(|number| format!("e{number}")).collect();
    let mut world = World::new(JournalConfig::default(), true).await;
    world.faults.pause_syncs();
    let mut acknowledged = 0;
    let mut groups = 0;
    let mut idle = 0;
    let begin = |world: &World, name: &str| {
        let mut new = world.new_execution(name, definition, "1");
        new.concurrency = limit("k", most, ConcurrencyPolicy::Queue);
        let journal = world.journal.clone();
        tokio::spawn(async move { journal.start(new).await })
    };
    let mut starting = Some(begin(&world, &names[0]));
    loop {
        world.moment().await;
        if let Some(task) = starting.take_if(|task| task.is_finished()) {
            if let Ok(_) | Err(StartError::Exists(_)) = task.await.expect("the start does not panic") {
                acknowledged += 1;
            }
            starting = names.get(acknowledged).map(|name| begin(&world, name));
        }
        if world.faults.unsynced() > 0 {
            groups += 1;
            idle = 0;
            match fault {
                Some((at, fault)) if at == groups => {
                    strike(&mut world, fault).await;
                    for name in &names[..acknowledged] {
                        assert!(world.record(name).is_some(), "the acknowledged start of {name} is lost");
                    }
                    starting = names.get(acknowledged).map(|name| begin(&world, name));
                }
                _ => world.faults.sync_once(),
            }
            continue;
        }
        let closed = |name: &String| world.record(name).is_some_and(|record| record.stopped_at.is_some());
        if acknowledged == count && names.iter().all(closed) {
            break;
        }
        idle += 1;
        assert!(
            idle < 10_000,
            "the line hangs: {:?}",
            names.iter().map(|name| world.history(name)).collect::<Vec<_>>()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.faults.release_syncs();
    let mut spans = Vec::new();
    for name in &names {
        let record = world.closed(name).await;
        assert_eq!(record.status, Status::Succeeded);
        let begun = begun_at(&world, name).expect("a succeeded execution began");
        spans.push((begun, record.stopped_at.expect("it is closed").as_ms()));
        let started =
            world.history(name).iter().filter(|event| event.event_type == EventType::ExecutionStarted).count();
        assert_eq!(started, 1);
    }
    for (index, (begun, _)) in spans.iter().enumerate() {
        let others =
            spans.iter().enumerate().filter(|(other, (from, to))| *other != index && from <= begun && begun < to);
        assert!(others.count() < most as usize, "more than {most} run at once: {spans:?}");
        assert!(index == 0 || spans[index - 1].0 <= *begun, "a later one began first: {spans:?}");
    }
    world.check_quiet().await;
    assert_eq!((tickets(&world), world.journal.stats().waiting), (0, 0));
    groups
}

#[test]
fn keys_do_not_wait_for_each_other() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        for (name, key) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
            start(&world, name, LONG, limit(key, 1, ConcurrencyPolicy::Queue)).await.expect("it starts");
        }
        start(&world, "free", LONG, None).await.expect("it starts");
        let begun = ["a1", "a2", "b1", "free"].map(|name| begun_at(&world, name).is_some());
        assert_eq!(begun, [true, false, true, true]);
        assert_eq!(world.journal.stats().waiting, 1);
        // A limit that was raised counts at once.
        start(&world, "a3", LONG, limit("a", 3, ConcurrencyPolicy::Queue)).await.expect("it starts");
        world.moment().await;
        assert!(begun_at(&world, "a2").is_some() && begun_at(&world, "a3").is_some());
    });
}

#[test]
fn who_waits_can_be_stopped_and_is_passed_over() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        let queue = || limit("k", 1, ConcurrencyPolicy::Queue);
        for name in ["a", "b", "c"] {
            start(&world, name, LONG, queue()).await.expect("it starts");
        }
        assert_eq!(
            world.history("b").iter().map(|event| event.event_type).collect::<Vec<_>>(),
            [EventType::ExecutionStarted]
        );
        world.restart().await;
        assert_eq!(world.journal.stats().waiting, 2);
        let stop = |name: &str| {
            let (journal, arn) = (world.journal.clone(), crate::world::arn(name));
            async move { journal.stop(&arn, None, None).await.expect("the store writes") }
        };
        stop("b").await;
        let types: Vec<EventType> = world.history("b").iter().map(|event| event.event_type).collect();
        assert_eq!(types, [EventType::ExecutionStarted, EventType::ExecutionAborted]);
        assert!(begun_at(&world, "c").is_none());
        stop("a").await;
        world.moment().await;
        assert!(begun_at(&world, "c").is_some());
        stop("c").await;
        assert_eq!(tickets(&world), 0);
    });
}

#[test]
fn one_too_many_is_refused_stood_for_or_takes_over() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let first = start(&world, "a", LONG, limit("k", 1, ConcurrencyPolicy::Reject)).await.expect("it starts");
        let refused = start(&world, "b", LONG, limit("k", 1, ConcurrencyPolicy::Reject)).await;
        assert!(matches!(refused, Err(StartError::ConcurrencyReached)), "{refused:?}");
        let stood_for = start(&world, "c", LONG, limit("k", 1, ConcurrencyPolicy::Skip)).await;
        assert!(matches!(stood_for, Err(StartError::Stands(record)) if record.arn == first.arn));
        assert!(world.record("b").is_none() && world.record("c").is_none());
        // The same name again is told of, whatever the policy.
        let again = start(&world, "a", LONG, limit("k", 1, ConcurrencyPolicy::Reject)).await;
        assert!(matches!(again, Err(StartError::Exists(_))));
        for name in ["d", "e"] {
            start(&world, name, LONG, limit("k", 1, ConcurrencyPolicy::CancelRunning)).await.expect("it starts");
        }
        for _ in 0..20 {
            world.moment().await;
        }
        let states = ["a", "d", "e"].map(|name| world.record(name).expect("it is there").status);
        assert_eq!(states, [Status::Aborted, Status::Aborted, Status::Running]);
        assert_eq!(world.record("a").and_then(|record| record.error).as_deref(), Some("Windlass.Superseded"));
        assert!(begun_at(&world, "e").is_some());
        assert_eq!((tickets(&world), world.journal.stats().waiting), (1, 0));
    });
}

#[test]
fn a_restart_stops_what_was_to_be_stopped() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        let takes_over = || limit("k", 1, ConcurrencyPolicy::CancelRunning);
        start(&world, "a", LONG, takes_over()).await.expect("it starts");
        world.faults.pause_syncs();
        let new = {
            let mut new = world.new_execution("b", LONG, "1");
            new.concurrency = takes_over();
            new
        };
        let journal = world.journal.clone();
        let starting = tokio::spawn(async move { journal.start(new).await });
        world.moment().await;
        // Durable, and the server dies before it does anything more.
        world.faults.crash_with(windlass_store::UnsyncedOutcome::Kept);
        starting.abort();
        world.restart().await;
        for _ in 0..20 {
            world.moment().await;
        }
        let states = ["a", "b"].map(|name| world.record(name).expect("it is there").status);
        assert_eq!(states, [Status::Aborted, Status::Running]);
        assert!(begun_at(&world, "b").is_some());
    });
}
