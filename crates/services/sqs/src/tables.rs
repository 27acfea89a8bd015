use windlass_store::{Column, ColumnKind, Table};

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

/// Queues: key (shard, account, region, name); the value is the queue's
/// attributes, tags and marks, as JSON.
pub(crate) static QUEUES: Table =
    Table { name: "sqs_queues", columns: &[text("account"), text("region"), text("queue_name")], indexes: &[] };

/// What changes of a message: key (shard, account, region, queue id, sequence).
/// The start reads these rows and no bodies.
pub(crate) static MESSAGES: Table = Table {
    name: "sqs_messages",
    columns: &[
        integer("sent_ms"),
        integer("visible_ms"),
        integer("receives"),
        integer("receives_before"),
        integer("first_received_ms"),
        text("message_group"),
    ],
    indexes: &[],
};

/// What never changes of a message, its body above all: the same key.
pub(crate) static CONTENTS: Table = Table { name: "sqs_contents", columns: &[], indexes: &[] };

/// Up to which sequence a queue may have used: key (shard, account, region, queue id).
pub(crate) static SEQUENCES: Table = Table { name: "sqs_sequences", columns: &[], indexes: &[] };

/// Deduplication ids: key (shard, account, region, queue id, group or nothing, id).
pub(crate) static DEDUPLICATIONS: Table = Table {
    name: "sqs_deduplications",
    columns: &[integer("expires_ms")],
    indexes: &[windlass_store::Index { name: "by_expiry", columns: &["expires_ms"] }],
};

/// Messages that purges and deleted queues left: key (shard, account, region,
/// queue id, sequence below which all go).
pub(crate) static DEBRIS: Table = Table { name: "sqs_debris", columns: &[], indexes: &[] };

/// Message move tasks: key (shard of the source, account, region, source's name, start, id).
pub(crate) static MOVE_TASKS: Table = Table { name: "sqs_move_tasks", columns: &[text("status")], indexes: &[] };

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] = &[&QUEUES, &MESSAGES, &CONTENTS, &SEQUENCES, &DEDUPLICATIONS, &DEBRIS, &MOVE_TASKS];
