use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ToSql, params_from_iter};

use super::SqliteOptions;
use super::scan_sql;
use super::schema::{open_for_reading, storage};
use super::statements::{READ_FORWARD, READ_REVERSE, Statements, TableStatements};
use crate::batch::{Append, ColumnValue, Row};
use crate::envelope::{self, Place};
use crate::error::{OpenError, StoreError};
use crate::key::Key;
use crate::scan::Plan;

/// A bounded pool of connections that read; opened as they are needed.
pub(super) struct Readers {
    file: PathBuf,
    options: SqliteOptions,
    statements: Arc<Statements>,
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    idle: Vec<Connection>,
    /// Idle or in use.
    open: usize,
    closed: bool,
}

impl Readers {
    pub(super) fn open(
        file: &Path,
        statements: Arc<Statements>,
        options: &SqliteOptions,
    ) -> Result<Readers, OpenError> {
        // One is opened at once, so that a store which cannot be read does not open.
        let first = open_for_reading(file, options).map_err(storage)?;
        Ok(Readers {
            file: file.to_owned(),
            options: options.clone(),
            statements,
            pool: Mutex::new(Pool { idle: vec![first], open: 1, closed: false }),
            returned: Condvar::new(),
        })
    }

    /// Closes the connections, waiting for those in use.
    pub(super) fn close(&self) {
        let mut pool = self.pool.lock();
        pool.closed = true;
        pool.open -= pool.idle.len();
        pool.idle.clear();
        self.returned.notify_all();
        while pool.open > 0 {
            self.returned.wait(&mut pool);
        }
    }

    pub(super) fn get(&self, table: usize, key: &Key) -> Result<Option<Row>, StoreError> {
        let statements = &self.statements.tables[table];
        let rows = self
            .with(|connection| select(connection, statements, &statements.get, &[Parameter::Bytes(key.as_bytes())]))?;
        Ok(rows.into_iter().next())
    }

    /// Bytes of the pages in use.
    pub(super) fn used_bytes(&self) -> Result<u64, StoreError> {
        self.with(|connection| {
            let read = |pragma: &str| {
                connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(read_error)
            };
            let pages = read("page_count")? - read("freelist_count")?;
            Ok(u64::try_from(pages * read("page_size")?).unwrap_or_default())
        })
    }

    pub(super) fn scan(&self, table: usize, plan: &Plan<'_>) -> Result<Vec<Row>, StoreError> {
        let statements = &self.statements.tables[table];
        self.with(|connection| {
            // One transaction: several segments must show one moment.
            let transaction = connection.unchecked_transaction().map_err(read_error)?;
            let mut rows = Vec::new();
            for segment in scan_sql::segments(plan) {
                let remaining = plan.scan.limit - rows.len();
                if remaining == 0 {
                    break;
                }
                let limit = i64::try_from(remaining).unwrap_or(i64::MAX);
                let (sql, parameters) = scan_sql::select(statements, plan, &segment, limit);
                rows.extend(select(&transaction, statements, &sql, &parameters)?);
            }
            transaction.finish().map_err(read_error)?;
            Ok(rows)
        })
    }

    pub(super) fn count(&self, plan: &Plan<'_>) -> Result<u64, StoreError> {
        self.with(|connection| {
            let mut rows = 0;
            for segment in scan_sql::segments(plan) {
                let (sql, parameters) = scan_sql::count(plan, &segment);
                let mut statement = connection.prepare_cached(&sql).map_err(read_error)?;
                let counted: i64 =
                    statement.query_row(params_from_iter(&parameters), |row| row.get(0)).map_err(read_error)?;
                rows += u64::try_from(counted).unwrap_or_default();
            }
            Ok(rows)
        })
    }

