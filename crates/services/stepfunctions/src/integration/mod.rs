//! What performs the tasks of executions: calls to services through the
//! dispatcher, requests to the outside, and the queues of activities.

mod api_gateway;
mod aws_sdk;
mod bedrock;
mod closings;
mod depth;
mod exchange;
mod failure;
mod http;
mod http_metadata;
mod job;
mod lambda;
mod mocked;
mod models;
mod objects;
mod optimized;
mod outside;
mod parameters;
mod plan;
mod request;
mod running;
mod task_call;
mod test_case;
mod watch;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use windlass_asl::Resource;
use windlass_journal::{Answers, CutOff, Objects, Permit, Record, TaskJob, Tasks};
use windlass_protocol::{Dispatcher, Principal};
use windlass_store::Store;
use windlass_value::{Arn, Payload, Text, Value, object};
use windlass_workflow::{Identity, TaskCall, TaskFailure, TaskId};

use self::closings::Closings;
pub(crate) use self::depth::Depths;
pub(crate) use self::exchange::{Exchange, Exchanges};
use self::failure::Failure;
pub use self::mocked::mocked_result_problem;
pub(crate) use self::mocked::parameters_refusal;
use self::objects::ExecutionObjects;
pub use self::outside::{Outside, RequestSigner};
use self::plan::Plan;
use self::running::{Cancelled, Entry, Running};
use self::task_call::{Answered, TaskCaller};
pub(crate) use self::task_call::{calling_execution, execution_name_of};
use self::test_case::TestCases;
use crate::activity::{Activities, ActivityName, PendingTask, Queues};
use crate::environment::Environment;
use crate::keys::{DataKeyFuture, Keys};
use crate::telemetry::Traces;

/// Calls to services under way at once; further ones wait their turn.
pub const OUTGOING_CALLS_MAX: usize = 1_000;

/// Operations that our own services answer, when repeated with the same idempotency key,
/// as they answered first: a call of theirs that a crash cut off is made again.
const APPLIED_ONCE: &[(&str, &str)] = &[
    ("states", "StartExecution"),
    ("sqs", "SendMessage"),
    ("sqs", "SendMessageBatch"),
    ("sns", "Publish"),
    ("sns", "PublishBatch"),
    ("events", "PutEvents"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "UpdateItem"),
    ("dynamodb", "DeleteItem"),
    ("dynamodb", "GetItem"),
];

/// Performs tasks for the journal.
pub struct Integrations {
    dispatcher: Dispatcher,
    environment: Environment,
    activities: Activities,
    queues: Queues,
    slots: Arc<Semaphore>,
    depths: Depths,
    exchanges: Exchanges,
    running: Running,
    closings: Closings,
    outside: Outside,
    keys: Keys,
    cases: TestCases,
    traces: Traces,
}

impl Integrations {
    /// Integrations that call through `dispatcher` and look activities up in a
    /// store opened with [`crate::TABLES`]. Requests to the outside fail until
    /// [`Integrations::with_outside`].
    pub fn new(store: &Store, dispatcher: Dispatcher, environment: Environment) -> Integrations {
        Integrations {
            keys: Keys::new(dispatcher.clone(), environment.clone()),
            dispatcher,
            environment,
            activities: Activities::new(store.clone()),
            queues: Queues::default(),
            slots: Arc::new(Semaphore::new(OUTGOING_CALLS_MAX)),
            depths: Depths::default(),
            exchanges: Exchanges::default(),
            running: Running::default(),
            closings: Closings::default(),
            outside: Outside::default(),
            cases: TestCases::default(),
            traces: Traces::default(),
        }
    }

    /// The same, with a way to the outside for HTTP tasks and API Gateway.
    #[must_use]
    pub fn with_outside(self, outside: Outside) -> Integrations {
        Integrations { outside, ..self }
    }

