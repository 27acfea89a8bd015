use std::collections::HashMap;

use crate::batch::{Index, Table};

/// Names that a table may not have, or begin with.
const RESERVED_TABLES: &[&str] = &["stream"];
const RESERVED_PREFIXES: &[&str] = &["sqlite_", "store_"];
const RESERVED_COLUMNS: &[&str] = &["key", "value", "version"];

/// The declared tables, checked, by position and by name.
#[derive(Debug)]
pub(crate) struct Catalog {
    tables: Vec<&'static Table>,
    by_name: HashMap<&'static str, usize>,
}

impl Catalog {
    /// Checks names, and that each index leads with columns of its table.
    pub(crate) fn new(tables: &[&'static Table]) -> Result<Catalog, String> {
        let mut by_name = HashMap::with_capacity(tables.len());
        for (position, table) in tables.iter().enumerate() {
            check(table)?;
            if by_name.insert(table.name, position).is_some() {
                return Err(format!("table {} is declared twice", table.name));
            }
        }
        Ok(Catalog { tables: tables.to_vec(), by_name })
    }

    pub(crate) fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// The position of a table, when this very declaration was given at open.
    pub(crate) fn position(&self, table: &'static Table) -> Result<usize, String> {
        match self.by_name.get(table.name) {
            Some(&position) if std::ptr::eq(self.tables[position], table) || self.tables[position] == table => {
                Ok(position)
            }
            Some(_) => Err(format!("table {} was declared otherwise when the store was opened", table.name)),
            None => Err(format!("table {} was not declared when the store was opened", table.name)),
        }
    }
}

/// The positions of an index's columns in its table.
pub(crate) fn index_columns(table: &Table, index: &Index) -> Vec<usize> {
    let position = |name: &&str| table.columns.iter().position(|column| column.name == *name);
    // Every name resolves: the catalog refused the table otherwise.
    index.columns.iter().filter_map(position).collect()
}

fn check(table: &Table) -> Result<(), String> {
    let name = table.name;
    check_name(name)?;
    if RESERVED_TABLES.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(format!("table name {name} is reserved"));
    }
    for (position, column) in table.columns.iter().enumerate() {
        check_name(column.name)?;
        if RESERVED_COLUMNS.contains(&column.name) {
            return Err(format!("column name {name}.{} is reserved", column.name));
        }
        if table.columns[..position].iter().any(|earlier| earlier.name == column.name) {
            return Err(format!("column {name}.{} is declared twice", column.name));
        }
    }
    for (position, index) in table.indexes.iter().enumerate() {
        check_name(index.name)?;
        if table.indexes[..position].iter().any(|earlier| earlier.name == index.name) {
            return Err(format!("index {name}.{} is declared twice", index.name));
        }
        if index.columns.is_empty() {
            return Err(format!("index {name}.{} has no column", index.name));
        }
        for (at, column) in index.columns.iter().enumerate() {
            if !table.columns.iter().any(|declared| declared.name == *column) {
                return Err(format!("index {name}.{} names {column}, which is no column", index.name));
            }
            if index.columns[..at].contains(column) {
                return Err(format!("index {name}.{} names {column} twice", index.name));
            }
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.bytes().all(plain) && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase()) {
        Ok(())
    } else {
        Err(format!("name {name:?} is not lower case letters, digits and underscores"))
    }
}