    pub(super) fn read_stream(
        &self,
        stream: &Key,
        from_sequence: u64,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Append>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let from = match i64::try_from(from_sequence) {
            Ok(from) => from,
            // No sequence is above i64::MAX.
            Err(_) if reverse => i64::MAX,
            Err(_) => return Ok(Vec::new()),
        };
        self.with(|connection| {
            let sql = if reverse { READ_REVERSE } else { READ_FORWARD };
            let mut statement = connection.prepare_cached(sql).map_err(read_error)?;
            let mut rows = statement.query((stream.as_bytes(), from, limit)).map_err(read_error)?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next().map_err(read_error)? {
                let sequence = row.get::<_, i64>(0).map_err(read_error)?.cast_unsigned();
                let sealed = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(read_error)?;
                let value = envelope::open(&Place::entry(stream, sequence), sealed)
                    .map_err(|reason| corrupt("stream", stream, format!("sequence {sequence}: {reason}")))?;
                entries.push(Append { stream: stream.clone(), sequence, value });
            }
            Ok(entries)
        })
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let lease = self.lease()?;
        // Always there until the lease is dropped.
        lease.connection.as_ref().map_or(Err(StoreError::Closed), read)
    }

    fn lease(&self) -> Result<Lease<'_>, StoreError> {
        let mut pool = self.pool.lock();
        loop {
            if pool.closed {
                return Err(StoreError::Closed);
            }
            if let Some(connection) = pool.idle.pop() {
                return Ok(Lease { readers: self, connection: Some(connection) });
            }
            if pool.open < self.options.read_connections.max(1) {
                pool.open += 1;
                drop(pool);
                // Counts even when opening fails: dropping the lease takes it off again.
                let mut lease = Lease { readers: self, connection: None };
                lease.connection = Some(open_for_reading(&self.file, &self.options).map_err(read_error)?);
                return Ok(lease);
            }
            self.returned.wait(&mut pool);
        }
    }
}

/// A connection in use; goes back when dropped.
struct Lease<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool.lock();
        match self.connection.take() {
            Some(connection) if !pool.closed => pool.idle.push(connection),
            connection => {
                drop(connection);
                pool.open -= 1;
            }
        }
        // All: both readers and the one that closes may wait.
        self.readers.returned.notify_all();
    }
}

/// A value bound to a statement.
pub(super) enum Parameter<'a> {
    Bytes(&'a [u8]),
    Column(&'a ColumnValue),
    Integer(i64),
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Parameter::Bytes(bytes) => bytes.to_sql(),
            Parameter::Column(value) => value.to_sql(),
            Parameter::Integer(integer) => integer.to_sql(),
        }
    }
}

/// Rows of `key, version, value, columns`.
fn select(
    connection: &Connection,
    statements: &TableStatements,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(read_error)?;
    let mut rows = statement.query(params_from_iter(parameters)).map_err(read_error)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(read_error)? {
        found.push(decode(statements, row)?);
    }
    Ok(found)
}

fn decode(statements: &TableStatements, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    const FIRST_COLUMN: usize = 3;
    let blob = |at| row.get_ref(at).and_then(|value| Ok(value.as_blob()?)).map_err(read_error);
    let key = Key::from_bytes(blob(0)?);
    let version = row.get::<_, i64>(1).map_err(read_error)?.cast_unsigned();
    let value =
        envelope::open(&Place::row(&key), blob(2)?).map_err(|reason| corrupt(statements.table.name, &key, reason))?;
    let column = |at: usize| match row.get_ref(at + FIRST_COLUMN).map_err(read_error)? {
        ValueRef::Null => Ok(ColumnValue::Null),
        ValueRef::Integer(integer) => Ok(ColumnValue::Integer(integer)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(ColumnValue::Text(text.to_owned())),
            Err(error) => Err(corrupt(statements.table.name, &key, format!("column {at}: {error}"))),
        },
        other => Err(corrupt(statements.table.name, &key, format!("column {at} holds {}", other.data_type()))),
    };
    let columns = (0..statements.table.columns.len()).map(column).collect::<Result<_, _>>()?;
    Ok(Row { key, columns, value, version })
}

fn corrupt(table: &str, key: &Key, reason: String) -> StoreError {
    StoreError::Corrupt { table: table.to_owned(), key: key.clone(), reason }
}

fn read_error(error: rusqlite::Error) -> StoreError {
    StoreError::Storage(error.to_string())
}
