//! Closed executions go on: cut off at every commit, raced by retention, by
//! late answers and by each other.

use std::path::Path;
use std::time::Duration;

use windlass_journal::{JournalConfig, Redrive, RedriveError, Redriven, RestartState, StartError};
use windlass_value::{Payload, Text, parse};
use windlass_workflow::{Details, EventType, Limits, Status};

use crate::crashes::{FAULTS, Fault, check_history, strike};
use crate::world::{World, arn, in_virtual_time, small_turns};

const FUNCTION: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f""#;

/// Name, definition, output.
fn scenarios() -> Vec<(&'static str, String, &'static str)> {
    let once = format!(r#"{{"StartAt":"Once","States":{{"Once":{{{FUNCTION},"End":true}}}}}}"#);
    vec![
        ("a task", once.clone(), "[1,2]"),
        (
            "branches",
            format!(
                r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","Next":"W","Branches":[
                    {{"StartAt":"A","States":{{"A":{{"Type":"Pass","Result":"a","End":true}}}}}},
                    {once},
                    {{"StartAt":"S","States":{{"S":{{"Type":"Wait","Seconds":2,"End":true}}}}}}]}},
                    "W":{{"Type":"Wait","Seconds":1,"End":true}}}}}}"#
            ),
            r#"["a",[1,2],[1,2]]"#,
        ),
        (
            "iterations",
            format!(
                r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","MaxConcurrency":1,"ItemProcessor":{once},"End":true}}}}}}"#
            ),
            "[1,2]",
        ),
    ]
}

#[test]
fn any_commit_of_a_redrive_may_be_the_last() {
    let mut runs = 0;
    for (name, definition, output) in scenarios() {
        let run = |fault| in_virtual_time(run(&definition, output, fault));
        let groups = run(None);
        for at in 1..=groups {
            for fault in FAULTS {
                let outcome = std::panic::catch_unwind(|| run(Some((at, fault))));
                assert!(outcome.is_ok(), "{name}: {fault:?} at group {at} of {groups}");
                runs += 1;
            }
        }
    }
    assert!(runs > 90, "only {runs} runs");
}

/// Redrives an execution until it succeeds. Answers how many groups were synced.
async fn run(definition: &str, output: &str, fault: Option<(usize, Fault)>) -> usize {
    let mut world = World::new(small_turns(), true).await;
    world.faults.pause_syncs();
    let start = |world: &World| {
        let (journal, new) = (world.journal.clone(), world.new_execution("e", definition, "[1,2]"));
        tokio::spawn(async move { journal.start(new).await })
    };
    let redrive = |world: &World, number: u32| {
        let journal = world.journal.clone();
        let redrive = Redrive { client_token: Some(format!("t{number}").into()), from: None };
        tokio::spawn(async move { journal.redrive(&arn("e"), redrive).await })
    };
    let mut starting = Some(start(&world));
    let mut redriving = None;
    let mut acknowledged = 0;
    let mut groups = 0;
    for _ in 0..20_000 {
        world.moment().await;
        if let Some(task) = starting.take_if(|task| task.is_finished()) {
            match task.await.expect("the start does not panic") {
                Ok(_) | Err(StartError::Exists(_)) => {}
                Err(_) => starting = Some(start(&world)),
            }
        }
        if let Some(task) = redriving.take_if(|task: &mut tokio::task::JoinHandle<_>| task.is_finished()) {
            match task.await.expect("the redrive does not panic") {
                Ok(_) => acknowledged += 1,
                // Asked again with the same token: it is made once.
                Err(RedriveError::Refused(_)) => redriving = Some(redrive(&world, acknowledged)),
                Err(error) => panic!("{error}"),
            }
        }
        if world.faults.unsynced() > 0 {
            groups += 1;
            match fault {
                Some((at, fault)) if at == groups => strike(&mut world, fault).await,
                _ => world.faults.sync_once(),
            }
            continue;
        }
        let record = world.record("e");
        let status = record.as_ref().map(|record| record.status);
        if status == Some(Status::Succeeded) && redriving.is_none() {
            break;
        }
        if starting.is_none() && redriving.is_none() && status == Some(Status::Failed) {
            redriving = Some(redrive(&world, acknowledged));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.faults.release_syncs();
    let record = world.closed("e").await;
    let history = world.history("e");
    assert_eq!(record.status, Status::Succeeded, "{history:?}");
    let found = world.journal.output(&record).expect("the output reads").expect("an output");
    assert_eq!(*found.value(), parse(output).expect("JSON"), "{history:?}");
    check_history(&history, record.status);
    let redriven = history.iter().filter(|event| event.event_type == EventType::ExecutionRedriven).count();
    assert!(acknowledged > 0);
    assert_eq!((redriven as u32, record.redrive_count), (acknowledged, acknowledged), "{history:?}");
    for ((_, task), sent) in &world.outside.lock().sent {
        assert_eq!(*sent, 1, "attempt {task} was sent {sent} times");
    }
    world.check_quiet().await;
    groups
}

async fn redrive(world: &World, name: &str, token: Option<&str>) -> Result<Redriven, RedriveError> {
    world.journal.redrive(&arn(name), Redrive { client_token: token.map(Text::from), from: None }).await
}

#[test]
fn a_token_redrives_once_and_is_forgotten_in_time() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let definition = r#"{"StartAt":"F","States":{"F":{"Type":"Fail"}}}"#;
        world.start("e", definition, "1").await.expect("it starts");
        let first = redrive(&world, "e", Some("t")).await.expect("it is redriven");
        let repeated = redrive(&world, "e", Some("t")).await.expect("it is answered as before");
        assert_eq!(first.at, repeated.at);
        assert_eq!(world.record("e").map(|record| record.redrive_count), Some(1));
        world.clock.move_ahead(15 * 60_000);
        redrive(&world, "e", Some("t")).await.expect("it is redriven once more");
        assert_eq!(world.record("e").map(|record| record.redrive_count), Some(2));
        for number in 0..10 {
            redrive(&world, "e", Some(&format!("other {number}"))).await.expect("it is redriven");
        }
        redrive(&world, "e", Some("t")).await.expect("ten others were redriven since");
        assert_eq!(world.record("e").map(|record| record.redrive_count), Some(13));
    });
}

