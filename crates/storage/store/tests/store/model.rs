//! Random batches and scans against a model of plain maps.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::prelude::*;
use windlass_store::{
    Batch, ColumnValue, CommitError, Expect, IndexScan, Key, KeyRange, Position, Row, Scan, Store, Table,
};

use crate::subject::{Subject, TASKS, key, prefix};

/// Batches of a case that are handed over without waiting.
const GROUP: usize = 5;

#[derive(Default)]
struct Model {
    rows: BTreeMap<Key, Row>,
    streams: BTreeMap<(Key, u64), Vec<u8>>,
}

impl Model {
    fn apply(&mut self, batch: &Batch) -> Result<(), CommitError> {
        let version = |key: &Key| self.rows.get(key).map(|row| row.version);
        let holds = |expect: &Expect| match expect {
            Expect::Absent(_, key) => version(key).is_none(),
            Expect::Version(_, key, expected) => version(key) == Some(*expected),
        };
        if let Some(index) = batch.expect.iter().position(|expect| !holds(expect)) {
            return Err(CommitError::Expectation { index });
        }
        let mut rows = self.rows.clone();
        let mut streams = self.streams.clone();
        for (stream, before) in &batch.truncate {
            streams.retain(|(of, sequence), _| of != stream || before.is_some_and(|before| *sequence >= before));
        }
        for (_, key) in &batch.delete {
            rows.remove(key);
        }
        for (_, row) in &batch.put {
            let version = rows.get(&row.key).map_or(0, |row| row.version) + 1;
            rows.insert(row.key.clone(), Row { version, ..row.clone() });
        }
        for (index, entry) in batch.append.iter().enumerate() {
            if streams.insert((entry.stream.clone(), entry.sequence), entry.value.to_vec()).is_some() {
                return Err(CommitError::Duplicate { index });
            }
        }
        (self.rows, self.streams) = (rows, streams);
        Ok(())
    }

    /// Filters and sorts everything: slow and plain.
    fn scan(&self, table: &Table, scan: &Scan) -> Vec<Row> {
        let empty = IndexScan::new("");
        let index = scan.index.as_ref().unwrap_or(&empty);
        let names = table.indexes.iter().find(|declared| declared.name == index.name).map_or(&[][..], |i| i.columns);
        let position = |row: &Row| {
            let at = |name: &&str| table.columns.iter().position(|column| column.name == *name).expect("a column");
            Position { columns: names.iter().map(|name| row.columns[at(name)].clone()).collect(), key: row.key.clone() }
        };
        let order = |left: &Position, right: &Position| {
            let order = left.columns.cmp(&right.columns).then_with(|| left.key.cmp(&right.key));
            if scan.reverse { order.reverse() } else { order }
        };
        let inside = |row: &&Row| {
            let at = position(row);
            let bounded = at.columns.get(index.equal.len());
            let in_range = scan.range.start.as_ref().is_none_or(|start| *start <= row.key)
                && scan.range.end.as_ref().is_none_or(|end| row.key < *end);
            let unbounded = index.lower == Bound::Unbounded && index.upper == Bound::Unbounded;
            let above = |value: &ColumnValue| match &index.lower {
                Bound::Included(bound) => value >= bound,
                Bound::Excluded(bound) => value > bound,
                Bound::Unbounded => true,
            };
            let below = |value: &ColumnValue| match &index.upper {
                Bound::Included(bound) => value <= bound,
                Bound::Excluded(bound) => value < bound,
                Bound::Unbounded => true,
            };
            in_range
                && at.columns.first() != Some(&ColumnValue::Null)
                && at.columns.starts_with(&index.equal)
                && (unbounded
                    || bounded.is_some_and(|value| *value != ColumnValue::Null && above(value) && below(value)))
                && scan.after.as_ref().is_none_or(|after| order(&at, after) == Ordering::Greater)
        };
        let mut rows: Vec<Row> = self.rows.values().filter(inside).cloned().collect();
        rows.sort_by(|left, right| order(&position(left), &position(right)));
        rows.truncate(scan.limit);
        rows
    }
}

fn keys() -> impl Strategy<Value = Key> {
    prop::sample::select(vec!["a", "a\0", "aa", "b", "c", "d"]).prop_map(key)
}

fn text() -> impl Strategy<Value = ColumnValue> {
    prop::sample::select(vec![None, Some(""), Some("p"), Some("p\0"), Some("pp"), Some("q")])
        .prop_map(|text| text.map_or(ColumnValue::Null, ColumnValue::from))
}

fn integer() -> impl Strategy<Value = ColumnValue> {
    prop::sample::select(vec![None, Some(i64::MIN), Some(-1), Some(0), Some(1), Some(i64::MAX)])
        .prop_map(|integer| integer.map_or(ColumnValue::Null, ColumnValue::Integer))
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => prop::collection::vec(any::<u8>(), 0..20), 1 => Just(vec![9; 20_000])]
}

