//! Executions whose data is sealed: nothing of it is readable at rest, restarts and
//! new data keys change nothing, and a refused key ends the execution.

use std::time::Duration;

use windlass_journal::{Answer, ExecutionKey, HistoryQuery, JournalConfig, JournalError, Redrive};
use windlass_store::Scan;
use windlass_value::{Payload, parse};
use windlass_workflow::{EventType, Status};

use crate::world::{Kept, World, arn, in_virtual_time, tables};

const SECRET: &str = "PLAINTEXT-OF-THE-CUSTOMER";
const SEALED: Kept = Kept { inline_bytes_max: None, seals: true };

const DEFINITION: &str = r#"{"StartAt":"V","States":{
    "V":{"Type":"Pass","Assign":{"v.$":"$.s"},"Next":"A"},
    "A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","ResultPath":"$.result","Next":"W"},
    "W":{"Type":"Wait","Seconds":200,"Next":"F"},
    "F":{"Type":"Fail","ErrorPath":"$.s","CausePath":"$v"}}}"#;

/// Every byte that the store and the contents hold, as one text.
fn everything(world: &World, name: &str) -> String {
    let mut bytes = Vec::new();
    for table in tables() {
        for row in world.store.scan(table, Scan { limit: 10_000, ..Scan::default() }).expect("the store reads") {
            bytes.extend_from_slice(&row.value);
            bytes.extend_from_slice(format!("{:?}", row.columns).as_bytes());
        }
    }
    let key = ExecutionKey::from_arn(&arn(name)).expect("an ARN");
    for entry in world.store.read_stream(&key.row(), 0, 10_000, false).expect("the store reads") {
        bytes.extend_from_slice(&entry.value);
    }
    for shelf in std::fs::read_dir(world.folder.path().join("blobs")).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(shelf.path()).expect("a folder").flatten() {
            bytes.extend(std::fs::read(file.path()).expect("a file"));
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Starts the execution; it waits for its worker, whose token is answered.
async fn waits(world: &World) -> String {
    let input = format!(r#"{{"s":"{SECRET}"}}"#);
    world.start("e", DEFINITION, &input).await.expect("it starts");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(everything(world, "e").contains(SECRET), !world.kept.seals, "at its start");
    world.outside.lock().tokens.clear();
    world.outside.lock().seen.values().next_back().cloned().expect("a token")
}

#[test]
fn sealed_data_is_nowhere_to_be_read() {
    for (inline_bytes_max, seals) in [(None, false), (None, true), (Some(10), true)] {
        in_virtual_time(async {
            let mut world = World::keeping(JournalConfig::default(), true, Kept { inline_bytes_max, seals }).await;
            let token = waits(&world).await;
            world.restart().await;
            let answer = Payload::from_text(format!(r#"["{SECRET}"]"#)).unwrap();
            world.journal.answer(&token, Answer::Success(answer)).await.expect("it is taken");
            let closed = world.closed("e").await;
            assert_eq!(closed.status, Status::Failed);
            assert_eq!(everything(&world, "e").contains(SECRET), !seals, "at its end");
            if seals {
                assert_eq!((&closed.error, &closed.cause), (&None, &None), "a record does not tell by itself");
                assert!(world.outside.lock().keys.len() >= 2, "the wait outlived a data key");
            }
            let mut record = closed;
            let opened = world.unlocked(|| {
                let mut record = record.clone();
                world.journal.open_record(&mut record).map(|()| record)
            });
            record = opened;
            assert_eq!((record.error.as_deref(), record.cause.as_deref()), (Some(SECRET), Some(SECRET)));
            let history = world.history("e");
            let last = history.last().expect("events");
            assert_eq!(last.event_type, EventType::ExecutionFailed);
            assert!(format!("{:?}", last.details).contains(SECRET));
            assert!(history.iter().any(|event| format!("{:?}", event.details).contains("assigned: [(")));
            let input = world.unlocked(|| world.journal.input(&record));
            assert_eq!(*input.value(), parse(&format!(r#"{{"s":"{SECRET}"}}"#)).unwrap());
        });
    }
}

#[test]
fn metadata_is_read_without_a_key() {
    in_virtual_time(async {
        let mut world = World::keeping(JournalConfig::default(), true, SEALED).await;
        waits(&world).await;
        world.restart().await;
        // An hour later nobody has the key open.
        world.clock.move_ahead(3_600_000);
        let page = HistoryQuery { reverse: false, after: None, limit: 100 };
        assert!(matches!(world.journal.history(&arn("e"), page), Err(JournalError::Locked { .. })));
        let record = world.record("e").expect("it is there");
        assert!(record.is_sealed());
        assert!(matches!(world.journal.input(&record), Err(JournalError::Locked { .. })));
        let (events, _) = world.journal.history_without_data(&arn("e"), page).expect("it needs no key");
        assert_eq!(events[0].event_type, EventType::ExecutionStarted);
        assert!(!format!("{events:?}").contains(SECRET));
    });
}

#[test]
fn a_refused_key_ends_the_execution() {
    for (name, in_memory) in [("parked", false), ("its timer near", true), ("after a restart", false)] {
        in_virtual_time(async {
            let mut world = World::keeping(JournalConfig::default(), true, SEALED).await;
            let token = waits(&world).await;
            let answer = || Answer::Success(Payload::from_valid_text("1"));
            if in_memory {
                // A wait that is over soon keeps the execution in memory.
                world.journal.answer(&token, answer()).await.expect("it is taken");
                tokio::time::sleep(Duration::from_secs(150)).await;
            } else {
                world.clock.move_ahead(120_000);
            }
            world.outside.lock().keys_refused = true;
            if name == "after a restart" {
                world.restart().await;
            }
            if !in_memory {
                let outcome = world.journal.answer(&token, answer()).await;
                assert!(outcome.is_err(), "{name}: the execution is over");
            }
            let record = world.closed("e").await;
            assert_eq!(record.status, Status::Failed, "{name}");
            // The holder changes its mind, for us to read.
            world.outside.lock().keys_refused = false;
            let record = world.unlocked(|| {
                let mut record = record.clone();
                world.journal.open_record(&mut record).map(|()| record)
            });
            assert_eq!(record.error.as_deref(), Some("States.Runtime"), "{name}");
            assert_eq!(record.cause.as_deref(), Some("the key is disabled"), "{name}");
            let history = world.history("e");
            assert_eq!(history.last().map(|event| event.event_type), Some(EventType::ExecutionFailed), "{name}");
            let ids: Vec<u64> = history.iter().map(|event| event.id).collect();
            assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>(), "{name}");
            world.check_quiet().await;
        });
    }
}

#[test]
fn a_data_key_is_asked_for_once_a_period() {
    const LOOP: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"X"},"X":{"Type":"Wait","Seconds":10,"Next":"Y"},
        "Y":{"Type":"Wait","Seconds":10,"Next":"Z"},"Z":{"Type":"Wait","Seconds":10,"End":true}}}"#;
    in_virtual_time(async {
        let world = World::keeping(JournalConfig::default(), true, SEALED).await;
        world.start("e", LOOP, "1").await.expect("it starts");
        assert_eq!(world.closed("e").await.status, Status::Succeeded);
        assert_eq!(world.outside.lock().keys_asked, 0, "the first one lasts");
    });
}

#[test]
fn a_sealed_execution_is_redriven() {
    const ONCE: &str = r#"{"StartAt":"Once","States":{"Once":{"Type":"Task",
        "Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;
    in_virtual_time(async {
        let mut world = World::keeping(JournalConfig::default(), true, SEALED).await;
        world.start("e", ONCE, &format!(r#""{SECRET}""#)).await.expect("it starts");
        let failed = world.closed("e").await;
        assert_eq!(failed.status, Status::Failed);
        world.restart().await;
        world.clock.move_ahead(3_600_000);
        let redrive = || Redrive { client_token: None, from: None };
        world.outside.lock().keys_refused = true;
        assert!(world.journal.redrive(&arn("e"), redrive()).await.is_err(), "its key is refused");
        world.outside.lock().keys_refused = false;
        world.journal.redrive(&arn("e"), redrive()).await.expect("it goes on");
        let record = world.closed("e").await;
        assert_eq!(record.status, Status::Succeeded);
        let opened = world.unlocked(|| {
            let mut record = record.clone();
            world.journal.open_record(&mut record).map(|()| record)
        });
        assert_eq!((opened.error, opened.cause), (None, None), "what it failed with before is over");
        assert_eq!(**world.output(&record).expect("an output").text(), *format!(r#""{SECRET}""#));
        assert!(!everything(&world, "e").contains(SECRET));
        world.check_quiet().await;
    });
}
