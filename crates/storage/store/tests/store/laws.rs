use windlass_store::{
    BATCH_BYTES_MAX, Batch, ColumnValue, CommitError, KEY_BYTES_MAX, Key, Scan, Store, StoreError, Table,
};

use crate::subject::{NAMES, Subject, TASKS, batch, commit, key, on_each, prefix, task};

type Outcome = Result<(), CommitError>;

/// Batches committed one after another with their outcomes, and what is stored then.
struct Case {
    name: &'static str,
    batches: Vec<(Batch, Outcome)>,
    /// (key, version, value) in key order.
    names: Vec<(&'static str, u64, &'static str)>,
    /// (sequence, value) of the stream "log".
    log: Vec<(u64, &'static str)>,
}

fn put(name: &'static str, value: &'static str) -> Batch {
    batch(|b| b.put(&NAMES, key(name), vec![], value))
}

fn append(sequences: &[(u64, &'static str)]) -> Batch {
    batch(|b| sequences.iter().for_each(|(sequence, value)| b.append(key("log"), *sequence, *value)))
}

fn with(mut batch: Batch, fill: impl FnOnce(&mut Batch)) -> Batch {
    fill(&mut batch);
    batch
}

const REFUSED_0: Outcome = Err(CommitError::Expectation { index: 0 });

fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "versions count the writes of a row",
            batches: vec![(put("a", "1"), Ok(())), (put("a", "2"), Ok(())), (put("b", "1"), Ok(()))],
            names: vec![("a", 2, "2"), ("b", 1, "1")],
            log: vec![],
        },
        Case {
            name: "a row deleted and written again counts from one",
            batches: vec![
                (put("a", "1"), Ok(())),
                (put("a", "2"), Ok(())),
                (batch(|b| b.delete(&NAMES, key("a"))), Ok(())),
                (put("a", "3"), Ok(())),
            ],
            names: vec![("a", 1, "3")],
            log: vec![],
        },
        Case {
            name: "deleting an absent row is no error",
            batches: vec![(batch(|b| b.delete(&NAMES, key("a"))), Ok(()))],
            names: vec![],
            log: vec![],
        },
        Case {
            name: "an empty value is a value",
            batches: vec![(put("a", ""), Ok(())), (append(&[(0, "")]), Ok(()))],
            names: vec![("a", 1, "")],
            log: vec![(0, "")],
        },
        Case { name: "an empty batch succeeds", batches: vec![(Batch::default(), Ok(()))], names: vec![], log: vec![] },
        Case {
            name: "one name is taken once",
            batches: vec![
                (with(put("a", "first"), |b| b.expect_absent(&NAMES, key("a"))), Ok(())),
                (with(put("a", "second"), |b| b.expect_absent(&NAMES, key("a"))), REFUSED_0),
            ],
            names: vec![("a", 1, "first")],
            log: vec![],
        },
        Case {
            name: "a version that holds admits, one that has passed refuses",
            batches: vec![
                (put("a", "1"), Ok(())),
                (with(put("a", "2"), |b| b.expect_version(&NAMES, key("a"), 1)), Ok(())),
                (with(put("a", "3"), |b| b.expect_version(&NAMES, key("a"), 1)), REFUSED_0),
                (with(put("a", "3"), |b| b.expect_version(&NAMES, key("a"), 3)), REFUSED_0),
                (with(put("a", "3"), |b| b.expect_version(&NAMES, key("a"), u64::MAX)), REFUSED_0),
            ],
            names: vec![("a", 2, "2")],
            log: vec![],
        },
        Case {
            name: "a version of an absent row refuses",
            batches: vec![
                (with(put("a", "1"), |b| b.expect_version(&NAMES, key("a"), 1)), REFUSED_0),
                (with(put("a", "1"), |b| b.expect_version(&NAMES, key("a"), 0)), REFUSED_0),
            ],
            names: vec![],
            log: vec![],
        },
        Case {
            name: "the first expectation that fails is named, and nothing of the batch is done",
            batches: vec![
                (put("a", "1"), Ok(())),
                (
                    batch(|b| {
                        b.expect_version(&NAMES, key("a"), 1);
                        b.expect_absent(&NAMES, key("b"));
                        b.expect_absent(&NAMES, key("a"));
                        b.expect_version(&NAMES, key("a"), 9);
                        b.put(&NAMES, key("b"), vec![], "x");
                        b.delete(&NAMES, key("a"));
                        b.append(key("log"), 1, "x");
                    }),
                    Err(CommitError::Expectation { index: 2 }),
                ),
            ],
            names: vec![("a", 1, "1")],
            log: vec![],
        },
        Case {
            name: "expectations are checked before the batch writes",
            batches: vec![(
                batch(|b| {
                    b.put(&NAMES, key("a"), vec![], "1");
                    b.expect_absent(&NAMES, key("a"));
                }),
                Ok(()),
            )],
            names: vec![("a", 1, "1")],
            log: vec![],
        },
        Case {
            name: "an expectation alone is checked",
            batches: vec![
                (batch(|b| b.expect_absent(&NAMES, key("a"))), Ok(())),
                (batch(|b| b.expect_version(&NAMES, key("a"), 1)), REFUSED_0),
            ],
            names: vec![],
            log: vec![],
        },
        Case {
            name: "a duplicate append refuses the whole batch",
            batches: vec![
                (append(&[(1, "one"), (2, "two")]), Ok(())),
                (
                    batch(|b| {
                        b.put(&NAMES, key("a"), vec![], "x");
                        b.append(key("log"), 3, "three");
                        b.append(key("log"), 2, "again");
                    }),
                    Err(CommitError::Duplicate { index: 1 }),
                ),
                (append(&[(3, "three")]), Ok(())),
            ],
            names: vec![],
            log: vec![(1, "one"), (2, "two"), (3, "three")],
        },
        Case {
            name: "a pair appended twice in one batch is a duplicate",
            batches: vec![(append(&[(1, "one"), (1, "uno")]), Err(CommitError::Duplicate { index: 1 }))],
            names: vec![],
            log: vec![],
        },
        Case {
            name: "streams do not see each other",
            batches: vec![
                (append(&[(1, "one")]), Ok(())),
                (batch(|b| b.append(key("log2"), 1, "other")), Ok(())),
                (batch(|b| b.truncate.push((key("log2"), None))), Ok(())),
            ],
            names: vec![],
            log: vec![(1, "one")],
        },
        Case {
            name: "truncation up to a sequence keeps that sequence",
            batches: vec![
                (append(&[(1, "one"), (2, "two"), (3, "three")]), Ok(())),
                (batch(|b| b.truncate.push((key("log"), Some(2)))), Ok(())),
            ],
            names: vec![],
            log: vec![(2, "two"), (3, "three")],
        },
        Case {
            name: "truncation beyond every sequence empties the stream",
            batches: vec![
                (append(&[(1, "one"), (i64::MAX as u64, "last")]), Ok(())),
                (batch(|b| b.truncate.push((key("log"), Some(u64::MAX)))), Ok(())),
            ],
            names: vec![],
            log: vec![],
        },
        Case {
            name: "a batch that clears and writes leaves what it wrote",
            batches: vec![
                (with(put("a", "old"), |b| b.append(key("log"), 1, "old")), Ok(())),
                (
                    batch(|b| {
                        b.append(key("log"), 1, "new");
                        b.truncate.push((key("log"), None));
                        b.put(&NAMES, key("a"), vec![], "new");
                        b.delete(&NAMES, key("a"));
                    }),
                    Ok(()),
                ),
            ],
            names: vec![("a", 1, "new")],
            log: vec![(1, "new")],
        },
        Case {
            name: "a refused batch after a truncation of its own takes the truncation back",
            batches: vec![
                (append(&[(1, "one"), (2, "two")]), Ok(())),
                (
                    batch(|b| {
                        b.truncate.push((key("log"), Some(2)));
                        b.append(key("log"), 2, "again");
                    }),
                    Err(CommitError::Duplicate { index: 0 }),
                ),
            ],
            names: vec![],
            log: vec![(1, "one"), (2, "two")],
        },
        Case {
            name: "rows of one key put twice in a batch: the later stands",
            batches: vec![(
                batch(|b| {
                    b.put(&NAMES, key("a"), vec![], "1");
                    b.put(&NAMES, key("a"), vec![], "2");
                }),
                Ok(()),
            )],
            names: vec![("a", 2, "2")],
            log: vec![],
        },
    ]
}

