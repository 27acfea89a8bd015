use windlass_store::{Column, ColumnKind, Index, Key, Table, shard_of};

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

/// Parameters with their last version: key (shard of the name, account, region, name).
pub(crate) static PARAMETERS: Table = Table {
    name: "ssm_parameters",
    columns: &[text("account"), text("region"), text("name"), text("kind")],
    indexes: &[Index { name: "by_name", columns: &["account", "region", "name"] }],
};

/// All versions: key (shard of the name, account, region, name, number).
pub(crate) static VERSIONS: Table =
    Table { name: "ssm_parameter_versions", columns: &[text("account"), text("region"), text("name")], indexes: &[] };

/// The tables of this service, to open the store with. Those of the outbox and
/// of the keyring are needed, too.
pub static TABLES: &[&Table] = &[&PARAMETERS, &VERSIONS];

/// The row of a parameter; versions add to it.
pub(crate) fn parameter_row(account: &str, region: &str, name: &str) -> Key {
    Key::new(shard_of(name), account, region).text(name)
}