#[test]
fn what_runs_or_has_succeeded_is_not_redriven() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let definition = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}"#;
        world.start("e", definition, "1").await.expect("it starts");
        let refused = redrive(&world, "e", None).await;
        assert!(matches!(refused, Err(RedriveError::Status(Status::Running))), "{refused:?}");
        world.closed("e").await;
        let refused = redrive(&world, "e", None).await;
        assert!(matches!(refused, Err(RedriveError::Status(Status::Succeeded))), "{refused:?}");
        let refused = redrive(&world, "nobody", None).await;
        assert!(matches!(refused, Err(RedriveError::DoesNotExist)), "{refused:?}");
    });
}

#[test]
fn of_two_redrives_at_once_one_is_made() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let definition = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}"#;
        world.start("e", definition, "1").await.expect("it starts");
        world.journal.stop(&arn("e"), None, None).await.expect("it stops");
        let (one, other) = tokio::join!(redrive(&world, "e", None), redrive(&world, "e", None));
        assert_eq!([one.is_ok(), other.is_ok()].into_iter().filter(|made| *made).count(), 1, "{one:?} {other:?}");
        let record = world.closed("e").await;
        assert_eq!((record.status, record.redrive_count), (Status::Succeeded, 1));
    });
}

#[test]
fn a_late_answer_to_an_attempt_before_the_redrive_means_nothing() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let definition = r#"{"StartAt":"SilentA","States":{"SilentA":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}"#;
        world.start("e", definition, "1").await.expect("it starts");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let old = world.outside.lock().seen.values().next().cloned().expect("a token");
        world.journal.stop(&arn("e"), None, None).await.expect("it stops");
        redrive(&world, "e", None).await.expect("it is redriven");
        let late = windlass_journal::Answer::Success(Payload::from_text("\"late\"").expect("JSON"));
        assert!(world.journal.answer(&old, late).await.is_err(), "the token of the old attempt still answers");
        let record = world.closed("e").await;
        let output = world.journal.output(&record).expect("the output reads").expect("an output");
        assert_eq!(&**output.text(), "1", "{:?}", world.history("e"));
    });
}

#[test]
fn retention_leaves_alone_what_was_redriven() {
    in_virtual_time(async {
        let config = JournalConfig { retention_ms: 60_000, ..JournalConfig::default() };
        let world = World::new(config, true).await;
        let definition = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":500,"End":true}}}"#;
        for name in ["goes", "stays"] {
            world.start(name, definition, "1").await.expect("it starts");
            world.journal.stop(&arn(name), None, None).await.expect("it stops");
        }
        redrive(&world, "stays", None).await.expect("it is redriven");
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(world.record("goes").is_none(), "it is past its retention");
        let gone = redrive(&world, "goes", None).await;
        assert!(matches!(gone, Err(RedriveError::DoesNotExist)), "{gone:?}");
        let record = world.closed("stays").await;
        assert_eq!(record.status, Status::Succeeded);
    });
}

