use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, ColumnValue, IndexScan, Position, Scan};
use windlass_value::{Arn, Object, Value, object};

use crate::encrypt::check_dry_run;
use crate::faults;
use crate::input;
use crate::key::{KeyRecord, arn, seconds};
use crate::key_id::KeyName;
use crate::kms::Kms;
use crate::page::Page;
use crate::random;
use crate::tables::{GRANTS, key_row};

/// How many grants a key has at most.
const GRANTS_MAX: usize = 50_000;
const GRANT_ID_BYTES: usize = 32;

/// Who may do what with a key beside its policy. A stored type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grant {
    account: String,
    region: String,
    key_id: String,
    id: String,
    name: Option<String>,
    created_ms: i64,
    grantee: String,
    retiring: Option<String>,
    issuing: String,
    pub(crate) operations: Vec<String>,
    /// The JSON text of `Constraints`.
    constraints: Option<String>,
}

impl Grant {
    /// The grantee as a policy names it.
    pub(crate) fn principal(&self) -> Value {
        match self.grantee.starts_with("arn:") {
            true => object! { "AWS" => self.grantee.as_str() },
            false => object! { "Service" => self.grantee.as_str() },
        }
    }

    /// The constraints as a policy's condition.
    pub(crate) fn condition(&self) -> Option<Value> {
        let constraints = windlass_value::parse(self.constraints.as_deref()?).ok()?;
        let pairs = |member: &str| {
            let pairs = constraints[member].as_object()?;
            let pairs = pairs.iter().map(|(key, value)| (format!("kms:EncryptionContext:{key}"), value.clone()));
            Some(pairs.collect::<Object>())
        };
        let mut equal = pairs("EncryptionContextSubset").unwrap_or_default();
        let mut condition = Object::new();
        if let Some(exact) = pairs("EncryptionContextEquals") {
            let keys = constraints["EncryptionContextEquals"].as_object()?;
            let keys: Vec<Value> = keys.keys().map(Value::from).collect();
            condition.insert("ForAllValues:StringEquals", object! { "kms:EncryptionContextKeys" => keys });
            equal.extend(exact);
        }
        condition.insert("StringEquals", equal);
        Some(condition.into())
    }

    /// What a new grant must keep to when it is made by leave of this one: no other
    /// operations, and constraints that allow no other encryption context. The
    /// request's side of it is in `models/permissions/kms.txt`. `None`: no new grant
    /// would.
    pub(crate) fn condition_to_grant(&self) -> Option<Value> {
        let operations: Vec<Value> = self.operations.iter().map(Value::from).collect();
        let mut all = Object::new();
        all.insert("kms:GrantOperations", operations);
        let mut equal = Object::new();
        if let Some(constraints) = &self.constraints {
            let constraints = windlass_value::parse(constraints).ok()?;
            if let Some(pairs) = constraints["EncryptionContextSubset"].as_object() {
                equal.extend(pairs.iter().map(|(key, value)| (format!("windlass:GrantContext:{key}"), value.clone())));
            }
            if let Some(pairs) = constraints["EncryptionContextEquals"].as_object() {
                if pairs.is_empty() {
                    // That a new grant has no context cannot be told from its having no constraint.
                    return None;
                }
                let keys: Vec<Value> = pairs.keys().map(Value::from).collect();
                all.insert("windlass:GrantContextExactKeys", keys);
                let exact =
                    pairs.iter().map(|(key, value)| (format!("windlass:GrantContextExact:{key}"), value.clone()));
                equal.extend(exact);
            }
        }
        let mut condition = Object::new();
        condition.insert("ForAllValues:StringEquals", all);
        if !equal.is_empty() {
            condition.insert("StringEquals", equal);
        }
        Some(condition.into())
    }

    fn read(row: &windlass_store::Row) -> Result<Grant, Fault> {
        serde_json::from_slice(&row.value).map_err(|error| faults::row("a grant", error))
    }

    fn put(&self, batch: &mut Batch) -> Result<(), Fault> {
        let columns = vec![
            self.account.as_str().into(),
            self.region.as_str().into(),
            self.key_id.as_str().into(),
            self.id.as_str().into(),
            self.retiring.as_deref().map_or(ColumnValue::Null, Into::into),
        ];
        let value = serde_json::to_vec(self).map_err(|error| faults::row("a grant", error))?;
        batch.put(&GRANTS, key_row(&self.account, &self.region, &self.key_id).text(&self.id), columns, value);
        Ok(())
    }

