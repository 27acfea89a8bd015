use windlass_store::{Column, ColumnKind, Index, Key, Table, shard_of};

const ACCOUNT: Column = Column { name: "account", kind: ColumnKind::Text };
const REGION: Column = Column { name: "region", kind: ColumnKind::Text };
const NAME: Column = Column { name: "name", kind: ColumnKind::Text };

/// Log groups: key (shard, account, region, name).
pub(crate) static GROUPS: Table = Table {
    name: "logs_groups",
    columns: &[ACCOUNT, REGION, NAME],
    indexes: &[Index { name: "by_name", columns: &["account", "region", "name"] }],
};

/// Log streams: key (shard, account, region, group's id, name).
pub(crate) static STREAMS: Table = Table {
    name: "logs_streams",
    columns: &[
        Column { name: "group_id", kind: ColumnKind::Integer },
        Column { name: "last_event_ms", kind: ColumnKind::Integer },
    ],
    indexes: &[Index { name: "by_last_event", columns: &["group_id", "last_event_ms"] }],
};

/// Events: key (shard, account, region, group's id, instant, number).
pub(crate) static EVENTS: Table = Table {
    name: "logs_events",
    columns: &[Column { name: "stream_id", kind: ColumnKind::Integer }],
    indexes: &[Index { name: "by_stream", columns: &["stream_id"] }],
};

/// Resource policies: key (shard, account, region, name).
pub(crate) static POLICIES: Table = Table { name: "logs_resource_policies", columns: &[ACCOUNT, REGION], indexes: &[] };

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] = &[&GROUPS, &STREAMS, &EVENTS, &POLICIES];

/// Where the rows of a group lie; its streams and events add to it.
pub(crate) fn group_key(account: &str, region: &str, name: &str) -> Key {
    Key::new(shard_of(name), account, region).text(name)
}

/// Where streams and events of a group lie.
pub(crate) fn inner_key(account: &str, region: &str, name: &str, group_id: i64) -> Key {
    Key::new(shard_of(name), account, region).number(group_id as u64)
}

/// Every resource policy of an account and region.
pub(crate) fn policies_key(account: &str, region: &str) -> Key {
    Key::new(0, account, region)
}
