use windlass_store::{Column, ColumnKind, Index, Table};

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

/// One row an execution, with what people and lists ask for.
pub(crate) static EXECUTIONS: Table = Table {
    name: "executions",
    columns: &[
        text("arn"),
        text("machine_arn"),
        text("name"),
        text("status"),
        integer("started_at"),
        integer("stopped_at"),
        text("version_arn"),
        text("alias_arn"),
        text("map_run_arn"),
        integer("child_index"),
    ],
    indexes: &[
        Index { name: "by_machine", columns: &["machine_arn", "started_at"] },
        Index { name: "by_status", columns: &["machine_arn", "status", "started_at"] },
        Index { name: "by_stop", columns: &["stopped_at"] },
        // Most executions name neither and are in none of these.
        Index { name: "by_version", columns: &["version_arn", "started_at"] },
        Index { name: "by_version_status", columns: &["version_arn", "status", "started_at"] },
        Index { name: "by_alias", columns: &["alias_arn", "started_at"] },
        Index { name: "by_alias_status", columns: &["alias_arn", "status", "started_at"] },
        // Children are started in their order, so the newest come last here too.
        Index { name: "by_map_run", columns: &["map_run_arn", "child_index"] },
        Index { name: "by_map_run_status", columns: &["map_run_arn", "status", "child_index"] },
    ],
};

/// The last snapshot of a running execution.
pub(crate) static SNAPSHOTS: Table = Table { name: "execution_snapshots", columns: &[text("arn")], indexes: &[] };

/// Timers that are set.
pub(crate) static TIMERS: Table = Table {
    name: "timers",
    columns: &[integer("due_at"), text("arn")],
    indexes: &[Index { name: "by_due", columns: &["due_at"] }],
};

/// What must be done once more after a crash: tasks to send or to fail, turns
/// to continue, asynchronous Express executions to run.
pub(crate) static OUTBOX: Table = Table { name: "outbox", columns: &[text("kind"), text("arn")], indexes: &[] };

/// Map Runs as they stand. `open`: something is left to do for it.
pub(crate) static MAP_RUNS: Table = Table {
    name: "map_runs",
    columns: &[
        text("arn"),
        text("execution_arn"),
        text("status"),
        integer("started_at"),
        integer("stopped_at"),
        integer("open"),
    ],
    indexes: &[
        Index { name: "by_execution", columns: &["execution_arn", "started_at"] },
        Index { name: "by_open", columns: &["open"] },
        Index { name: "by_stop", columns: &["stopped_at"] },
    ],
};

/// What of a Map Run never changes: items, or where they are read, and what its
/// ItemSelector sees.
pub(crate) static MAP_RUN_PLANS: Table = Table { name: "map_run_plans", columns: &[], indexes: &[] };

/// Express children of Map Runs that ended, under their Map Run's key. Those that
/// succeeded are in no index.
pub(crate) static MAP_RUN_CHILDREN: Table = Table {
    name: "map_run_children",
    columns: &[text("unsuccessful_of"), text("status")],
    indexes: &[Index { name: "by_status", columns: &["unsuccessful_of", "status"] }],
};

/// Definitions by the SHA-256 of their text; executions run the text they
/// started with.
pub(crate) static DEFINITIONS: Table = Table { name: "definitions", columns: &[], indexes: &[] };

/// The places of executions whose machines limit how many run at once.
pub(crate) static TICKETS: Table = Table { name: "concurrency_tickets", columns: &[text("arn")], indexes: &[] };

/// Facts of the store itself, such as the key that seals task tokens.
pub(crate) static FACTS: Table = Table { name: "journal_facts", columns: &[], indexes: &[] };

/// The contents that an execution refers to, to let go of them with it: key
/// (execution, id of the content).
pub(crate) static CONTENTS: Table = Table { name: "execution_contents", columns: &[], indexes: &[] };

/// All tables of this crate. With contents the store also declares those of
/// [`windlass_blob::TABLES`].
pub static TABLES: &[&Table] = &[
    &EXECUTIONS,
    &SNAPSHOTS,
    &TIMERS,
    &OUTBOX,
    &MAP_RUNS,
    &MAP_RUN_PLANS,
    &MAP_RUN_CHILDREN,
    &DEFINITIONS,
    &FACTS,
    &TICKETS,
    &CONTENTS,
];
