//! Payloads that are contents of their own: files, their references, their end.

use std::path::Path;
use std::time::Duration;

use windlass_journal::{Answer, ForkPoint, HistoryQuery, JournalConfig, JournalError, TABLES};
use windlass_store::{Scan, Table};
use windlass_value::{Payload, Value};
use windlass_workflow::{Details, HistoryEvent, Limits, Status};

use crate::world::{Kept, World, arn, in_virtual_time, small_turns};

const DAY_MS: i64 = 86_400_000;

/// The files of contents, by size.
fn files(folder: &Path) -> Vec<u64> {
    let mut sizes = Vec::new();
    for shelf in std::fs::read_dir(folder.join("blobs")).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(shelf.path()).expect("a folder").flatten() {
            sizes.push(file.metadata().expect("a file").len());
        }
    }
    sizes.sort_unstable();
    sizes
}

fn rows(world: &World, table: &'static Table) -> usize {
    world.store.scan(table, Scan { limit: 100_000, ..Scan::default() }).expect("the store reads").len()
}

fn contents_table() -> &'static Table {
    TABLES.iter().find(|table| table.name == "execution_contents").expect("the table")
}

impl World {
    /// Removes contents that nobody needs, and answers which files are left.
    async fn swept(&self) -> Vec<u64> {
        self.config.contents.clone().expect("contents").sweep().await.expect("the disk");
        files(self.folder.path())
    }

    /// Once the execution is past its retention neither rows nor files are left.
    pub(crate) async fn check_nothing_is_left(&mut self) {
        self.clock.move_ahead(100 * DAY_MS);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert!(self.record("e").is_none(), "the execution outlives its retention");
        assert_eq!(rows(self, contents_table()), 0, "contents are remembered");
        assert_eq!(rows(self, windlass_blob::TABLES[0]), 0, "references are left");
        assert_eq!(self.swept().await, Vec::<u64>::new(), "files are left");
    }
}

const CALLS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"kept.$":"$"},"Next":"T"},
    "T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","ResultPath":null,"Next":"C"},
    "C":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","Next":"B"},
    "B":{"Type":"Pass","Parameters":{"kept.$":"$kept","got.$":"$"},"End":true}}}"#;
const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

fn text(bytes: usize) -> Payload {
    Payload::from_value(Value::from("x".repeat(bytes - 2)))
}

fn spills(inline_bytes_max: usize) -> Kept {
    Kept { inline_bytes_max: Some(inline_bytes_max), seals: false }
}

#[test]
fn large_payloads_are_contents_and_go_with_their_execution() {
    const LARGE: usize = 3_000_000;
    in_virtual_time(async {
        let mut world = World::keeping(JournalConfig::default(), true, spills(1_000)).await;
        world.start("e", CALLS, text(LARGE).text()).await.expect("it starts");
        // It waits for its worker, in the store alone.
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.restart().await;
        world.outside.lock().tokens.clear();
        let token = world.outside.lock().seen.values().next_back().cloned().expect("a token");
        world.journal.answer(&token, Answer::Success(text(1_500))).await.expect("it is taken");
        let record = world.closed("e").await;
        assert_eq!(record.status, Status::Succeeded, "{:?} {:?}", record.error, record.cause);
        let output = world.output(&record).expect("an output");
        assert_eq!(output.value()["kept"].as_str().map(str::len), Some(LARGE - 2));
        assert_eq!(output.value()["got"].as_str().map(str::len), Some(1_498));
        assert_eq!(world.journal.input(&record).unwrap().text(), text(LARGE).text());

        // Input, variables, the worker's result, output: each once, whoever hands it on.
        let sizes = files(world.folder.path());
        assert_eq!(sizes.len(), 4, "{sizes:?}");
        assert_eq!(rows(&world, contents_table()), 4);
        assert_eq!(rows(&world, windlass_blob::TABLES[0]), 4);

        // The history has them whole; an event that is too large for a page has its own.
        let history = world.history("e");
        let shown = |event: &HistoryEvent| event.details.payloads().map(Payload::bytes_len).max().unwrap_or_default();
        assert!(history.iter().filter(|event| shown(event) == LARGE).count() >= 4);
        let assigned = history.iter().find_map(|event| match &event.details {
            Details::StateExited { assigned, .. } if !assigned.is_empty() => Some(assigned[0].1.len()),
            _ => None,
        });
        assert_eq!(assigned, Some(LARGE));
        let page = HistoryQuery { reverse: false, after: None, limit: 1_000 };
        let (whole, next) = world.journal.history(&arn("e"), page).unwrap();
        assert!(whole.len() < history.len() && next.is_some());
        let (bare, next) = world.journal.history_without_data(&arn("e"), page).unwrap();
        assert_eq!((bare.len(), next), (history.len(), None), "without data all of it is one page");
        world.check_nothing_is_left().await;
    });
}

