//! What an observer is told is what is stored, no more and no less.

use std::sync::Arc;

use parking_lot::Mutex;
use windlass_journal::{JournalConfig, Observed, Observer, Prepared, Subject, Watch};
use windlass_store::{Batch, Key, Scan, Table};
use windlass_value::{Text, object};
use windlass_workflow::Status;

use crate::scenarios::scenarios;
use crate::world::{World, in_virtual_time, small_turns};

static SEEN: Table = Table { name: "execution_snapshots_seen", columns: &[], indexes: &[] };
static TABLES: &[&Table] = &[&SEEN];

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Notes {
    wants_history: bool,
    ignores: bool,
    lines: Arc<Mutex<Vec<String>>>,
    watches: Arc<Mutex<Vec<Text>>>,
}

impl Observer for Notes {
    fn watch(&self, subject: Subject<'_>) -> Option<Arc<dyn Watch>> {
        let details = subject.details();
        self.watches.lock().push(details.get("k").and_then(|value| value.as_str()).unwrap_or("none").into());
        (!self.ignores).then(|| Arc::new(self.clone()) as Arc<dyn Watch>)
    }
}

impl Watch for Notes {
    fn wants_history(&self) -> bool {
        self.wants_history
    }

    fn prepare(&self, turn: Observed<'_>, batch: &mut Batch) -> Option<Prepared> {
        assert_eq!(turn.begins, turn.events.first().is_some_and(|event| event.id == 1));
        let first = turn.events.first().expect("a turn that is told has events");
        batch.put(&SEEN, Key::new(0, "", "").text(&turn.identity.arn).number(first.id), Vec::new(), Vec::new());
        Some(Box::new(first.id))
    }

    fn committed(&self, turn: Observed<'_>, prepared: Option<Prepared>) {
        let mut lines = self.lines.lock();
        if let Some(prepared) = prepared {
            let id = prepared.downcast::<u64>().expect("what was prepared");
            assert_eq!(Some(*id), turn.events.first().map(|event| event.id));
        }
        lines.extend(turn.events.iter().map(|event| format!("{} {}", event.id, event.event_type.name())));
        if turn.status != Status::Running {
            lines.push(format!("{} {:?}", turn.status.as_str(), turn.output.map(|output| output.text().to_string())));
        }
    }
}

fn world_tables() -> Vec<&'static Table> {
    [windlass_journal::TABLES, TABLES].concat()
}

#[test]
fn an_observer_is_told_every_stored_event_once() {
    for scenario in scenarios() {
        in_virtual_time(async {
            let config = if scenario.name.contains("loop") { small_turns() } else { JournalConfig::default() };
            let tables: &'static [&'static Table] = world_tables().leak();
            let store = windlass_store::Store::memory(tables, windlass_store::MemoryFaults::new());
            let world = World::over(store, config, scenario.admits).await;
            let notes = Notes::default();
            assert!(world.journal.observe(Arc::new(notes.clone())));
            assert!(!world.journal.observe(Arc::new(notes.clone())), "one observer only");
            world.start("x", &scenario.definition, scenario.input).await.expect("it starts");
            let record = world.closed("x").await;
            let mut expected: Vec<String> =
                world.history("x").iter().map(|event| format!("{} {}", event.id, event.event_type.name())).collect();
            let output = world.journal.output(&record).expect("the store reads");
            expected.push(format!("{} {:?}", record.status.as_str(), output.map(|output| output.text().to_string())));
            assert_eq!(*notes.lines.lock(), expected, "{}", scenario.name);
            let rows = world.store.scan(&SEEN, Scan { limit: 100_000, ..Scan::default() }).expect("the store reads");
            assert!(!rows.is_empty(), "{}", scenario.name);
        });
    }
}

#[test]
fn an_express_execution_tells_its_end_and_events_only_if_they_are_wanted() {
    const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
    let end = "SUCCEEDED Some(\"7\")".to_owned();
    let events = ["1 ExecutionStarted", "2 PassStateEntered", "3 PassStateExited", "4 ExecutionSucceeded"];
    for (wants_history, expected) in
        [(false, vec![end.clone()]), (true, events.iter().map(|line| (*line).to_owned()).chain([end]).collect())]
    {
        in_virtual_time(async {
            let world = World::new(JournalConfig::default(), true).await;
            let notes = Notes { wants_history, ..Notes::default() };
            assert!(world.journal.observe(Arc::new(notes.clone())));
            let new = || {
                let mut new = world.new_execution("e", PASS, "7");
                new.identity.express = true;
                new.details = object! { "k" => "v" }.as_object().expect("an object").as_ref().clone();
                new
            };
            let outcome = world.journal.run_express(new(), false).await;
            assert!(outcome.events.is_empty());
            assert_eq!(*notes.lines.lock(), expected);
            notes.lines.lock().clear();
            world.journal.start_express(new()).await.expect("it starts");
            world.moment().await;
            assert_eq!(*notes.lines.lock(), expected);
            assert_eq!(*notes.watches.lock(), ["v".into(), "v".into()] as [Text; 2]);
        });
    }
}

#[test]
fn nobody_is_told_of_what_is_not_watched() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let notes = Notes { ignores: true, ..Notes::default() };
        assert!(world.journal.observe(Arc::new(notes.clone())));
        world.start("x", r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#, "1").await.expect("it starts");
        world.closed("x").await;
        assert_eq!((notes.lines.lock().len(), notes.watches.lock().len()), (0, 1));
    });
}
