//! What one turn may take, and what happens with the rest.

use windlass_journal::JournalConfig;
use windlass_value::parse;
use windlass_workflow::{EventType, Limits, Status};

use crate::world::{World, arn, in_virtual_time, small_turns};

/// Iterations whose payloads together are more than the store takes at once.
fn items(count: usize) -> String {
    format!("{:?}", (0..count).collect::<Vec<_>>())
}

/// Every iteration sends 250 kB.
const SENDS: &str = r#"{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1000,"Output":"{% $count($states.result) %}","End":true,
    "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",
        "Arguments":"{% $pad('x', 250000) %}","Output":1,"End":true}}}}}}"#;

/// Every iteration writes 750 kB once its wait is over, as all are at once.
const WAITS: &str = r#"{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1000,"Output":"{% $count($states.result) %}","End":true,
    "ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"A"},
        "A":{"Type":"Pass","Output":"{% $pad('a', 250000) %}","Next":"B"},
        "B":{"Type":"Pass","Output":"{% $pad('b', 250000) %}","Next":"C"},
        "C":{"Type":"Pass","Output":"{% $pad('c', 250000) %}","Next":"D"},
        "D":{"Type":"Pass","Output":1,"End":true}}}}}}"#;

/// Every iteration holds 3 MB of variables and adds one more.
const ASSIGNS: &str = r#"{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1000,"Output":"{% $count($states.result) %}","End":true,
    "ItemProcessor":{"StartAt":"P1","States":{
        "P1":{"Type":"Pass","Assign":{"a":"{% $pad('a', 250000) %}"},"Next":"P2"},
        "P2":{"Type":"Pass","Assign":{"b":"{% $pad('a', 250000) %}"},"Next":"P3"},
        "P3":{"Type":"Pass","Assign":{"c":"{% $pad('a', 250000) %}"},"Next":"P4"},
        "P4":{"Type":"Pass","Assign":{"d":"{% $pad('a', 250000) %}"},"Next":"W"},
        "W":{"Type":"Wait","Seconds":5,"Assign":{"e":1},"Next":"V"},
        "V":{"Type":"Wait","Seconds":5,"Output":1,"End":true}}}}}}"#;

#[test]
fn a_turn_ends_before_its_batch_is_too_large() {
    for (name, definition, count) in [("sends", SENDS, 280), ("waits", WAITS, 100), ("assigns", ASSIGNS, 80)] {
        // Tasks alone go another way when no slot is free.
        for admits in [true, false].into_iter().filter(|admits| *admits || name == "sends") {
            in_virtual_time(async {
                let mut world = World::new(JournalConfig::default(), admits).await;
                world.start("e", definition, &items(count)).await.expect("it starts");
                let record = world.closed("e").await;
                assert_eq!(record.status, Status::Succeeded, "{name}: {:?} {:?}", record.error, record.cause);
                let output = world.journal.output(&record).unwrap().expect("an output");
                assert_eq!(*output.value(), parse(&count.to_string()).unwrap(), "{name}");
                world.check_quiet().await;
            });
        }
    }
}

#[test]
fn an_execution_whose_turn_the_store_refuses_fails() {
    in_virtual_time(async {
        let limits = Limits { turn_bytes_max: usize::MAX, ..Limits::default() };
        let mut world = World::new(JournalConfig { limits, ..JournalConfig::default() }, true).await;
        world.start("e", WAITS, &items(100)).await.expect("it starts");
        let record = world.closed("e").await;
        assert_eq!((record.status, record.error.as_deref()), (Status::Failed, Some("States.Runtime")));
        assert!(record.cause.as_deref().is_some_and(|cause| cause.contains("more data at once")), "{:?}", record.cause);
        assert_eq!(world.history("e").last().map(|event| event.event_type), Some(EventType::ExecutionFailed));
        world.check_quiet().await;
    });
}

/// A loop that goes on from turn to turn, about 70 of them.
const LOOP: &str = r#"{"QueryLanguage":"JSONata","StartAt":"A","States":{
    "A":{"Type":"Pass","Output":"{% $states.input + 1 %}","Next":"C"},
    "C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input < 30 %}","Next":"A"}],"Default":"E"},"E":{"Type":"Succeed"}}}"#;

/// Late events fill turns while the execution has work left: wherever the
/// process dies, the next one goes on with it.
#[test]
fn late_events_do_not_make_a_turn_forget_the_next() {
    for turns in 0..12 {
        in_virtual_time(async {
            let mut world = World::new(small_turns(), true).await;
            world.start("e", LOOP, "1").await.expect("it starts");
            world.faults.pause_syncs();
            for _ in 0..700 {
                world.late("e");
            }
            for _ in 0..turns {
                world.moment().await;
                world.faults.sync_once();
            }
            world.moment().await;
            world.faults.crash();
            world.faults.release_syncs();
            world.restart().await;
            assert_eq!(world.closed("e").await.status, Status::Succeeded, "cut off after {turns} turns");
            world.check_quiet().await;
        });
    }
}

/// A task that a restart would send, of an execution stopped in the same turn.
#[test]
fn a_task_that_its_turn_ended_is_not_offered() {
    const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}"#;
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), false).await;
        world.start("e", TASK, "1").await.expect("it starts");
        world.restart().await;
        let before = world.outside.lock().performed;
        world.journal.stop(&arn("e"), None, None).await.expect("it stops");
        world.moment().await;
        assert_eq!(world.record("e").unwrap().status, Status::Aborted);
        assert_eq!(world.outside.lock().performed, before, "a task of a stopped execution was performed");
    });
}