fn check_content(case: &Case, store: &Store, name: &str) {
    let rows = store.scan(&NAMES, Scan::prefix(&prefix(), 100)).expect("a scan");
    let found: Vec<_> = rows.iter().map(|row| (row.key.clone(), row.version, row.value.as_ref().to_vec())).collect();
    let expected: Vec<_> =
        case.names.iter().map(|(name, version, value)| (key(name), *version, value.as_bytes().to_vec())).collect();
    assert_eq!(found, expected, "{name}: {}", case.name);
    let entries = store.read_stream(&key("log"), 0, 100, false).expect("a stream");
    let found: Vec<_> = entries.iter().map(|entry| (entry.sequence, entry.value.as_ref().to_vec())).collect();
    let expected: Vec<_> = case.log.iter().map(|(sequence, value)| (*sequence, value.as_bytes().to_vec())).collect();
    assert_eq!(found, expected, "{name}: {}", case.name);
}

#[test]
fn batches_one_by_one() {
    for case in cases() {
        on_each(|subject| {
            for (position, (batch, expected)) in case.batches.iter().enumerate() {
                let outcome = commit(&subject.store, batch.clone());
                assert_eq!(&outcome, expected, "{}: {}, batch {position}", subject.name, case.name);
            }
            check_content(&case, &subject.store, subject.name);
            subject.reopen(&crate::subject::TABLES);
            check_content(&case, &subject.store, subject.name);
        });
    }
}