    pub(crate) fn depths(&self) -> &Depths {
        &self.depths
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Which executions calls carry the trace of.
    pub(crate) fn traces(&self) -> &Traces {
        &self.traces
    }

    pub(crate) fn exchanges(&self) -> &Exchanges {
        &self.exchanges
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
                    is_started: false,
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

    /// The session of a task's `Credentials`: its role assumed by the execution's.
    /// `None` where there are none, or where nobody checks.
    async fn assume(&self, identity: &Identity, call: &TaskCall) -> Result<Option<Principal>, Failure> {
        let Some(role_arn) = call.role_arn.as_ref().filter(|_| self.dispatcher.authorizes()) else { return Ok(None) };
        let by_execution = TaskCall { role_arn: None, ..call.clone() };
        let session = object! { "RoleArn" => role_arn, "RoleSessionName" => format!("task-{}", call.task) };
        let call = self.caller(identity, None).about().call(&by_execution, "sts", "AssumeRole", session, Bytes::new());
        let reply = self.dispatcher.call(call).await.map_err(|fault| Failure::permissions(fault.message))?;
        let text = |value: &Value| Text::from(value.as_str().unwrap_or_default());
        let arn = text(&reply.output["AssumedRoleUser"]["Arn"]);
        Ok(Some(Principal {
            account: Arn::parse(&arn).map_or_else(Text::default, |arn| arn.account.into()),
            arn,
            access_key_id: Some(text(&reply.output["Credentials"]["AccessKeyId"])),
        }))
    }

    fn caller<'a>(&'a self, identity: &'a Identity, assumed: Option<&'a Principal>) -> TaskCaller<'a> {
        TaskCaller {
            dispatcher: &self.dispatcher,
            environment: &self.environment,
            identity,
            depths: &self.depths,
            exchanges: &self.exchanges,
            outside: &self.outside,
            traces: &self.traces,
            assumed,
            is_about: false,
        }
    }

    /// A slot for the call, whose start is durable afterwards; `None` when nobody waits
    /// for the task any more.
    async fn begin(&self, plan: &Plan, started: Option<Permit>, answers: &Answers) -> Option<Permit> {
        if let Some(permit) = started {
            return Some(permit);
        }
        let permit: Permit = match plan.is_outgoing() {
            // The semaphore is never closed.
            true => Box::new(self.slots.clone().acquire_owned().await.ok()?),
            false => Box::new(()),
        };
        answers.started(None).await.then_some(permit)
    }

    /// Makes a call, once there is a slot for it and its start is durable.
    async fn make_call(&self, plan: Plan, job: TaskJob) {
        let TaskJob { identity, call, started, answers } = job;
        let Some(permit) = self.begin(&plan, started, &answers).await else { return };
        let answered = match self.assume(&identity, &call).await {
            Ok(assumed) => plan.perform(self.caller(&identity, assumed.as_ref()), &call).await,
            Err(failure) => Err(failure),
        };
        drop(permit);
        match answered {
            Ok(Answered::Result(output)) => answers.succeeded(output).await,
            Ok(Answered::Submitted(output)) => answers.submitted(output).await,
            Err(failure) => answers.failed(Some(failure.error), Some(failure.cause), plan.failure()).await,
        };
    }

    /// Submits a job and waits for its end. Told that nobody waits any more, it ends the job.
    async fn run_job(&self, plan: Plan, mut job: TaskJob, entry: Entry, cancelled: &Cancelled) {
        let started = job.started.take();
        let Some(permit) = self.begin(&plan, started, &job.answers).await else { return };
        if cancelled.is_set() {
            return;
        }
        let answered = match self.assume(&job.identity, &job.call).await {
            Ok(assumed) => plan.perform(self.caller(&job.identity, assumed.as_ref()), &job.call).await,
            Err(failure) => Err(failure),
        };
        drop(permit);
        let submitted = match answered {
            Ok(Answered::Result(output) | Answered::Submitted(output)) => output,
            Err(failure) => {
                drop(entry);
                job.answers.failed(Some(failure.error), Some(failure.cause), plan.failure()).await;
                return;
            }
        };
        let taken = job.answers.submitted(submitted.clone()).await;
        if taken || cancelled.is_set() {
            self.watch_job(plan, job, submitted, entry, cancelled).await;
        }
    }

    /// Waits for the end of a submitted job.
    async fn watch_job(&self, plan: Plan, job: TaskJob, submitted: Payload, entry: Entry, cancelled: &Cancelled) {
        let TaskJob { identity, call, answers, .. } = job;
        let Some((row, kind)) = plan.job() else { return };
        let assumed = match self.assume(&identity, &call).await {
            Ok(assumed) => assumed,
            Err(failure) => {
                drop(entry);
                answers.failed(Some(failure.error), Some(failure.cause), TaskFailure::Run).await;
                return;
            }
        };
        let caller = self.caller(&identity, assumed.as_ref());
        let ended = tokio::select! {
            biased;
            () = cancelled.wait() => return self.end_job(row, kind, caller, &call, &submitted).await,
            ended = self.watch(row, kind, plan.pattern, caller, &call, &submitted) => ended,
        };
        drop(entry);
        match ended {
            Ok(output) => answers.succeeded(output).await,
            Err(failure) => answers.failed(Some(failure.error), Some(failure.cause), TaskFailure::Run).await,
        };
    }

