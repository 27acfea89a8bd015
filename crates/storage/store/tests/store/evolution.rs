//! Stores of other releases: older ones open, newer ones are refused, declarations grow.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use windlass_store::{Column, ColumnKind, ColumnValue, Index, IndexScan, OpenError, STORE_FORMAT, Scan, Store, Table};

use crate::subject::{NAMES, Subject, TABLES, TASKS, batch, commit, key, options, task};

static GOLDEN: Table = Table {
    name: "golden",
    columns: &[Column { name: "status", kind: ColumnKind::Text }, Column { name: "due_ms", kind: ColumnKind::Integer }],
    indexes: &[Index { name: "due", columns: &["due_ms"] }],
};

/// What the golden stores hold.
fn golden_batches() -> Vec<windlass_store::Batch> {
    vec![
        batch(|b| {
            b.put(&GOLDEN, key("a"), vec!["open".into(), 10.into()], "first");
            b.put(&GOLDEN, key("b"), vec![ColumnValue::Null, ColumnValue::Null], "");
            b.append(key("log"), 1, "one");
            b.append(key("log"), 2, vec![0, 255, 7]);
        }),
        batch(|b| {
            b.put(&GOLDEN, key("a"), vec!["done".into(), 5.into()], "second");
            b.append(key("log"), 3, "three");
        }),
    ]
}

fn golden_file(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("golden").join(format!("format-{format}.sqlite"))
}

/// Run by hand when a format is released, never over an old file.
#[test]
#[ignore = "writes the golden store of the current format"]
fn make_golden() {
    let file = golden_file(STORE_FORMAT);
    assert!(!file.exists(), "{} is released and stays as it is", file.display());
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), &[&GOLDEN], options()).expect("the store opens");
    for batch in golden_batches() {
        commit(&store, batch).expect("a commit");
    }
    store.close();
    std::fs::copy(folder.path().join("store.sqlite"), file).expect("a copy");
}

#[test]
fn stores_of_every_released_format_open() {
    for format in 1..=STORE_FORMAT {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(golden_file(format), folder.path().join("store.sqlite")).expect("the golden store");
        // Twice: a migration that has been applied is not applied again.
        for _ in 0..2 {
            let store = Store::open(folder.path(), &[&GOLDEN], options()).expect("the store opens");
            let a = store.get(&GOLDEN, &key("a")).expect("a get").expect("a row");
            assert_eq!((a.value.as_ref(), a.version, a.columns), (&b"second"[..], 2, vec!["done".into(), 5.into()]));
            let b = store.get(&GOLDEN, &key("b")).expect("a get").expect("a row");
            assert_eq!((b.value.len(), b.version, b.columns), (0, 1, vec![ColumnValue::Null, ColumnValue::Null]));
            let due = store.scan(&GOLDEN, Scan::index(IndexScan::new("due").at_most(9), 9)).expect("a scan");
            assert_eq!(due.len(), 1);
            let log = store.read_stream(&key("log"), 0, 9, false).expect("a stream");
            let log: Vec<_> = log.iter().map(|entry| (entry.sequence, entry.value.as_ref())).collect();
            assert_eq!(log, [(1, &b"one"[..]), (2, &[0, 255, 7]), (3, b"three")]);
            store.close();
        }
    }
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    Store::open(folder.path(), &TABLES, options()).expect("the store opens").close();
    let file = folder.path().join("store.sqlite");
    let connection = Connection::open(&file).expect("the file opens");
    connection.pragma_update(None, "user_version", STORE_FORMAT + 1).expect("an update");
    drop(connection);
    let before = std::fs::read(&file).expect("the file");
    let error = Store::open(folder.path(), &TABLES, options()).expect_err("a newer store");
    assert!(
        matches!(error, OpenError::Newer { found, supported, .. } if (found, supported) == (STORE_FORMAT + 1, STORE_FORMAT))
    );
    assert!(error.to_string().contains("newer"), "{error}");
    assert!(std::fs::read(&file).expect("the file") == before, "the file was touched");
}

#[test]
fn files_of_other_programs_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("store.sqlite");
    std::fs::write(&file, vec![b'x'; 10_000]).expect("a file");
    let error = Store::open(folder.path(), &TABLES, options()).expect_err("no database");
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
    std::fs::remove_file(&file).expect("removed");
    Connection::open(&file).expect("a database").execute_batch("CREATE TABLE theirs (x)").expect("a table");
    let error = Store::open(folder.path(), &TABLES, options()).expect_err("another program's database");
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
}

