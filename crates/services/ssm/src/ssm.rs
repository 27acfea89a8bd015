use std::sync::Arc;

use windlass_keyring::Keyring;
use windlass_outbox::{Answers, Entry, Outbox, OutboxOptions};
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Reply, Service};
use windlass_store::{Batch, Store, StoreError};
use windlass_value::{Now, Value};

use crate::due::Due;
use crate::faults;
use crate::name::Reference;
use crate::parameter::{Parameter, StoredParameter};
use crate::tables::{PARAMETERS, parameter_row};

/// How many expirations are carried out at once.
const DUE_AT_ONCE_MAX: usize = 4;

/// Systems Manager, as far as its parameters.
pub struct Ssm {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) now: Now,
    pub(crate) answers: Answers,
    /// Expirations by their instant.
    pub(crate) due: Outbox,
}

/// Opens the service over a store that declares [`crate::TABLES`] and those of
/// the outbox, and takes up what is due. Must be called within a tokio runtime.
///
/// # Errors
/// The store does not answer.
pub fn open(store: &Store, keyring: Keyring, dispatcher: Dispatcher, now: Now) -> Result<Arc<Ssm>, StoreError> {
    let due = Outbox::open(store, "ssm", now.clone(), OutboxOptions { concurrency_max: DUE_AT_ONCE_MAX })?;
    let answers = Answers::open(store, "ssm", now.clone());
    let ssm = Arc::new(Ssm { store: store.clone(), keyring, dispatcher, now, answers, due: due.clone() });
    due.start(Arc::new(Due { ssm: Arc::downgrade(&ssm) }));
    Ok(ssm)
}

impl Ssm {
    /// Begins no expiration any more, and waits for those under way.
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

    /// The parameter of that name, if there is one.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn find(&self, account: &str, region: &str, name: &str) -> Result<Option<StoredParameter>, Fault> {
        let row = self.store.get(&PARAMETERS, &parameter_row(account, region, name));
        row.map_err(|error| faults::store(&error))?.as_ref().map(Parameter::read).transpose()
    }

    /// The parameter that a reference names, if there is one.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn find_referred(&self, call: &Call, reference: &Reference) -> Result<Option<StoredParameter>, Fault> {
        for name in &reference.names {
            if let Some(found) = self.find(&reference.account, &call.region, name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The parameter that a name or an ARN names.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn parameter_of(&self, call: &Call, name: &str) -> Result<StoredParameter, Fault> {
        let found = self.find_referred(call, &Reference::parse(name, call))?;
        found.ok_or_else(|| faults::no_parameter(name))
    }

    async fn answer(&self, call: Call) -> Outcome {
        match &*call.operation {
            "PutParameter" => self.put_parameter(&call).await,
            "GetParameter" => self.get_parameter(&call).await,
            "GetParameters" => self.get_parameters(&call).await,
            "GetParametersByPath" => self.get_parameters_by_path(&call),
            "GetParameterHistory" => self.get_history(&call),
            "DescribeParameters" => self.describe_parameters(&call),
            "DeleteParameter" => self.delete_parameter(&call).await,
            "DeleteParameters" => self.delete_parameters(&call).await,
            "LabelParameterVersion" => self.label_version(&call).await,
            "UnlabelParameterVersion" => self.unlabel_version(&call).await,
            "AddTagsToResource" => self.add_tags(&call).await,
            "RemoveTagsFromResource" => self.remove_tags(&call).await,
            "ListTagsForResource" => self.list_tags(&call),
            other => Err(Fault::not_built(&format!("the Systems Manager operation {other}"))),
        }
    }
}

impl Service for Ssm {
    fn name(&self) -> &'static str {
        "ssm"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }
}
