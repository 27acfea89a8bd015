use bytes::Bytes;
use windlass_store::{Batch, Column, ColumnKind, ColumnValue, Index, Key, Row, Table, shard_of};
use windlass_value::{Text, Timestamp};

use crate::deliver::Entry;

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

/// What is to be delivered: key (shard of the id, account, region, outbox, id).
///
/// `laned_outbox` repeats `outbox` for entries with a lane, so that only those
/// are in the second index.
pub(crate) static ENTRIES: Table = Table {
    name: "outbox_entries",
    columns: &[
        text("outbox"),
        text("id"),
        integer("due_ms"),
        text("laned_outbox"),
        text("lane"),
        integer("position"),
        integer("attempt"),
        integer("added_ms"),
    ],
    indexes: &[
        Index { name: "by_due", columns: &["outbox", "due_ms"] },
        Index { name: "by_lane", columns: &["laned_outbox", "lane", "position"] },
    ],
};

/// First answers: key (shard of the call's key, account, region, service, key).
pub(crate) static ANSWERS: Table = Table {
    name: "outbox_answers",
    columns: &[text("service"), integer("made_ms")],
    indexes: &[Index { name: "by_made", columns: &["service", "made_ms"] }],
};

/// How often each outbox was opened: key (shard of its name, no account, no region, name).
pub(crate) static RUNS: Table =
    Table { name: "outbox_runs", columns: &[text("outbox"), integer("runs")], indexes: &[] };

/// The tables of this crate, to open the store with.
pub static TABLES: &[&Table] = &[&ENTRIES, &ANSWERS, &RUNS];

pub(crate) fn entry_key(account: &str, region: &str, outbox: &str, id: &str) -> Key {
    Key::new(shard_of(id), account, region).text(outbox).text(id)
}

/// An entry as it lies in memory.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) key: Key,
    pub(crate) id: Text,
    pub(crate) lane: Option<Text>,
    pub(crate) due: Timestamp,
    /// Ascends with every add, over restarts: tells entries apart, and orders lanes.
    pub(crate) position: i64,
    /// Attempts made.
    pub(crate) attempt: u32,
    pub(crate) added: Timestamp,
    pub(crate) body: Bytes,
    /// How often in a row the delivery could not be ended; not stored.
    pub(crate) failures: u32,
    /// Whether it may have been removed meanwhile, so that its row must be looked at.
    pub(crate) doubtful: bool,
}

impl Held {
    pub(crate) fn put(&self, outbox: &str, batch: &mut Batch) {
        let lane = |value: &str| match self.lane {
            Some(_) => ColumnValue::from(value),
            None => ColumnValue::Null,
        };
        let columns = vec![
            outbox.into(),
            (&*self.id).into(),
            self.due.as_ms().into(),
            lane(outbox),
            lane(self.lane.as_deref().unwrap_or_default()),
            self.position.into(),
            i64::from(self.attempt).into(),
            self.added.as_ms().into(),
        ];
        batch.put(&ENTRIES, self.key.clone(), columns, self.body.clone());
    }

    /// Reads a row; `None` where its columns are not ours.
    pub(crate) fn read(row: Row) -> Option<Held> {
        let [
            _,
            ColumnValue::Text(id),
            ColumnValue::Integer(due),
            _,
            lane,
            ColumnValue::Integer(position),
            ColumnValue::Integer(attempt),
            ColumnValue::Integer(added),
        ] = &row.columns[..]
        else {
            return None;
        };
        let lane = match lane {
            ColumnValue::Text(lane) => Some(lane.as_str().into()),
            _ => None,
        };
        Some(Held {
            id: id.as_str().into(),
            lane,
            due: Timestamp(*due),
            position: *position,
            attempt: u32::try_from(*attempt).unwrap_or(u32::MAX),
            added: Timestamp(*added),
            body: row.value,
            failures: 0,
            doubtful: false,
            key: row.key,
        })
    }

    /// Whether it was made of that entry, or of an equal one.
    pub(crate) fn is_of(&self, entry: &Entry) -> bool {
        self.due == entry.due && self.lane == entry.lane && self.body == entry.body
    }

    /// What it takes in memory, about.
    pub(crate) fn bytes_len(&self) -> usize {
        const OVERHEAD_BYTES: usize = 512;
        self.body.len() + self.id.len() + OVERHEAD_BYTES
    }
}
