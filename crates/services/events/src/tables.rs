use serde::Serialize;
use serde::de::DeserializeOwned;
use windlass_protocol::Fault;
use windlass_store::{Batch, Column, ColumnKind, Key, Scan, Store, Table, shard_of};

use crate::faults;
use crate::place::Place;

const ACCOUNT: Column = Column { name: "account", kind: ColumnKind::Text };
const REGION: Column = Column { name: "region", kind: ColumnKind::Text };
const NAME: Column = Column { name: "name", kind: ColumnKind::Text };
const COLUMNS: &[Column] = &[ACCOUNT, REGION, NAME];

/// Rows that are read at once when a table is loaded or walked.
pub(crate) const PAGE_ROWS: usize = 500;

/// Event buses: key (shard of the name, account, region, name).
pub(crate) static BUSES: Table = Table { name: "events_buses", columns: COLUMNS, indexes: &[] };
/// Rules with their targets: key (shard of the bus, account, region, bus, rule).
pub(crate) static RULES: Table = Table { name: "events_rules", columns: COLUMNS, indexes: &[] };
/// Archives: key (shard of the name, account, region, name).
pub(crate) static ARCHIVES: Table = Table { name: "events_archives", columns: COLUMNS, indexes: &[] };
/// Archived events: key (shard of the archive, account, region, archive, instant, id).
pub(crate) static ARCHIVED_EVENTS: Table = Table { name: "events_archived", columns: &[], indexes: &[] };
/// Replays: key (shard of the name, account, region, name).
pub(crate) static REPLAYS: Table = Table { name: "events_replays", columns: COLUMNS, indexes: &[] };
/// Connections, their secrets sealed: key (shard of the name, account, region, name).
pub(crate) static CONNECTIONS: Table = Table { name: "events_connections", columns: COLUMNS, indexes: &[] };
/// API destinations: key (shard of the name, account, region, name).
pub(crate) static API_DESTINATIONS: Table = Table { name: "events_api_destinations", columns: COLUMNS, indexes: &[] };

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] =
    &[&BUSES, &RULES, &ARCHIVES, &ARCHIVED_EVENTS, &REPLAYS, &CONNECTIONS, &API_DESTINATIONS];

/// What is stored of a resource.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// Where it is stored.
    const TABLE: &'static Table;
    /// Whose it is.
    fn place(&self) -> &Place;
    /// Its own name.
    fn name(&self) -> &str;
    /// Its key.
    fn key(&self) -> Key {
        key_of(self.place(), self.name())
    }
}

/// The key of a resource by its name.
pub(crate) fn key_of(place: &Place, name: &str) -> Key {
    Key::new(shard_of(name), &place.account, &place.region).text(name)
}

/// Adds the row of a resource to a batch.
///
/// # Errors
/// It cannot be encoded, which is our failure.
pub(crate) fn put<R: Record>(batch: &mut Batch, record: &R) -> Result<(), Fault> {
    let place = record.place();
    let columns = vec![(&*place.account).into(), (&*place.region).into(), record.name().into()];
    let value = serde_json::to_vec(record).map_err(|error| Fault::internal(error.to_string()))?;
    batch.put(R::TABLE, record.key(), columns, value);
    Ok(())
}

/// Adds the removal of a resource's row to a batch.
pub(crate) fn delete<R: Record>(batch: &mut Batch, record: &R) {
    batch.delete(R::TABLE, record.key());
}

/// Every row of a table.
///
/// # Errors
/// What the store answers; a row that cannot be read.
pub(crate) fn load<R: Record>(store: &Store) -> Result<Vec<R>, Fault> {
    let mut records = Vec::new();
    let mut scan = Scan { limit: PAGE_ROWS, ..Scan::default() };
    loop {
        let rows = store.scan(R::TABLE, scan.clone()).map_err(|error| faults::of_store(&error))?;
        for row in &rows {
            let record = serde_json::from_slice(&row.value)
                .map_err(|error| Fault::internal(format!("a row of {} cannot be read: {error}", R::TABLE.name)))?;
            records.push(record);
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS => scan.after = Some(scan.position(R::TABLE, last)),
            _ => return Ok(records),
        }
    }
}
