use std::sync::Arc;

use windlass_keyring::Keyring;
use windlass_outbox::{Answers, Entry, Outbox, OutboxOptions};
use windlass_protocol::{BoxFuture, Call, Fault, Outcome, Reply, Service};
use windlass_store::{Batch, Store, StoreError};
use windlass_value::{Arn, Now, Text, Value};

use crate::due::Due;
use crate::faults;

/// How many deletions and rotations are carried out at once.
const DUE_AT_ONCE_MAX: usize = 4;

/// The Key Management Service.
pub struct Kms {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) now: Now,
    pub(crate) answers: Answers,
    /// Deletions and rotations by their instant.
    pub(crate) due: Outbox,
}

/// Opens the service over a store that declares [`crate::TABLES`] and those of
/// the outbox, and takes up what is due. Must be called within a tokio runtime.
///
/// # Errors
/// The store does not answer.
pub fn open(store: &Store, keyring: Keyring, now: Now) -> Result<Arc<Kms>, StoreError> {
    let due = Outbox::open(store, "kms", now.clone(), OutboxOptions { concurrency_max: DUE_AT_ONCE_MAX })?;
    let answers = Answers::open(store, "kms", now.clone());
    let kms = Arc::new(Kms { store: store.clone(), keyring, now, answers, due: due.clone() });
    due.start(Arc::new(Due { kms: Arc::downgrade(&kms) }));
    Ok(kms)
}

impl Kms {
    /// Begins no deletion or rotation any more, and waits for those under way.
    pub async fn stop(&self) {
        self.due.stop().await;
    }

    /// Commits what `change` makes of what it reads; a call with an idempotency
    /// key is applied once. Entries that it adds to `due` are in `entries`.
    pub(crate) async fn change(
        &self,
        call: &Call,
        mut change: impl FnMut(&mut Batch, &mut Vec<Entry>) -> Result<Value, Fault>,
    ) -> Outcome {
        let mut entries = Vec::new();
        let key = call.idempotency_key.as_deref();
        let applied = self.answers.apply(&call.account, &call.region, key, || {
            let mut batch = Batch::default();
            entries.clear();
            let answer = change(&mut batch, &mut entries)?;
            Ok((batch, answer))
        });
        let answer = applied.await.map_err(faults::apply)?;
        self.due.committed(&entries);
        Ok(Reply::from(answer))
    }

    async fn answer(&self, call: Call) -> Outcome {
        for member in ["KeyId", "SourceKeyId", "DestinationKeyId", "TargetKeyId"] {
            if let Some(name) = call.input[member].as_str() {
                self.make_managed_key(&call, name).await?;
            }
        }
        match &*call.operation {
            "CreateKey" => self.create_key(&call).await,
            "DescribeKey" => self.describe_key(&call),
            "ListKeys" => self.list_keys(&call),
            "UpdateKeyDescription" => self.update_description(&call).await,
            "EnableKey" => self.set_enabled(&call, true).await,
            "DisableKey" => self.set_enabled(&call, false).await,
            "ScheduleKeyDeletion" => self.schedule_deletion(&call).await,
            "CancelKeyDeletion" => self.cancel_deletion(&call).await,
            "CreateAlias" => self.create_alias(&call).await,
            "UpdateAlias" => self.update_alias(&call).await,
            "DeleteAlias" => self.delete_alias(&call).await,
            "ListAliases" => self.list_aliases(&call),
            "GetKeyPolicy" => self.get_policy(&call),
            "PutKeyPolicy" => self.put_policy(&call).await,
            "ListKeyPolicies" => self.list_policies(&call),
            "EnableKeyRotation" => self.enable_rotation(&call).await,
            "DisableKeyRotation" => self.disable_rotation(&call).await,
            "GetKeyRotationStatus" => self.rotation_status(&call),
            "RotateKeyOnDemand" => self.rotate_on_demand(&call).await,
            "ListKeyRotations" => self.list_rotations(&call),
            "CreateGrant" => self.create_grant(&call).await,
            "ListGrants" => self.list_grants(&call),
            "ListRetirableGrants" => self.list_retirable_grants(&call),
            "RetireGrant" => self.retire_grant(&call).await,
            "RevokeGrant" => self.revoke_grant(&call).await,
            "TagResource" => self.tag_resource(&call).await,
            "UntagResource" => self.untag_resource(&call).await,
            "ListResourceTags" => self.list_tags(&call),
            "Encrypt" => self.encrypt(&call),
            "Decrypt" => self.decrypt(&call),
            "ReEncrypt" => self.re_encrypt(&call),
            "GenerateDataKey" => self.generate_data_key(&call, true),
            "GenerateDataKeyWithoutPlaintext" => self.generate_data_key(&call, false),
            "GenerateRandom" => self.generate_random(&call),
            "GenerateMac" => self.generate_mac(&call),
            "VerifyMac" => self.verify_mac(&call),
            other => Err(Fault::not_built(&format!("the KMS operation {other}"))),
        }
    }
}

impl Service for Kms {
    fn name(&self) -> &'static str {
        "kms"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }

    /// The key policy, with a statement for each grant.
    fn resource_policy<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        Box::pin(async move {
            let Some(arn) = Arn::parse(resource_arn) else { return Ok(None) };
            let id = match arn.resource.strip_prefix("key/") {
                Some(id) => Some(id.to_owned()),
                None => {
                    // Its first use may be the call that is being judged.
                    self.make_managed_alias(&arn.account, &arn.region, &arn.resource).await?;
                    self.alias_target(&arn.account, &arn.region, &arn.resource)?
                }
            };
            let Some(id) = id else { return Ok(None) };
            let Some(stored) = self.find_key(&arn.account, &arn.region, &id)? else { return Ok(None) };
            self.policy_with_grants(&stored.key).map(Some)
        })
    }
}
