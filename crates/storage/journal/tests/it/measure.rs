//! What large histories and large stores cost. Run by hand:
//! `cargo nextest run -p windlass-journal --run-ignored only measure --no-capture`.

#![allow(clippy::print_stdout, reason = "figures are for whoever runs this by hand")]

use std::time::{Duration, Instant};

use windlass_journal::{ExecutionKey, HistoryQuery, JournalConfig, TABLES};
use windlass_store::{Batch, ColumnValue, Scan, SqliteOptions, Store};
use windlass_workflow::Status;

use crate::world::{World, arn, tables};

fn in_real_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
}

/// Counts to 33,400 with a payload of a few hundred bytes, then waits: about 200,000 events.
const COUNTS: &str = r#"{"QueryLanguage":"JSONata","StartAt":"A","States":{
    "A":{"Type":"Pass","Output":"{% {'n': $states.input.n + 1, 'text': $states.input.text} %}","Next":"B"},
    "B":{"Type":"Pass","Next":"C"},
    "C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n < 33400 %}","Next":"A"}],"Default":"W"},
    "W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;

#[test]
#[ignore = "measures"]
fn measure_a_long_history() {
    in_real_time(async {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), &tables(), SqliteOptions::default()).expect("the store opens");
        let mut world = World::over(store, JournalConfig::default(), true).await;
        let began = Instant::now();
        world.start("e", COUNTS, &format!(r#"{{"n":0,"text":"{}"}}"#, "x".repeat(200))).await.expect("it starts");
        let newest = || HistoryQuery { reverse: true, after: None, limit: 1 };
        let events = loop {
            let (page, _) = world.journal.history(&arn("e"), newest()).expect("the store reads");
            if page.first().is_some_and(|event| event.event_type.name() == "WaitStateEntered") {
                break page[0].id;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        println!("{events} events in {:?}, {} KiB", began.elapsed(), memory_kib());

        // Forwards and backwards, page by page: the first, the middle, the last.
        for reverse in [false, true] {
            let (mut after, mut pages, mut times) = (None::<String>, 0, Vec::new());
            loop {
                let began = Instant::now();
                let query = HistoryQuery { reverse, after: after.as_deref(), limit: 1_000 };
                let (page, next) = world.journal.history(&arn("e"), query).expect("the store reads");
                times.push(began.elapsed());
                pages += page.len();
                after = next;
                if after.is_none() {
                    break;
                }
            }
            let middle = times[times.len() / 2];
            let longest = times.iter().max().copied().unwrap_or_default();
            println!(
                "reverse {reverse}: {pages} events in {} pages; first {:?}, middle {middle:?}, last {:?}, longest {longest:?}; {} KiB",
                times.len(),
                times[0],
                times[times.len() - 1],
                memory_kib(),
            );
        }

        // From the store to memory: the snapshot and the turns after it.
        world.reopen().await;
        let began = Instant::now();
        world.journal.stop(&arn("e"), None, None).await.expect("it stops");
        println!("loaded and stopped in {:?}, {} KiB", began.elapsed(), memory_kib());
    });
}

#[test]
#[ignore = "measures"]
fn measure_the_start_of_a_large_store() {
    const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
    const CLOSED: usize = 200_000;
    in_real_time(async {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), &tables(), SqliteOptions::default()).expect("the store opens");
        let mut world = World::over(store, JournalConfig::default(), true).await;
        world.start("e", PASS, "1").await.expect("it starts");
        assert_eq!(world.record("e").expect("it is there").status, Status::Succeeded);
        let executions = TABLES[0];
        let key = ExecutionKey::from_arn(&arn("e")).expect("an ARN");
        let row = world.store.get(executions, &key.row()).expect("the store reads").expect("a row");
        for chunk in 0..CLOSED / 2_000 {
            let mut batch = Batch::default();
            for number in 0..2_000 {
                let name = format!("e{}", chunk * 2_000 + number);
                let key = ExecutionKey::from_arn(&arn(&name)).expect("an ARN");
                let mut columns = row.columns.clone();
                columns[0] = ColumnValue::Text(arn(&name));
                columns[1] =
                    ColumnValue::Text(format!("arn:aws:states:us-east-1:123456789012:stateMachine:m{}", number % 100));
                columns[2] = ColumnValue::Text(name);
                batch.put(executions, key.row(), columns, row.value.clone());
            }
            world.store.commit(batch).await.expect("the store writes");
        }
        let began = Instant::now();
        world.reopen().await;
        println!("a start with {CLOSED} closed executions of 100 machines: {:?}", began.elapsed());

        // What a start did before: read every row.
        let began = Instant::now();
        let (mut after, mut open, mut rows_read) = (None, 0, 0);
        loop {
            let mut scan = Scan { limit: 1_000, ..Scan::default() };
            scan.after = after.take();
            let rows = world.store.scan(executions, scan.clone()).expect("the store reads");
            open += rows.iter().filter(|row| row.columns.get(5) == Some(&ColumnValue::Null)).count();
            rows_read += rows.len();
            if rows.len() < 1_000 {
                break;
            }
            after = rows.last().map(|row| scan.position(executions, row));
        }
        println!("reading all {rows_read} rows, of which {open} are open: {:?}", began.elapsed());
    });
}