#[test]
fn equal_contents_are_one_file_until_the_last_execution_goes() {
    in_virtual_time(async {
        let world = World::keeping(JournalConfig::default(), true, spills(100)).await;
        world.start("first", PASS, text(5_000).text()).await.expect("it starts");
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.clock.move_ahead(50 * DAY_MS);
        world.start("second", PASS, text(5_000).text()).await.expect("it starts");
        assert_eq!(files(world.folder.path()), [5_000]);
        world.clock.move_ahead(45 * DAY_MS);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert!(world.record("first").is_none());
        assert_eq!(world.swept().await, [5_000]);
        let record = world.record("second").expect("it is there");
        assert_eq!(world.output(&record).expect("an output").bytes_len(), 5_000);
    });
}

#[test]
fn a_content_that_was_changed_or_lost_is_found_out() {
    in_virtual_time(async {
        let world = World::keeping(JournalConfig::default(), true, spills(100)).await;
        world.start("e", PASS, text(500).text()).await.expect("it starts");
        let record = world.record("e").expect("it is there");
        let shelf = std::fs::read_dir(world.folder.path().join("blobs")).unwrap().flatten().next().expect("a shelf");
        let file = std::fs::read_dir(shelf.path()).unwrap().flatten().next().expect("a file").path();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[200] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(world.journal.output(&record), Err(JournalError::Turn { .. })));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(world.journal.output(&record), Err(JournalError::Turn { .. })));
    });
}

#[test]
fn express_starts_keep_large_inputs_as_contents_until_they_end() {
    const WAIT: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":5,"End":true}}}"#;
    for seals in [false, true] {
        in_virtual_time(async {
            let kept = Kept { inline_bytes_max: Some(100), seals };
            let mut world = World::keeping(JournalConfig::default(), true, kept).await;
            let mut new = world.new_execution("e", WAIT, text(5_000).text());
            new.identity.express = true;
            world.journal.start_express(new).await.expect("it starts");
            assert_eq!(files(world.folder.path()).len(), 1);
            assert_eq!(world.restart().await, 1, "it is taken up again");
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(rows(&world, contents_table()), 0);
            assert_eq!(world.swept().await, Vec::<u64>::new());
            assert_eq!(world.restart().await, 0, "it ended");
        });
    }
}

#[test]
fn limits_are_those_the_execution_was_started_with() {
    const GROWS: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"A"},
        "A":{"Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}}}"#;
    in_virtual_time(async {
        let limits = Limits { payload_bytes_max: 1_000, ..Limits::default() };
        let config = JournalConfig { limits_aws: limits.clone(), ..JournalConfig::default() };
        let mut world = World::new(config, true).await;
        for (name, aws_limits) in [("none", None), ("own", Some(false)), ("aws", Some(true))] {
            let mut new = world.new_execution(name, GROWS, text(600).text());
            new.options.aws_limits = aws_limits;
            world.journal.start(new).await.expect("it starts");
        }
        // They are remembered, whatever the server has afterwards.
        world.config.limits = limits;
        world.restart().await;
        for (name, status) in [("none", Status::Failed), ("own", Status::Succeeded), ("aws", Status::Failed)] {
            assert_eq!(world.closed(name).await.status, status, "{name}");
        }
    });
}

#[test]
fn an_account_that_makes_too_many_transitions_waits() {
    const CHAIN: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"W"},
        "W":{"Type":"Wait","Seconds":1,"Next":"C"},"C":{"Type":"Pass","End":true}}}"#;
    in_virtual_time(async {
        let bucket = windlass_workflow::Bucket { size: 10, refill_per_second: 1 };
        let config = JournalConfig { transitions: Some(bucket), ..JournalConfig::default() };
        let world = World::new(config, true).await;
        let began = tokio::time::Instant::now();
        for name in ["a", "b", "c", "d", "e"] {
            world.start(name, CHAIN, "1").await.expect("it starts");
        }
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(world.closed(name).await.status, Status::Succeeded, "{name}");
        }
        // 20 transitions, of which 10 are there at once; the last turn may owe some.
        assert!(began.elapsed() >= Duration::from_secs(8), "{:?}", began.elapsed());
        assert!(world.journal.stats().throttled > 0);
    });
}

#[test]
fn a_fork_needs_the_contents_of_its_past() {
    const WAITS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},
        "C":{"Type":"Pass","Next":"D"},"D":{"Type":"Pass","Next":"W"},"W":{"Type":"Wait","Seconds":200,"End":true}}}"#;
    for config in [JournalConfig::default(), small_turns()] {
        in_virtual_time(async {
            let world = World::keeping(config, true, spills(100)).await;
            world.start("e", WAITS, text(5_000).text()).await.expect("it starts");
            let origin = world.closed("e").await;
            let history = world.history("e");
            let waited = history.iter().find(|event| event.event_type.name() == "WaitStateEntered").expect("it waited");
            let point = ForkPoint { event_id: waited.id, input: None, variables: None };
            let new = world.new_execution("f", WAITS, "null");
            world.journal.fork(&origin, new, point).await.expect("it forks");
            // The origin goes while its fork waits.
            world.clock.move_ahead(95 * DAY_MS);
            let record = world.closed("f").await;
            tokio::time::sleep(Duration::from_secs(61)).await;
            assert!(world.record("e").is_none());
            assert_eq!(world.swept().await, [5_000]);
            assert_eq!(world.output(&record).expect("an output").bytes_len(), 5_000);
            assert_eq!(world.history("f").len(), history.len());
        });
    }
}
