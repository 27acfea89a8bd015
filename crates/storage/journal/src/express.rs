//! Express executions: the same machine in memory. A synchronous one stores
//! nothing; an asynchronous one stores its start before it is answered and runs
//! again if a crash comes before its end (at least once).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use windlass_store::{Batch, Row};
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{
    Effect, Event, EventKind, Execution, History, HistoryEvent, Identity, Status, TaskCall, TaskId, TimerId, World,
    step,
};

use crate::definition::JournalDefinition;
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
    version_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias_arn: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    details: String,
}

impl Journal {
    /// Runs an Express execution to its end in memory. With `log` its events
    /// are kept and answered.
    pub async fn run_express(&self, new: NewExecution, log: bool) -> ExpressOutcome {
        let started_at = new.identity.started_at;
        let NewExecution { identity, definition, qualifiers, details } = new;
        let identity = Arc::new(identity);
        let details = Kept::Object(&details);
        let watch = self.watch(Subject { identity: &identity, qualifiers: &qualifiers, details });
        let (execution, events) = self.run_in_memory(identity, &definition, log, watch.as_deref()).await;
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
        let stored = StoredStart {
            v: 1,
            arn: record.arn.to_string(),
            name: record.name.to_string(),
            machine_arn: record.machine_arn.to_string(),
            machine_name: record.machine_name.to_string(),
            role_arn: record.role_arn.to_string(),
            region: record.region.to_string(),
            started_at: record.started_at.as_ms(),
            input: new.identity.input.text().to_string(),
            definition: record.definition_hash.to_string(),
            version_arn: record.qualifiers.version_arn.as_deref().map(str::to_owned),
            alias_arn: record.qualifiers.alias_arn.as_deref().map(str::to_owned),
            details: record.details.to_string(),
        };
        let value = serde_json::to_vec(&stored).map_err(|error| {
            StartError::Unavailable(JournalError::Record { arn: record.arn.to_string(), reason: error.to_string() })
        })?;
        let mut batch = Batch::default();
        batch.expect_absent(&OUTBOX, row.clone());
        batch.put(&OUTBOX, row, outbox_columns("express", &record.arn), value);
        let new_definition = self.store_definition(&new.definition, &mut batch);
        self.store().commit(batch).await.map_err(|error| StartError::Unavailable(error.into()))?;
        if new_definition {
            self.definition_stored(new.definition.clone());
        }
        self.run_stored_express(key, new.identity, new.definition, &record.qualifiers, &record.details);
        Ok(record)
    }

    fn run_stored_express(
        &self,
        key: ExecutionKey,
        identity: Identity,
        definition: Arc<JournalDefinition>,
        qualifiers: &Qualifiers,
        details: &Text,
    ) {
        let journal = self.clone();
        let identity = Arc::new(identity);
        let details = Kept::Text(details);
        let watch = self.watch(Subject { identity: &identity, qualifiers, details });
        tokio::spawn(async move {
            let (execution, _) = journal.run_in_memory(identity, &definition, false, watch.as_deref()).await;
            tracing::debug!(execution = %key.arn(), status = execution.status.as_str(), "an Express execution ended");
            journal.forget_express(&key).await;
        });
    }

    /// Removes the stored start of an execution that ended. What the store
    /// cannot write now it is asked again, or the execution would run twice.
    async fn forget_express(&self, key: &ExecutionKey) {
        let mut pauses = Pauses::new();
        loop {
            let mut batch = Batch::default();
            batch.delete(&OUTBOX, key.row());
            let error = match self.store().commit(batch).await {
                Ok(()) => return,
                Err(error) => JournalError::from(error),
            };
            if !error.is_passing() || self.is_stopping() {
                tracing::error!(execution = %key.arn(), %error, "the end of an Express execution could not be stored; it will run again");
                return;
            }
            pauses.pause().await;
        }
    }

    /// Runs an Express execution again that a crash cut off.
    pub(crate) fn resume_express(&self, row: Row) {
        let resumed = serde_json::from_slice::<StoredStart>(&row.value).ok().and_then(|stored| {
            let definition = self.definition(&stored.definition).ok().flatten()?;
            let input = Payload::from_text(stored.input).ok()?;
            let key = ExecutionKey::from_arn(&stored.arn)?;
            let identity = Identity {
                arn: stored.arn.into(),
                name: stored.name.into(),
                machine_arn: stored.machine_arn.into(),
                machine_name: stored.machine_name.into(),
                role_arn: stored.role_arn.into(),
                region: stored.region.into(),
                started_at: Timestamp(stored.started_at),
                input,
                express: true,
            };
            let qualifiers = Qualifiers {
                version_arn: stored.version_arn.map(Into::into),
                alias_arn: stored.alias_arn.map(Into::into),
            };
            Some((key, identity, definition, qualifiers, Text::from(stored.details)))
        });
        match resumed {
            Some((key, identity, definition, qualifiers, details)) => {
                self.run_stored_express(key, identity, definition, &qualifiers, &details);
            }
            None => tracing::error!(key = ?row.key, "a stored Express start cannot be read and is left alone"),
        }
    }

    /// Runs an execution to its end; answers it, and its events with `log`. A watch
    /// is told of events as they come, if it wants any, and of the end.
    async fn run_in_memory(
        &self,
        identity: Arc<Identity>,
        definition: &JournalDefinition,
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
        let world = World { limits: self.limits(), refusal: &refusal, token: &token };
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
                    Effect::Finished(_) => {}
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
