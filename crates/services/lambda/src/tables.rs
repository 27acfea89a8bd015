use windlass_store::{Column, ColumnKind, Key, Table, shard_of};

use crate::function_name::FunctionName;

const ACCOUNT: Column = Column { name: "account", kind: ColumnKind::Text };
const REGION: Column = Column { name: "region", kind: ColumnKind::Text };
const NAME: Column = Column { name: "function_name", kind: ColumnKind::Text };

/// Functions: key (shard, account, region, name).
pub(crate) static FUNCTIONS: Table =
    Table { name: "lambda_functions", columns: &[ACCOUNT, REGION, NAME], indexes: &[] };
/// Published versions: key (shard, account, region, name, number).
pub(crate) static VERSIONS: Table = Table { name: "lambda_versions", columns: &[ACCOUNT, REGION, NAME], indexes: &[] };
/// Aliases: key (shard, account, region, name, alias).
pub(crate) static ALIASES: Table = Table { name: "lambda_aliases", columns: &[ACCOUNT, REGION, NAME], indexes: &[] };
/// Asynchronous invocations not yet done: key (shard, account, region, name, id).
pub(crate) static EVENTS: Table = Table {
    name: "lambda_events",
    columns: &[
        ACCOUNT,
        REGION,
        NAME,
        Column { name: "due_ms", kind: ColumnKind::Integer },
        Column { name: "attempts", kind: ColumnKind::Integer },
    ],
    indexes: &[],
};

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] = &[&FUNCTIONS, &VERSIONS, &ALIASES, &EVENTS];

/// The key of a function; versions, aliases and events add to it.
pub(crate) fn function_key(function: &FunctionName) -> Key {
    Key::new(shard_of(&function.name), &function.account, &function.region).text(&function.name)
}
