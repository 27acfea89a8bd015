use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{ColumnValue, IndexScan, Position, Scan};
use windlass_value::{Object, Timestamp, Value};

use crate::create::put_alias;
use crate::faults;
use crate::input;
use crate::key::{alias_arn, seconds};
use crate::key_id::KeyName;
use crate::kms::Kms;
use crate::page::Page;
use crate::tables::{ALIASES, alias_row};

const NAME_CHARS_MAX: usize = 256;

impl Kms {
    /// `CreateAlias`.
    pub(crate) async fn create_alias(&self, call: &Call) -> Outcome {
        let alias = alias_to_change(call)?;
        let target = target(call)?;
        self.change(call, |batch, _| {
            let stored = self.key_to_change(call, target)?;
            stored.key.check_not_pending()?;
            if self.alias_target(&call.account, &call.region, alias)?.is_some() {
                let arn = alias_arn(&call.account, &call.region, alias);
                return Err(Fault::new(
                    "AlreadyExistsException",
                    format!("An alias with the name {arn} already exists"),
                ));
            }
            batch.expect_absent(&ALIASES, alias_row(&call.account, &call.region, alias));
            // The key must not be deleted meanwhile.
            stored.key.put(batch, Some(stored.row_version))?;
            let now = (self.now)();
            put_alias(batch, &call.account, &call.region, alias, &stored.key.id, now, now);
            Ok(Value::empty_object())
        })
        .await
    }

    /// `UpdateAlias`.
    pub(crate) async fn update_alias(&self, call: &Call) -> Outcome {
        let alias = alias_to_change(call)?;
        let target = target(call)?;
        self.change(call, |batch, _| {
            let row = alias_row(&call.account, &call.region, alias);
            let before = self.store.get(&ALIASES, &row).map_err(|error| faults::store(&error))?;
            let no_alias = || faults::no_alias(&alias_arn(&call.account, &call.region, alias));
            let before = before.ok_or_else(no_alias)?;
            let stored = self.key_to_change(call, target)?;
            stored.key.check_not_pending()?;
            let (Some(ColumnValue::Text(old_id)), Some(ColumnValue::Integer(created))) =
                (before.columns.get(3), before.columns.get(4))
            else {
                return Err(faults::row("an alias", "its columns are not ours"));
            };
            let old = self.find_key(&call.account, &call.region, old_id)?;
            if old.is_some_and(|old| old.key.spec.usage() != stored.key.spec.usage()) {
                return Err(Fault::validation(
                    "You cannot change an alias to a key of another usage; delete it and create it anew.",
                ));
            }
            batch.expect_version(&ALIASES, row, before.version);
            stored.key.put(batch, Some(stored.row_version))?;
            put_alias(batch, &call.account, &call.region, alias, &stored.key.id, Timestamp(*created), (self.now)());
            Ok(Value::empty_object())
        })
        .await
    }

    /// `DeleteAlias`.
    pub(crate) async fn delete_alias(&self, call: &Call) -> Outcome {
        let alias = alias_to_change(call)?;
        self.change(call, |batch, _| {
            let row = alias_row(&call.account, &call.region, alias);
            let before = self.store.get(&ALIASES, &row).map_err(|error| faults::store(&error))?;
            let before = before.ok_or_else(|| faults::no_alias(&alias_arn(&call.account, &call.region, alias)))?;
            batch.expect_version(&ALIASES, row.clone(), before.version);
            batch.delete(&ALIASES, row);
            Ok(Value::empty_object())
        })
        .await
    }

    /// `ListAliases`, of all keys or of one.
    pub(crate) fn list_aliases(&self, call: &Call) -> Outcome {
        let (account, region) = (&*call.account, &*call.region);
        let of_key = match input::text(&call.input, "KeyId")? {
            Some(key_id) => Some(self.key_itself(call, key_id)?.key.id),
            None => None,
        };
        let page = Page::read(&self.keyring, call, &[of_key.as_deref().unwrap_or_default()])?;
        let mut columns: Vec<ColumnValue> = vec![account.into(), region.into()];
        let index = IndexScan::new(if of_key.is_some() { "by_key" } else { "by_name" }).equal(account).equal(region);
        let index = match &of_key {
            Some(id) => {
                columns.push(id.as_str().into());
                index.equal(id.as_str())
            }
            None => index,
        };
        let mut scan = Scan::index(index, page.limit + 1);
        if let Some(after) = &page.after {
            columns.push(after.as_str().into());
            scan = scan.after(Position { columns, key: alias_row(account, region, after) });
        }
        let rows = self.store.scan(&ALIASES, scan).map_err(|error| faults::store(&error))?;
        let aliases = rows.into_iter().filter_map(|row| {
            let [
                _,
                _,
                ColumnValue::Text(alias),
                ColumnValue::Text(key_id),
                ColumnValue::Integer(created),
                ColumnValue::Integer(updated),
            ] = &row.columns[..]
            else {
                return None;
            };
            let mut entry = Object::new();
            entry.insert("AliasName", alias.as_str());
            entry.insert("AliasArn", alias_arn(account, region, alias));
            entry.insert("TargetKeyId", key_id.as_str());
            entry.insert("CreationDate", seconds(*created));
            entry.insert("LastUpdatedDate", seconds(*updated));
            Some((alias.clone(), Value::from(entry)))
        });
        Ok(Reply::from(Value::from(page.answer(&self.keyring, "Aliases", aliases.collect())?)))
    }
}

fn alias_to_change(call: &Call) -> Result<&str, Fault> {
    let alias = input::required(&call.input, "AliasName")?;
    let Some(name) = alias.strip_prefix("alias/") else {
        return Err(Fault::validation(
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    if name.starts_with("aws/") || name == "aws" {
        return Err(
            Fault::new("NotAuthorizedException", "").explained("names that begin with alias/aws/ are AWS's own")
        );
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_word) || alias.len() > NAME_CHARS_MAX {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value '{alias}' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9/_-]+$"
        )));
    }
    Ok(alias)
}

fn target(call: &Call) -> Result<&str, Fault> {
    let target = input::required(&call.input, "TargetKeyId")?;
    match KeyName::parse(target, call)? {
        KeyName::Id { .. } => Ok(target),
        KeyName::Alias { .. } => Err(Fault::validation("Aliases must refer to keys. Not aliases")),
    }
}
