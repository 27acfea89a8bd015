use windlass_store::{Column, ColumnKind, Key, Table, shard_of};

use crate::place::Place;

const ACCOUNT: Column = Column { name: "account", kind: ColumnKind::Text };
const REGION: Column = Column { name: "region", kind: ColumnKind::Text };
const NAME: Column = Column { name: "name", kind: ColumnKind::Text };

/// Pipes: key (shard of the name, account, region, name).
pub(crate) static PIPES: Table = Table { name: "pipes", columns: &[ACCOUNT, REGION, NAME], indexes: &[] };

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] = &[&PIPES];

/// The key of a pipe.
pub(crate) fn pipe_key(place: &Place, name: &str) -> Key {
    Key::new(shard_of(name), &place.account, &place.region).text(name)
}
