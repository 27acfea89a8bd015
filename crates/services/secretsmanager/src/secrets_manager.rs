use std::sync::Arc;

use windlass_keyring::{Keyring, random};
use windlass_outbox::{Answers, Entry, Outbox, OutboxOptions};
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Reply, Service};
use windlass_store::{Batch, Store, StoreError};
use windlass_value::{Arn, Now, Text, Value};

use crate::due::Due;
use crate::faults;

/// How many deletions and steps of rotations are under way at once.
const DUE_AT_ONCE_MAX: usize = 16;

/// The Secrets Manager.
pub struct SecretsManager {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) dispatcher: Dispatcher,
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
pub fn open(
    store: &Store,
    keyring: Keyring,
    dispatcher: Dispatcher,
    now: Now,
) -> Result<Arc<SecretsManager>, StoreError> {
    let options = OutboxOptions { concurrency_max: DUE_AT_ONCE_MAX };
    let due = Outbox::open(store, "secretsmanager", now.clone(), options)?;
    let answers = Answers::open(store, "secretsmanager", now.clone());
    let service = SecretsManager { store: store.clone(), keyring, dispatcher, now, answers, due: due.clone() };
    let service = Arc::new(service);
    due.start(Arc::new(Due { service: Arc::downgrade(&service) }));
    Ok(service)
}

impl SecretsManager {
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
        match &*call.operation {
            "CreateSecret" => self.create_secret(&call).await,
            "GetSecretValue" => self.get_value(&call).await,
            "BatchGetSecretValue" => self.batch_get_value(&call).await,
            "PutSecretValue" => self.put_value(&call).await,
            "UpdateSecret" => self.update_secret(&call).await,
            "DescribeSecret" => self.describe_secret(&call),
            "ListSecrets" => self.list_secrets(&call),
            "DeleteSecret" => self.delete_secret(&call).await,
            "RestoreSecret" => self.restore_secret(&call).await,
            "ListSecretVersionIds" => self.list_version_ids(&call),
            "UpdateSecretVersionStage" => self.update_version_stage(&call).await,
            "GetRandomPassword" => self.random_password(&call),
            "TagResource" => self.tag_resource(&call).await,
            "UntagResource" => self.untag_resource(&call).await,
            "PutResourcePolicy" => self.put_policy(&call).await,
            "GetResourcePolicy" => self.get_policy(&call),
            "DeleteResourcePolicy" => self.delete_policy(&call).await,
            "ValidateResourcePolicy" => self.validate_policy(&call),
            "RotateSecret" => self.rotate_secret(&call).await,
            "CancelRotateSecret" => self.cancel_rotation(&call).await,
            other => Err(Fault::not_built(&format!("the Secrets Manager operation {other}"))),
        }
    }
}

impl Service for SecretsManager {
    fn name(&self) -> &'static str {
        "secretsmanager"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }

    fn resource_policy<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        let policy = || {
            let Some(arn) = Arn::parse(resource_arn) else { return Ok(None) };
            let found = self.find_arn(&arn)?;
            Ok(found.and_then(|found| found.secret.policy).map(Text::from))
        };
        Box::pin(std::future::ready(policy()))
    }
}

/// A version 4 UUID.
///
/// # Errors
/// The system has no randomness.
pub(crate) fn uuid() -> Result<String, Fault> {
    Ok(windlass_value::uuid_v4(u128::from_be_bytes(random::<16>().map_err(faults::seal)?)))
}
