//! Tasks that answer as their state's name says, and note what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use windlass_asl::{Pattern, Resource};
use windlass_journal::{Answers, Clock, CutOff, DataKey, DataKeyError, Permit, Record, TaskJob, Tasks};
use windlass_value::{Payload, Text, Timestamp, Value};
use windlass_workflow::{Identity, TaskCall, TaskFailure, TaskId, token_wanted};

use crate::world::TestClock;

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
    /// How often each job was submitted, always as the same job.
    pub(crate) jobs: BTreeMap<(String, TaskId), u32>,
    /// Jobs that a restart took up again.
    pub(crate) resumed: u32,
    /// Executions that were told to have closed.
    pub(crate) closed: Vec<String>,
    /// Plain data keys by what they are wrapped as: who holds the key that wraps them.
    pub(crate) keys: BTreeMap<Vec<u8>, [u8; 32]>,
    /// Whether whoever holds the keys refuses.
    pub(crate) keys_refused: bool,
    /// How often a data key was asked for.
    pub(crate) keys_asked: u32,
    /// Calls that were told to stop.
    pub(crate) cancelled: BTreeSet<(String, TaskId)>,
}

impl Outside {
    /// A new data key.
    pub(crate) fn make_key(&mut self, now: Timestamp) -> Arc<DataKey> {
        let number = self.keys.len() as u8 + 1;
        let wrapped = vec![b'w', number, 0xff, 0];
        self.keys.insert(wrapped.clone(), [number; 32]);
        Arc::new(DataKey::new(wrapped, &[number; 32], now.plus_ms(KEY_MS)))
    }

    /// One that was made before.
    pub(crate) fn open_key(&self, wrapped: &[u8], now: Timestamp) -> Arc<DataKey> {
        let plain = self.keys.get(wrapped).expect("a key that was made");
        Arc::new(DataKey::stored(wrapped.to_vec(), plain, now.plus_ms(KEY_MS)))
    }
}

/// How long a data key may be used.
const KEY_MS: i64 = 60_000;

/// One process's way to the world.
pub(crate) struct FakeTasks {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) outside: Arc<Mutex<Outside>>,
    /// Whether a slot is free at once.
    pub(crate) admits: bool,
}

fn is_job(resource: &Resource) -> bool {
    matches!(resource, Resource::Integration { pattern: Pattern::Sync, .. })
}

impl FakeTasks {
    /// Waits for a job to end, and tells of it.
    async fn watch(&self, arn: String, answers: Answers, output: Payload) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let task = answers.task();
        if answers.succeeded(output.without_place()).await {
            self.outside.lock().acknowledged.insert((arn, task));
        }
    }
}

impl Tasks for FakeTasks {
    fn refusal(&self, call: &TaskCall) -> Option<String> {
        assert_ne!(&*call.state, "Panics", "as the state's name says");
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
            if is_job(&call.resource) {
                *self.outside.lock().jobs.entry((arn.clone(), call.task)).or_default() += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
                if answers.submitted(Payload::from_value(Value::from("job"))).await {
                    self.watch(arn, answers, call.parameters).await;
                }
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

    fn resume(self: Arc<Self>, job: TaskJob, submitted: Payload) {
        assert_eq!(submitted.value(), &Value::from("job"));
        assert!(is_job(&job.call.resource));
        self.outside.lock().resumed += 1;
        tokio::spawn(async move {
            let TaskJob { identity, call, answers, .. } = job;
            self.watch(identity.arn.to_string(), answers, call.parameters).await;
        });
    }

    fn data_key(
        self: Arc<Self>,
        _record: Record,
        wrapped: Option<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<DataKey>, DataKeyError>> + Send>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut outside = self.outside.lock();
            outside.keys_asked += 1;
            if outside.keys_refused {
                let (error, cause) = ("States.Runtime".into(), "the key is disabled".into());
                return Err(DataKeyError::Refused { error, cause });
            }
            let now = self.clock.now();
            Ok(match wrapped {
                Some(wrapped) => outside.open_key(&wrapped, now),
                None => outside.make_key(now),
            })
        })
    }

    fn closed(&self, execution_arn: &Text) {
        self.outside.lock().closed.push(execution_arn.to_string());
    }

    fn cancel(&self, execution_arn: &Text, task: TaskId) {
        self.outside.lock().cancelled.insert((execution_arn.to_string(), task));
    }

    fn cut_off(&self, _identity: &Identity, call: &TaskCall) -> CutOff {
        if is_job(&call.resource) {
            return CutOff::Again;
        }
        CutOff::Failed { error: "Lambda.SdkClientException".into(), cause: "cut off".into() }
    }
}
