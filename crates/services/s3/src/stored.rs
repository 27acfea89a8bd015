//! Rows as JSON.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use windlass_protocol::Fault;
use windlass_store::{Key, Row, Scan, Store, StoreError, Table};

use crate::faults;

/// What a row holds, and how often it was written.
#[derive(Clone, Debug)]
pub(crate) struct Versioned<T> {
    pub(crate) value: T,
    pub(crate) version: u64,
}

/// A stored type as its row's value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Bytes {
    // Structs of texts, numbers and maps with text keys: there is no way to fail.
    serde_json::to_vec(value).expect("stored types are JSON").into()
}

/// What a row holds.
///
/// # Errors
/// It is no such thing.
pub(crate) fn decode<T: DeserializeOwned>(table: &'static Table, row: &Row) -> Result<Versioned<T>, Fault> {
    let value = serde_json::from_slice(&row.value)
        .map_err(|error| faults::internal(format!("a row of {} cannot be read: {error}", table.name)))?;
    Ok(Versioned { value, version: row.version })
}

/// The row of that key.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn get<T: DeserializeOwned>(
    store: &Store,
    table: &'static Table,
    key: &Key,
) -> Result<Option<Versioned<T>>, Fault> {
    store.get(table, key).map_err(unreadable)?.map(|row| decode(table, &row)).transpose()
}

/// The rows of a scan.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn scan(store: &Store, table: &'static Table, scan: Scan) -> Result<Vec<Row>, Fault> {
    store.scan(table, scan).map_err(unreadable)
}

/// The store's error as an answer.
pub(crate) fn unreadable(error: StoreError) -> Fault {
    faults::internal(error.to_string())
}

/// A text column of a row.
pub(crate) fn text_column(row: &Row, column: usize) -> &str {
    match row.columns.get(column) {
        Some(windlass_store::ColumnValue::Text(text)) => text,
        _ => "",
    }
}
