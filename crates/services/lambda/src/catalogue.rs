use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use windlass_protocol::Fault;
use windlass_store::{Batch, ColumnValue, Expect, Key, KeyRange, Row, Scan, Store, Table};

use crate::config::OpenError;
use crate::configuration::Configuration;
use crate::faults;
use crate::function_name::{FunctionName, LATEST};
use crate::tables::{ALIASES, FUNCTIONS, VERSIONS, function_key};

/// How many rows are read at once when the service starts.
const SCAN_ROWS: usize = 1000;
/// The encoding of the rows; a reader of a newer one refuses older readers' rows by name.
const FORMAT: u32 = 1;

/// A function with all its versions and aliases, as it is now. Never changed in
/// place: a change makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: FunctionName,
    pub(crate) latest: Arc<Configuration>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The number the next publication gets; numbers are never used again.
    pub(crate) next_version: u64,
    pub(crate) reserved_concurrency: Option<u32>,
    /// By number.
    pub(crate) versions: BTreeMap<u64, Arc<Configuration>>,
    pub(crate) aliases: BTreeMap<String, Arc<Alias>>,
}

/// A name for a version, or for two with weights. A stored type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    /// Share of invocations that go to that version instead, 0 to 1.
    pub(crate) weights: BTreeMap<String, f64>,
    pub(crate) revision_id: String,
}

impl Function {
    /// The settings of `$LATEST` or of a published version.
    pub(crate) fn version(&self, version: &str) -> Option<&Arc<Configuration>> {
        if version == LATEST {
            return Some(&self.latest);
        }
        self.versions.get(&version.parse().ok()?)
    }

    /// The settings that a qualifier names, without regard to weights.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn qualified(&self, qualifier: Option<&str>) -> Result<&Arc<Configuration>, Fault> {
        let Some(qualifier) = qualifier else { return Ok(&self.latest) };
        let version = self.aliases.get(qualifier).map_or(qualifier, |alias| alias.version.as_str());
        self.version(version).ok_or_else(|| faults::function_not_found(&self.name.arn(Some(qualifier))))
    }
}

#[derive(Serialize, Deserialize)]
struct FunctionRow {
    format: u32,
    account: String,
    region: String,
    name: String,
    latest: Configuration,
    tags: BTreeMap<String, String>,
    next_version: u64,
    #[serde(default)]
    reserved_concurrency: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct VersionRow {
    format: u32,
    account: String,
    region: String,
    name: String,
    number: u64,
    configuration: Configuration,
}

#[derive(Serialize, Deserialize)]
struct AliasRow {
    format: u32,
    account: String,
    region: String,
    name: String,
    alias: Alias,
}

/// All functions: read from memory, written through to the store first.
pub(crate) struct Catalogue {
    store: Store,
    functions: Arc<RwLock<BTreeMap<FunctionName, Arc<Function>>>>,
    /// One change at a time: it reads, decides, commits, then shows itself.
    changing: Arc<tokio::sync::Mutex<()>>,
}

/// What a change makes of a function.
pub(crate) enum Change<T> {
    /// This is the function now.
    To(Function, T),
    /// There is none any more.
    Gone(T),
    /// Nothing changes.
    Keep(T),
}

impl Catalogue {
    /// Reads everything from the store.
    ///
    /// # Errors
    /// The store does not answer, or holds a row that cannot be read.
    pub(crate) fn open(store: Store) -> Result<Catalogue, OpenError> {
        let mut functions = BTreeMap::new();
        for row in rows::<FunctionRow>(&store, &FUNCTIONS)? {
            let name = FunctionName { account: row.account, region: row.region, name: row.name };
            let function = Function {
                name: name.clone(),
                latest: Arc::new(row.latest),
                tags: row.tags,
                next_version: row.next_version,
                reserved_concurrency: row.reserved_concurrency,
                versions: BTreeMap::new(),
                aliases: BTreeMap::new(),
            };
            functions.insert(name, function);
        }
        for row in rows::<VersionRow>(&store, &VERSIONS)? {
            let name = FunctionName { account: row.account, region: row.region, name: row.name };
            let function = functions.get_mut(&name).ok_or_else(|| orphan(&VERSIONS, &name))?;
            function.versions.insert(row.number, Arc::new(row.configuration));
        }
        for row in rows::<AliasRow>(&store, &ALIASES)? {
            let name = FunctionName { account: row.account, region: row.region, name: row.name };
            let function = functions.get_mut(&name).ok_or_else(|| orphan(&ALIASES, &name))?;
            function.aliases.insert(row.alias.name.clone(), Arc::new(row.alias));
        }
        let functions = functions.into_iter().map(|(name, function)| (name, Arc::new(function))).collect();
        Ok(Catalogue { store, functions: Arc::new(RwLock::new(functions)), changing: Arc::default() })
    }

