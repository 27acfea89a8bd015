use std::ops::Bound;

use windlass_store::{ColumnValue, IndexScan, KeyRange, Position, Row, Scan, StoreError};

use crate::subject::{Subject, TASKS, batch, commit, key, on_each, prefix, task};

/// (name, status, due, owner).
/// Name, status, due, owner.
type TaskRow = (&'static str, Option<&'static str>, Option<i64>, Option<&'static str>);

const ROWS: &[TaskRow] = &[
    ("a", Some("open"), Some(30), Some("x")),
    ("ab", Some("open"), Some(10), None),
    ("b", Some("done"), Some(20), Some("y")),
    ("c", Some("open"), None, Some("z")),
    ("d", None, Some(-5), None),
    ("e", Some("open"), Some(10), Some("w")),
    ("f", None, None, Some("v")),
    ("g", Some("opened"), Some(10), Some("a")),
    ("h", Some("open"), Some(20), Some("x")),
];

fn fill(subject: &Subject) {
    for (name, status, due, owner) in ROWS {
        let batch = batch(|b| b.put(&TASKS, key(name), task(*status, *due, *owner), *name));
        commit(&subject.store, batch).expect("a put");
    }
    // Neighbours that no scan of the prefix may see.
    for neighbour in ["eu-west-0", "eu-west-10", "eu-west-2"] {
        let key = windlass_store::Key::new(7, "123456789012", neighbour).text("n");
        commit(&subject.store, batch(|b| b.put(&TASKS, key, task(None, None, None), "n"))).expect("a put");
    }
}

fn names(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| std::str::from_utf8(&row.value).expect("a name")).collect()
}

#[test]
fn scans_return_rows_in_order_from_both_ends_and_in_pages() {
    let index = IndexScan::new;
    let cases: Vec<(&str, Scan, &[&str])> = vec![
        ("prefix", Scan::prefix(&prefix(), 99), &["a", "ab", "b", "c", "d", "e", "f", "g", "h"]),
        ("prefix of a text part", Scan::prefix(&key("a"), 99), &["a"]),
        ("from a key", Scan::range(KeyRange { start: Some(key("b")), end: Some(key("e")) }, 99), &["b", "c", "d"]),
        ("an empty range", Scan::range(KeyRange { start: Some(key("e")), end: Some(key("b")) }, 99), &[]),
        (
            "a whole index leaves out null in its first column",
            Scan::index(index("due"), 99),
            &["d", "ab", "e", "g", "b", "h", "a"],
        ),
        ("due so far", Scan::index(index("due").at_most(10), 99), &["d", "ab", "e", "g"]),
        ("due before", Scan::index(index("due").below(10), 99), &["d"]),
        ("due after", Scan::index(index("due").above(20), 99), &["a"]),
        ("due between", Scan::index(index("due").at_least(0).below(20), 99), &["ab", "e", "g"]),
        (
            "null comes first in a further column",
            Scan::index(index("status_due").equal("open"), 99),
            &["c", "ab", "e", "h", "a"],
        ),
        ("a bound leaves null out", Scan::index(index("status_due").equal("open").below(20), 99), &["ab", "e"]),
        (
            "equal to null",
            Scan::index(
                IndexScan {
                    name: "status_due_owner",
                    equal: vec![ColumnValue::from("open"), ColumnValue::Null],
                    lower: Bound::Unbounded,
                    upper: Bound::Unbounded,
                },
                99,
            ),
            &["c"],
        ),
        ("null in the last column", Scan::index(index("status_due_owner").equal("open").equal(10), 99), &["ab", "e"]),
        ("all columns equal", Scan::index(index("status_due_owner").equal("open").equal(20).equal("x"), 99), &["h"]),
        ("bounds on text", Scan::index(index("status_due").at_least("done").below("open"), 99), &["b"]),
        ("text above", Scan::index(index("status_due").above("open"), 99), &["g"]),
        (
            "an index within a key range",
            Scan::index(index("due"), 99).within(KeyRange { start: Some(key("b")), end: Some(key("h")) }),
            &["d", "e", "g", "b"],
        ),
        ("bounds that cross", Scan::index(index("due").at_least(20).below(10), 99), &[]),
        ("bounds that meet", Scan::index(index("due").above(10).below(10), 99), &[]),
    ];
    on_each(|subject| {
        fill(subject);
        for (name, scan, expected) in &cases {
            for reverse in [false, true] {
                let scan = Scan { reverse, ..scan.clone() };
                let mut expected = expected.to_vec();
                if reverse {
                    expected.reverse();
                }
                let place = format!("{}: {name}, reverse {reverse}", subject.name);
                let rows = subject.store.scan(&TASKS, scan.clone()).expect(&place);
                assert_eq!(names(&rows), expected, "{place}");
                let counted = subject.store.count(&TASKS, Scan { limit: 0, ..scan.clone() }).expect(&place);
                assert_eq!(counted, expected.len() as u64, "{place}, counted");
                for limit in 1..=3 {
                    assert_eq!(names(&in_pages(subject, &scan, limit)), expected, "{place}, pages of {limit}");
                }
            }
        }
    });
}