#[test]
fn a_redrive_goes_on_from_a_chosen_state() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        let definition = r#"{"QueryLanguage":"JSONata","StartAt":"A","States":{
            "A":{"Type":"Pass","Assign":{"x":1},"Output":"in","Next":"B"},
            "B":{"Type":"Pass","Output":"{% $states.input & $string($x) %}","Next":"C"},
            "C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input = 'in2' %}","Next":"D"}],"Default":"F"},
            "D":{"Type":"Succeed"},"F":{"Type":"Fail","Error":"E"},"Never":{"Type":"Pass","End":true}}}"#;
        world.start("e", definition, "{}").await.expect("it starts");
        world.restart().await;
        let from = |name: &str, variables: Option<&str>| Redrive {
            client_token: None,
            from: Some(RestartState {
                name: name.into(),
                input: None,
                variables: variables.map(|text| Payload::from_text(text).expect("JSON")),
            }),
        };
        let refused = world.journal.redrive(&arn("e"), from("Nowhere", None)).await;
        assert!(matches!(refused, Err(RedriveError::Restart(_))), "{refused:?}");
        let refused = world.journal.redrive(&arn("e"), from("Never", None)).await;
        assert!(matches!(refused, Err(RedriveError::NeverEntered)), "{refused:?}");
        world.journal.redrive(&arn("e"), from("B", None)).await.expect("it is redriven");
        assert_eq!(world.closed("e").await.status, Status::Failed);
        // The input it was entered with, and other variables.
        world.journal.redrive(&arn("e"), from("B", Some(r#"{"x":2}"#))).await.expect("it is redriven");
        let record = world.closed("e").await;
        assert_eq!((record.status, record.redrive_count), (Status::Succeeded, 2), "{:?}", world.history("e"));
    });
}

#[test]
fn a_long_execution_is_redriven_from_its_snapshot() {
    in_virtual_time(async {
        let limits = Limits { turn_transitions_max: 1, ..Limits::default() };
        let mut world = World::new(JournalConfig { limits, ..JournalConfig::default() }, true).await;
        let definition = format!(
            r#"{{"QueryLanguage":"JSONata","StartAt":"L","States":{{
                "L":{{"Type":"Choice","Choices":[{{"Condition":"{{% $states.input < 200 %}}","Output":"{{% $states.input + 1 %}}","Next":"L"}}],"Default":"Once"}},
                "Once":{{{FUNCTION},"End":true}}}}}}"#
        );
        world.start("e", &definition, "0").await.expect("it starts");
        assert_eq!(world.closed("e").await.status, Status::Failed);
        world.restart().await;
        redrive(&world, "e", None).await.expect("it is redriven");
        let record = world.closed("e").await;
        assert_eq!(record.status, Status::Succeeded, "{:?}", record.cause);
    });
}

#[test]
fn a_snapshot_goes_with_its_execution() {
    in_virtual_time(async {
        let limits = Limits { turn_transitions_max: 1, ..Limits::default() };
        let config = JournalConfig { limits, retention_ms: 60_000, ..JournalConfig::default() };
        let world = World::new(config, true).await;
        let definition = r#"{"QueryLanguage":"JSONata","StartAt":"L","States":{
            "L":{"Type":"Choice","Choices":[{"Condition":"{% $states.input < 200 %}","Output":"{% $states.input + 1 %}","Next":"L"}],"Default":"F"},
            "F":{"Type":"Fail"}}}"#;
        world.start("e", definition, "0").await.expect("it starts");
        assert_eq!(world.closed("e").await.status, Status::Failed);
        let snapshots = || {
            let table = windlass_journal::TABLES.iter().find(|table| table.name == "execution_snapshots");
            let scan = windlass_store::Scan { limit: 10, ..windlass_store::Scan::default() };
            world.store.scan(table.expect("the table"), scan).expect("the store reads").len()
        };
        assert_eq!(snapshots(), 1);
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(world.record("e").is_none());
        assert_eq!(snapshots(), 0);
    });
}

/// Of a release that kept nothing of what failed: the turn that closed the
/// execution is made once more.
#[test]
fn an_execution_that_an_older_release_closed_is_redriven() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1-closed");
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(golden).expect("the golden store").flatten() {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = windlass_store::Store::open(
            folder.path(),
            windlass_journal::TABLES,
            windlass_store::SqliteOptions::default(),
        );
        let world = World::over(store.expect("the store opens"), JournalConfig::default(), true).await;
        for (name, status) in [("failed", Status::Failed), ("stopped", Status::Aborted)] {
            let record = world.record(name).expect("it is there");
            assert_eq!(record.status, status);
            // Its task was answered once by the release that wrote it.
            redrive(&world, name, None).await.expect("it is redriven");
        }
        // The first attempt fails in this world too.
        tokio::time::sleep(Duration::from_millis(400)).await;
        for name in ["failed", "stopped"] {
            let record = world.record(name).expect("it is there");
            if record.status == Status::Failed {
                redrive(&world, name, None).await.expect("it is redriven");
            }
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for name in ["failed", "stopped"] {
            let record = world.record(name).expect("it is there");
            assert_eq!(record.status, Status::Succeeded, "{name}: {:?}", world.history(name));
            let output = world.journal.output(&record).expect("the output reads").expect("an output");
            assert_eq!(*output.value(), parse(r#"[["first", "x"], [1.50, "x"]]"#).expect("JSON"));
            // Finished branches are not run again.
            let entered = |state: &str| {
                let events = world.history(name);
                let of_state = events.iter().filter(|event| match &event.details {
                    Details::StateEntered { name, .. } => **name == *state,
                    _ => false,
                });
                of_state.count()
            };
            assert_eq!(entered("Done"), 1);
        }
        world.journal.stop_accepting();
    });
}
