use sha2::{Digest, Sha256};
use windlass_protocol::{Body, Call, Dispatcher, Fault, Outcome, Principal};
use windlass_value::{Arn, Payload, Text, Value, uuid_v4};
use windlass_workflow::{Identity, TaskCall};

use super::depth::Depths;
use super::exchange::Exchanges;
use super::outside::Outside;
use crate::environment::Environment;
use crate::telemetry::Traces;

/// What a call ended in.
pub(super) enum Answered {
    /// The task's result.
    Result(Payload),
    /// The request was accepted; whoever holds the token answers the task, or whoever
    /// watches the job.
    Submitted(Payload),
}

/// Makes calls for one execution.
#[derive(Clone, Copy)]
pub(super) struct TaskCaller<'a> {
    pub(super) dispatcher: &'a Dispatcher,
    pub(super) environment: &'a Environment,
    pub(super) identity: &'a Identity,
    pub(super) depths: &'a Depths,
    /// Who watches requests to the outside.
    pub(super) exchanges: &'a Exchanges,
    pub(super) outside: &'a Outside,
    pub(super) traces: &'a Traces,
    /// The session of the task's `Credentials`, where permissions are checked.
    pub(super) assumed: Option<&'a Principal>,
    /// Whether the calls are those of the task itself, which are made once, or further
    /// ones about them.
    pub(super) is_about: bool,
}

impl TaskCaller<'_> {
    /// Makes a call to our own service, which runs to its end even when its task
    /// is cancelled: dropped half-way it could leave behind an execution that
    /// nobody goes on with. (Lambda may be dropped: its runs are its own.)
    pub(super) async fn make(&self, call: Call) -> Outcome {
        let dispatcher = self.dispatcher.clone();
        let made = tokio::spawn(async move { dispatcher.call(call).await }).await;
        made.unwrap_or_else(|error| Err(Fault::internal(format!("the call ended early: {error}"))))
    }

    /// For further calls about the task's own: each is a call of its own.
    pub(super) fn about(self) -> Self {
        TaskCaller { is_about: true, ..self }
    }

    /// The API call of a task: made by the execution's role for its machine, or
    /// by the role of the task's credentials in that role's account.
    /// A repeat of the same attempt carries the same idempotency key.
    pub(super) fn call(
        &self,
        task: &TaskCall,
        service: &str,
        operation: &str,
        input: Value,
        body: impl Into<Body>,
    ) -> Call {
        let identity = self.identity;
        let account_of = |arn: &str| Arn::parse(arn).map(|arn| Text::from(arn.account));
        let own: Text = account_of(&identity.arn).unwrap_or_default();
        let role_arn = task.role_arn.clone().unwrap_or_else(|| identity.role_arn.clone());
        let account = task.role_arn.as_deref().and_then(account_of).filter(|account| !account.is_empty());
        let account = account.unwrap_or_else(|| own.clone());
        let id = attempt_id(identity, task);
        Call {
            account: account.clone(),
            region: identity.region.clone(),
            service: service.into(),
            operation: operation.into(),
            input,
            body: body.into(),
            principal: match self.assumed {
                Some(assumed) => assumed.clone(),
                None => Principal::under_role(&role_arn, &own),
            },
            source_arn: Some(identity.machine_arn.clone()),
            deadline: task.deadline,
            cancellation_id: Some(id.clone()),
            idempotency_key: (!self.is_about).then_some(id),
            trace: self.trace(task),
            depth: self.depths.of_calls(&identity.arn),
            request_id: self.environment.uuid(),
        }
    }

    /// The `X-Amzn-Trace-Id` of what a task calls, where its execution is traced.
    pub(super) fn trace(&self, task: &TaskCall) -> Option<Text> {
        self.traces.outgoing(&self.identity.arn, task.task.event_id)
    }

    /// What an execution is called that a task starts without naming it: always the
    /// same for one attempt.
    pub(super) fn name_for(&self, task: &TaskCall) -> Text {
        execution_name_of(&attempt_id(self.identity, task))
    }
}

/// Names one attempt of one task.
fn attempt_id(identity: &Identity, task: &TaskCall) -> Text {
    format!("{}/{}", identity.arn, task.task).into()
}

/// A name that follows from an idempotency key.
pub(crate) fn execution_name_of(idempotency_key: &str) -> Text {
    let digest = Sha256::digest(idempotency_key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid_v4(u128::from_be_bytes(bytes)).into()
}

/// The execution whose task makes a call; `None` for calls of others.
pub(crate) fn calling_execution(call: &Call) -> Option<Text> {
    if call.principal.access_key_id.is_some() || call.source_arn.is_none() {
        return None;
    }
    let (arn, _) = call.cancellation_id.as_deref()?.rsplit_once('/')?;
    let is_execution = Arn::parse(arn)
        .is_some_and(|arn| arn.service == "states" && matches!(arn.resource_type(), "execution" | "express"));
    is_execution.then(|| arn.into())
}
