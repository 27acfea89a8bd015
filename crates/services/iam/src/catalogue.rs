use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use windlass_keyring::Keyring;
use windlass_outbox::Answers;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, CommitError, KeyRange, Scan, Store};
use windlass_value::{Now, Text, Value, parse};

use crate::config::OpenError;
use crate::entity::{Account, Entity, Kind};
use crate::faults;
use crate::tables::{ENTITIES, entity_key};

/// Rows read at once while opening.
const SCAN_ROWS: usize = 1024;

/// All entities of all accounts: in memory, for every call asks for them, and in
/// the store.
pub(crate) struct Catalogue {
    store: Store,
    answers: Answers,
    keyring: Keyring,
    accounts: RwLock<HashMap<Text, Account>>,
    /// Changes of one account follow each other, so that what one has checked
    /// still holds when it is committed. They are rare: people and deployments.
    writers: Mutex<HashMap<Text, Arc<tokio::sync::Mutex<()>>>>,
    generation: AtomicU64,
}

/// What a change does to its account.
#[derive(Debug)]
pub(crate) enum Edit {
    Put(Box<Entity>),
    Delete(Kind, String),
}

impl Edit {
    pub(crate) fn put(entity: Entity) -> Edit {
        Edit::Put(Box::new(entity))
    }
}

impl Catalogue {
    pub(crate) fn open(store: &Store, keyring: Keyring, now: Now) -> Result<Catalogue, OpenError> {
        let mut accounts: HashMap<Text, Account> = HashMap::new();
        let mut scan = Scan::range(KeyRange::all(), SCAN_ROWS);
        loop {
            let rows = store.scan(&ENTITIES, scan.clone()).map_err(OpenError::store)?;
            for row in &rows {
                let account = match row.columns.first() {
                    Some(windlass_store::ColumnValue::Text(account)) => account.as_str(),
                    _ => return Err(OpenError::row("no account")),
                };
                let entity: Entity = serde_json::from_slice(&row.value).map_err(OpenError::row)?;
                accounts.entry(account.into()).or_default().put(entity);
            }
            match rows.last() {
                Some(last) if rows.len() == SCAN_ROWS => {
                    let position = scan.position(&ENTITIES, last);
                    scan = scan.after(position);
                }
                _ => break,
            }
        }
        Ok(Catalogue {
            store: store.clone(),
            answers: Answers::open(store, "iam", now),
            keyring,
            accounts: RwLock::new(accounts),
            writers: Mutex::new(HashMap::new()),
            generation: AtomicU64::new(0),
        })
    }

    /// Counts changes, so that what was derived from the entities can tell its age.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn read<T>(&self, account: &str, read: impl FnOnce(&Account) -> T) -> T {
        match self.accounts.read().get(account) {
            Some(account) => read(account),
            None => read(&Account::default()),
        }
    }

    /// Looks for something in every account.
    pub(crate) fn find<T>(&self, find: impl Fn(&str, &Account) -> Option<T>) -> Option<T> {
        self.accounts.read().iter().find_map(|(id, account)| find(id, account))
    }

    /// Makes a change durable, then visible, and answers its output; a call with
    /// an idempotency key once.
    ///
    /// # Errors
    /// Those of `change`; the store's.
    pub(crate) async fn change(
        self: &Arc<Catalogue>,
        call: &Call,
        change: impl FnOnce(&Account, &mut Vec<Edit>) -> Result<Value, Fault> + Send,
    ) -> Outcome {
        let key = call.idempotency_key.as_deref();
        self.change_of(&call.account, key, change).await.map(Reply::from)
    }

    /// The same for changes that no call asks for.
    ///
    /// # Errors
    /// As [`Catalogue::change`].
    pub(crate) async fn change_of(
        self: &Arc<Catalogue>,
        account: &Text,
        idempotency_key: Option<&str>,
        change: impl FnOnce(&Account, &mut Vec<Edit>) -> Result<Value, Fault> + Send,
    ) -> Result<Value, Fault> {
        let writer = self.writers.lock().entry(account.clone()).or_default().clone();
        let guard = writer.lock_owned().await;
        if let Some(key) = idempotency_key
            && let Some(answer) = self.answers.find(account, "", key).map_err(faults::failure)?
        {
            let answer = self.keyring.open_sealed(&answer_name(key), &answer).map_err(faults::failure)?;
            return parse(answer.as_text().unwrap_or_default()).map_err(faults::failure);
        }
        let mut edits = Vec::new();
        let output = self.read(account, |state| change(state, &mut edits))?;
        let mut batch = batch(account, &edits)?;
        if let Some(key) = idempotency_key {
            // An answer may hold a new key's secret.
            let text = output.to_text();
            let sealed = self.keyring.seal(&answer_name(key), text.as_bytes()).map_err(faults::failure)?;
            self.answers.keep(&mut batch, account, "", key, sealed);
        }
        if batch.is_empty() {
            return Ok(output);
        }
        // On its own, so that a caller that goes away leaves no commit unseen.
        let (catalogue, account) = (self.clone(), account.clone());
        let committed = tokio::spawn(async move {
            let committed = catalogue.store.commit(batch).await;
            if committed.is_ok() {
                catalogue.apply(&account, edits);
            }
            drop(guard);
            committed
        });
        match committed.await {
            Ok(Ok(())) => Ok(output),
            Ok(Err(CommitError::Overloaded)) => Err(Fault::new("Throttling", "Rate exceeded")),
            Ok(Err(error)) => Err(faults::failure(error)),
            Err(error) => Err(faults::failure(error)),
        }
    }

    fn apply(&self, account: &Text, edits: Vec<Edit>) {
        let mut accounts = self.accounts.write();
        let account = accounts.entry(account.clone()).or_default();
        for edit in edits {
            match edit {
                Edit::Put(entity) => account.put(*entity),
                Edit::Delete(kind, id) => account.remove(kind, &id),
            }
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

fn answer_name(key: &str) -> String {
    format!("iam/answer/{key}")
}

fn batch(account: &str, edits: &[Edit]) -> Result<Batch, Fault> {
    let mut batch = Batch::default();
    for edit in edits {
        match edit {
            Edit::Put(entity) => {
                let (kind, id) = (entity.kind().name(), entity.id());
                let value = serde_json::to_vec(entity).map_err(faults::failure)?;
                let columns = vec![account.into(), kind.into(), id.as_str().into()];
                batch.put(&ENTITIES, entity_key(account, kind, &id), columns, value);
            }
            Edit::Delete(kind, id) => batch.delete(&ENTITIES, entity_key(account, kind.name(), id)),
        }
    }
    Ok(batch)
}
