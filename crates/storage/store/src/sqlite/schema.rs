use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::SqliteOptions;
use super::migrations::{check_format, migrate};
use crate::batch::{ColumnKind, Table};
use crate::catalog::Catalog;
use crate::error::OpenError;

/// Older ones can corrupt a WAL when a checkpoint meets a write.
const SQLITE_OLDEST: &str = "3.51.3";
const SQLITE_OLDEST_NUMBER: i32 = 3_051_003;

/// Marks a file as a Windlass store ("WNDL").
const APPLICATION_ID: i32 = 0x574e_444c;

/// Pages of a new store. Keys lead with a shard, so every execution touches
/// pages of its own and the log grows by whole pages: 4 KiB took a fifth more
/// executions a second than 8 KiB.
const PAGE_BYTES: u64 = 4096;
const STATEMENTS_CACHED: usize = 256;
/// How long to wait for a person's own tool that holds the file's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn storage(error: rusqlite::Error) -> OpenError {
    OpenError::Storage(error.to_string())
}

pub(super) fn check_library() -> Result<(), OpenError> {
    if rusqlite::version_number() < SQLITE_OLDEST_NUMBER {
        return Err(OpenError::Sqlite { found: rusqlite::version().to_owned(), needed: SQLITE_OLDEST });
    }
    Ok(())
}

/// The writer's connection, its file migrated and holding what is declared.
pub(super) fn open_for_writing(
    folder: &Path,
    file: &Path,
    catalog: &Catalog,
    options: &SqliteOptions,
) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(storage)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(storage)?;
    let found = identify(&connection, file)?;
    // Before anything is written: a newer store must be left as it is.
    if let Some(format) = found {
        check_format(folder, format)?;
    }
    configure(&connection, options).map_err(storage)?;
    if found.is_none() {
        // Both hold only when set before the first page is written.
        connection.pragma_update(None, "page_size", signed(PAGE_BYTES)).map_err(storage)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(storage)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(storage)?;
    if mode != "wal" {
        return Err(OpenError::Storage(format!("the file system allows no write-ahead log (journal mode {mode})")));
    }
    if found.is_none() {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(storage)?;
    }
    migrate(&mut connection, found.unwrap_or(0))?;
    let transaction = connection.transaction().map_err(storage)?;
    for table in catalog.tables() {
        declare(&transaction, table)?;
    }
    transaction.commit().map_err(storage)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_for_reading(file: &Path, options: &SqliteOptions) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "mmap_size", signed(options.mmap_bytes))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}

/// The format of the store in a file; `None`: the file is empty.
fn identify(connection: &Connection, file: &Path) -> Result<Option<u32>, OpenError> {
    let foreign = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign(file.to_owned()),
        _ => storage(error),
    };
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(foreign)?;
    if application == APPLICATION_ID {
        let format = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(storage)?;
        return Ok(Some(format));
    }
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(foreign)?;
    if application == 0 && objects == 0 { Ok(None) } else { Err(OpenError::Foreign(file.to_owned())) }
}

fn configure(connection: &Connection, options: &SqliteOptions) -> Result<(), rusqlite::Error> {
    const KIB: u64 = 1024;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Without it, macOS acknowledges a sync that has reached only the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Negative: KiB, not pages.
    connection.pragma_update(None, "cache_size", -signed(options.cache_bytes / KIB))?;
    connection.pragma_update(None, "mmap_size", signed(options.mmap_bytes))?;
    // The writer checkpoints by itself, after it has answered.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", signed(options.wal_bytes_max))?;
    if let Some(bytes) = options.file_bytes_max {
        connection.pragma_update(None, "max_page_count", signed((bytes / page_bytes(connection)?).max(1)))?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(())
}

/// The size of this store's pages, which an older release may have chosen.
pub(super) fn page_bytes(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let bytes: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok(bytes.max(1).cast_unsigned())
}

/// SQLite's integers are signed; no size that is meant comes near the end.
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn kind_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Integer => "INTEGER",
        ColumnKind::Text => "TEXT",
    }
}