fn batches() -> impl Strategy<Value = Batch> {
    let expect = prop_oneof![
        keys().prop_map(|key| Expect::Absent(&TASKS, key)),
        (keys(), 0..4_u64).prop_map(|(key, version)| Expect::Version(&TASKS, key, version)),
    ];
    // Mostly without expectations, or little would be applied.
    let expect = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(expect, 1..3)];
    let put = (keys(), text(), integer(), text(), value());
    let streams = || prop::sample::select(vec!["log", "log2"]).prop_map(key);
    let append = (streams(), 0..12_u64, value());
    let truncate = (streams(), prop::option::of(0..12_u64));
    (
        expect,
        prop::collection::vec(put, 0..4),
        prop::collection::vec(keys(), 0..2),
        prop::collection::vec(append, 0..3),
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(truncate, 1..3)],
    )
        .prop_map(|(expect, put, delete, append, truncate)| {
            let mut batch = Batch { expect, truncate, ..Batch::default() };
            put.into_iter().for_each(|(key, status, due, owner, value)| {
                batch.put(&TASKS, key, vec![status, due, owner], value);
            });
            delete.into_iter().for_each(|key| batch.delete(&TASKS, key));
            append.into_iter().for_each(|(stream, sequence, value)| batch.append(stream, sequence, value));
            batch
        })
}

fn bound(value: impl Strategy<Value = ColumnValue>) -> impl Strategy<Value = Bound<ColumnValue>> {
    let value = value.prop_filter("a bound is not null", |value| *value != ColumnValue::Null);
    (value, 0..3_u8).prop_map(|(value, kind)| match kind {
        0 => Bound::Included(value),
        1 => Bound::Excluded(value),
        _ => Bound::Unbounded,
    })
}

fn index_scans() -> impl Strategy<Value = IndexScan> {
    let indexes = prop::sample::select(vec![("due", 1_usize), ("status_due", 2), ("status_due_owner", 3)]);
    let values = (text(), integer(), text());
    let bounds = ((bound(text()), bound(text())), (bound(integer()), bound(integer())));
    (indexes, 0..4_usize, values, bounds).prop_map(|((name, columns), equal, values, (texts, integers))| {
        let all = if name == "due" { vec![values.1] } else { vec![values.0, values.1, values.2] };
        let equal = equal.min(columns);
        let (lower, upper) = match (name, equal) {
            _ if equal == columns => (Bound::Unbounded, Bound::Unbounded),
            ("due", _) | (_, 1) => integers,
            _ => texts,
        };
        IndexScan { name, equal: all.into_iter().take(equal).collect(), lower, upper }
    })
}

fn scans() -> impl Strategy<Value = Scan> {
    let range = (prop::option::of(keys()), prop::option::of(keys())).prop_map(|(start, end)| KeyRange { start, end });
    let range = prop_oneof![Just(KeyRange::prefix(&prefix())), Just(KeyRange::all()), range];
    (range, prop::option::weighted(0.8, index_scans()), any::<bool>(), 1..4_usize)
        .prop_map(|(range, index, reverse, limit)| Scan { range, index, reverse, after: None, limit })
}

fn check_content(model: &Model, store: &Store) -> Result<(), TestCaseError> {
    let rows = store.scan(&TASKS, Scan::range(KeyRange::all(), 1000)).expect("a scan");
    prop_assert_eq!(rows, model.rows.values().cloned().collect::<Vec<_>>());
    for stream in ["log", "log2"].map(key) {
        let entries = store.read_stream(&stream, 0, 1000, false).expect("a stream");
        let found: Vec<_> = entries.into_iter().map(|entry| (entry.sequence, entry.value.to_vec())).collect();
        let of = model.streams.iter().filter(|((of, _), _)| *of == stream);
        let expected: Vec<_> = of.map(|((_, sequence), value)| (*sequence, value.clone())).collect();
        prop_assert_eq!(found, expected);
    }
    Ok(())
}

/// Walks a scan to its end in pages, comparing each.
fn check_scan(model: &Model, store: &Store, mut scan: Scan) -> Result<(), TestCaseError> {
    loop {
        let page = store.scan(&TASKS, scan.clone()).expect("a page");
        prop_assert_eq!(&page, &model.scan(&TASKS, &scan), "{:?}", scan);
        let Some(last) = page.last() else { return Ok(()) };
        scan.after = Some(scan.position(&TASKS, last));
    }
}

fn check_model(mut subject: Subject, batches: &[Batch], scans: &[Scan]) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    for group in batches.chunks(GROUP) {
        let commits: Vec<_> = group.iter().map(|batch| subject.store.commit(batch.clone())).collect();
        for (batch, commit) in group.iter().zip(commits) {
            prop_assert_eq!(commit.wait(), model.apply(batch));
        }
        check_content(&model, &subject.store)?;
    }
    for scan in scans {
        check_scan(&model, &subject.store, scan.clone())?;
    }
    subject.reopen(&crate::subject::TABLES);
    check_content(&model, &subject.store)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn memory_agrees_with_the_model(
        batches in prop::collection::vec(batches(), 1..25),
        scans in prop::collection::vec(scans(), 1..12),
    ) {
        check_model(Subject::memory(), &batches, &scans)?;
    }
}

proptest! {
    // Each case syncs a real disk some dozens of times.
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn sqlite_agrees_with_the_model(
        batches in prop::collection::vec(batches(), 1..25),
        scans in prop::collection::vec(scans(), 1..12),
    ) {
        check_model(Subject::sqlite(), &batches, &scans)?;
    }
}