static TASKS_GROWN: Table = Table {
    name: "tasks",
    columns: &[
        // A new column in front, and one that is no longer declared.
        Column { name: "priority", kind: ColumnKind::Integer },
        Column { name: "status", kind: ColumnKind::Text },
        Column { name: "due_ms", kind: ColumnKind::Integer },
    ],
    indexes: &[
        Index { name: "priority", columns: &["priority"] },
        // The same name over other columns.
        Index { name: "due", columns: &["due_ms", "status"] },
    ],
};

static ADDED: Table = Table { name: "added", columns: &[], indexes: &[Index { name: "x", columns: &[] }] };
static ADDED_WELL: Table = Table { name: "added", columns: &[], indexes: &[] };

#[test]
fn declarations_grow_over_stored_rows() {
    for mut subject in [Subject::memory(), Subject::sqlite()] {
        let fill = batch(|b| {
            b.put(&TASKS, key("a"), task(Some("open"), Some(2), Some("x")), "a");
            b.put(&TASKS, key("b"), task(Some("done"), Some(1), None), "b");
            b.put(&NAMES, key("n"), vec![], "n");
        });
        commit(&subject.store, fill).expect("a commit");
        subject.reopen(&[&TASKS_GROWN, &ADDED_WELL]);
        let store = &subject.store;
        let rows = store.scan(&TASKS_GROWN, Scan::index(IndexScan::new("due"), 9)).expect("a scan");
        let found: Vec<_> = rows.iter().map(|row| (row.value.as_ref(), row.columns.clone())).collect();
        let null = || ColumnValue::Null;
        let b = (&b"b"[..], vec![null(), "done".into(), 1.into()]);
        assert_eq!(found, [b, (&b"a"[..], vec![null(), "open".into(), 2.into()])], "{}", subject.name);
        let write = batch(|b| {
            b.put(&TASKS_GROWN, key("a"), vec![7.into(), "open".into(), 2.into()], "a2");
            b.put(&ADDED_WELL, key("z"), vec![], "z");
        });
        commit(store, write).expect("a commit");
        let rows = store.scan(&TASKS_GROWN, Scan::index(IndexScan::new("priority"), 9)).expect("a scan");
        assert_eq!(rows.iter().map(|row| row.version).collect::<Vec<_>>(), [2], "{}", subject.name);
        // A table that was not declared for a while is still there.
        subject.reopen(&TABLES);
        let kept = subject.store.get(&NAMES, &key("n")).expect("a get").expect("a row");
        assert_eq!(kept.value, "n", "{}", subject.name);
        let due = subject.store.scan(&TASKS, Scan::index(IndexScan::new("status_due").equal("open"), 9));
        assert_eq!(due.expect("a scan").len(), 1, "{}", subject.name);
    }
}

static TASKS_OTHERWISE: Table =
    Table { name: "tasks", columns: &[Column { name: "status", kind: ColumnKind::Integer }], indexes: &[] };

#[test]
fn wrong_declarations_are_refused() {
    static RESERVED: Table = Table { name: "stream", columns: &[], indexes: &[] };
    static QUOTED: Table = Table { name: "a\"b", columns: &[], indexes: &[] };
    static UPPER: Table = Table { name: "Names", columns: &[], indexes: &[] };
    static RESERVED_COLUMN: Table =
        Table { name: "t", columns: &[Column { name: "key", kind: ColumnKind::Text }], indexes: &[] };
    static NO_COLUMN: Table = Table { name: "t", columns: &[], indexes: &[Index { name: "i", columns: &["missing"] }] };
    let cases: &[(&str, &[&'static Table])] = &[
        ("reserved name", &[&RESERVED]),
        ("quote", &[&QUOTED]),
        ("upper case", &[&UPPER]),
        ("reserved column", &[&RESERVED_COLUMN]),
        ("index without its column", &[&NO_COLUMN]),
        ("index without columns", &[&ADDED]),
        ("twice", &[&NAMES, &NAMES]),
        ("another kind than stored", &[&TASKS_OTHERWISE]),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    Store::open(folder.path(), &TABLES, options()).expect("the store opens").close();
    for (name, tables) in cases {
        let error = Store::open(folder.path(), tables, options()).expect_err(name);
        assert!(matches!(error, OpenError::Declaration(_)), "{name}: {error}");
    }
}