/// Handed over without waiting, so that the writer groups them: same outcomes, same content.
#[test]
fn batches_in_a_group() {
    for case in cases() {
        on_each(|subject| {
            let commits: Vec<_> = case.batches.iter().map(|(batch, _)| subject.store.commit(batch.clone())).collect();
            for (commit, (_, expected)) in commits.into_iter().zip(&case.batches) {
                assert_eq!(&commit.wait(), expected, "{}: {}", subject.name, case.name);
            }
            check_content(&case, &subject.store, subject.name);
        });
    }
}

static UNDECLARED: Table = Table { name: "undeclared", columns: &[], indexes: &[] };

#[test]
fn batches_that_do_not_fit_are_refused_before_the_writer() {
    let long = Key::from_bytes(vec![1; KEY_BYTES_MAX + 1]);
    let invalid = |error: &CommitError| matches!(error, CommitError::Invalid(_));
    let too_large = |error: &CommitError| *error == CommitError::TooLarge;
    type Check<'a> = &'a dyn Fn(&CommitError) -> bool;
    let cases: Vec<(&str, Batch, Check<'_>)> = vec![
        ("undeclared table", batch(|b| b.put(&UNDECLARED, key("a"), vec![], "x")), &invalid),
        ("undeclared table in delete", batch(|b| b.delete(&UNDECLARED, key("a"))), &invalid),
        ("undeclared table in expect", batch(|b| b.expect_absent(&UNDECLARED, key("a"))), &invalid),
        ("too few columns", batch(|b| b.put(&TASKS, key("a"), vec![], "x")), &invalid),
        ("too many columns", batch(|b| b.put(&NAMES, key("a"), vec![ColumnValue::Null], "x")), &invalid),
        (
            "column of another kind",
            batch(|b| {
                let columns = vec![ColumnValue::Integer(1), ColumnValue::Null, ColumnValue::Null];
                b.put(&TASKS, key("a"), columns, "x");
            }),
            &invalid,
        ),
        ("sequence above the range", batch(|b| b.append(key("log"), 1 << 63, "x")), &invalid),
        ("long key", batch(|b| b.put(&NAMES, long.clone(), vec![], "x")), &too_large),
        ("long stream", batch(|b| b.append(long.clone(), 1, "x")), &too_large),
        ("large batch", batch(|b| b.append(key("log"), 1, vec![0; BATCH_BYTES_MAX])), &too_large),
    ];
    on_each(|subject| {
        for (name, batch, check) in &cases {
            let error = commit(&subject.store, batch.clone()).expect_err(name);
            assert!(check(&error), "{}: {name}: {error}", subject.name);
        }
        assert!(matches!(subject.store.get(&UNDECLARED, &key("a")), Err(StoreError::Invalid(_))));
        assert_eq!(subject.store.stats().commits, 0, "nothing reached the writer");
    });
}

#[test]
fn streams_are_read_in_both_directions_and_in_pages() {
    on_each(|subject| {
        let last = i64::MAX as u64;
        let sequences = [0, 1, 2, 5, 9, last];
        for sequence in sequences {
            let batch = batch(|b| b.append(key("log"), sequence, sequence.to_string()));
            commit(&subject.store, batch).expect("an append");
        }
        let cases: &[(u64, usize, bool, &[u64])] = &[
            (0, 100, false, &[0, 1, 2, 5, 9, last]),
            (0, 2, false, &[0, 1]),
            (2, 2, false, &[2, 5]),
            (3, 2, false, &[5, 9]),
            (10, 9, false, &[last]),
            (u64::MAX, 9, false, &[]),
            (0, 0, false, &[]),
            (u64::MAX, 100, true, &[last, 9, 5, 2, 1, 0]),
            (u64::MAX, 1, true, &[last]),
            (4, 2, true, &[2, 1]),
            (5, 2, true, &[5, 2]),
            (0, 2, true, &[0]),
        ];
        for &(from, limit, reverse, expected) in cases {
            let entries = subject.store.read_stream(&key("log"), from, limit, reverse).expect("a stream");
            let found: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
            assert_eq!(found, expected, "{}: from {from} limit {limit} reverse {reverse}", subject.name);
            for entry in entries {
                assert_eq!(entry.value, entry.sequence.to_string());
                assert_eq!(entry.stream, key("log"));
            }
        }
        assert_eq!(subject.store.read_stream(&key("none"), 0, 9, false), Ok(vec![]));
    });
}