    fn to_value(&self) -> Result<Value, Fault> {
        let mut entry = Object::new();
        entry.insert("KeyId", arn(&self.account, &self.region, &self.key_id));
        entry.insert("GrantId", self.id.as_str());
        if let Some(name) = &self.name {
            entry.insert("Name", name.as_str());
        }
        entry.insert("CreationDate", seconds(self.created_ms));
        entry.insert("GranteePrincipal", self.grantee.as_str());
        if let Some(retiring) = &self.retiring {
            entry.insert("RetiringPrincipal", retiring.as_str());
        }
        entry.insert("IssuingAccount", self.issuing.as_str());
        entry.insert("Operations", self.operations.iter().map(Value::from).collect::<Vec<_>>());
        if let Some(constraints) = &self.constraints {
            let constraints = windlass_value::parse(constraints).map_err(|error| faults::row("a grant", error))?;
            entry.insert("Constraints", constraints);
        }
        Ok(entry.into())
    }

    /// Names the grant before it has spread; here it has at once.
    fn token(&self) -> String {
        STANDARD.encode(format!("{} {}", arn(&self.account, &self.region, &self.key_id), self.id))
    }
}

impl Kms {
    /// The grants of a key.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn grants_of(&self, key: &KeyRecord) -> Result<Vec<Grant>, Fault> {
        let row = key_row(&key.account, &key.region, &key.id);
        let rows = self.store.scan(&GRANTS, Scan::prefix(&row, GRANTS_MAX)).map_err(|error| faults::store(&error))?;
        rows.iter().map(Grant::read).collect()
    }

    /// `CreateGrant`; the same one with a name is made once.
    pub(crate) async fn create_grant(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let key_id = input::required(input, "KeyId")?;
        let grantee = input::required(input, "GranteePrincipal")?;
        let retiring = input::text(input, "RetiringPrincipal")?;
        for principal in [Some(grantee), retiring].into_iter().flatten() {
            check_principal(principal)?;
        }
        let operations: Vec<String> = input::texts(input, "Operations")?.into_iter().map(str::to_owned).collect();
        let constraints = input["Constraints"].as_object().map(|_| input["Constraints"].to_text());
        let new = Grant {
            account: String::new(),
            region: call.region.to_string(),
            key_id: String::new(),
            id: random::hex(GRANT_ID_BYTES)?,
            name: input::text(input, "Name")?.map(str::to_owned),
            created_ms: (self.now)().as_ms(),
            grantee: grantee.to_owned(),
            retiring: retiring.map(str::to_owned),
            issuing: format!("arn:aws:iam::{}:root", call.account),
            operations,
            constraints,
        };
        self.change(call, |batch, _| {
            let stored = self.key_itself(call, key_id)?;
            stored.key.check_not_pending()?;
            if !stored.key.enabled {
                return Err(faults::disabled(&stored.key.arn()));
            }
            check_dry_run(call)?;
            let mut grant = Grant { account: stored.key.account.clone(), key_id: stored.key.id.clone(), ..new.clone() };
            let existing = self.grants_of(&stored.key)?;
            let same = existing.iter().find(|known| {
                let (id, created_ms) = (known.id.clone(), known.created_ms);
                grant.name.is_some() && **known == Grant { id, created_ms, ..grant.clone() }
            });
            match same {
                Some(known) => grant = known.clone(),
                None if existing.len() >= GRANTS_MAX => {
                    return Err(Fault::new("LimitExceededException", "The key has too many grants."));
                }
                None => {
                    grant.put(batch)?;
                    // The key must not be deleted meanwhile, nor two of one name be made.
                    stored.key.put(batch, Some(stored.row_version))?;
                }
            }
            Ok(object! { "GrantToken" => grant.token(), "GrantId" => grant.id })
        })
        .await
    }

    /// `ListGrants`.
    pub(crate) fn list_grants(&self, call: &Call) -> Outcome {
        let key = self.key_itself(call, input::required(&call.input, "KeyId")?)?.key;
        let grant_id = input::text(&call.input, "GrantId")?;
        let grantee = input::text(&call.input, "GranteePrincipal")?;
        let arguments = [key.id.as_str(), grant_id.unwrap_or_default(), grantee.unwrap_or_default()];
        let page = Page::read(&self.keyring, call, &arguments)?;
        let grants = self.grants_of(&key)?;
        if let Some(id) = grant_id.filter(|id| grants.iter().all(|grant| grant.id != **id)) {
            return Err(no_grant(id));
        }
        let found = grants
            .iter()
            .filter(|grant| grant_id.is_none_or(|id| grant.id == id))
            .filter(|grant| grantee.is_none_or(|grantee| grant.grantee == grantee))
            .filter(|grant| page.after.as_ref().is_none_or(|after| grant.id > *after))
            .take(page.limit + 1)
            .map(|grant| Ok((grant.id.clone(), grant.to_value()?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        Ok(Reply::from(Value::from(page.answer(&self.keyring, "Grants", found)?)))
    }

    /// `ListRetirableGrants`.
    pub(crate) fn list_retirable_grants(&self, call: &Call) -> Outcome {
        let retiring = input::required(&call.input, "RetiringPrincipal")?;
        let page = Page::read(&self.keyring, call, &[retiring])?;
        let (account, region) = (&*call.account, &*call.region);
        let index = IndexScan::new("by_retiring_principal").equal(account).equal(retiring).equal(region);
        let mut scan = Scan::index(index, page.limit + 1);
        if let Some((grant_id, key_id)) = page.after.as_deref().and_then(|after| after.split_once(' ')) {
            let columns = vec![account.into(), retiring.into(), region.into(), grant_id.into()];
            scan = scan.after(Position { columns, key: key_row(account, region, key_id).text(grant_id) });
        }
        let rows = self.store.scan(&GRANTS, scan).map_err(|error| faults::store(&error))?;
        let found = rows.iter().map(|row| {
            let grant = Grant::read(row)?;
            Ok((format!("{} {}", grant.id, grant.key_id), grant.to_value()?))
        });
        let found = found.collect::<Result<Vec<_>, Fault>>()?;
        Ok(Reply::from(Value::from(page.answer(&self.keyring, "Grants", found)?)))
    }

    /// `RetireGrant`, by its token or by key and id.
    pub(crate) async fn retire_grant(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let (key_id, grant_id) = match input::text(input, "GrantToken")? {
            // The permission is for one key: that the other is not meant must be sure.
            Some(_) if !input["KeyId"].is_null() || !input["GrantId"].is_null() => {
                return Err(Fault::validation("Specify either a GrantToken, or a KeyId and a GrantId, not both."));
            }
            Some(token) => {
                let invalid = || Fault::new("InvalidGrantTokenException", "The grant token is not valid.");
                let token = STANDARD.decode(token).map_err(|_| invalid())?;
                let token = String::from_utf8(token).map_err(|_| invalid())?;
                let (key, grant) = token.split_once(' ').ok_or_else(invalid)?;
                // The permission was asked for on the ARN in the token.
                if !key.starts_with("arn:") {
                    return Err(invalid());
                }
                (key.to_owned(), grant.to_owned())
            }
            None => (input::required(input, "KeyId")?.to_owned(), input::required(input, "GrantId")?.to_owned()),
        };
        self.drop_grant(call, &key_id, &grant_id).await
    }

    /// `RevokeGrant`.
    pub(crate) async fn revoke_grant(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        self.drop_grant(call, key_id, input::required(&call.input, "GrantId")?).await
    }

    async fn drop_grant(&self, call: &Call, key_id: &str, grant_id: &str) -> Outcome {
        self.change(call, |batch, _| {
            let KeyName::Id { account, id } = KeyName::parse(key_id, call)? else {
                return Err(faults::invalid_key_id(key_id));
            };
            let key = self.key_of_id(&account, &call.region, &id)?.key;
            let row = key_row(&key.account, &key.region, &key.id).text(grant_id);
            let stored = self.store.get(&GRANTS, &row).map_err(|error| faults::store(&error))?;
            let stored = stored.ok_or_else(|| no_grant(grant_id))?;
            check_dry_run(call)?;
            batch.expect_version(&GRANTS, row.clone(), stored.version);
            batch.delete(&GRANTS, row);
            Ok(Value::empty_object())
        })
        .await
    }
}

fn no_grant(id: &str) -> Fault {
    Fault::new("NotFoundException", format!("Grant ID {id} not found"))
}

fn check_principal(principal: &str) -> Result<(), Fault> {
    let is_arn = Arn::parse(principal).is_some_and(|arn| matches!(arn.service.as_str(), "iam" | "sts"));
    let is_service = !principal.starts_with("arn:") && principal.ends_with(".amazonaws.com");
    if is_arn || is_service {
        return Ok(());
    }
    Err(Fault::new("InvalidArnException", format!("ARN does not refer to a valid principal: {principal}")))
}