    /// Whether the callee answers a repeat of this call as it answered first.
    fn is_applied_once(&self, identity: &Identity, call: &TaskCall) -> bool {
        let Ok(plan) = Plan::of(&call.resource) else { return false };
        let Some((service, operation)) = plan.operation() else { return false };
        if service.model.idempotency_token(operation).is_some() {
            return true;
        }
        if !APPLIED_ONCE.contains(&(service.name, &operation.name)) {
            return false;
        }
        let parameters = call.parameters.value().clone();
        let made = self.caller(identity, None).call(call, service.name, &operation.name, parameters, Bytes::new());
        self.dispatcher.answers_here(&made)
    }
}

impl Tasks for Integrations {
    fn refusal(&self, call: &TaskCall) -> Option<String> {
        match &call.resource {
            // A mock needs no workers.
            Resource::Activity if self.cases.of(call).is_some() => None,
            Resource::Activity => self.activity_refusal(call),
            resource => Plan::of(resource).ok()?.refusal(call.parameters.value()),
        }
    }

    fn admit(&self, call: &TaskCall) -> Option<Permit> {
        if self.cases.of(call).is_some() {
            return Some(Box::new(()));
        }
        let plan = Plan::of(&call.resource).ok()?;
        if !plan.is_outgoing() {
            return Some(Box::new(()));
        }
        let permit = self.slots.clone().try_acquire_owned().ok()?;
        Some(Box::new(permit))
    }

    fn perform(self: Arc<Self>, job: TaskJob) {
        if let Some(case) = self.cases.of(&job.call) {
            return self.answer_mocked(case, job, false);
        }
        if job.call.resource == Resource::Activity {
            // One that is started is with its worker.
            return if job.started.is_none() {
                self.offer(job)
            };
        }
        let plan = match Plan::of(&job.call.resource) {
            Ok(plan) => plan,
            Err(why) => {
                tokio::spawn(async move {
                    let refusal = Failure::task(why);
                    job.answers.failed(Some(refusal.error), Some(refusal.cause), TaskFailure::Schedule).await;
                });
                return;
            }
        };
        let (arn, task) = (job.identity.arn.clone(), job.call.task);
        let integrations = self.clone();
        if plan.is_sync() {
            self.running.spawn_job(arn, task, move |entry, cancelled| async move {
                integrations.run_job(plan, job, entry, &cancelled).await;
            });
        } else {
            self.running.spawn(arn, task, async move { integrations.make_call(plan, job).await });
        }
    }

    fn resume(self: Arc<Self>, job: TaskJob, submitted: Payload) {
        if let Some(case) = self.cases.of(&job.call) {
            return self.answer_mocked(case, job, true);
        }
        let (arn, task) = (job.identity.arn.clone(), job.call.task);
        let plan = match Plan::of(&job.call.resource) {
            Ok(plan) => plan,
            Err(why) => {
                tokio::spawn(async move {
                    let refusal = Failure::task(why);
                    job.answers.failed(Some(refusal.error), Some(refusal.cause), TaskFailure::Run).await;
                });
                return;
            }
        };
        let integrations = self.clone();
        self.running.spawn_job(arn, task, move |entry, cancelled| async move {
            integrations.watch_job(plan, job, submitted, entry, &cancelled).await;
        });
    }

    fn cancel(&self, execution_arn: &Text, task: TaskId) {
        self.queues.cancel(execution_arn, task);
        self.running.cancel(execution_arn, task);
    }

    fn cut_off(&self, identity: &Identity, call: &TaskCall) -> CutOff {
        if self.cases.of(call).is_some() || self.is_applied_once(identity, call) {
            return CutOff::Again;
        }
        let cause = "The server was restarted while this call was under way, so it is not known whether it took effect. The task's Retry decides whether it is made again.";
        let is_lambda = match &call.resource {
            Resource::Function => true,
            Resource::Integration { service, .. } => &**service == "lambda",
            Resource::Activity => false,
        };
        // AWS's usual Retry for functions names this error.
        let error = if is_lambda { "Lambda.SdkClientException" } else { "States.TaskFailed" };
        CutOff::Failed { error: error.into(), cause: cause.into() }
    }

    fn objects(self: Arc<Self>, identity: Arc<Identity>) -> Option<Arc<dyn Objects>> {
        let (dispatcher, environment) = (self.dispatcher.clone(), self.environment.clone());
        Some(Arc::new(ExecutionObjects { dispatcher, environment, identity }))
    }

    fn data_key(self: Arc<Self>, record: Record, wrapped: Option<Bytes>) -> DataKeyFuture {
        Box::pin(async move { self.keys.for_journal(&record, wrapped).await })
    }

    fn closed(&self, execution_arn: &Text) {
        self.closings.closed(execution_arn);
    }
}