/// What an index of a declared table is called in SQL.
pub(super) fn index_name(table: &str, index: &str) -> String {
    format!("{table}__{index}")
}

/// Creates what a table lacks: itself, columns, indexes. Columns that are no
/// longer declared stay, indexes that are not (or differ) are dropped.
fn declare(connection: &Connection, table: &Table) -> Result<(), OpenError> {
    let stored = stored_columns(connection, table.name).map_err(storage)?;
    if stored.is_empty() {
        // Without rowid: one tree holds key and row, and indexes end with the key by
        // themselves. Measured at 256 committers, an append with a put then runs at 0.9 to
        // 1.0 of an append alone; with a rowid and an index on the key, at 0.6 to 0.7.
        let columns: String =
            table.columns.iter().map(|column| format!("\"{}\" {}, ", column.name, kind_name(column.kind))).collect();
        let sql = format!(
            "CREATE TABLE \"{}\" (key BLOB PRIMARY KEY NOT NULL, version INTEGER NOT NULL, {columns}value BLOB NOT NULL) STRICT, WITHOUT ROWID",
            table.name
        );
        connection.execute_batch(&sql).map_err(storage)?;
    } else {
        for column in table.columns {
            let kind = kind_name(column.kind);
            match stored.get(column.name) {
                Some(stored) if stored == kind => {}
                Some(stored) => {
                    let (table, column) = (table.name, column.name);
                    return Err(OpenError::Declaration(format!("{table}.{column} is stored as {stored}, not {kind}")));
                }
                None => {
                    let sql = format!("ALTER TABLE \"{}\" ADD COLUMN \"{}\" {kind}", table.name, column.name);
                    connection.execute_batch(&sql).map_err(storage)?;
                }
            }
        }
    }
    declare_indexes(connection, table).map_err(storage)
}

fn stored_columns(connection: &Connection, table: &str) -> Result<BTreeMap<String, String>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn declare_indexes(connection: &Connection, table: &Table) -> Result<(), rusqlite::Error> {
    let wanted: BTreeMap<String, String> = table
        .indexes
        .iter()
        .map(|index| {
            let name = index_name(table.name, index.name);
            let columns: Vec<String> = index.columns.iter().map(|column| format!("\"{column}\"")).collect();
            let sql = format!(
                "CREATE INDEX \"{name}\" ON \"{}\" ({}) WHERE {} IS NOT NULL",
                table.name,
                columns.join(", "),
                columns[0]
            );
            (name, sql)
        })
        .collect();
    let stored: BTreeMap<String, String> = {
        let mut statement = connection.prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL",
        )?;
        statement.query_map([table.name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?
    };
    // An index that a person added under another name is theirs.
    let ours = index_name(table.name, "");
    for (name, sql) in &stored {
        if name.starts_with(&ours) && wanted.get(name) != Some(sql) {
            connection.execute_batch(&format!("DROP INDEX \"{name}\""))?;
        }
    }
    for (name, sql) in &wanted {
        if stored.get(name) != Some(sql) {
            connection.execute_batch(sql)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no test of behaviour would notice, such as a sync left out.
    #[test]
    fn the_writer_is_configured_for_durability() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("store.sqlite");
        std::fs::write(&file, []).expect("a file");
        let catalog = Catalog::new(&[]).expect("a catalog");
        // Twice: what a file keeps, and what each connection must set again.
        for _ in 0..2 {
            let connection =
                open_for_writing(folder.path(), &file, &catalog, &SqliteOptions::default()).expect("the store opens");
            let expected = [
                ("synchronous", "2"),
                ("journal_mode", "wal"),
                ("page_size", "4096"),
                ("auto_vacuum", "2"),
                ("wal_autocheckpoint", "0"),
                ("fullfsync", "1"),
                ("checkpoint_fullfsync", "1"),
                ("application_id", "1464747084"),
                ("user_version", "1"),
            ];
            for (pragma, expected) in expected {
                let found: rusqlite::types::Value =
                    connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).expect(pragma);
                let found = match found {
                    rusqlite::types::Value::Integer(integer) => integer.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                };
                assert_eq!(found, expected, "{pragma}");
            }
        }
    }
}
