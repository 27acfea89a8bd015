use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use windlass_store::{Batch, CommitError, IndexScan, Key, Scan, Store, StoreError, shard_of};
use windlass_value::{Now, Timestamp, Value};

use crate::row::ANSWERS;

/// How long a first answer is kept.
pub const ANSWER_LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// How long after the start nothing is forgotten: a sender may have been down
/// together with us, and comes back with old deliveries.
pub const SWEEP_GRACE_MS: i64 = 60 * 60 * 1000;

/// How many old answers leave with one new one. More than one, so that a
/// backlog shrinks; few, so that the caller's batch stays small.
const SWEEP_ROWS: usize = 16;
/// How long no old answers are looked for after there were no more.
const SWEEP_PAUSE_MS: i64 = 60_000;

/// How often a change is tried against others that change the same rows.
const APPLY_ATTEMPTS_MAX: u32 = 64;

/// Why a change was not applied.
#[derive(Clone, Debug, PartialEq)]
pub enum ApplyError<F> {
    /// What the change itself answered.
    Refused(F),
    /// The store did not take it; a text for logs.
    Store(String),
}

/// First answers of idempotent calls: stored in the batch of the call's effect,
/// found again when the call is repeated.
///
/// Old answers leave in the batches of new ones, so nothing runs in the background.
#[derive(Clone)]
pub struct Answers {
    store: Store,
    service: &'static str,
    now: Now,
    /// When old answers are looked for next.
    sweep_at: Arc<Mutex<Timestamp>>,
}

impl Answers {
    /// The answers of a service, over a store that declares [`crate::TABLES`].
    pub fn open(store: &Store, service: &'static str, now: Now) -> Answers {
        let sweep_at = Arc::new(Mutex::new(now().plus_ms(SWEEP_GRACE_MS)));
        Answers { store: store.clone(), service, now, sweep_at }
    }

    /// The first answer to the call of that key, if it was made.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn find(&self, account: &str, region: &str, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.store.get(&ANSWERS, &self.key(account, region, key))?.map(|row| row.value))
    }

    /// Adds the answer to the batch of the call's effect. The batch is refused
    /// with `Expectation` where the call was answered meanwhile: find that answer.
    pub fn keep(&self, batch: &mut Batch, account: &str, region: &str, key: &str, answer: impl Into<Bytes>) {
        let row = self.key(account, region, key);
        let now = (self.now)();
        self.sweep(batch, now, &row);
        batch.expect_absent(&ANSWERS, row.clone());
        batch.put(&ANSWERS, row, vec![self.service.into(), now.as_ms().into()], answer);
    }

    /// Commits what `change` makes of the rows it reads, and answers its answer;
    /// with a call's key, once. `change` reads the store anew and is called again
    /// where an expectation of its batch does not hold.
    ///
    /// # Errors
    /// Those of `change`; the store's.
    pub async fn apply<F>(
        &self,
        account: &str,
        region: &str,
        key: Option<&str>,
        mut change: impl FnMut() -> Result<(Batch, Value), F>,
    ) -> Result<Value, ApplyError<F>> {
        let failed = |what: &dyn std::fmt::Display| ApplyError::Store(what.to_string());
        for _ in 0..APPLY_ATTEMPTS_MAX {
            if let Some(key) = key
                && let Some(answer) = self.find(account, region, key).map_err(|error| failed(&error))?
            {
                let text = std::str::from_utf8(&answer).map_err(|error| failed(&error))?;
                return windlass_value::parse(text).map_err(|error| failed(&error));
            }
            let (mut batch, answer) = change().map_err(ApplyError::Refused)?;
            if let Some(key) = key {
                self.keep(&mut batch, account, region, key, answer.to_text());
            }
            if batch.is_empty() {
                return Ok(answer);
            }
            match self.store.commit(batch).await {
                Ok(()) => return Ok(answer),
                Err(CommitError::Expectation { .. }) => tokio::task::yield_now().await,
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(ApplyError::Store("too many others change the same rows".to_owned()))
    }

    fn key(&self, account: &str, region: &str, key: &str) -> Key {
        Key::new(shard_of(key), account, region).text(self.service).text(key)
    }

    fn sweep(&self, batch: &mut Batch, now: Timestamp, kept: &Key) {
        let mut sweep_at = self.sweep_at.lock();
        if now < *sweep_at {
            return;
        }
        *sweep_at = now.plus_ms(SWEEP_PAUSE_MS);
        let made_max = now.plus_ms(-ANSWER_LIFETIME_MS).as_ms();
        let scan = IndexScan::new("by_made").equal(self.service).at_most(made_max);
        match self.store.scan(&ANSWERS, Scan::index(scan, SWEEP_ROWS)) {
            Ok(rows) => {
                if rows.len() == SWEEP_ROWS {
                    *sweep_at = now;
                }
                let old = rows.into_iter().map(|row| row.key).filter(|key| key != kept);
                batch.delete.extend(old.map(|key| (&ANSWERS, key)));
            }
            // Keeping old answers longer does no harm.
            Err(error) => tracing::warn!(service = self.service, %error, "old answers cannot be looked for"),
        }
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Answers").field("service", &self.service).finish_non_exhaustive()
    }
}
