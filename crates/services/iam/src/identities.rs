use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::RwLock;
use std::collections::HashMap;
use windlass_identity::Credentials;
use windlass_keyring::Keyring;
use windlass_protocol::Fault;
use windlass_value::Text;

use crate::access_key::seal_name;
use crate::catalogue::Catalogue;
use crate::entity::Kind;
use crate::faults;
use crate::identifier::account_of_key;
use crate::session::Sessions;

/// Opened secrets that are kept.
const SECRETS_MAX: usize = 8_192;

/// Whose an access key is: the keys of IAM's users and of sessions, for whoever
/// verifies signatures.
#[derive(Clone)]
pub struct Identities {
    shared: Arc<Shared>,
}

struct Shared {
    catalogue: Arc<Catalogue>,
    sessions: Arc<Sessions>,
    keyring: Keyring,
    /// Secrets by access key: an id is given once, so its secret never changes.
    opened: RwLock<HashMap<Text, Text>>,
}

impl Identities {
    pub(crate) fn new(catalogue: Arc<Catalogue>, sessions: Arc<Sessions>, keyring: Keyring) -> Identities {
        Identities { shared: Arc::new(Shared { catalogue, sessions, keyring, opened: RwLock::default() }) }
    }

    /// The credentials of an access key: of an active key of a user, or of a
    /// session, also of one that has ended (its `expires` tells). `None`: nobody's.
    ///
    /// # Errors
    /// The store does not answer, or a secret cannot be opened.
    pub fn find(&self, access_key_id: &str) -> Result<Option<Credentials>, Fault> {
        let shared = &self.shared;
        if access_key_id.starts_with("ASIA") {
            return shared.sessions.credentials(access_key_id);
        }
        let Some(account) = account_of_key(access_key_id) else { return Ok(None) };
        let found = shared.catalogue.read(&account, |state| {
            let key = state.keys.get(access_key_id).filter(|key| key.active)?;
            let user = state.users.get(&key.user)?;
            Some((key.sealed.clone(), user.naming.arn(&account, Kind::User.name())))
        });
        let Some((sealed, arn)) = found else { return Ok(None) };
        Ok(Some(Credentials {
            access_key_id: access_key_id.into(),
            secret_access_key: shared.opened(access_key_id, &sealed)?,
            session_token: None,
            account: account.into(),
            arn: arn.into(),
            expires: None,
        }))
    }
}

impl Shared {
    fn opened(&self, access_key_id: &str, sealed: &str) -> Result<Text, Fault> {
        if let Some(secret) = self.opened.read().get(access_key_id) {
            return Ok(secret.clone());
        }
        let bytes = STANDARD.decode(sealed).map_err(faults::failure)?;
        let secret = self.keyring.open_sealed(&seal_name(access_key_id), &bytes).map_err(faults::failure)?;
        let secret: Text = secret.as_text().ok_or_else(|| faults::failure("a secret is no text"))?.into();
        let mut opened = self.opened.write();
        if opened.len() >= SECRETS_MAX {
            opened.clear();
        }
        opened.insert(access_key_id.into(), secret.clone());
        Ok(secret)
    }
}
