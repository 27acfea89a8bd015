use tempfile::TempDir;
use windlass_store::{
    Batch, Column, ColumnKind, ColumnValue, CommitError, Index, Key, MemoryFaults, SqliteOptions, Store, Table,
};

/// The table that most tests use.
pub(crate) static TASKS: Table = Table {
    name: "tasks",
    columns: &[
        Column { name: "status", kind: ColumnKind::Text },
        Column { name: "due_ms", kind: ColumnKind::Integer },
        Column { name: "owner", kind: ColumnKind::Text },
    ],
    indexes: &[
        Index { name: "due", columns: &["due_ms"] },
        Index { name: "status_due", columns: &["status", "due_ms"] },
        Index { name: "status_due_owner", columns: &["status", "due_ms", "owner"] },
    ],
};

/// A table without columns.
pub(crate) static NAMES: Table = Table { name: "names", columns: &[], indexes: &[] };

pub(crate) static TABLES: [&Table; 2] = [&TASKS, &NAMES];

/// Options small enough that checkpoints and their cap happen within a test.
pub(crate) fn options() -> SqliteOptions {
    SqliteOptions {
        cache_bytes: 4 << 20,
        mmap_bytes: 4 << 20,
        read_connections: 2,
        checkpoint_bytes: 256 << 10,
        wal_bytes_max: 1 << 20,
        file_bytes_max: None,
    }
}

/// A store of either kind that can be closed and opened again.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    home: Home,
}

enum Home {
    Folder(TempDir),
    Memory(MemoryFaults),
}

impl Subject {
    pub(crate) fn sqlite() -> Subject {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path(), &TABLES, options()).expect("a new store opens");
        Subject { name: "sqlite", store, home: Home::Folder(folder) }
    }

    pub(crate) fn memory() -> Subject {
        let faults = MemoryFaults::new();
        Subject { name: "memory", store: Store::memory(&TABLES, faults.clone()), home: Home::Memory(faults) }
    }

    /// Closes the store and opens it again with other declarations.
    pub(crate) fn reopen(&mut self, tables: &[&'static Table]) {
        self.store.close();
        self.store = match &self.home {
            Home::Folder(folder) => Store::open(folder.path(), tables, options()).expect("the store opens again"),
            Home::Memory(faults) => faults.restart(tables),
        };
    }
}

/// Holds a law against every implementation.
pub(crate) fn on_each(law: impl Fn(&mut Subject)) {
    for mut subject in [Subject::memory(), Subject::sqlite()] {
        law(&mut subject);
        // What holds must hold for what is stored, not for what is in memory.
        subject.reopen(&TABLES);
        subject.store.close();
    }
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(7, "123456789012", "eu-west-1").text(name)
}

pub(crate) fn prefix() -> Key {
    Key::new(7, "123456789012", "eu-west-1")
}

pub(crate) fn task(status: Option<&str>, due_ms: Option<i64>, owner: Option<&str>) -> Vec<ColumnValue> {
    let text = |value: Option<&str>| value.map_or(ColumnValue::Null, ColumnValue::from);
    vec![text(status), due_ms.map_or(ColumnValue::Null, ColumnValue::Integer), text(owner)]
}

pub(crate) fn commit(store: &Store, batch: Batch) -> Result<(), CommitError> {
    store.commit(batch).wait()
}

/// A batch from what is done to it.
pub(crate) fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::default();
    fill(&mut batch);
    batch
}
