use windlass_store::{Column, ColumnKind, Index, Key, Table, shard_of};

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer }
}

/// Keys: key (shard of the id, account, region, id).
pub(crate) static KEYS: Table = Table {
    name: "kms_keys",
    columns: &[text("account"), text("region"), text("key_id"), text("state")],
    indexes: &[Index { name: "by_id", columns: &["account", "region", "key_id"] }],
};

/// Sealed material: key (shard of the id, account, region, id, version).
pub(crate) static MATERIALS: Table = Table {
    name: "kms_key_materials",
    columns: &[
        text("account"),
        text("region"),
        text("key_id"),
        integer("material_version"),
        integer("made_ms"),
        text("cause"),
    ],
    indexes: &[],
};

/// Aliases: key (shard of the name, account, region, name with `alias/`).
pub(crate) static ALIASES: Table = Table {
    name: "kms_aliases",
    columns: &[
        text("account"),
        text("region"),
        text("alias"),
        text("key_id"),
        integer("created_ms"),
        integer("updated_ms"),
    ],
    indexes: &[
        Index { name: "by_name", columns: &["account", "region", "alias"] },
        Index { name: "by_key", columns: &["account", "region", "key_id", "alias"] },
    ],
};

/// Grants: key (shard of the key's id, account, region, key's id, grant's id).
pub(crate) static GRANTS: Table = Table {
    name: "kms_grants",
    columns: &[text("account"), text("region"), text("key_id"), text("grant_id"), text("retiring_principal")],
    indexes: &[
        Index { name: "by_grant", columns: &["account", "region", "grant_id"] },
        Index { name: "by_retiring_principal", columns: &["account", "retiring_principal", "region", "grant_id"] },
    ],
};

/// The tables of this service, to open the store with. Those of the outbox and
/// of the keyring are needed, too.
pub static TABLES: &[&Table] = &[&KEYS, &MATERIALS, &ALIASES, &GRANTS];

/// The row of a key; materials and grants add to it.
pub(crate) fn key_row(account: &str, region: &str, key_id: &str) -> Key {
    Key::new(shard_of(key_id), account, region).text(key_id)
}

/// The row of an alias.
pub(crate) fn alias_row(account: &str, region: &str, alias: &str) -> Key {
    Key::new(shard_of(alias), account, region).text(alias)
}
