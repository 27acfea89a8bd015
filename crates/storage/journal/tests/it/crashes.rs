//! Every scenario is cut off at every commit, in every way a store can be.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_journal::{JournalConfig, MapRunChildQuery, StartError};
use windlass_store::UnsyncedOutcome;
use windlass_value::parse;
use windlass_workflow::{EventType, HistoryEvent, MapRunStatus, Status, TaskId};

use crate::scenarios::{Scenario, scenarios};
use crate::world::{Kept, World, arn, in_virtual_time, small_turns};

/// What happens to a group of commits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The process dies before the group is durable.
    Before,
    /// The process dies after it is durable and before anybody is told.
    After,
    /// The process dies in between.
    Torn,
    /// The sync fails and nothing of the group is found afterwards.
    SyncLost,
    /// The sync fails and all of it is found afterwards.
    SyncKept,
    /// The store cannot write once, and goes on.
    Refused,
}

pub(crate) const FAULTS: [Fault; 6] =
    [Fault::Before, Fault::After, Fault::Torn, Fault::SyncLost, Fault::SyncKept, Fault::Refused];

#[test]
fn any_commit_may_be_the_last() {
    let only = std::env::var("SCENARIO").ok();
    let mut runs = 0;
    for scenario in scenarios() {
        if only.as_ref().is_some_and(|only| !scenario.name.contains(only.as_str())) {
            continue;
        }
        let groups = in_virtual_time(run(&scenario, Kept::default(), None));
        assert!(groups > 0);
        // Long scenarios repeat themselves: look at their ends and at every seventh group between.
        let looked_at = (1..=groups).filter(|at| groups <= 40 || *at <= 12 || at % 7 == 0 || *at + 6 > groups);
        for at in looked_at {
            for fault in FAULTS {
                let outcome =
                    std::panic::catch_unwind(|| in_virtual_time(run(&scenario, Kept::default(), Some((at, fault)))));
                assert!(outcome.is_ok(), "{}: {fault:?} at group {at} of {groups}", scenario.name);
                runs += 1;
            }
        }
    }
    assert!(runs > 500 || only.is_some(), "only {runs} runs");
}

/// The same where every payload is a content, data is sealed, or both: nothing is
/// lost, and nothing is left once the execution is removed.
#[test]
fn any_commit_may_be_the_last_however_data_is_kept() {
    const NAMES: [&str; 5] = ["function", "uncaught", "map one by one", "a callback that times out", "variables"];
    let mut runs = 0;
    for (kept, faults) in [
        (Kept { inline_bytes_max: Some(0), seals: false }, &FAULTS[..]),
        (Kept { inline_bytes_max: None, seals: true }, &FAULTS[..2]),
        (Kept { inline_bytes_max: Some(0), seals: true }, &FAULTS[..2]),
    ] {
        for scenario in scenarios().into_iter().filter(|scenario| NAMES.contains(&scenario.name) && scenario.admits) {
            let groups = in_virtual_time(run(&scenario, kept, None));
            for at in (1..=groups).filter(|at| groups <= 10 || *at <= 4 || at % 5 == 0 || *at + 2 > groups) {
                for fault in faults {
                    let outcome =
                        std::panic::catch_unwind(|| in_virtual_time(run(&scenario, kept, Some((at, *fault)))));
                    assert!(outcome.is_ok(), "{}, {kept:?}: {fault:?} at group {at} of {groups}", scenario.name);
                    runs += 1;
                }
            }
        }
    }
    assert!(runs > 60, "only {runs} runs");
}

