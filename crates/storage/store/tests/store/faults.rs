use windlass_store::{Batch, CommitError, Key, MemoryFaults, Store, StoreError, UnsyncedOutcome};

use crate::subject::{NAMES, TABLES, batch, commit, key};

fn append(sequence: u64) -> Batch {
    batch(|b| {
        b.append(key("log"), sequence, "x");
        b.put(&NAMES, key("head"), vec![], sequence.to_string());
    })
}

fn sequences(store: &Store) -> Vec<u64> {
    let entries = store.read_stream(&key("log"), 0, 100, false).expect("a stream");
    entries.iter().map(|entry| entry.sequence).collect()
}

#[test]
fn held_back_commits_are_neither_seen_nor_acknowledged() {
    let faults = MemoryFaults::new();
    let store = Store::memory(&TABLES, faults.clone());
    commit(&store, append(1)).expect("a commit");
    faults.pause_syncs();
    let held = [store.commit(append(2)), store.commit(append(2)), store.commit(append(3))];
    assert_eq!((faults.unsynced(), store.stats().queued), (3, 3));
    assert_eq!(sequences(&store), [1]);
    faults.release_syncs();
    let outcomes: Vec<_> = held.into_iter().map(windlass_store::Commit::wait).collect();
    assert_eq!(outcomes, [Ok(()), Err(CommitError::Duplicate { index: 0 }), Ok(())]);
    assert_eq!(sequences(&store), [1, 2, 3]);
    assert_eq!(store.stats().commits, 2, "what was held back went as one group");
}

#[test]
fn a_crash_keeps_what_was_acknowledged_and_any_start_of_what_was_not() {
    let cases: &[(UnsyncedOutcome, &[u64])] = &[
        (UnsyncedOutcome::Lost, &[1]),
        (UnsyncedOutcome::Torn(0), &[1]),
        (UnsyncedOutcome::Torn(1), &[1, 2]),
        (UnsyncedOutcome::Torn(2), &[1, 2, 3]),
        (UnsyncedOutcome::Torn(99), &[1, 2, 3, 4]),
        (UnsyncedOutcome::Kept, &[1, 2, 3, 4]),
    ];
    for (outcome, expected) in cases {
        let faults = MemoryFaults::new();
        let store = Store::memory(&TABLES, faults.clone());
        commit(&store, append(1)).expect("a commit");
        faults.pause_syncs();
        let held: Vec<_> = (2..=4).map(|sequence| store.commit(append(sequence))).collect();
        faults.crash_with(*outcome);
        for commit in held {
            assert_eq!(commit.wait(), Err(CommitError::Closed), "nobody was told");
        }
        assert_eq!(commit(&store, append(9)), Err(CommitError::Closed));
        assert_eq!(store.get(&NAMES, &key("head")), Err(StoreError::Closed));
        let after = faults.restart(&TABLES);
        assert_eq!(sequences(&after), *expected, "{outcome:?}");
        let head = after.get(&NAMES, &key("head")).expect("a get").expect("a row");
        assert_eq!(head.value, expected.last().expect("one at least").to_string(), "{outcome:?}: batches are whole");
        assert_eq!(commit(&after, append(9)), Ok(()), "a restart pauses nothing");
        assert_eq!(commit(&store, append(10)), Err(CommitError::Closed), "an old handle stays closed");
    }
}

#[test]
fn after_a_failed_sync_the_store_stops_for_good_and_still_reads() {
    for (outcome, expected) in [(UnsyncedOutcome::Lost, &[1][..]), (UnsyncedOutcome::Kept, &[1, 2])] {
        let faults = MemoryFaults::new();
        let store = Store::memory(&TABLES, faults.clone());
        commit(&store, append(1)).expect("a commit");
        faults.fail_next_sync("fsync: EIO", outcome);
        let poisoned = Err(CommitError::Poisoned("fsync: EIO".to_owned()));
        assert_eq!(commit(&store, append(2)), poisoned);
        assert_eq!(commit(&store, append(3)), poisoned, "a sync that would succeed proves nothing");
        assert_eq!(sequences(&store), [1], "unacknowledged writes are not read");
        let after = faults.restart(&TABLES);
        assert_eq!(sequences(&after), expected);
        assert_eq!(commit(&after, append(4)), Ok(()));
    }
}

#[test]
fn a_refused_sync_fails_its_group_alone() {
    let faults = MemoryFaults::new();
    let store = Store::memory(&TABLES, faults.clone());
    faults.refuse_next_sync("disk full");
    assert_eq!(commit(&store, append(1)), Err(CommitError::Storage("disk full".to_owned())));
    assert_eq!(commit(&store, append(2)), Ok(()));
    assert_eq!(sequences(&store), [2]);
}

#[test]
fn a_changed_value_is_found_out() {
    let faults = MemoryFaults::new();
    let store = Store::memory(&TABLES, faults.clone());
    commit(&store, append(1)).expect("a commit");
    assert!(!faults.corrupt_row(&NAMES, &key("none")) && !faults.corrupt_entry(&key("log"), 2));
    assert!(faults.corrupt_row(&NAMES, &key("head")) && faults.corrupt_entry(&key("log"), 1));
    let names = |error: StoreError, name: &str, at: Key| match error {
        StoreError::Corrupt { table, key, .. } => table == name && key == at,
        _ => false,
    };
    assert!(names(store.get(&NAMES, &key("head")).expect_err("corrupt"), "names", key("head")));
    assert!(names(store.read_stream(&key("log"), 0, 9, false).expect_err("corrupt"), "stream", key("log")));
}

#[test]
fn free_bytes_are_as_set() {
    let faults = MemoryFaults::new();
    let store = Store::memory(&TABLES, faults.clone());
    assert_eq!(store.free_bytes(), None);
    faults.set_free_bytes(Some(5));
    assert_eq!(store.free_bytes(), Some(5));
}
