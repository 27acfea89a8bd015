use std::path::Path;

use rusqlite::Connection;

use super::schema::storage;
use crate::error::OpenError;

/// The store's format: the number of its newest migration. Kept as `user_version`.
pub const STORE_FORMAT: u32 = 1;

/// One step from a format to the next.
struct Migration {
    /// The format it leads to; dense from 1.
    format: u32,
    /// For people who look into the store.
    name: &'static str,
    sql: &'static str,
}

/// Never edited once released: a new format is a new entry.
const MIGRATIONS: &[Migration] = &[Migration {
    format: 1,
    name: "streams",
    // Entries lie in the order they were written; only the narrow index is by stream.
    sql: "
        CREATE TABLE stream (
            id INTEGER PRIMARY KEY,
            stream BLOB NOT NULL,
            sequence INTEGER NOT NULL,
            value BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX stream__sequence ON stream (stream, sequence);
        CREATE TABLE store_migration (
            format INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            release TEXT NOT NULL
        ) STRICT;
    ",
}];

const _: () = assert!(MIGRATIONS[MIGRATIONS.len() - 1].format == STORE_FORMAT);

/// Refuses a store that a newer release wrote.
pub(super) fn check_format(folder: &Path, found: u32) -> Result<(), OpenError> {
    if found > STORE_FORMAT {
        return Err(OpenError::Newer { folder: folder.to_owned(), found, supported: STORE_FORMAT });
    }
    Ok(())
}

/// Brings the store to this release's format, each migration in its own transaction.
pub(super) fn migrate(connection: &mut Connection, found: u32) -> Result<(), OpenError> {
    for migration in MIGRATIONS.iter().filter(|migration| migration.format > found) {
        let transaction = connection.transaction().map_err(storage)?;
        transaction.execute_batch(migration.sql).map_err(storage)?;
        transaction
            .execute(
                "INSERT INTO store_migration (format, name, release) VALUES (?1, ?2, ?3)",
                (migration.format, migration.name, env!("CARGO_PKG_VERSION")),
            )
            .map_err(storage)?;
        transaction.pragma_update(None, "user_version", migration.format).map_err(storage)?;
        transaction.commit().map_err(storage)?;
        tracing::info!(format = migration.format, name = migration.name, "store migrated");
    }
    Ok(())
}
