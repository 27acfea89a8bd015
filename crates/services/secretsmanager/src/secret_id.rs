//! Which secret a text names.

use windlass_protocol::{Call, Fault};
use windlass_value::Arn;

use crate::faults;
use crate::secret::{Secret, StoredSecret};
use crate::secrets_manager::SecretsManager;
use crate::tables::{SECRETS, secret_row};

/// The length of the random end of an ARN, its hyphen not counted.
pub(crate) const SUFFIX_CHARS: usize = 6;
/// What stands for any such end where permissions are looked up by a secret's name.
const ANY_SUFFIX: &str = "??????";

impl SecretsManager {
    /// The secret of that name, if there is one.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn find_named(&self, account: &str, region: &str, name: &str) -> Result<Option<StoredSecret>, Fault> {
        let row =
            self.store.get(&SECRETS, &secret_row(account, region, name)).map_err(|error| faults::store(&error))?;
        row.as_ref().map(Secret::read).transpose()
    }

    /// The secret of an ARN, with or without the random end, or with question
    /// marks in its place, as policies name it.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn find_arn(&self, arn: &Arn) -> Result<Option<StoredSecret>, Fault> {
        let Some(name) = arn.resource.strip_prefix("secret:").filter(|_| arn.service == "secretsmanager") else {
            return Ok(None);
        };
        let whole = name.len().checked_sub(SUFFIX_CHARS + 1).and_then(|at| name.split_at_checked(at));
        if let Some((short, end)) = whole
            && let Some(suffix) = end.strip_prefix('-')
            && let Some(found) = self.find_named(&arn.account, &arn.region, short)?
            && (found.secret.suffix == suffix || suffix == ANY_SUFFIX)
        {
            return Ok(Some(found));
        }
        self.find_named(&arn.account, &arn.region, name)
    }

    /// The secret that a `SecretId` names: a name, an ARN, or an ARN without its
    /// random end.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn secret_of(&self, call: &Call, secret_id: &str) -> Result<StoredSecret, Fault> {
        let found = match Arn::parse(secret_id) {
            Some(arn) if arn.region != *call.region => None,
            Some(arn) => self.find_arn(&arn)?,
            None => self.find_named(&call.account, &call.region, secret_id)?,
        };
        found.ok_or_else(faults::no_secret)
    }
}
