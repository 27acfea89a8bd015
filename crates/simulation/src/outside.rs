//! The world that tasks call. It outlives the server's crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use windlass_asl::{Pattern, Resource};
use windlass_journal::{Answers, CutOff, Permit, TaskJob, Tasks};
use windlass_value::{Payload, Text, Value, object};
use windlass_workflow::{Identity, TaskCall, TaskFailure, TaskId, token_wanted};

use crate::random::Random;

/// What happened outside.
#[derive(Default)]
pub(crate) struct Outside {
    /// How often each attempt was sent.
    pub(crate) sent: BTreeMap<(String, TaskId), u32>,
    /// Jobs that were submitted, however often: a repeat is the same job.
    pub(crate) jobs: BTreeSet<(String, TaskId)>,
    /// Attempts whose result was taken.
    pub(crate) taken: BTreeMap<(String, TaskId), bool>,
    /// Who will answer with a token, and when, in milliseconds from now.
    pub(crate) tokens: Vec<HeldToken>,
}

/// A token in somebody's hands.
#[derive(Clone)]
pub(crate) struct HeldToken {
    pub(crate) token: String,
    pub(crate) execution: String,
    pub(crate) task: TaskId,
    pub(crate) after_ms: u64,
    pub(crate) output: Option<Payload>,
    pub(crate) beats: bool,
}

/// One process's way outside. What a task answers follows from the seed and
/// its id, never from the order in which tasks are called.
pub(crate) struct SimulatedTasks {
    pub(crate) seed: u64,
    pub(crate) outside: Arc<Mutex<Outside>>,
}

fn is_job(resource: &Resource) -> bool {
    matches!(resource, Resource::Integration { pattern: Pattern::Sync, .. })
}

impl SimulatedTasks {
    fn random(&self, arn: &str, task: TaskId) -> Random {
        Random::named(self.seed, &format!("{arn} {task}"))
    }

    /// Waits for a job to end, and tells of it.
    async fn watch(&self, arn: String, answers: Answers) {
        let task = answers.task();
        let mut random = Random::named(self.seed, &format!("job {arn} {task}"));
        tokio::time::sleep(Duration::from_millis(random.below(4_000))).await;
        let fails = random.chance(30);
        let taken = if fails {
            answers.failed(Some("Outside".into()), Some("as drawn".into()), TaskFailure::Run).await
        } else {
            answers.succeeded(Payload::from_value(Value::from(task.event_id))).await
        };
        if taken {
            self.outside.lock().taken.insert((arn, task), !fails);
        }
    }
}

impl Tasks for SimulatedTasks {
    fn refusal(&self, _call: &TaskCall) -> Option<String> {
        None
    }

    fn admit(&self, call: &TaskCall) -> Option<Permit> {
        Random::named(self.seed, &format!("admit {}", call.task)).chance(50).then(|| Box::new(()) as Permit)
    }

    fn perform(self: Arc<Self>, job: TaskJob) {
        tokio::spawn(async move {
            let arn = job.identity.arn.to_string();
            let TaskJob { call, started, answers, .. } = job;
            let activity = call.resource == Resource::Activity;
            let mut random = self.random(&arn, call.task);
            tokio::time::sleep(Duration::from_millis(random.below(300))).await;
            if started.is_none() && !answers.started(activity.then(|| "worker".into())).await {
                return;
            }
            if is_job(&call.resource) {
                self.outside.lock().jobs.insert((arn.clone(), call.task));
                tokio::time::sleep(Duration::from_millis(random.below(200))).await;
                if answers.submitted(Payload::from_value(object! { "JobId" => "j" })).await {
                    self.watch(arn, answers).await;
                }
                return;
            }
            *self.outside.lock().sent.entry((arn.clone(), call.task)).or_default() += 1;
            let fails = random.chance(30);
            let silent = random.chance(15);
            let output = match call.parameters.value()["Payload"].clone() {
                Value::Null => Value::from(call.task.event_id),
                payload => object! { "Payload" => payload },
            };
            if token_wanted(&call.resource) {
                if let Some(token) = call.token.as_ref().filter(|_| !silent) {
                    self.outside.lock().tokens.push(HeldToken {
                        token: token.to_string(),
                        execution: arn,
                        task: call.task,
                        after_ms: random.below(8_000),
                        output: (!fails).then(|| Payload::from_value(output)),
                        beats: random.chance(70),
                    });
                }
                if !activity {
                    tokio::time::sleep(Duration::from_millis(random.below(200))).await;
                    answers.submitted(Payload::from_value(object! { "MessageId" => "m" })).await;
                }
                return;
            }
            tokio::time::sleep(Duration::from_millis(random.below(3_000))).await;
            if fails {
                let failure = if random.chance(20) { TaskFailure::Start } else { TaskFailure::Run };
                answers.failed(Some("Outside".into()), Some("as drawn".into()), failure).await;
            } else if answers.succeeded(Payload::from_value(output)).await {
                self.outside.lock().taken.insert((arn, call.task), true);
            }
        });
    }

    fn resume(self: Arc<Self>, job: TaskJob, submitted: Payload) {
        let (arn, answers) = (job.identity.arn.to_string(), job.answers);
        let is_known = self.outside.lock().jobs.contains(&(arn.clone(), answers.task()));
        assert!(is_known && submitted.value()["JobId"] == Value::from("j"), "a job is taken up that nobody submitted");
        tokio::spawn(async move { self.watch(arn, answers).await });
    }

    fn cancel(&self, _execution_arn: &Text, _task: TaskId) {}

    fn cut_off(&self, _identity: &Identity, call: &TaskCall) -> CutOff {
        if is_job(&call.resource) {
            return CutOff::Again;
        }
        CutOff::Failed { error: "Lambda.SdkClientException".into(), cause: "cut off".into() }
    }
}
