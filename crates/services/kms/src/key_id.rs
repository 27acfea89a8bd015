//! Which key a text names.

use windlass_protocol::{Call, Fault};
use windlass_store::ColumnValue;
use windlass_value::Arn;

use crate::faults;
use crate::key::{KeyRecord, StoredKey, alias_arn, arn};
use crate::kms::Kms;
use crate::tables::{ALIASES, KEYS, alias_row, key_row};

/// What a `KeyId` is.
pub(crate) enum KeyName {
    /// A key's id.
    Id { account: String, id: String },
    /// An alias, with its prefix.
    Alias { account: String, alias: String },
}

impl KeyName {
    /// Reads a key id, a key's ARN, an alias or an alias's ARN.
    ///
    /// # Errors
    /// `NotFoundException` for anything else, or an ARN of another region.
    pub(crate) fn parse(text: &str, call: &Call) -> Result<KeyName, Fault> {
        if text.starts_with("arn:") {
            let arn =
                Arn::parse(text).filter(|arn| arn.service == "kms").ok_or_else(|| faults::invalid_key_id(text))?;
            if arn.region != *call.region {
                return Err(Fault::new("NotFoundException", format!("Invalid arn {}", arn.region)));
            }
            return match arn.resource.strip_prefix("key/") {
                Some(id) => Ok(KeyName::Id { account: arn.account, id: id.to_owned() }),
                None if arn.resource.starts_with("alias/") => {
                    Ok(KeyName::Alias { account: arn.account, alias: arn.resource })
                }
                None => Err(faults::invalid_key_id(text)),
            };
        }
        let account = call.account.to_string();
        if text.starts_with("alias/") {
            return Ok(KeyName::Alias { account, alias: text.to_owned() });
        }
        if !is_key_id(text) {
            return Err(faults::invalid_key_id(text));
        }
        Ok(KeyName::Id { account, id: text.to_owned() })
    }
}

/// Whether it has the form of a key's id: a UUID, or `mrk-` and 32 digits.
fn is_key_id(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(digits) = text.strip_prefix("mrk-") {
        return digits.len() == 32 && is_hex(digits);
    }
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| is_hex(part))
}

impl Kms {
    /// The key of that id.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn key_of_id(&self, account: &str, region: &str, id: &str) -> Result<StoredKey, Fault> {
        match self.find_key(account, region, id)? {
            Some(key) => Ok(key),
            None => Err(faults::no_key(&arn(account, region, id))),
        }
    }

    /// The key of that id, if there is one.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn find_key(&self, account: &str, region: &str, id: &str) -> Result<Option<StoredKey>, Fault> {
        let row = self.store.get(&KEYS, &key_row(account, region, id)).map_err(|error| faults::store(&error))?;
        row.as_ref().map(KeyRecord::read).transpose()
    }

    /// The id of the key that an alias stands for.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn alias_target(&self, account: &str, region: &str, alias: &str) -> Result<Option<String>, Fault> {
        let row = self.store.get(&ALIASES, &alias_row(account, region, alias));
        match row.map_err(|error| faults::store(&error))?.map(|row| row.columns.into_iter().nth(3)) {
            None => Ok(None),
            Some(Some(ColumnValue::Text(id))) => Ok(Some(id)),
            Some(_) => Err(faults::row("an alias", "it names no key")),
        }
    }

    /// The key that a `KeyId` names, be it by an alias.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn key_of(&self, call: &Call, key_id: &str) -> Result<StoredKey, Fault> {
        match KeyName::parse(key_id, call)? {
            KeyName::Id { account, id } => self.key_of_id(&account, &call.region, &id),
            KeyName::Alias { account, alias } => match self.alias_target(&account, &call.region, &alias)? {
                Some(id) => self.key_of_id(&account, &call.region, &id),
                None => Err(faults::no_alias(&alias_arn(&account, &call.region, &alias))),
            },
        }
    }

    /// The key that a `KeyId` names, which must not be an alias.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn key_itself(&self, call: &Call, key_id: &str) -> Result<StoredKey, Fault> {
        match KeyName::parse(key_id, call)? {
            KeyName::Id { account, id } => self.key_of_id(&account, &call.region, &id),
            KeyName::Alias { .. } => Err(faults::invalid_key_id(key_id)),
        }
    }

    /// The same for changing it: a key that an AWS service has is not changed.
    ///
    /// # Errors
    /// There is none, or it is not the caller's to change.
    pub(crate) fn key_to_change(&self, call: &Call, key_id: &str) -> Result<StoredKey, Fault> {
        let stored = self.key_itself(call, key_id)?;
        if stored.key.aws_service.is_some() {
            return Err(faults::managed_by_aws(&call.principal.arn, &call.operation, &stored.key.arn()));
        }
        Ok(stored)
    }
}
