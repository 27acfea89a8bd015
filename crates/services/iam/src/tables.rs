use windlass_store::{Column, ColumnKind, Index, Key, Table, shard_of};

/// Roles, users, groups, policies, instance profiles, access keys, aliases:
/// key (shard of the account, account, no region, kind, name in lower case).
pub(crate) static ENTITIES: Table = Table {
    name: "iam_entities",
    columns: &[
        Column { name: "account", kind: ColumnKind::Text },
        Column { name: "entity_kind", kind: ColumnKind::Text },
        Column { name: "entity_name", kind: ColumnKind::Text },
    ],
    indexes: &[],
};

/// Temporary credentials: key (shard, account, no region, access key id).
pub(crate) static SESSIONS: Table = Table {
    name: "iam_sessions",
    columns: &[
        Column { name: "account", kind: ColumnKind::Text },
        Column { name: "principal", kind: ColumnKind::Text },
        Column { name: "expires_ms", kind: ColumnKind::Integer },
    ],
    indexes: &[Index { name: "by_end", columns: &["expires_ms"] }],
};

/// The tables of this service, to open the store with, beside those of the
/// outbox and the keyring.
pub static TABLES: &[&Table] = &[&ENTITIES, &SESSIONS];

pub(crate) fn entity_key(account: &str, kind: &str, id: &str) -> Key {
    Key::new(shard_of(account), account, "").text(kind).text(id)
}

pub(crate) fn session_key(account: &str, access_key_id: &str) -> Key {
    Key::new(shard_of(access_key_id), account, "").text(access_key_id)
}