/// Runs a scenario to its end, with one fault at most. Answers how many groups
/// were synced.
async fn run(scenario: &Scenario, kept: Kept, fault: Option<(usize, Fault)>) -> usize {
    let config = if scenario.name.contains("loop") { small_turns() } else { JournalConfig::default() };
    let mut world = World::keeping(config, scenario.admits, kept).await;
    world.faults.pause_syncs();
    let mut start = Some(begin(&world, scenario));
    let mut acknowledged = false;
    let mut groups = 0;
    let mut idle = 0;
    loop {
        world.moment().await;
        if let Some(task) = start.take_if(|task| task.is_finished()) {
            match task.await.expect("the start does not panic") {
                Ok(_) | Err(StartError::Exists(_)) => acknowledged = true,
                Err(_) => start = Some(begin(&world, scenario)),
            }
        }
        if world.faults.unsynced() > 0 {
            groups += 1;
            idle = 0;
            if let Some((at, fault)) = fault
                && at == groups
            {
                strike(&mut world, fault).await;
                assert!(!acknowledged || world.record("e").is_some(), "an acknowledged start is lost");
                if start.is_none() && !acknowledged {
                    start = Some(begin(&world, scenario));
                }
            } else {
                world.faults.sync_once();
            }
            continue;
        }
        if acknowledged && world.record("e").is_some_and(|record| record.stopped_at.is_some()) {
            break;
        }
        let tokens = !world.outside.lock().tokens.is_empty();
        if tokens {
            // Nobody pumps while this waits, so the answer is made durable at once.
            world.faults.release_syncs();
            world.answer_tokens().await;
            world.faults.pause_syncs();
        }
        idle += 1;
        assert!(idle < 200_000, "the scenario hangs: {:?}", world.history("e"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.faults.release_syncs();
    check(&mut world, scenario).await;
    if kept.inline_bytes_max.is_some() {
        world.check_nothing_is_left().await;
    }
    groups
}

fn begin(world: &World, scenario: &Scenario) -> tokio::task::JoinHandle<Result<windlass_journal::Record, StartError>> {
    let (journal, new) = (world.journal.clone(), world.new_execution("e", &scenario.definition, scenario.input));
    tokio::spawn(async move { journal.start(new).await })
}

pub(crate) async fn strike(world: &mut World, fault: Fault) {
    match fault {
        Fault::Before => world.faults.crash(),
        Fault::After => world.faults.crash_with(UnsyncedOutcome::Kept),
        Fault::Torn => world.faults.crash_with(UnsyncedOutcome::Torn(world.faults.unsynced() / 2)),
        Fault::SyncLost | Fault::SyncKept => {
            let outcome = if matches!(fault, Fault::SyncLost) { UnsyncedOutcome::Lost } else { UnsyncedOutcome::Kept };
            world.faults.fail_next_sync("the disk is gone", outcome);
            world.faults.sync_once();
            world.moment().await;
        }
        Fault::Refused => {
            world.faults.refuse_next_sync("the disk is full");
            world.faults.sync_once();
            return;
        }
    }
    world.restart().await;
    world.faults.pause_syncs();
}

async fn check(world: &mut World, scenario: &Scenario) {
    let record = world.closed("e").await;
    let history = world.history("e");
    assert_eq!(record.status.as_str(), scenario.status, "{history:?}");
    let output = world.output(&record).map(|output| output.value().clone());
    assert_eq!(output, scenario.output.map(|text| parse(text).unwrap()), "{history:?}");
    check_history(&history, record.status);
    let awaited: Vec<TaskId> = {
        let outside = world.outside.lock();
        for ((arn, task), sent) in &outside.sent {
            assert_eq!(*sent, 1, "attempt {task} of {arn} was sent {sent} times");
        }
        let ends = ends_of_attempts(&history);
        for (owner, task) in &outside.acknowledged {
            assert_eq!(*owner, arn("e"));
            let end = ends.get(&task.event_id).map(|event| event.event_type.name()).unwrap_or("nothing");
            assert!(
                end.ends_with("Succeeded"),
                "the result of attempt {task} was acknowledged, but {end} is in the history"
            );
        }
        outside.sent.keys().map(|(_, task)| *task).collect()
    };
    check_map_runs(world).await;
    for task in awaited {
        assert!(history.iter().any(|event| event.id == task.event_id), "attempt {task} was sent but not scheduled");
    }
    world.check_quiet().await;
}

/// Every child of a Map Run is counted once, whatever happened.
async fn check_map_runs(world: &mut World) {
    let (runs, _) = world.journal.map_runs_of(&arn("e"), None, 10).expect("the store reads");
    for run in runs {
        let mut run = run;
        for _ in 0..1_000 {
            if run.status != MapRunStatus::Running {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            run = world.journal.map_run(&run.arn).expect("the store reads").expect("a Map Run stays");
        }
        assert_ne!(run.status, MapRunStatus::Running, "a Map Run goes on after its execution: {run:?}");
        let mut by_status = BTreeMap::new();
        for status in [Status::Succeeded, Status::Failed, Status::Aborted, Status::Running] {
            let query = MapRunChildQuery { map_run_arn: &run.arn, status: Some(status), after: None, limit: 100 };
            let (children, _) = world.journal.map_run_children(query).expect("the store reads");
            by_status.insert(status.as_str(), children.len() as u64);
        }
        let counts = run.executions.ended;
        let counted = BTreeMap::from([
            ("SUCCEEDED", counts.succeeded),
            ("FAILED", counts.failed),
            ("ABORTED", counts.aborted),
            ("RUNNING", 0),
        ]);
        assert_eq!(by_status, counted, "{run:?}");
        if run.status == MapRunStatus::Succeeded {
            assert_eq!(run.executions.total, counts.ended(), "{run:?}");
            assert_eq!(run.items.total, 5);
            assert_eq!(run.items.ended.ended(), 5);
        }
    }
}

fn ends_of_attempts(history: &[HistoryEvent]) -> BTreeMap<u64, &HistoryEvent> {
    let ends = ["Failed", "Succeeded", "TimedOut"];
    let mut of_attempts = BTreeMap::new();
    for event in history {
        let name = event.event_type.name();
        let task = ["Lambda", "Task", "Activity"].iter().any(|kind| name.starts_with(kind)) && !name.contains("State");
        if task && ends.iter().any(|end| name.ends_with(end)) {
            let mut at = event;
            while !at.event_type.name().ends_with("Scheduled") {
                at = &history[at.previous_event_id as usize - 1];
            }
            assert!(of_attempts.insert(at.id, event).is_none(), "attempt {} ends twice", at.id);
        }
    }
    of_attempts
}

pub(crate) fn check_history(history: &[HistoryEvent], status: Status) {
    for (index, event) in history.iter().enumerate() {
        assert_eq!(event.id, index as u64 + 1, "the history has a gap");
        assert!(event.previous_event_id < event.id);
        assert!(index == 0 || history[index - 1].at <= event.at, "time runs backwards");
    }
    let last = history.last().map(|event| event.event_type);
    let expected = match status {
        Status::Succeeded => EventType::ExecutionSucceeded,
        Status::Failed => EventType::ExecutionFailed,
        Status::TimedOut => EventType::ExecutionTimedOut,
        Status::Aborted => EventType::ExecutionAborted,
        Status::Running => panic!("the execution is running"),
    };
    assert_eq!(last, Some(expected));
}
