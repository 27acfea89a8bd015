use crate::batch::Table;
use crate::catalog::Catalog;

pub(super) const APPEND: &str =
    "INSERT INTO stream (stream, sequence, value) VALUES (?1, ?2, ?3) ON CONFLICT (stream, sequence) DO NOTHING";
pub(super) const TRUNCATE: &str = "DELETE FROM stream WHERE stream = ?1";
pub(super) const TRUNCATE_BEFORE: &str = "DELETE FROM stream WHERE stream = ?1 AND sequence < ?2";
pub(super) const READ_FORWARD: &str =
    "SELECT sequence, value FROM stream WHERE stream = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3";
pub(super) const READ_REVERSE: &str =
    "SELECT sequence, value FROM stream WHERE stream = ?1 AND sequence <= ?2 ORDER BY sequence DESC LIMIT ?3";

/// The SQL of each declared table, written once.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) tables: Vec<TableStatements>,
}

#[derive(Debug)]
pub(super) struct TableStatements {
    pub(super) table: &'static Table,
    /// (key) to version.
    pub(super) version: String,
    /// (key) to version, value, columns.
    pub(super) get: String,
    /// (key, value, columns).
    pub(super) put: String,
    /// (key).
    pub(super) delete: String,
    /// `key, version, value, columns`, for a scan.
    pub(super) selected: String,
}

impl Statements {
    pub(super) fn new(catalog: &Catalog) -> Statements {
        Statements { tables: catalog.tables().iter().map(|table| TableStatements::new(table)).collect() }
    }
}

impl TableStatements {
    fn new(table: &'static Table) -> TableStatements {
        // Names were checked: lower case letters, digits, underscores.
        let name = table.name;
        let each = |form: &dyn Fn(&str, usize) -> String| -> String {
            const FIRST_COLUMN: usize = 3;
            table.columns.iter().enumerate().map(|(at, column)| form(column.name, at + FIRST_COLUMN)).collect()
        };
        let columns = each(&|column, _| format!(", \"{column}\""));
        let parameters = each(&|_, parameter| format!(", ?{parameter}"));
        let replaced = each(&|column, _| format!(", \"{column}\" = excluded.\"{column}\""));
        TableStatements {
            table,
            version: format!("SELECT version FROM \"{name}\" WHERE key = ?1"),
            get: format!("SELECT key, version, value{columns} FROM \"{name}\" WHERE key = ?1"),
            put: format!(
                "INSERT INTO \"{name}\" (key, version, value{columns}) VALUES (?1, 1, ?2{parameters}) \
                 ON CONFLICT (key) DO UPDATE SET version = version + 1, value = excluded.value{replaced}"
            ),
            delete: format!("DELETE FROM \"{name}\" WHERE key = ?1"),
            selected: format!("key, version, value{columns}"),
        }
    }
}
