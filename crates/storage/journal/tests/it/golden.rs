//! Stores that each format wrote, with an execution that waits: every later
//! release opens them and brings the execution to its end.
//!
//! `cargo nextest run -p windlass-journal --run-ignored only write_golden` writes
//! a new one; the old ones stay.

use std::path::{Path, PathBuf};
use std::time::Duration;

use windlass_journal::{Answer, JournalConfig};
use windlass_store::{SqliteOptions, Store};
use windlass_value::{Payload, parse};
use windlass_workflow::Status;

use crate::world::{Kept, World, arn, tables};

const DEFINITION: &str = r#"{"StartAt":"V","States":{
    "V":{"Type":"Pass","Assign":{"x":"é","list.$":"$.l"},"Next":"P"},
    "P":{"Type":"Parallel","Next":"E","Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","Next":"A2"},"A2":{"Type":"Pass","Parameters":{"got.$":"$","x.$":"$x"},"End":true}}},
        {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$list","MaxConcurrency":2,"End":true,"ItemProcessor":{"StartAt":"I","States":{
            "I":{"Type":"Wait","Timestamp":"2026-01-01T00:00:00Z","End":true}}}}}},
        {"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"q","MessageBody":"m"},"TimeoutSeconds":40000000,
            "Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":1}],"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"G"}],"End":true},"G":{"Type":"Pass","Result":"gave up","End":true}}}]},
    "E":{"Type":"Pass","End":true}}}"#;
const INPUT: &str = r#"{"l": [1.50, "two", {"three": null}]}"#;
const OUTPUT: &str = r#"[{"got":{"done":true},"x":"é"},[1.50,"two",{"three":null}],"gave up"]"#;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1")
}

fn in_real_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

fn open(folder: &Path) -> Store {
    Store::open(folder, &tables(), SqliteOptions::default()).expect("the store opens")
}

#[test]
#[ignore = "writes the files that the other test reads"]
fn write_golden() {
    in_real_time(async {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::over(open(folder.path()), JournalConfig::default(), true).await;
        world.start("golden", DEFINITION, INPUT).await.expect("it starts");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let token = world.outside.lock().seen.values().next().cloned().expect("the activity was offered");
        world.journal.stop_accepting();
        world.store.close();
        std::fs::create_dir_all(golden()).expect("the folder");
        for entry in std::fs::read_dir(folder.path()).expect("the store's files").flatten() {
            if !entry.file_name().to_string_lossy().contains("lock") {
                std::fs::copy(entry.path(), golden().join(entry.file_name())).expect("a copy");
            }
        }
        std::fs::write(golden().join("token.txt"), token).expect("the token");
    });
}

#[test]
fn a_store_of_format_1_opens_and_its_execution_ends() {
    in_real_time(async {
        let folder = tempfile::tempdir().expect("a folder");
        let mut token = String::new();
        for entry in std::fs::read_dir(golden()).expect("the golden store").flatten() {
            if entry.file_name() == "token.txt" {
                token = std::fs::read_to_string(entry.path()).expect("the token");
            } else {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
            }
        }
        let mut world = World::over(open(folder.path()), JournalConfig::default(), true).await;
        let record = world.record("golden").expect("it is there");
        assert_eq!(record.status, Status::Running);
        assert_eq!(world.journal.stats().live, 0, "it waits in the store");
        let answer = Answer::Success(Payload::from_text(r#"{"done":true}"#).unwrap());
        world.journal.answer(&token, answer).await.expect("its token is known");
        // The Map's waits, both attempts of the callback, and a look at what is due.
        for _ in 0..3 {
            world.clock.move_ahead(40_000_001 * 1000);
            world.reopen().await;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
        let record = world.record("golden").expect("it is there");
        assert_eq!(record.status, Status::Succeeded, "{:?}", world.history("golden"));
        assert_eq!(&**world.journal.input(&record).unwrap().text(), INPUT);
        let output = world.journal.output(&record).unwrap().expect("an output");
        assert_eq!(*output.value(), parse(OUTPUT).unwrap());
        let ids: Vec<u64> = world.history("golden").iter().map(|event| event.id).collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
        assert!(world.record("golden").is_some_and(|record| *record.arn == *arn("golden")));
        world.journal.stop_accepting();
    });
}

/// Format 2: payloads that are contents of their own, sealed with a data key.
const SEALED_DEFINITION: &str = r#"{"StartAt":"V","States":{
    "V":{"Type":"Pass","Assign":{"x.$":"$.l"},"Next":"A"},
    "A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","ResultPath":"$.got","Next":"E"},
    "E":{"Type":"Pass","Parameters":{"got.$":"$.got","x.$":"$x"},"End":true}}}"#;
const SEALED_OUTPUT: &str = r#"{"got":{"done":true},"x":[1.50,"two",{"three":null}]}"#;
const SEALED: Kept = Kept { inline_bytes_max: Some(20), seals: true };

fn golden_2() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-2")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder");
    for entry in std::fs::read_dir(from).expect("the files").flatten() {
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &to),
            false if entry.file_name().to_string_lossy().contains("lock") => {}
            false => drop(std::fs::copy(entry.path(), to).expect("a copy")),
        }
    }
}

async fn sealed_world(folder: tempfile::TempDir) -> World {
    let store = open(folder.path());
    let mut world = World { kept: SEALED, folder, ..World::over(store, JournalConfig::default(), true).await };
    for number in 1..=9 {
        world.outside.lock().keys.insert(vec![b'w', number, 0xff, 0], [number; 32]);
    }
    world.reopen().await;
    world
}

#[test]
#[ignore = "writes the files that the other test reads"]
fn write_golden_2() {
    in_real_time(async {
        let world = sealed_world(tempfile::tempdir().expect("a folder")).await;
        world.start("golden", SEALED_DEFINITION, INPUT).await.expect("it starts");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let token = world.outside.lock().seen.values().next().cloned().expect("the activity was offered");
        world.journal.stop_accepting();
        world.store.close();
        copy(world.folder.path(), &golden_2());
        // The key it was sealed with, which the test world would not make again.
        let keys: Vec<String> = world.outside.lock().keys.keys().map(|key| format!("{}", key[1])).collect();
        std::fs::write(golden_2().join("token.txt"), format!("{} {token}", keys.last().expect("a key")))
            .expect("the token");
    });
}

#[test]
fn a_store_of_format_2_opens_and_its_execution_ends() {
    in_real_time(async {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&golden_2(), folder.path());
        let text = std::fs::read_to_string(folder.path().join("token.txt")).expect("the token");
        let (key, token) = text.split_once(' ').expect("a key and a token");
        let world = sealed_world(folder).await;
        let number: u8 = key.parse().expect("a number");
        world.outside.lock().keys.insert(vec![b'w', number, 0xff, 0], [number; 32]);
        let record = world.record("golden").expect("it is there");
        assert_eq!((record.status, record.is_sealed()), (Status::Running, true));
        assert_eq!(&**world.unlocked(|| world.journal.input(&record)).text(), INPUT);
        let answer = Answer::Success(Payload::from_text(r#"{"done":true}"#).unwrap());
        world.journal.answer(token, answer).await.expect("its token is known");
        let record = world.closed("golden").await;
        assert_eq!(record.status, Status::Succeeded, "{:?}", world.history("golden"));
        assert_eq!(*world.output(&record).expect("an output").value(), parse(SEALED_OUTPUT).unwrap());
        assert!(world.history("golden").len() > 5);
        world.journal.stop_accepting();
    });
}
