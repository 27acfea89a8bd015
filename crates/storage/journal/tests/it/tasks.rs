//! Tasks that answer as their state's name says, and note what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use windlass_asl::Resource;
use windlass_journal::{CutOff, Permit, TaskJob, Tasks};
use windlass_value::{Payload, Text, Value};
use windlass_workflow::{Identity, TaskCall, TaskFailure, TaskId, token_wanted};

/// What outlives crashes of the server: the world around it.
#[derive(Default)]
pub(crate) struct Outside {
    /// How often each attempt was sent.
    pub(crate) sent: BTreeMap<(String, TaskId), u32>,
    /// Sends by state, to answer the first otherwise than the second.
    by_state: BTreeMap<String, u32>,
    /// Results whose delivery was acknowledged.
    pub(crate) acknowledged: BTreeSet<(String, TaskId)>,
    /// Tokens of tasks, for those who ask.
    pub(crate) seen: BTreeMap<TaskId, String>,
    /// Tokens that somebody holds and will answer.
    pub(crate) tokens: Vec<(String, Payload)>,
    /// Calls that were handed over to be sent.
    pub(crate) performed: u32,
    /// Calls that were told to stop.
    pub(crate) cancelled: BTreeSet<(String, TaskId)>,
}

/// One process's way to the world.
pub(crate) struct FakeTasks {
    pub(crate) outside: Arc<Mutex<Outside>>,
    /// Whether a slot is free at once.
    pub(crate) admits: bool,
}

impl Tasks for FakeTasks {
    fn refusal(&self, _call: &TaskCall) -> Option<String> {
        None
    }

    fn admit(&self, _call: &TaskCall) -> Option<Permit> {
        self.admits.then(|| Box::new(()) as Permit)
    }

    fn perform(self: Arc<Self>, job: TaskJob) {
        self.outside.lock().performed += 1;
        tokio::spawn(async move {
            let arn = job.identity.arn.to_string();
            let TaskJob { call, started, answers, .. } = job;
            let activity = call.resource == Resource::Activity;
            if started.is_none() && !answers.started(activity.then(|| "worker".into())).await {
                return;
            }
            let nth = {
                let mut outside = self.outside.lock();
                *outside.sent.entry((arn.clone(), call.task)).or_default() += 1;
                let nth = outside.by_state.entry(call.state.to_string()).or_default();
                *nth += 1;
                *nth
            };
            let state = call.state.to_string();
            if token_wanted(&call.resource) {
                let token = call.token.as_ref().map(|token| token.to_string()).unwrap_or_default();
                self.outside.lock().seen.insert(call.task, token.clone());
                // What was sent holds the token, whether or not the server hears that it arrived.
                if !state.starts_with("Silent") || nth > 1 {
                    self.outside.lock().tokens.push((token, call.parameters.clone()));
                }
                if !activity {
                    answers.submitted(Payload::from_value(Value::from("sent"))).await;
                }
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let fails = state.starts_with("Fails") || (state.starts_with("Once") && nth == 1);
            let taken = if fails {
                answers.failed(Some("E".into()), Some("as scripted".into()), TaskFailure::Run).await
            } else {
                answers.succeeded(call.parameters.clone()).await
            };
            if taken && !fails {
                self.outside.lock().acknowledged.insert((arn, call.task));
            }
        });
    }

    fn cancel(&self, execution_arn: &Text, task: TaskId) {
        self.outside.lock().cancelled.insert((execution_arn.to_string(), task));
    }

    fn cut_off(&self, _identity: &Identity, _call: &TaskCall) -> CutOff {
        CutOff::Failed { error: "Lambda.SdkClientException".into(), cause: "cut off".into() }
    }
}