    /// The function of that name.
    pub(crate) fn get(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.functions.read().get(name).cloned()
    }

    /// The function of that name.
    ///
    /// # Errors
    /// `ResourceNotFoundException` with the ARN as it was asked for.
    pub(crate) fn find(&self, name: &FunctionName, qualifier: Option<&str>) -> Result<Arc<Function>, Fault> {
        self.get(name).ok_or_else(|| faults::function_not_found(&name.arn(qualifier)))
    }

    /// The functions of an account and region, by name.
    pub(crate) fn list(&self, account: &str, region: &str) -> Vec<Arc<Function>> {
        let from = FunctionName { account: account.to_owned(), region: region.to_owned(), name: String::new() };
        let functions = self.functions.read();
        functions
            .range(from..)
            .take_while(|(name, _)| name.account == account && name.region == region)
            .map(|(_, function)| function.clone())
            .collect()
    }

    /// The SHA-256 of all code in use, in hex.
    pub(crate) fn code_hashes(&self) -> HashSet<String> {
        let functions = self.functions.read();
        let versions = functions.values().flat_map(|function| function.versions.values().chain([&function.latest]));
        versions.map(|configuration| configuration.code_sha256.clone()).collect()
    }

    /// Changes one function, durably, before it answers.
    ///
    /// # Errors
    /// Those of `change`; the store's.
    pub(crate) async fn change<T>(
        &self,
        name: &FunctionName,
        change: impl FnOnce(Option<&Function>) -> Result<Change<T>, Fault>,
    ) -> Result<T, Fault> {
        let one_at_a_time = self.changing.clone().lock_owned().await;
        let before = self.get(name);
        let (after, answer) = match change(before.as_deref())? {
            Change::To(function, answer) => (Some(Arc::new(function)), answer),
            Change::Gone(answer) => (None, answer),
            Change::Keep(answer) => return Ok(answer),
        };
        let batch = difference(name, before.as_deref(), after.as_deref())?;
        let commit = self.store.commit(batch);
        let functions = self.functions.clone();
        let name = name.clone();
        // A task of its own: a caller who gives up must not leave memory behind the store.
        let shown = tokio::spawn(async move {
            let _until_shown = one_at_a_time;
            commit.await.map_err(|error| faults::service(format!("commit: {error}")))?;
            let mut functions = functions.write();
            match after {
                Some(function) => functions.insert(name, function),
                None => functions.remove(&name),
            };
            Ok(())
        });
        shown.await.map_err(|error| faults::service(format!("commit: {error}")))??;
        Ok(answer)
    }
}

/// The batch that leads from one state of a function to another.
fn difference(name: &FunctionName, before: Option<&Function>, after: Option<&Function>) -> Result<Batch, Fault> {
    let mut batch = Batch::default();
    let columns = || vec![text(&name.account), text(&name.region), text(&name.name)];
    let key = function_key(name);
    if before.is_none() {
        batch.expect.push(Expect::Absent(&FUNCTIONS, key.clone()));
    }
    match after {
        Some(function) => {
            let row = FunctionRow {
                format: FORMAT,
                account: name.account.clone(),
                region: name.region.clone(),
                name: name.name.clone(),
                latest: (*function.latest).clone(),
                tags: function.tags.clone(),
                next_version: function.next_version,
                reserved_concurrency: function.reserved_concurrency,
            };
            batch.put(&FUNCTIONS, key.clone(), columns(), encode(&row)?);
        }
        None => batch.delete.push((&FUNCTIONS, key.clone())),
    }
    let none = BTreeMap::new();
    let (old, new) = (before.map_or(&none, |f| &f.versions), after.map_or(&none, |f| &f.versions));
    for (number, configuration) in new.iter().filter(|(number, new)| old.get(number) != Some(new)) {
        let row = VersionRow {
            format: FORMAT,
            account: name.account.clone(),
            region: name.region.clone(),
            name: name.name.clone(),
            number: *number,
            configuration: (**configuration).clone(),
        };
        batch.put(&VERSIONS, key.clone().number(*number), columns(), encode(&row)?);
    }
    for number in old.keys().filter(|number| !new.contains_key(number)) {
        batch.delete.push((&VERSIONS, key.clone().number(*number)));
    }
    let none = BTreeMap::new();
    let (old, new) = (before.map_or(&none, |f| &f.aliases), after.map_or(&none, |f| &f.aliases));
    for (alias_name, alias) in new.iter().filter(|(name, new)| old.get(*name) != Some(new)) {
        let row = AliasRow {
            format: FORMAT,
            account: name.account.clone(),
            region: name.region.clone(),
            name: name.name.clone(),
            alias: (**alias).clone(),
        };
        batch.put(&ALIASES, key.clone().text(alias_name), columns(), encode(&row)?);
    }
    for alias_name in old.keys().filter(|name| !new.contains_key(*name)) {
        batch.delete.push((&ALIASES, key.clone().text(alias_name)));
    }
    Ok(batch)
}

fn text(text: &str) -> ColumnValue {
    ColumnValue::Text(text.to_owned())
}

fn encode(row: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(row).map_err(|error| faults::service(format!("encoding a row: {error}")))
}

fn orphan(table: &'static Table, name: &FunctionName) -> OpenError {
    OpenError::Row { table: table.name, reason: format!("there is no function {name}") }
}

fn rows<T: DeserializeOwned>(store: &Store, table: &'static Table) -> Result<Vec<T>, OpenError> {
    all_rows(store, table)?
        .into_iter()
        .map(|row| {
            let unreadable = |reason: String| OpenError::Row { table: table.name, reason };
            let document: serde_json::Value =
                serde_json::from_slice(&row.value).map_err(|error| unreadable(error.to_string()))?;
            match document["format"].as_u64() {
                Some(format) if format == u64::from(FORMAT) => {}
                format => return Err(unreadable(format!("format {format:?} is not {FORMAT}"))),
            }
            serde_json::from_value(document).map_err(|error| unreadable(error.to_string()))
        })
        .collect()
}

fn all_rows(store: &Store, table: &'static Table) -> Result<Vec<Row>, OpenError> {
    let mut all: Vec<Row> = Vec::new();
    each_page(store, table, SCAN_ROWS, |page| {
        all.extend(page);
        Ok(())
    })?;
    Ok(all)
}

/// Hands over every row of a table in the order of keys, at most `rows_max` at once.
///
/// # Errors
/// The store does not answer; `take`'s, which ends it.
pub(crate) fn each_page(
    store: &Store,
    table: &'static Table,
    rows_max: usize,
    mut take: impl FnMut(Vec<Row>) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let mut start: Option<Key> = None;
    loop {
        let range = KeyRange { start: start.take(), end: None };
        let page =
            store.scan(table, Scan::range(range, rows_max)).map_err(|error| OpenError::Store(error.to_string()))?;
        let is_last = page.len() < rows_max;
        // The first key after the last one met is that key and a zero byte.
        start = page.last().map(|row| Key::from_bytes([row.key.as_bytes(), &[0]].concat()));
        take(page)?;
        if is_last {
            return Ok(());
        }
    }
}
