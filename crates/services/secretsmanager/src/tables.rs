use windlass_store::{Column, ColumnKind, Index, Key, Table, shard_of};

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer }
}

/// Secrets without their values: key (shard of the name, account, region, name).
pub(crate) static SECRETS: Table = Table {
    name: "secretsmanager_secrets",
    columns: &[text("account"), text("region"), text("name"), integer("created_ms"), integer("deletion_ms")],
    indexes: &[Index { name: "by_creation", columns: &["account", "region", "created_ms"] }],
};

/// Sealed values: key (shard of the name, account, region, name, version's id).
pub(crate) static VALUES: Table = Table {
    name: "secretsmanager_values",
    columns: &[text("account"), text("region"), text("name"), text("version_id")],
    indexes: &[],
};

/// The tables of this service, to open the store with. Those of the outbox and
/// of the keyring are needed, too.
pub static TABLES: &[&Table] = &[&SECRETS, &VALUES];

/// The row of a secret; values add to it.
pub(crate) fn secret_row(account: &str, region: &str, name: &str) -> Key {
    Key::new(shard_of(name), account, region).text(name)
}
