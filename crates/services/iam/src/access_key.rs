use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::entity::{AccessKey, Account, Entity, Kind, seconds};
use crate::faults;
use crate::holder::user;
use crate::iam::Iam;
use crate::identifier::{access_key_id, secret_access_key};
use crate::input::text;
use crate::page::page;

/// Access keys of a user.
const KEYS_PER_USER_MAX: usize = 2;

/// The name a key's secret is sealed under.
pub(crate) fn seal_name(id: &str) -> String {
    format!("iam/access-key/{id}")
}

impl Iam {
    /// `CreateAccessKey`: the only answer that has the secret.
    pub(crate) async fn create_access_key(&self, call: &Call) -> Outcome {
        let name = self.user_name(call)?;
        let id = access_key_id("AKIA", &call.account)?;
        let secret = secret_access_key()?;
        let sealed = self.keyring.seal(&seal_name(&id), secret.as_bytes()).map_err(faults::failure)?;
        let now_ms = (self.now)().as_ms();
        self.catalogue
            .change(call, |account, edits| {
                let user = user(account, &name)?;
                let owner = user.naming.key();
                if account.keys.values().filter(|key| key.user == owner).count() >= KEYS_PER_USER_MAX {
                    let message = format!("Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER_MAX}");
                    return Err(faults::limit_exceeded(message));
                }
                let output = object! {
                    "UserName" => &user.naming.name,
                    "AccessKeyId" => id.as_str(),
                    "Status" => "Active",
                    "SecretAccessKey" => secret.as_str(),
                    "CreateDate" => seconds(now_ms),
                };
                edits.push(Edit::put(Entity::AccessKey(AccessKey {
                    id,
                    user: owner,
                    active: true,
                    created_ms: now_ms,
                    sealed: STANDARD.encode(sealed),
                    last_used: None,
                })));
                Ok(object! { "AccessKey" => output })
            })
            .await
    }

    /// `ListAccessKeys`
    pub(crate) fn list_access_keys(&self, call: &Call) -> Outcome {
        let name = self.user_name(call)?;
        let keys = self.catalogue.read(&call.account, |account| {
            let user = user(account, &name)?;
            let keys = account.keys.iter().filter(|(_, key)| key.user == user.naming.key());
            Ok(keys.map(|(id, key)| (id.clone(), key_value(key, &user.naming.name).into())).collect())
        })?;
        page(&call.input, "AccessKeyMetadata", keys)
    }

    /// `UpdateAccessKey`: active or not.
    pub(crate) async fn update_access_key(&self, call: &Call) -> Outcome {
        let (name, id) = (self.user_name(call)?, text(&call.input, "AccessKeyId"));
        let active = text(&call.input, "Status") == "Active";
        self.catalogue
            .change(call, |account, edits| {
                let mut key = find(account, &name, id)?.clone();
                key.active = active;
                edits.push(Edit::put(Entity::AccessKey(key)));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `DeleteAccessKey`
    pub(crate) async fn delete_access_key(&self, call: &Call) -> Outcome {
        let (name, id) = (self.user_name(call)?, text(&call.input, "AccessKeyId"));
        self.catalogue
            .change(call, |account, edits| {
                edits.push(Edit::Delete(Kind::AccessKey, find(account, &name, id)?.id.clone()));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `GetAccessKeyLastUsed`
    pub(crate) fn access_key_last_used(&self, call: &Call) -> Outcome {
        let id = text(&call.input, "AccessKeyId");
        self.catalogue.read(&call.account, |account| {
            let key = account.keys.get(id).ok_or_else(|| no_key(id))?;
            let user = account.users.get(&key.user).map_or(&*key.user, |user| &user.naming.name);
            let mut used = Object::new();
            match &key.last_used {
                Some(last) => {
                    used.insert("LastUsedDate", seconds(last.at_ms));
                    used.insert("ServiceName", &last.service);
                    used.insert("Region", &last.region);
                }
                None => {
                    used.insert("ServiceName", "N/A");
                    used.insert("Region", "N/A");
                }
            }
            Ok(object! { "UserName" => user, "AccessKeyLastUsed" => used }.into())
        })
    }
}

fn find<'a>(account: &'a Account, user_name: &str, id: &str) -> Result<&'a AccessKey, Fault> {
    let user = user(account, user_name)?;
    let key = account.keys.get(id).filter(|key| key.user == user.naming.key());
    key.map(|key| &**key).ok_or_else(|| no_key(id))
}

fn no_key(id: &str) -> Fault {
    faults::no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

fn key_value(key: &AccessKey, user: &str) -> Object {
    let mut output = Object::new();
    output.insert("UserName", user);
    output.insert("AccessKeyId", &key.id);
    output.insert("Status", if key.active { "Active" } else { "Inactive" });
    output.insert("CreateDate", seconds(key.created_ms));
    output
}
