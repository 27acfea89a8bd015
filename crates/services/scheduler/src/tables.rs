use windlass_store::{Column, ColumnKind, Index, Key, Table, shard_of};

use crate::place::Place;

const ACCOUNT: Column = Column { name: "account", kind: ColumnKind::Text };
const REGION: Column = Column { name: "region", kind: ColumnKind::Text };
const GROUP: Column = Column { name: "group_name", kind: ColumnKind::Text };
const NAME: Column = Column { name: "name", kind: ColumnKind::Text };

/// The index by which schedules and groups are listed.
pub(crate) const BY_NAME: &str = "by_name";

/// Schedules: key (shard of the name, account, region, group, name).
pub(crate) static SCHEDULES: Table = Table {
    name: "scheduler_schedules",
    columns: &[ACCOUNT, REGION, GROUP, NAME],
    indexes: &[Index { name: BY_NAME, columns: &["account", "region", "group_name", "name"] }],
};

/// Groups: key (shard of the name, account, region, name).
pub(crate) static GROUPS: Table = Table {
    name: "scheduler_groups",
    columns: &[ACCOUNT, REGION, NAME],
    indexes: &[Index { name: BY_NAME, columns: &["account", "region", "name"] }],
};

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] = &[&SCHEDULES, &GROUPS];

/// The key of a schedule.
pub(crate) fn schedule_key(place: &Place, group: &str, name: &str) -> Key {
    Key::new(shard_of(name), &place.account, &place.region).text(group).text(name)
}

/// The key of a group.
pub(crate) fn group_key(place: &Place, name: &str) -> Key {
    Key::new(shard_of(name), &place.account, &place.region).text(name)
}
