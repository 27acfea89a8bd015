//! What performs the tasks of executions: calls to services through the
//! dispatcher, and the queues of activities.

mod aws_sdk;
mod depth;
mod failure;
mod http_metadata;
mod lambda;
mod parameters;
mod plan;
mod running;
mod states;
mod task_call;

use std::sync::Arc;

use tokio::sync::Semaphore;
use windlass_asl::Resource;
use windlass_journal::{Permit, TaskJob, Tasks};
use windlass_protocol::Dispatcher;
use windlass_store::Store;
use windlass_value::Text;
use windlass_workflow::{TaskCall, TaskFailure, TaskId};

pub(crate) use self::depth::Depths;
use self::failure::Failure;
use self::plan::Plan;
use self::running::Running;
use self::task_call::{Answered, TaskCaller};
use crate::activity::{Activities, ActivityName, PendingTask, Queues};
use crate::environment::Environment;

/// Calls to services under way at once; further ones wait their turn.
pub const OUTGOING_CALLS_MAX: usize = 1_000;

/// Performs tasks for the journal.
pub struct Integrations {
    dispatcher: Dispatcher,
    environment: Environment,
    activities: Activities,
    queues: Queues,
    slots: Arc<Semaphore>,
    depths: Depths,
    running: Running,
}

impl Integrations {
    /// Integrations that call through `dispatcher` and look activities up in a
    /// store opened with [`crate::TABLES`].
    pub fn new(store: &Store, dispatcher: Dispatcher, environment: Environment) -> Integrations {
        Integrations {
            dispatcher,
            environment,
            activities: Activities::new(store.clone()),
            queues: Queues::default(),
            slots: Arc::new(Semaphore::new(OUTGOING_CALLS_MAX)),
            depths: Depths::default(),
            running: Running::default(),
        }
    }

    pub(crate) fn depths(&self) -> &Depths {
        &self.depths
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    fn activity_refusal(&self, call: &TaskCall) -> Option<String> {
        let exists = match ActivityName::of_definition(&call.arn) {
            None => false,
            Some(name) => match self.activities.find(&name) {
                Ok(found) => found.is_some(),
                // The task waits: whether a worker may take it is asked again then.
                Err(fault) => {
                    tracing::warn!(activity = &*call.arn, %fault, "an activity could not be looked up");
                    true
                }
            },
        };
        (!exists).then(|| format!("The activity {} does not exist.", call.arn))
    }

    fn plan(&self, call: &TaskCall) -> Option<Plan> {
        match &call.resource {
            Resource::Function => Some(Plan::Function),
            Resource::Activity => None,
            Resource::Integration { service, action, pattern } => Plan::of_integration(service, action, *pattern),
        }
    }

    /// Puts an activity's task where its workers poll.
    fn offer(self: Arc<Self>, job: TaskJob) {
        let TaskJob { identity, call, answers, .. } = job;
        let refusal = self.activity_refusal(&call).map(Failure::runtime);
        let name = ActivityName::of_definition(&call.arn);
        let refusal = match (refusal, name, &call.token) {
            (None, Some(name), Some(token)) => {
                let task = PendingTask {
                    execution_arn: identity.arn.clone(),
                    task: call.task,
                    token: token.clone(),
                    input: call.parameters.clone(),
                    answers: answers.clone(),
                };
                match self.queues.push(name.arn, task) {
                    Ok(()) => return,
                    Err(_) => Failure::task("Too many activity tasks wait for workers.".to_owned()),
                }
            }
            (Some(refusal), ..) => refusal,
            (None, ..) => Failure::task("The activity task has no token.".to_owned()),
        };
        tokio::spawn(async move {
            answers.failed(Some(refusal.error), Some(refusal.cause), TaskFailure::Schedule).await;
        });
    }

    /// Makes a call, once there is a slot for it and its start is durable.
    async fn make_call(&self, plan: Plan, job: TaskJob) {
        let TaskJob { identity, call, started, answers } = job;
        if let Some(cause) = plan.refusal(call.parameters.value()) {
            let refusal = Failure::runtime(cause);
            answers.failed(Some(refusal.error), Some(refusal.cause), TaskFailure::Schedule).await;
            return;
        }
        let permit: Permit = match started {
            Some(permit) => permit,
            None => {
                let permit: Permit = if plan.is_outgoing() {
                    // The semaphore is never closed.
                    let Ok(permit) = self.slots.clone().acquire_owned().await else { return };
                    Box::new(permit)
                } else {
                    Box::new(())
                };
                if !answers.started(None).await {
                    return;
                }
                permit
            }
        };
        let caller = TaskCaller {
            dispatcher: &self.dispatcher,
            environment: &self.environment,
            identity: &identity,
            depths: &self.depths,
        };
        let answered = plan.perform(caller, &call).await;
        drop(permit);
        match answered {
            Ok(Answered::Result(output)) => answers.succeeded(output).await,
            Ok(Answered::Submitted(output)) => answers.submitted(output).await,
            Err(failure) => answers.failed(Some(failure.error), Some(failure.cause), plan.failure()).await,
        };
    }
}

impl Tasks for Integrations {
    fn refusal(&self, call: &TaskCall) -> Option<String> {
        match &call.resource {
            Resource::Activity => self.activity_refusal(call),
            Resource::Function => None,
            Resource::Integration { service, action, pattern } => {
                Plan::of_integration(service, action, *pattern)?.refusal(call.parameters.value())
            }
        }
    }

    fn admit(&self, call: &TaskCall) -> Option<Permit> {
        let plan = self.plan(call)?;
        if plan.refusal(call.parameters.value()).is_some() {
            return None;
        }
        if !plan.is_outgoing() {
            return Some(Box::new(()));
        }
        let permit = self.slots.clone().try_acquire_owned().ok()?;
        Some(Box::new(permit))
    }

    fn perform(self: Arc<Self>, job: TaskJob) {
        if job.call.resource == Resource::Activity {
            return self.offer(job);
        }
        let Some(plan) = self.plan(&job.call) else {
            tokio::spawn(async move {
                let refusal = Failure::task(plan::no_backend(&job.call.resource));
                job.answers.failed(Some(refusal.error), Some(refusal.cause), TaskFailure::Schedule).await;
            });
            return;
        };
        let (arn, task) = (job.identity.arn.clone(), job.call.task);
        let integrations = self.clone();
        self.running.spawn(arn, task, async move { integrations.make_call(plan, job).await });
    }

    fn cancel(&self, execution_arn: &Text, task: TaskId) {
        self.queues.cancel(execution_arn, task);
        self.running.cancel(execution_arn, task);
    }

    fn cut_off(&self, call: &TaskCall) -> (Text, Text) {
        let cause = "The server was restarted while this call was under way, so it is not known whether it took effect. The task's Retry decides whether it is made again.";
        let is_lambda = match &call.resource {
            Resource::Function => true,
            Resource::Integration { service, .. } => &**service == "lambda",
            Resource::Activity => false,
        };
        // AWS's usual Retry for functions names this error.
        let error = if is_lambda { "Lambda.SdkClientException" } else { "States.TaskFailed" };
        (error.into(), cause.into())
    }
}
