use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use windlass_value::{Payload, Text};
use windlass_workflow::{EventKind, Identity, TaskCall, TaskFailure, TaskId};

use crate::data_key::{DataKey, DataKeyError};
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::map_run::Objects;
use crate::record::Record;

/// A slot for one outgoing call, given back when dropped.
pub type Permit = Box<dyn Any + Send>;

/// What performs tasks: calls services, offers activities to their workers.
pub trait Tasks: Send + Sync + 'static {
    /// Why a task cannot even be scheduled, as the cause of a `States.Runtime`;
    /// `None` for one that can. Must not block.
    fn refusal(&self, call: &TaskCall) -> Option<String>;

    /// A slot for a call, if one is free at once. Then the call is stored as
    /// started in the same batch that schedules it.
    fn admit(&self, call: &TaskCall) -> Option<Permit>;

    /// Performs a call without blocking the caller. Unless `job.started` is
    /// set, `job.answers.started` must have answered true before anything is
    /// sent.
    fn perform(self: Arc<Self>, job: TaskJob);

    /// Takes up a job that an earlier run of the server submitted, and answers
    /// the task when it ends; `submitted` is what was stored when it was accepted.
    fn resume(self: Arc<Self>, job: TaskJob, submitted: Payload);

    /// Nobody waits for this task any more.
    fn cancel(&self, execution_arn: &Text, task: TaskId);

    /// What becomes of a call that a crash cut off.
    fn cut_off(&self, identity: &Identity, call: &TaskCall) -> CutOff;

    /// The object store as an execution's role sees it, for its Map Runs; `None` where
    /// there is none.
    fn objects(self: Arc<Self>, _identity: Arc<Identity>) -> Option<Arc<dyn Objects>> {
        None
    }

    /// A key to seal an execution's data with: the one that is `wrapped`, or a new
    /// one. Asked when the one in memory has expired and after a restart.
    fn data_key(
        self: Arc<Self>,
        _record: Record,
        _wrapped: Option<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<DataKey>, DataKeyError>> + Send>> {
        Box::pin(std::future::ready(Err(DataKeyError::Passing("nobody holds keys".to_owned()))))
    }

    /// A Standard execution has closed, which is durable.
    fn closed(&self, _execution_arn: &Text) {}
}

/// What becomes of a call that was under way when the server died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CutOff {
    /// It is made once more: the callee answers a repeat as it answered first.
    Again,
    /// It fails, for nobody knows whether it took effect.
    Failed {
        /// The error's name.
        error: Text,
        /// The cause.
        cause: Text,
    },
}

/// One task to perform.
pub struct TaskJob {
    /// Whose.
    pub identity: Arc<Identity>,
    /// What.
    pub call: TaskCall,
    /// Set when the start is durable already.
    pub started: Option<Permit>,
    /// Where answers go.
    pub answers: Answers,
}

/// Takes the answers to one task.
#[derive(Clone)]
pub struct Answers {
    task: TaskId,
    to: Target,
}

#[derive(Clone)]
enum Target {
    Durable(Journal, ExecutionKey),
    Memory(mpsc::UnboundedSender<EventKind>),
}

impl Answers {
    pub(crate) fn durable(journal: Journal, key: ExecutionKey, task: TaskId) -> Answers {
        Answers { task, to: Target::Durable(journal, key) }
    }

    /// Answers that go into a channel: whoever reads it runs the machine.
    pub fn memory(to: mpsc::UnboundedSender<EventKind>, task: TaskId) -> Answers {
        Answers { task, to: Target::Memory(to) }
    }

    /// The task that is answered.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// Makes durable that the call begins (or that a worker took the activity).
    /// False: nobody waits for it any more, so nothing may be sent.
    pub async fn started(&self, worker: Option<Text>) -> bool {
        self.send(EventKind::TaskStarted { task: self.task, worker }).await
    }

    /// The job or callback request was accepted.
    pub async fn submitted(&self, output: Payload) -> bool {
        self.send(EventKind::TaskSubmitted { task: self.task, output }).await
    }

    /// The result.
    pub async fn succeeded(&self, output: Payload) -> bool {
        self.send(EventKind::TaskSucceeded { task: self.task, output }).await
    }

    /// The failure.
    pub async fn failed(&self, error: Option<Text>, cause: Option<Text>, failure: TaskFailure) -> bool {
        self.send(EventKind::TaskFailed { task: self.task, error, cause, failure }).await
    }

    async fn send(&self, event: EventKind) -> bool {
        match &self.to {
            Target::Memory(to) => to.send(event).is_ok(),
            Target::Durable(journal, key) => journal.deliver_at_last(key, self.task, event).await,
        }
    }
}