fn in_pages(subject: &Subject, scan: &Scan, limit: usize) -> Vec<Row> {
    let mut scan = Scan { limit, ..scan.clone() };
    let mut rows = Vec::new();
    loop {
        let page = subject.store.scan(&TASKS, scan.clone()).expect("a page");
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return rows };
        scan.after = Some(scan.position(&TASKS, last));
        rows.extend(page);
    }
}

/// A position stays good when its row is gone or has moved.
#[test]
fn a_scan_goes_on_behind_a_row_that_is_gone() {
    on_each(|subject| {
        fill(subject);
        let scan = Scan::index(IndexScan::new("due"), 2);
        let page = subject.store.scan(&TASKS, scan.clone()).expect("a page");
        let position = scan.position(&TASKS, &page[1]);
        assert_eq!(names(&page), ["d", "ab"]);
        commit(&subject.store, batch(|b| b.delete(&TASKS, key("ab")))).expect("a delete");
        commit(&subject.store, batch(|b| b.put(&TASKS, key("e"), task(None, Some(99), None), "e"))).expect("a put");
        let rest = subject.store.scan(&TASKS, Scan { limit: 9, ..scan.after(position) }).expect("a page");
        assert_eq!(names(&rest), ["g", "b", "h", "a", "e"]);
    });
}

#[test]
fn scans_that_do_not_fit_are_refused() {
    let position = |columns: Vec<ColumnValue>| Position { columns, key: key("a") };
    let cases: Vec<(&str, Scan)> = vec![
        ("unknown index", Scan::index(IndexScan::new("none"), 9)),
        ("value of another kind", Scan::index(IndexScan::new("due").equal("x"), 9)),
        ("bound of another kind", Scan::index(IndexScan::new("due").below("x"), 9)),
        ("null bound", Scan::index(IndexScan::new("due").below(ColumnValue::Null), 9)),
        ("too many equal columns", Scan::index(IndexScan::new("due").equal(1).equal(1), 9)),
        ("bound behind the last column", Scan::index(IndexScan::new("due").equal(1).below(1), 9)),
        ("columns without an index", Scan::prefix(&prefix(), 9).after(position(vec![ColumnValue::Null]))),
        ("position without its columns", Scan::index(IndexScan::new("due"), 9).after(position(vec![]))),
        (
            "position outside",
            Scan::index(IndexScan::new("due").equal(1), 9).after(position(vec![ColumnValue::Integer(2)])),
        ),
    ];
    on_each(|subject| {
        for (name, scan) in &cases {
            let outcome = subject.store.scan(&TASKS, scan.clone());
            assert!(matches!(outcome, Err(StoreError::Invalid(_))), "{}: {name}: {outcome:?}", subject.name);
        }
        assert_eq!(subject.store.scan(&TASKS, Scan::prefix(&prefix(), 0)), Ok(vec![]));
    });
}
