//! Express executions: the same machine in memory. A synchronous one stores
//! nothing; an asynchronous one stores its start before it is answered and runs
//! again if a crash comes before its end (at least once).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use windlass_store::{Batch, Row};
use windlass_value::{Object, Payload, Text, Timestamp};
use windlass_workflow::{
    Effect, Event, EventKind, Execution, History, HistoryEvent, Identity, Limits, Status, TaskCall, TaskId, TimerId,
    World, step,
};

use crate::contents::Content;
use crate::data_key::DataKeyError;
use crate::definition::JournalDefinition;
use crate::drive::blocking;
use crate::error::{JournalError, StartError};
use crate::journal::{Journal, NewExecution, Qualifiers};
use crate::key::ExecutionKey;
use crate::observer::{Kept, Observed, Subject, Watch};
use crate::pauses::Pauses;
use crate::record::Record;
use crate::tables::OUTBOX;
use crate::tasks::{Answers, TaskJob};
use crate::turn::outbox_columns;

/// How a synchronous Express execution ended.
#[derive(Clone, Debug)]
pub struct ExpressOutcome {
    /// Where it stands: never running.
    pub status: Status,
    /// Its output, if it succeeded.
    pub output: Option<Payload>,
    /// Its error, if it failed.
    pub error: Option<Text>,
    /// Its cause, if it failed.
    pub cause: Option<Text>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Timestamp,
    /// Its events, if they were asked for.
    pub events: Vec<HistoryEvent>,
}

#[derive(Serialize, Deserialize)]
struct StoredStart {
    v: u32,
    arn: String,
    name: String,
    machine_arn: String,
    machine_name: String,
    role_arn: String,
    region: String,
    started_at: i64,
    input: String,
    definition: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mocks: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias_arn: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    details: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aws_limits: Option<bool>,
    /// The content that is the input, and its bytes; then `input` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<(String, u64)>,
    /// The data key as it is stored, where the input is sealed: in `input` as base64,
    /// or in the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped_key: Option<String>,
}

/// 2 added inputs that are contents or sealed; other starts are written in format 1.
const FORMAT: u32 = 2;

/// What a sealed input is bound to.
fn input_place(arn: &str) -> Vec<u8> {
    [b"express\0", arn.as_bytes()].concat()
}

impl Journal {
    /// Runs an Express execution to its end in memory. With `log` its events
    /// are kept and answered.
    pub async fn run_express(&self, new: NewExecution, log: bool) -> ExpressOutcome {
        let started_at = new.identity.started_at;
        let NewExecution { identity, definition, qualifiers, details, options, concurrency: _ } = new;
        let identity = Arc::new(identity);
        let details = Kept::Object(&details);
        let watch = self.watch(Subject { identity: &identity, qualifiers: &qualifiers, details });
        let limits = self.limits_of(options.aws_limits);
        let (execution, events) = self.run_in_memory(identity, &definition, limits, log, watch.as_deref()).await;
        ExpressOutcome {
            status: execution.status,
            output: execution.output,
            error: execution.error,
            cause: execution.cause,
            started_at,
            stopped_at: execution.stopped_at.unwrap_or_else(|| self.clock().now()),
            events,
        }
    }

