use bytes::Bytes;
use windlass_protocol::{Call, Dispatcher, Fault, Outcome, Principal};
use windlass_value::{Arn, Payload, Text, Value};
use windlass_workflow::{Identity, TaskCall};

use super::depth::Depths;
use crate::environment::Environment;

/// What a call ended in.
pub(super) enum Answered {
    /// The task's result.
    Result(Payload),
    /// The request was accepted; whoever holds the token answers the task.
    Submitted(Payload),
}

/// Makes calls for one execution.
#[derive(Clone, Copy)]
pub(super) struct TaskCaller<'a> {
    pub(super) dispatcher: &'a Dispatcher,
    pub(super) environment: &'a Environment,
    pub(super) identity: &'a Identity,
    pub(super) depths: &'a Depths,
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

    /// The API call of a task: made by the execution's role for its machine.
    /// A repeat of the same attempt carries the same idempotency key.
    pub(super) fn call(&self, task: &TaskCall, service: &str, operation: &str, input: Value, body: Bytes) -> Call {
        let identity = self.identity;
        let account: Text = Arn::parse(&identity.arn).map_or_else(Text::default, |arn| arn.account.into());
        let role_arn = task.role_arn.clone().unwrap_or_else(|| identity.role_arn.clone());
        let id: Text = format!("{}/{}", identity.arn, task.task).into();
        Call {
            account: account.clone(),
            region: identity.region.clone(),
            service: service.into(),
            operation: operation.into(),
            input,
            body: body.into(),
            principal: Principal { arn: role_arn, account, access_key_id: None },
            source_arn: Some(identity.machine_arn.clone()),
            deadline: task.deadline,
            cancellation_id: Some(id.clone()),
            idempotency_key: Some(id),
            trace: None,
            depth: self.depths.of_calls(&identity.arn),
            request_id: self.environment.uuid(),
        }
    }
}