#[test]
fn columns_and_values_come_back_as_written() {
    let values: &[&[u8]] = &[b"", b"x", b"\0\xff", &[7; 100_000]];
    let columns = [
        task(None, None, None),
        task(Some(""), Some(0), Some("\0")),
        task(Some("a\0b"), Some(i64::MIN), Some("\u{10ffff}")),
        task(Some("'; DROP TABLE tasks; --"), Some(i64::MAX), Some("x")),
    ];
    on_each(|subject| {
        for (at, columns) in columns.iter().enumerate() {
            for (value_at, value) in values.iter().enumerate() {
                let key = key(&format!("{at}-{value_at}"));
                let batch = batch(|b| b.put(&TASKS, key.clone(), columns.clone(), value.to_vec()));
                commit(&subject.store, batch).expect("a put");
                let row = subject.store.get(&TASKS, &key).expect("a get").expect("a row");
                assert_eq!((&row.key, &row.columns, row.value.as_ref(), row.version), (&key, columns, *value, 1));
            }
        }
        assert_eq!(subject.store.get(&TASKS, &key("none")), Ok(None));
    });
}

#[test]
fn a_closed_store_has_written_what_it_took_and_takes_no_more() {
    for mut subject in [Subject::memory(), Subject::sqlite()] {
        let commits: Vec<_> =
            (0..500).map(|sequence| subject.store.commit(batch(|b| b.append(key("log"), sequence, "x")))).collect();
        let clone = subject.store.clone();
        subject.store.close();
        clone.close();
        for commit in commits {
            assert_eq!(commit.wait(), Ok(()), "{}", subject.name);
        }
        assert_eq!(commit(&clone, append(&[(1000, "late")])), Err(CommitError::Closed));
        assert_eq!(clone.get(&NAMES, &key("a")), Err(StoreError::Closed));
        subject.reopen(&crate::subject::TABLES);
        assert_eq!(commit(&clone, append(&[(1000, "late")])), Err(CommitError::Closed), "an old handle stays closed");
        assert_eq!(subject.store.read_stream(&key("log"), 0, 1000, false).expect("a stream").len(), 500);
    }
}

#[tokio::test]
async fn commits_are_awaited_and_waited_for_inside_a_runtime() {
    for subject in [Subject::memory(), Subject::sqlite()] {
        assert_eq!(subject.store.commit(append(&[(1, "one")])).await, Ok(()));
        assert_eq!(commit(&subject.store, append(&[(2, "two")])), Ok(()));
        drop(subject.store.commit(append(&[(3, "nobody waits")])));
        assert_eq!(subject.store.commit(append(&[(3, "again")])).await, Err(CommitError::Duplicate { index: 0 }));
    }
}

#[test]
fn committers_on_many_threads_share_syncs_and_lose_nothing() {
    const THREADS: u64 = 16;
    const EACH: u64 = 60;
    on_each(|subject| {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let store = subject.store.clone();
                scope.spawn(move || {
                    for sequence in 0..EACH {
                        let batch = batch(|b| {
                            b.append(key(&format!("log{thread}")), sequence, "x");
                            b.put(&NAMES, key("shared"), vec![], format!("{thread}-{sequence}"));
                        });
                        commit(&store, batch).expect("a commit");
                    }
                });
            }
        });
        let row = subject.store.get(&NAMES, &key("shared")).expect("a get").expect("a row");
        assert_eq!(row.version, THREADS * EACH, "{}: every write counted once", subject.name);
        for thread in 0..THREADS {
            let entries = subject.store.read_stream(&key(&format!("log{thread}")), 0, 1000, false).expect("a stream");
            assert_eq!(entries.len() as u64, EACH);
        }
        let stats = subject.store.stats();
        assert_eq!(stats.batches, THREADS * EACH);
        assert!(stats.commits <= stats.batches);
        assert_eq!((stats.refused, stats.queued), (0, 0));
    });
}