    /// Starts an asynchronous Express execution: its start is durable when this
    /// answers.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_express(&self, new: NewExecution) -> Result<Record, StartError> {
        self.admit_start()?;
        let record = Record::new(&new);
        let (key, row) = record.key().map_err(StartError::Unavailable)?;
        let failed =
            |reason: String| StartError::Unavailable(JournalError::Record { arn: record.arn.to_string(), reason });
        let text = new.identity.input.text();
        let is_large = text.len() > self.inline_bytes_max();
        let sealed = match &new.options.data_key {
            Some(key) => {
                let sealed = key.seal(&input_place(&record.arn), text.as_bytes());
                Some(Bytes::from(sealed.map_err(|error| failed(error.to_string()))?))
            }
            None => None,
        };
        let contents: Vec<Content> = match &sealed {
            _ if !is_large => Vec::new(),
            Some(sealed) => vec![Content::new(sealed.clone())],
            None => vec![Content::new(Bytes::copy_from_slice(text.as_bytes()))],
        };
        let stored = StoredStart {
            v: if contents.is_empty() && sealed.is_none() { 1 } else { FORMAT },
            arn: record.arn.to_string(),
            name: record.name.to_string(),
            machine_arn: record.machine_arn.to_string(),
            machine_name: record.machine_name.to_string(),
            role_arn: record.role_arn.to_string(),
            region: record.region.to_string(),
            started_at: record.started_at.as_ms(),
            input: match &sealed {
                _ if is_large => String::new(),
                Some(sealed) => STANDARD.encode(sealed),
                None => text.to_string(),
            },
            definition: record.definition_hash.to_string(),
            mocks: record.mocks.as_ref().map(|mocks| mocks.to_string()),
            version_arn: record.qualifiers.version_arn.as_deref().map(str::to_owned),
            alias_arn: record.qualifiers.alias_arn.as_deref().map(str::to_owned),
            details: record.details.to_string(),
            aws_limits: new.options.aws_limits,
            content: contents.first().map(|content| (content.id.to_string(), content.bytes.len() as u64)),
            wrapped_key: new.options.data_key.as_ref().map(|key| STANDARD.encode(key.wrapped())),
        };
        let value = serde_json::to_vec(&stored).map_err(|error| failed(error.to_string()))?;
        let mut batch = Batch::default();
        batch.expect_absent(&OUTBOX, row.clone());
        batch.put(&OUTBOX, row, outbox_columns("express", &record.arn), value);
        self.refer_to(&mut batch, &key.row(), &contents);
        let new_definition = self.store_definition(&new.definition, &mut batch);
        self.commit_with(batch, contents).await.map_err(StartError::Unavailable)?;
        if new_definition {
            self.definition_stored(new.definition.clone());
        }
        self.run_stored_express(key, new.identity, new.definition, &record);
        Ok(record)
    }

    fn run_stored_express(
        &self,
        key: ExecutionKey,
        identity: Identity,
        definition: Arc<JournalDefinition>,
        record: &Record,
    ) {
        let journal = self.clone();
        let identity = Arc::new(identity);
        let details = Kept::Text(&record.details);
        let watch = self.watch(Subject { identity: &identity, qualifiers: &record.qualifiers, details });
        let aws_limits = record.aws_limits;
        tokio::spawn(async move {
            let limits = journal.limits_of(aws_limits);
            let (execution, _) = journal.run_in_memory(identity, &definition, limits, false, watch.as_deref()).await;
            tracing::debug!(execution = %key.arn(), status = execution.status.as_str(), "an Express execution ended");
            journal.forget_express(&key).await;
        });
    }

    /// Removes the stored start of an execution that ended. What the store
    /// cannot write now it is asked again, or the execution would run twice.
    async fn forget_express(&self, key: &ExecutionKey) {
        let mut pauses = Pauses::new();
        loop {
            let error = match self.forget_express_once(key).await {
                Ok(()) => return,
                Err(error) => error,
            };
            if !error.is_passing() || self.is_stopping() {
                tracing::error!(execution = %key.arn(), %error, "the end of an Express execution could not be stored; it will run again");
                return;
            }
            pauses.pause().await;
        }
    }

    async fn forget_express_once(&self, key: &ExecutionKey) -> Result<(), JournalError> {
        let mut batch = Batch::default();
        batch.delete(&OUTBOX, key.row());
        let contents = self.let_go(&mut batch, &key.row()).await?;
        self.store().commit(batch).await?;
        self.released(contents);
        Ok(())
    }

    /// Runs an Express execution again that a crash cut off.
    pub(crate) fn resume_express(&self, row: Row) {
        let journal = self.clone();
        tokio::spawn(async move {
            let key = row.key.clone();
            if let Err(error) = journal.resume_stored_express(row).await {
                tracing::error!(?key, %error, "a stored Express start cannot be taken up and is left alone");
            }
        });
    }

    async fn resume_stored_express(&self, row: Row) -> Result<(), JournalError> {
        let arn = || format!("{:?}", row.key);
        let failed = |reason: String| JournalError::Record { arn: arn(), reason };
        let stored: StoredStart = serde_json::from_slice(&row.value).map_err(|error| failed(error.to_string()))?;
        if stored.v > FORMAT {
            return Err(failed(format!("it has format {}, which this release does not read", stored.v)));
        }
        let key = ExecutionKey::from_arn(&stored.arn).ok_or_else(|| failed("it has no ARN".into()))?;
        let mut identity = Identity {
            arn: stored.arn.as_str().into(),
            name: stored.name.as_str().into(),
            machine_arn: stored.machine_arn.as_str().into(),
            machine_name: stored.machine_name.as_str().into(),
            role_arn: stored.role_arn.as_str().into(),
            region: stored.region.as_str().into(),
            started_at: Timestamp(stored.started_at),
            input: Payload::from_valid_text("null"),
            express: true,
            mocks: stored.mocks.as_deref().map(Into::into),
        };
        let details = windlass_value::parse(&stored.details).ok();
        let details = details.as_ref().and_then(|details| details.as_object());
        let details = details.map_or_else(Object::new, |details| Object::clone(details));
        let mut record = Record::of_identity(&identity, &stored.definition, details);
        record.aws_limits = stored.aws_limits;
        record.qualifiers = Qualifiers {
            version_arn: stored.version_arn.as_deref().map(Into::into),
            alias_arn: stored.alias_arn.as_deref().map(Into::into),
        };
        let definition = loop {
            match self.definition(&stored.definition) {
                Err(JournalError::Locked { wrapped, .. }) => self.open_at_last(&record, wrapped).await?,
                definition => break definition?,
            }
        };
        let definition = definition.ok_or_else(|| failed("its definition is not stored".into()))?;
        identity.input = self.stored_input(&key, &record, &stored).await?;
        self.run_stored_express(key, identity, definition, &record);
        Ok(())
    }

    /// Opens a data key for a start, asking again while nobody answers.
    async fn open_at_last(&self, record: &Record, wrapped: Bytes) -> Result<(), JournalError> {
        let mut pauses = Pauses::new();
        while let Err(error) = self.open_for_itself(record, wrapped.clone()).await {
            if matches!(error, DataKeyError::Refused { .. }) || self.is_stopping() {
                let reason = format!("its data key is not to be had: {error}");
                return Err(JournalError::Record { arn: record.arn.to_string(), reason });
            }
            pauses.pause().await;
        }
        Ok(())
    }

    /// The input of a stored start, from wherever it is.
    async fn stored_input(
        &self,
        key: &ExecutionKey,
        record: &Record,
        stored: &StoredStart,
    ) -> Result<Payload, JournalError> {
        let arn = key.arn();
        let failed = |reason: String| JournalError::Record { arn: arn.to_string(), reason };
        let content = stored.content.clone();
        let content = match content {
            Some((id, bytes)) => {
                let owner = arn.clone();
                Some(blocking(self, key, move |journal, _| journal.read_content(&owner, &id, bytes)).await?)
            }
            None => None,
        };
        let Some(wrapped) = &stored.wrapped_key else {
            let text = match content {
                Some(content) => String::from_utf8(content.into()).map_err(|error| failed(error.to_string()))?,
                None => stored.input.clone(),
            };
            return Payload::from_text(text).map_err(|error| failed(error.to_string()));
        };
        let decode = |text: &str| STANDARD.decode(text).map(Bytes::from).map_err(|error| failed(error.to_string()));
        let wrapped = decode(wrapped)?;
        self.open_at_last(record, wrapped.clone()).await?;
        let sealed = match content {
            Some(content) => content,
            None => decode(&stored.input)?,
        };
        let plain = self.key_of(arn, &wrapped)?.open(&input_place(arn), &sealed);
        let plain = plain.map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(plain.into()).map_err(|error| failed(error.to_string()))?;
        Payload::from_text(text).map_err(|error| failed(error.to_string()))
    }

    /// Runs an execution to its end; answers it, and its events with `log`. A watch
    /// is told of events as they come, if it wants any, and of the end.
    pub(crate) async fn run_in_memory(
        &self,
        identity: Arc<Identity>,
        definition: &JournalDefinition,
        limits: &Limits,
        log: bool,
        watch: Option<&dyn Watch>,
    ) -> (Execution, Vec<HistoryEvent>) {
        let watches_events = watch.is_some_and(Watch::wants_history);
        let mut history = if log || watches_events { History::On(Vec::new()) } else { History::Off };
        let mut events = Vec::new();
        let mut execution = Execution::new_with(identity);
        let arn = execution.identity.arn.clone();
        let token = |task: TaskId| self.seal(&arn, task);
        let refusal = |call: &TaskCall| self.tasks().refusal(call);
        let world = World { limits, refusal: &refusal, token: &token };
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let mut timers: BTreeMap<(Timestamp, TimerId), ()> = BTreeMap::new();
        let mut next = Some(EventKind::Start);
        while execution.is_running() {
            // What is due and what has come in go before a turn that goes on, or
            // a loop without end would never time out.
            let kind = match next.take() {
                Some(kind) => match self.due(&mut timers).or_else(|| receiver.try_recv().ok()) {
                    Some(earlier) => {
                        next = Some(kind);
                        earlier
                    }
                    None => kind,
                },
                None => match self.next_event(&mut receiver, &mut timers).await {
                    Some(kind) => kind,
                    None => continue,
                },
            };
            let begins = matches!(kind, EventKind::Start);
            let event = Event { at: self.clock().now(), seed: self.clock().seed(), kind };
            let effects = step(&definition.program, &mut execution, &event, &world, &mut history);
            let made = history.take();
            if let Some(watch) = watch {
                let seen: &[HistoryEvent] = if watches_events { &made } else { &[] };
                if !seen.is_empty() || !execution.is_running() {
                    watch.committed(Observed::new(&execution, seen, begins), None);
                }
            }
            if log {
                events.extend(made);
            }
            for effect in effects {
                match effect {
                    Effect::SetTimer { timer, at, .. } => {
                        timers.insert((at, timer), ());
                    }
                    Effect::CancelTimer(timer) => timers.retain(|(_, set), ()| *set != timer),
                    Effect::CancelTask(task) => self.tasks().cancel(&arn, task),
                    Effect::Call(call) => {
                        let started = self.tasks().admit(&call);
                        let task = call.task;
                        let answers = Answers::memory(sender.clone(), task);
                        if started.is_some() {
                            // The channel outlives this loop, so the event is always taken.
                            let _ = sender.send(EventKind::TaskStarted { task, worker: None });
                        }
                        let job = TaskJob { identity: execution.identity.clone(), call, started, answers };
                        self.tasks().clone().perform(job);
                    }
                    Effect::Continue => {
                        next = Some(EventKind::Continue);
                        // A loop without end must not hold the thread.
                        tokio::task::yield_now().await;
                    }
                    // No definition that is accepted leads here: Express machines have no
                    // distributed Map.
                    Effect::StartMapRun(plan) => {
                        let cause = "A Map state of mode DISTRIBUTED does not run in an Express execution.";
                        let _ = sender.send(EventKind::MapRunFailed {
                            task: plan.task,
                            error: Some("States.Runtime".into()),
                            cause: Some(cause.into()),
                        });
                    }
                    Effect::Finished(_) | Effect::AbortMapRun { .. } | Effect::RedriveMapRun { .. } => {}
                }
            }
            execution.take_changes();
        }
        (execution, events)
    }

    /// A timer whose instant has come.
    fn due(&self, timers: &mut BTreeMap<(Timestamp, TimerId), ()>) -> Option<EventKind> {
        let ((at, timer), ()) = timers.first_key_value()?;
        let (at, timer) = (*at, *timer);
        if at > self.clock().now() {
            return None;
        }
        timers.remove(&(at, timer));
        Some(EventKind::TimerFired { timer })
    }

    /// The next thing that happens to an execution in memory.
    async fn next_event(
        &self,
        receiver: &mut mpsc::UnboundedReceiver<EventKind>,
        timers: &mut BTreeMap<(Timestamp, TimerId), ()>,
    ) -> Option<EventKind> {
        if let Some(due) = self.due(timers) {
            return Some(due);
        }
        let Some(((at, _), ())) = timers.first_key_value() else { return receiver.recv().await };
        let wait_ms = (at.as_ms() - self.clock().now().as_ms()).max(0);
        tokio::select! {
            event = receiver.recv() => event,
            () = tokio::time::sleep(Duration::from_millis(wait_ms as u64)) => None,
        }
    }
}
