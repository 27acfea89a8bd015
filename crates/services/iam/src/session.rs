use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use windlass_identity::Credentials;
use windlass_keyring::Keyring;
use windlass_protocol::Fault;
use windlass_store::{Batch, CommitError, IndexScan, Scan, Store};
use windlass_value::{Now, Text, Timestamp};

use crate::faults;
use crate::identifier::{access_key_id, account_of_key, secret_access_key, session_token};
use crate::tables::{SESSIONS, session_key};

/// Sessions that are kept in memory.
const SESSIONS_MAX: usize = 16_384;
/// Ended sessions that leave the store with one new one: more than one, so that
/// a backlog shrinks.
const SWEEP_ROWS: usize = 16;
/// Ended sessions are kept a while, so that their keys are called expired, not unknown.
const SWEEP_AFTER_MS: i64 = 60 * 60 * 1000;
/// How long nothing is looked for after there was nothing to sweep.
const SWEEP_PAUSE_MS: i64 = 60_000;

/// What temporary credentials stand for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) principal_arn: String,
    pub(crate) account: String,
    /// With its path; `None` for sessions of users.
    pub(crate) role_arn: Option<String>,
    /// The session policy's document; empty: none.
    #[serde(default)]
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) policy_arns: Vec<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Keys of tags that go on to roles which the session assumes.
    #[serde(default)]
    pub(crate) transitive: Vec<String>,
    #[serde(default)]
    pub(crate) source_identity: Option<String>,
    pub(crate) issued_ms: i64,
    pub(crate) expires_ms: i64,
}

/// What the holder of a session signs with.
pub(crate) struct Issued {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
}

/// Without secret and token.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A stored session.
#[derive(Serialize, Deserialize)]
struct Stored {
    session: Session,
    /// Secret and token, sealed by the keyring, in base64.
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    secret_access_key: String,
    session_token: String,
}

/// Temporary credentials: durable until they end.
pub(crate) struct Sessions {
    store: Store,
    keyring: Keyring,
    now: Now,
    kept: RwLock<HashMap<Text, (Arc<Session>, Credentials)>>,
    sweep_at: Mutex<Timestamp>,
}

impl Sessions {
    pub(crate) fn new(store: Store, keyring: Keyring, now: Now) -> Sessions {
        Sessions { store, keyring, now, kept: RwLock::default(), sweep_at: Mutex::default() }
    }

    /// Makes credentials for a session, durable when this answers.
    ///
    /// # Errors
    /// The store's; the system has no randomness.
    pub(crate) async fn issue(&self, session: Session) -> Result<Issued, Fault> {
        let issued = Issued {
            access_key_id: access_key_id("ASIA", &session.account)?,
            secret_access_key: secret_access_key()?,
            session_token: session_token()?,
        };
        let secrets =
            Sealed { secret_access_key: issued.secret_access_key.clone(), session_token: issued.session_token.clone() };
        let plain = serde_json::to_vec(&secrets).map_err(faults::failure)?;
        let sealed = self.keyring.seal(&seal_name(&issued.access_key_id), &plain).map_err(faults::failure)?;
        let key = session_key(&session.account, &issued.access_key_id);
        let columns =
            vec![session.account.as_str().into(), session.principal_arn.as_str().into(), session.expires_ms.into()];
        let stored = Stored { session, sealed: STANDARD.encode(sealed) };
        let mut batch = Batch::default();
        batch.expect_absent(&SESSIONS, key.clone());
        self.sweep(&mut batch);
        batch.put(&SESSIONS, key, columns, serde_json::to_vec(&stored).map_err(faults::failure)?);
        match self.store.commit(batch).await {
            Ok(()) => {}
            Err(CommitError::Overloaded) => return Err(Fault::new("Throttling", "Rate exceeded")),
            Err(error) => return Err(faults::failure(error)),
        }
        self.keep(&issued.access_key_id, stored.session, secrets);
        Ok(issued)
    }

    /// The session of an access key, also one that has ended a short while ago.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn find(&self, access_key_id: &str) -> Result<Option<Arc<Session>>, Fault> {
        Ok(self.load(access_key_id)?.map(|(session, _)| session))
    }

    /// What requests signed with an access key are checked against.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn credentials(&self, access_key_id: &str) -> Result<Option<Credentials>, Fault> {
        Ok(self.load(access_key_id)?.map(|(_, credentials)| credentials))
    }

    fn load(&self, access_key_id: &str) -> Result<Option<(Arc<Session>, Credentials)>, Fault> {
        if let Some(kept) = self.kept.read().get(access_key_id) {
            return Ok(Some(kept.clone()));
        }
        let Some(account) = account_of_key(access_key_id).filter(|_| access_key_id.starts_with("ASIA")) else {
            return Ok(None);
        };
        let row = self.store.get(&SESSIONS, &session_key(&account, access_key_id)).map_err(faults::failure)?;
        let Some(row) = row else { return Ok(None) };
        let stored: Stored = serde_json::from_slice(&row.value).map_err(faults::failure)?;
        let sealed = STANDARD.decode(&stored.sealed).map_err(faults::failure)?;
        let plain = self.keyring.open_sealed(&seal_name(access_key_id), &sealed).map_err(faults::failure)?;
        let secrets: Sealed = serde_json::from_slice(&plain).map_err(faults::failure)?;
        Ok(Some(self.keep(access_key_id, stored.session, secrets)))
    }

    fn keep(&self, access_key_id: &str, session: Session, secrets: Sealed) -> (Arc<Session>, Credentials) {
        let credentials = Credentials {
            access_key_id: access_key_id.into(),
            secret_access_key: secrets.secret_access_key.into(),
            session_token: Some(secrets.session_token.into()),
            account: session.account.as_str().into(),
            arn: session.principal_arn.as_str().into(),
            expires: Some(Timestamp(session.expires_ms)),
        };
        let kept = (Arc::new(session), credentials);
        let mut all = self.kept.write();
        if all.len() >= SESSIONS_MAX {
            all.clear();
        }
        all.insert(access_key_id.into(), kept.clone());
        kept
    }

    /// Takes some ended sessions away. A failure to look for them is left to the
    /// next time: the commit itself will say what is wrong with the store.
    fn sweep(&self, batch: &mut Batch) {
        let now = (self.now)();
        let mut sweep_at = self.sweep_at.lock();
        if now < *sweep_at {
            return;
        }
        let ended = IndexScan::new("by_end").at_most(now.plus_ms(-SWEEP_AFTER_MS).as_ms());
        match self.store.scan(&SESSIONS, Scan::index(ended, SWEEP_ROWS)) {
            Ok(rows) => {
                if rows.len() < SWEEP_ROWS {
                    *sweep_at = now.plus_ms(SWEEP_PAUSE_MS);
                    let oldest = now.plus_ms(-SWEEP_AFTER_MS).as_ms();
                    self.kept.write().retain(|_, (session, _)| session.expires_ms > oldest);
                }
                rows.into_iter().for_each(|row| batch.delete(&SESSIONS, row.key));
            }
            Err(error) => tracing::warn!(%error, "ended sessions cannot be looked for"),
        }
    }
}

fn seal_name(access_key_id: &str) -> String {
    format!("iam/session/{access_key_id}")
}
