//! One turn: events in, one batch out, effects after it is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use windlass_asl::{Pattern, Resource, StateKind};
use windlass_store::{Batch, ColumnValue, Key};
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{
    Budget, CallOfIteration, Effect, Event, EventKind, FrameId, History, HistoryEvent, MockedCall, Phase, Status,
    TaskCall, TaskId, TaskPhase, TimerId, TimerKind, World, step_within,
};

use crate::concurrency::{Ticket, batch_ticket};
use crate::contents::Content;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::live::Live;
use crate::map_run::Spec;
use crate::observer::{Observed, Prepared};
use crate::slot::{Applied, Delivery, What};
use crate::stored::{Keeping, Place, StoredExecution, TurnWriter};
use crate::tables::{EXECUTIONS, OUTBOX, SNAPSHOTS, TIMERS};
use crate::tasks::{Answers, CutOff, Permit, TaskJob};
use crate::timers::HORIZON_MS;

/// Turns after which a snapshot is written.
const SNAPSHOT_TURNS: u64 = 64;
/// Turns that are cheap to fold, so that parking does not write a snapshot.
const FOLD_TURNS: u64 = 8;

/// A turn that is made but not durable yet.
pub(crate) struct Turn {
    pub(crate) batch: Batch,
    /// What must be written before the batch.
    pub(crate) contents: Vec<Content>,
    replies: Vec<(oneshot::Sender<Applied>, bool)>,
    effects: Vec<Effect>,
    admitted: Vec<(TaskId, Permit)>,
    offered: Vec<Offer>,
    /// Map Runs whose rows are in the batch.
    map_runs: Vec<Arc<Spec>>,
    /// What the turn's budget left no room for, in order: for the next one.
    pub(crate) rest: Vec<Delivery>,
    pub(crate) finished: Option<Status>,
    /// The ticket of an execution that it closes.
    pub(crate) left: Option<Ticket>,
    /// Its events, if somebody watches the execution, and what was prepared for them.
    watched: Vec<HistoryEvent>,
    prepared: Option<Prepared>,
    begins: bool,
}

/// A task to take up after a restart.
pub(crate) enum Offer {
    /// To be sent, and stored as started first.
    Send(TaskCall),
    /// To be sent once more: its start is durable.
    Again(TaskCall),
    /// A job that was submitted, with what its service answered.
    Resume(TaskCall, Payload),
}

impl Offer {
    fn call(&self) -> &TaskCall {
        match self {
            Offer::Send(call) | Offer::Again(call) | Offer::Resume(call, _) => call,
        }
    }
}

/// What the outbox keeps of a task, beside what its frame and definition say.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCall {
    #[serde(rename = "p")]
    pub(crate) parameters: Place,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) role_arn: Option<String>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<i64>,
    /// What the service answered when it took the job.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(crate) submitted: Option<Place>,
    /// Which call it is of an execution with mocks.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) mocked: Option<StoredMockedCall>,
}

/// (calls before it in the execution, the iteration with the calls before it there)
pub(crate) type StoredMockedCall = (u32, Option<(Vec<u32>, u32)>);

pub(crate) fn timer_key(row: &Key, timer: TimerId) -> Key {
    row.clone().number(timer.frame.0).number(timer.serial)
}

pub(crate) fn task_key(row: &Key, task: TaskId) -> Key {
    row.clone().number(task.frame.0).number(task.event_id)
}

/// The outbox row that says a turn must go on: no frame has this number.
pub(crate) fn continue_key(row: &Key) -> Key {
    row.clone().number(u64::MAX).number(0)
}

impl Journal {
    /// Runs the machine over what was delivered, as far as the turn's budget
    /// goes, and makes the batch.
    ///
    /// # Errors
    /// Where storage cannot be read; `Panicked`, after which `live` is not to be
    /// trusted: the execution as it is stored is.
    pub(crate) fn make_turn(&self, live: &mut Live, deliveries: Vec<Delivery>) -> Result<Turn, JournalError> {
        let made = catch_unwind(AssertUnwindSafe(|| self.make_turn_unguarded(live, deliveries)));
        made.unwrap_or_else(|_| Err(JournalError::Panicked { arn: live.key.arn().to_string() }))
    }

    fn make_turn_unguarded(&self, live: &mut Live, deliveries: Vec<Delivery>) -> Result<Turn, JournalError> {
        let (at, seed) = (self.clock().now(), self.clock().seed());
        let row = live.key.row();
        let mut writer = TurnWriter::new(live.key.uid(), live.turn + 1, at, seed, self.inline_bytes_max());
        let mut watched: Vec<HistoryEvent> = Vec::new();
        let arn = live.key.arn().clone();
        let token = |task: TaskId| self.seal(&arn, task);
        let refusal = |call: &TaskCall| self.tasks().refusal(call);
        let limits = self.limits_of(live.record.aws_limits);
        let world = World { limits, refusal: &refusal, token: &token };
        let definition = live.definition.clone();
        let mut batch = Batch::default();
        let mut replies = Vec::new();
        let mut effects: Vec<Effect> = Vec::new();
        let mut touched: Vec<TaskId> = Vec::new();
        let mut offered = Vec::new();
        let mut submitted: Vec<(TaskId, Payload)> = Vec::new();
        let mut applied_any = false;
        // Whether the execution was taken, or began.
        let mut runs: Option<bool> = None;
        let mut budget = Budget::default();

        let mut run = |live: &mut Live,
                       writer: &mut TurnWriter,
                       effects: &mut Vec<Effect>,
                       budget: &mut Budget,
                       serial: usize,
                       kind: EventKind| {
            let mut history = History::On(Vec::new());
            let event = Event { at, seed: seed.wrapping_add(serial as u64), kind };
            let program = &definition.program;
            effects.extend(step_within(program, &mut live.execution, &event, &world, &mut history, budget));
            let events = history.take();
            writer.events(&events);
            if live.watch.is_some() {
                watched.extend(events);
            }
        };

        // Each event that is applied has a seed of its own, which its place among
        // the turn's inputs tells whoever makes the turn once more.
        let mut serial = 0;
        let mut reopened = false;
        let mut begins = false;
        let mut deliveries = deliveries.into_iter();
        while !budget.is_spent(limits)
            && let Some(Delivery { what, reply }) = deliveries.next()
        {
            let kind = match what {
                What::Event(kind) => kind,
                What::Recover(tasks) => {
                    for task in tasks {
                        self.recover_task(live, task, &mut offered, &mut |live, kind| {
                            writer.input(describe(&kind));
                            run(live, &mut writer, &mut effects, &mut budget, serial, kind);
                            serial += 1;
                            applied_any = true;
                        })?;
                        touched.push(task);
                    }
                    continue;
                }
            };
            let current = is_current(live, &kind);
            if current {
                applied_any = true;
                writer.input(describe(&kind));
                if let Some(task) = task_of(&kind) {
                    touched.push(task);
                }
                if let EventKind::TimerFired { timer } = &kind {
                    live.timer_rows.remove(timer);
                    batch.delete(&TIMERS, timer_key(&row, *timer));
                }
                if matches!(kind, EventKind::Accept | EventKind::Start) {
                    runs = Some(matches!(kind, EventKind::Start));
                }
                if let EventKind::TaskSubmitted { task, output } = &kind {
                    submitted.push((*task, output.clone()));
                }
                // One that is taken to begin later counts as begun from then on.
                begins |= match kind {
                    EventKind::Start => live.execution.next_event_id == 1,
                    EventKind::Accept | EventKind::Fork { .. } => true,
                    _ => false,
                };
                if let EventKind::Redrive { from } | EventKind::Fork { from } = &kind {
                    reopened = true;
                    from.iter().for_each(|point| writer.restart(point));
                }
                run(live, &mut writer, &mut effects, &mut budget, serial, kind);
                serial += 1;
            } else if let EventKind::TimerFired { timer } = &kind {
                // A row that outlived its wait: nobody will ever want it.
                live.timer_rows.remove(timer);
                batch.delete(&TIMERS, timer_key(&row, *timer));
            }
            if let Some(reply) = reply {
                replies.push((reply, current));
            }
        }

        let rest: Vec<Delivery> = deliveries.collect();

        // A call that can be sent at once is stored as started together with
        // its schedule: one sync less for every task.
        let mut admitted: Vec<(TaskId, Permit)> = Vec::new();
        let mut index = 0;
        while index < effects.len() && !budget.holds_bytes_max(limits) {
            if let Effect::Call(call) = &effects[index]
                && call.resource != Resource::Activity
                && live.execution.task(call.task).is_some_and(|run| run.phase == TaskPhase::Scheduled)
                && let Some(permit) = self.tasks().admit(call)
            {
                let task = call.task;
                admitted.push((task, permit));
                run(
                    live,
                    &mut writer,
                    &mut effects,
                    &mut budget,
                    index + 1,
                    EventKind::TaskStarted { task, worker: None },
                );
            }
            index += 1;
        }

        let finished = (!live.execution.is_running()).then_some(live.execution.status);
        // Of the execution, not of the effects: a turn of stale events has none,
        // and what an earlier one left must still be gone on with.
        let continues = live.execution.has_work();
        self.batch_timers(live, &row, &effects, &mut batch);
        self.batch_tasks(live, &row, &effects, &touched, &mut writer, &mut batch)?;
        for (task, output) in submitted {
            if live.task_rows.contains(&task) && goes_on_here(live, task) {
                self.batch_submitted(live, task, &output, &mut writer, &mut batch)?;
            }
        }
        if continues != live.continue_row {
            live.continue_row = continues;
            let key = continue_key(&row);
            if continues {
                batch.put(&OUTBOX, key, outbox_columns("continue", &arn), Vec::new());
            } else {
                batch.delete(&OUTBOX, key);
            }
        }
        let mut map_runs = Vec::new();
        for effect in &effects {
            match effect {
                Effect::StartMapRun(plan) => map_runs.push(self.batch_map_run(live, plan, &mut batch)?),
                Effect::AbortMapRun { arn, .. } => self.batch_map_run_abort(arn, &mut batch),
                Effect::RedriveMapRun { task, arn } => self.batch_map_run_redrive(arn, *task, &mut batch),
                _ => {}
            }
        }
        let mut contents = Vec::new();
        let parks = finished.is_none() && !continues && may_park(live);
        // Its record goes without: redriven, it is no part of the line any more.
        let left = live.record.ticket.take_if(|_| applied_any && finished.is_some());
        if applied_any {
            if finished.is_some() || reopened {
                let output = live.execution.output.as_ref().map(|output| writer.place(output));
                live.record.update(&live.execution, output, live.data_key.as_deref())?;
                batch.put(&EXECUTIONS, row.clone(), live.record.columns(), live.record.value());
                if finished.is_some() {
                    self.batch_child_ended(&live.record, &mut batch);
                }
                // What may be redriven keeps its snapshot, or a redrive would read all turns.
                if live.snapshot_turn > 0 && finished == Some(Status::Succeeded) {
                    batch.delete(&SNAPSHOTS, row.clone());
                }
            }
            if let Some(ticket) = live.record.ticket.as_ref().or(left.as_ref())
                && (left.is_some() || runs.is_some())
            {
                batch_ticket(&live.record, ticket, runs.filter(|_| left.is_none()), &mut batch)?;
            }
            live.turn += 1;
            let snapshot = finished.is_none() && self.snapshot_due(live, parks);
            let snapshot_value = if snapshot {
                let stored = StoredExecution::from_live(&live.execution, live.turn, writer.payloads());
                Some(
                    serde_json::to_vec(&stored)
                        .map_err(|error| JournalError::Record { arn: arn.to_string(), reason: error.to_string() })?,
                )
            } else {
                None
            };
            let changes = live.execution.take_changes();
            let keeping = Keeping { row: &row, key: live.data_key.as_deref() };
            let entry = writer
                .finish(&live.execution, &changes, keeping)
                .map_err(|error| JournalError::Turn { arn: arn.to_string(), error })?;
            live.bytes_since_snapshot += entry.bytes.len();
            batch.append(row.clone(), live.turn, entry.bytes);
            self.refer_to(&mut batch, &row, &entry.contents);
            contents = entry.contents;
            if let Some(value) = snapshot_value {
                live.snapshot_turn = live.turn;
                live.snapshot_bytes = value.len();
                live.bytes_since_snapshot = 0;
                batch.put(&SNAPSHOTS, row.clone(), vec![ColumnValue::Text(arn.to_string())], value);
            }
        }
        self.count_transitions(&live.key, budget.transitions());
        let prepared = live
            .watch
            .as_ref()
            .filter(|_| begins || !watched.is_empty())
            .and_then(|watch| watch.prepare(Observed::new(&live.execution, &watched, begins), &mut batch));
        Ok(Turn {
            batch,
            contents,
            replies,
            effects,
            admitted,
            offered,
            map_runs,
            rest,
            finished,
            left,
            watched,
            prepared,
            begins,
        })
    }

    fn snapshot_due(&self, live: &Live, parks: bool) -> bool {
        let turns = live.turn - live.snapshot_turn;
        // Writing a large snapshot must stay a fraction of what was written since.
        let worth = live.bytes_since_snapshot >= live.snapshot_bytes;
        (turns >= SNAPSHOT_TURNS && worth) || (parks && turns >= FOLD_TURNS && worth)
    }

    fn batch_timers(&self, live: &mut Live, row: &Key, effects: &[Effect], batch: &mut Batch) {
        let standing: std::collections::HashSet<TimerId> = live.execution.timers().into_iter().collect();
        for effect in effects {
            match effect {
                Effect::SetTimer { timer, at, kind } if standing.contains(timer) => {
                    live.timer_rows.insert(*timer);
                    let columns = vec![ColumnValue::Integer(at.as_ms()), ColumnValue::Text(live.key.arn().to_string())];
                    batch.put(&TIMERS, timer_key(row, *timer), columns, timer_value(*timer, *kind));
                }
                Effect::CancelTimer(timer) if live.timer_rows.remove(timer) => {
                    batch.delete(&TIMERS, timer_key(row, *timer));
                }
                _ => {}
            }
        }
        if !live.execution.is_running() {
            for timer in live.timer_rows.drain() {
                batch.delete(&TIMERS, timer_key(row, timer));
            }
        }
    }

    fn batch_tasks(
        &self,
        live: &mut Live,
        row: &Key,
        effects: &[Effect],
        touched: &[TaskId],
        writer: &mut TurnWriter,
        batch: &mut Batch,
    ) -> Result<(), JournalError> {
        for effect in effects {
            if let Effect::Call(call) = effect
                && needs_row(live, call.task)
            {
                let stored = StoredCall {
                    parameters: writer.place(&call.parameters),
                    role_arn: call.role_arn.as_ref().map(|role| role.to_string()),
                    deadline: call.deadline.map(Timestamp::as_ms),
                    submitted: None,
                    mocked: call.mocked.as_ref().map(|mocked| {
                        let iteration = mocked.iteration.as_ref().map(|call| (call.indexes.clone(), call.number));
                        (mocked.number, iteration)
                    }),
                };
                let value = serde_json::to_vec(&stored).map_err(|error| JournalError::Record {
                    arn: live.key.arn().to_string(),
                    reason: error.to_string(),
                })?;
                live.task_rows.insert(call.task);
                batch.put(&OUTBOX, task_key(row, call.task), outbox_columns("task", live.key.arn()), value);
            }
        }
        let cancelled = effects.iter().filter_map(|effect| match effect {
            Effect::CancelTask(task) => Some(*task),
            _ => None,
        });
        for task in touched.iter().copied().chain(cancelled) {
            if live.task_rows.contains(&task) && !needs_row(live, task) {
                live.task_rows.remove(&task);
                batch.delete(&OUTBOX, task_key(row, task));
            }
        }
        Ok(())
    }

    /// Keeps a job's answer with its task, to go on watching it after a restart.
    fn batch_submitted(
        &self,
        live: &Live,
        task: TaskId,
        output: &Payload,
        writer: &mut TurnWriter,
        batch: &mut Batch,
    ) -> Result<(), JournalError> {
        let key = task_key(&live.key.row(), task);
        let Some(stored) = self.stored_call(live, &key)? else { return Ok(()) };
        let stored = StoredCall { submitted: Some(writer.place(output)), ..stored };
        let value = serde_json::to_vec(&stored)
            .map_err(|error| JournalError::Record { arn: live.key.arn().to_string(), reason: error.to_string() })?;
        batch.put(&OUTBOX, key, outbox_columns("task", live.key.arn()), value);
        Ok(())
    }

    fn stored_call(&self, live: &Live, key: &Key) -> Result<Option<StoredCall>, JournalError> {
        let Some(row) = self.store().get(&OUTBOX, key)? else { return Ok(None) };
        let stored = serde_json::from_slice(&row.value);
        stored
            .map(Some)
            .map_err(|error| JournalError::Record { arn: live.key.arn().to_string(), reason: error.to_string() })
    }

    /// After the batch is durable (or refused): answers those who wait and
    /// lets the effects out.
    pub(crate) fn finish_turn(
        &self,
        live: &mut Live,
        turn: Turn,
        outcome: Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let Turn { replies, effects, admitted, offered, map_runs, watched, prepared, begins, .. } = turn;
        if let Err(error) = outcome {
            for (reply, _) in replies {
                let _ = reply.send(Err(error.clone()));
            }
            return Err(error);
        }
        for (reply, applied) in replies {
            let _ = reply.send(Ok(applied));
        }
        map_runs.into_iter().for_each(|spec| self.start_map_run(spec));
        if let Some(watch) = live.watch.as_ref().filter(|_| begins || !watched.is_empty()) {
            watch.committed(Observed::new(&live.execution, &watched, begins), prepared);
        }
        let mut admitted: std::collections::HashMap<TaskId, Permit> = admitted.into_iter().collect();
        let now = self.clock().now();
        for effect in effects {
            match effect {
                Effect::SetTimer { timer, at, kind } => {
                    if live.timer_rows.contains(&timer) && at <= now.plus_ms(HORIZON_MS) {
                        self.timers().insert(&live.key, timer, at, kind);
                    }
                }
                Effect::CancelTimer(timer) => self.timers().cancel(&live.key, timer),
                Effect::CancelTask(task) => {
                    self.heartbeats().forget(live.key.uid(), task);
                    self.tasks().cancel(live.key.arn(), task);
                }
                Effect::Call(call) => {
                    if live.execution.task(call.task).is_some() {
                        let started = admitted.remove(&call.task);
                        self.perform(live, call, started);
                    }
                }
                Effect::AbortMapRun { arn, .. } => self.abort_map_run(&arn),
                Effect::RedriveMapRun { arn, .. } => self.redrive_map_run(&arn),
                Effect::Finished(_) => {
                    self.tasks().closed(live.key.arn());
                    self.child_ended(&live.record);
                }
                Effect::Continue | Effect::StartMapRun(_) => {}
            }
        }
        for offer in offered {
            // A later event of the turn may have ended it.
            if live.execution.task(offer.call().task).is_none() {
                continue;
            }
            match offer {
                Offer::Send(call) => self.perform(live, call, None),
                Offer::Again(call) => {
                    // It was counted when it was sent first; a slot it does not get now it goes without.
                    let permit = self.tasks().admit(&call).unwrap_or_else(|| Box::new(()));
                    self.perform(live, call, Some(permit));
                }
                Offer::Resume(call, submitted) => {
                    let job = self.job(live, call, None);
                    self.tasks().clone().resume(job, submitted);
                }
            }
        }
        Ok(())
    }

    fn perform(&self, live: &Live, call: TaskCall, started: Option<Permit>) {
        let job = self.job(live, call, started);
        self.tasks().clone().perform(job);
    }

    fn job(&self, live: &Live, call: TaskCall, started: Option<Permit>) -> TaskJob {
        let answers = Answers::durable(self.clone(), live.key.clone(), call.task);
        TaskJob { identity: live.execution.identity.clone(), call, started, answers }
    }

    /// A task the outbox names after a restart: not sent yet, it is sent now;
    /// sent and unanswered, it fails, for nobody knows whether it took effect,
    /// unless its callee knows repeats; a submitted job is taken up again.
    fn recover_task(
        &self,
        live: &mut Live,
        task: TaskId,
        offered: &mut Vec<Offer>,
        run: &mut dyn FnMut(&mut Live, EventKind),
    ) -> Result<(), JournalError> {
        live.task_rows.insert(task);
        let Some(phase) = live.execution.task(task).map(|run| run.phase) else { return Ok(()) };
        let Some((call, submitted)) = self.read_call(live, task)? else { return Ok(()) };
        match (phase, submitted) {
            (TaskPhase::Scheduled, _) => offered.push(Offer::Send(call)),
            // Who performs it knows whether a mock or a worker answers.
            (TaskPhase::Started, _) if call.resource == Resource::Activity && call.mocked.is_some() => {
                offered.push(Offer::Again(call));
            }
            (TaskPhase::Started, _) if call.resource != Resource::Activity => {
                match self.tasks().cut_off(&live.execution.identity, &call) {
                    CutOff::Again => offered.push(Offer::Again(call)),
                    CutOff::Failed { error, cause } => {
                        let failure = windlass_workflow::TaskFailure::Run;
                        run(live, EventKind::TaskFailed { task, error: Some(error), cause: Some(cause), failure });
                    }
                }
            }
            (TaskPhase::Submitted, Some(submitted)) if goes_on_here(live, task) => {
                offered.push(Offer::Resume(call, submitted));
            }
            (TaskPhase::Started | TaskPhase::Submitted, _) => {}
        }
        Ok(())
    }

    /// A task's call, from its outbox row, frame and definition; with the answer
    /// of a job that was submitted.
    fn read_call(&self, live: &Live, task: TaskId) -> Result<Option<(TaskCall, Option<Payload>)>, JournalError> {
        let arn = live.key.arn();
        let Some(stored) = self.stored_call(live, &task_key(&live.key.row(), task))? else { return Ok(None) };
        let Some(frame) = live.execution.frames.get(&task.frame) else { return Ok(None) };
        let Some(state) = windlass_workflow::state_of(&live.definition.program, &live.execution, frame) else {
            return Ok(None);
        };
        let StateKind::Task(definition) = &state.kind else { return Ok(None) };
        let parameters: Payload = self.read_payload(&live.key, stored.parameters)?;
        let submitted = stored.submitted.map(|place| self.read_payload(&live.key, place)).transpose()?;
        let token = windlass_workflow::token_wanted(&definition.resource).then(|| self.seal(arn, task));
        let call = TaskCall {
            task,
            state: state.name.clone(),
            resource: definition.resource.clone(),
            arn: definition.arn.clone(),
            parameters,
            role_arn: stored.role_arn.map(Into::into),
            deadline: stored.deadline.map(Timestamp),
            token,
            retry_count: frame.retries.count,
            mocked: stored.mocked.zip(live.execution.identity.mocks.clone()).map(|((number, iteration), mocks)| {
                let iteration = iteration.map(|(indexes, number)| CallOfIteration { indexes, number });
                MockedCall { mocks, number, iteration }
            }),
        };
        Ok(Some((call, submitted)))
    }
}

/// What a timer's row says beside its instant.
#[derive(Serialize, Deserialize)]
struct StoredTimer {
    f: u64,
    s: u64,
    /// (task's event, interval) of a heartbeat.
    #[serde(rename = "hb", default, skip_serializing_if = "Option::is_none")]
    heartbeat: Option<(u64, i64)>,
}

fn timer_value(timer: TimerId, kind: TimerKind) -> Vec<u8> {
    let heartbeat = match kind {
        TimerKind::Deadline => None,
        TimerKind::Heartbeat { task, interval_ms } => Some((task.event_id, interval_ms)),
    };
    serde_json::to_vec(&StoredTimer { f: timer.frame.0, s: timer.serial, heartbeat }).unwrap_or_default()
}

pub(crate) fn read_timer(value: &[u8]) -> Option<(TimerId, TimerKind)> {
    let stored: StoredTimer = serde_json::from_slice(value).ok()?;
    let frame = FrameId(stored.f);
    let kind = match stored.heartbeat {
        None => TimerKind::Deadline,
        Some((event_id, interval_ms)) => TimerKind::Heartbeat { task: TaskId { frame, event_id }, interval_ms },
    };
    Some((TimerId { frame, serial: stored.s }, kind))
}

pub(crate) fn outbox_columns(kind: &str, arn: &Text) -> Vec<ColumnValue> {
    vec![ColumnValue::Text(kind.to_owned()), ColumnValue::Text(arn.to_string())]
}

/// Whether the outbox must name a task: it is to be sent, or it was sent and a
/// crash would cut it off. What only waits for a token needs no row.
pub(crate) fn needs_row(live: &Live, task: TaskId) -> bool {
    let Some(run) = live.execution.task(task) else { return false };
    let activity = live.execution.frames.get(&task.frame).is_some_and(|frame| {
        windlass_workflow::state_of(&live.definition.program, &live.execution, frame)
            .is_some_and(|state| matches!(&state.kind, StateKind::Task(task) if task.resource == Resource::Activity))
    });
    match run.phase {
        TaskPhase::Scheduled => true,
        TaskPhase::Started => !activity || live.execution.identity.mocks.is_some(),
        TaskPhase::Submitted => goes_on_here(live, task),
    }
}

/// Whether this server itself must go on with a submitted task: to watch its job, or
/// to answer it with a mock.
fn goes_on_here(live: &Live, task: TaskId) -> bool {
    is_job(live, task) || live.execution.identity.mocks.is_some()
}

/// Whether a submitted task is a job this server itself must go on watching.
fn is_job(live: &Live, task: TaskId) -> bool {
    live.execution.frames.get(&task.frame).is_some_and(|frame| {
        windlass_workflow::state_of(&live.definition.program, &live.execution, frame).is_some_and(|state| {
            matches!(&state.kind, StateKind::Task(task)
                if matches!(task.resource, Resource::Integration { pattern: Pattern::Sync | Pattern::Sync2, .. }))
        })
    })
}

/// Whether the execution only waits for timers, workers and tokens.
pub(crate) fn may_park(live: &Live) -> bool {
    live.execution.frames.values().all(|frame| match &frame.phase {
        Phase::Wait { .. } | Phase::Retry { .. } | Phase::Parallel(_) | Phase::Map(_) | Phase::MapRun { .. } => true,
        // Whoever watches a job finds the execution in the store.
        Phase::Task(run) => run.phase == TaskPhase::Submitted || !needs_row(live, run.task),
        Phase::Enter | Phase::Work => false,
    })
}

fn task_of(kind: &EventKind) -> Option<TaskId> {
    match kind {
        EventKind::TaskStarted { task, .. }
        | EventKind::TaskSubmitted { task, .. }
        | EventKind::TaskSucceeded { task, .. }
        | EventKind::TaskFailed { task, .. } => Some(*task),
        _ => None,
    }
}

/// Whether an event still means something to the execution.
fn is_current(live: &Live, kind: &EventKind) -> bool {
    let execution = &live.execution;
    match kind {
        EventKind::TaskStarted { task, .. } => {
            execution.task(*task).is_some_and(|run| run.phase == TaskPhase::Scheduled)
        }
        EventKind::TaskSubmitted { task, .. } => {
            execution.task(*task).is_some_and(|run| run.phase != TaskPhase::Submitted)
        }
        EventKind::TaskSucceeded { task, .. } | EventKind::TaskFailed { task, .. } => execution.task(*task).is_some(),
        EventKind::MapRunSucceeded { task, .. } | EventKind::MapRunFailed { task, .. } => {
            execution.map_run(*task).is_some()
        }
        EventKind::TimerFired { timer } => {
            execution.timeout == Some(*timer)
                || execution.frames.get(&timer.frame).is_some_and(|frame| match &frame.phase {
                    Phase::Wait { timer: set, .. } | Phase::Retry { timer: set, .. } => set == timer,
                    Phase::Task(run) => run.timeout == Some(*timer) || run.heartbeat == Some(*timer),
                    _ => false,
                })
        }
        EventKind::Accept => execution.next_event_id == 1,
        EventKind::Start => execution.is_running() && !execution.has_begun(),
        EventKind::Redrive { .. } => execution.is_redrivable(),
        EventKind::Fork { .. } | EventKind::Continue | EventKind::Stop { .. } | EventKind::Fail { .. } => {
            execution.is_running()
        }
    }
}

/// An event in words, for people who read a stored turn.
fn describe(kind: &EventKind) -> String {
    match kind {
        EventKind::Accept => "accept".into(),
        EventKind::Start => "start".into(),
        EventKind::Continue => "continue".into(),
        EventKind::TaskStarted { task, .. } => format!("task {task} started"),
        EventKind::TaskSubmitted { task, .. } => format!("task {task} submitted"),
        EventKind::TaskSucceeded { task, .. } => format!("task {task} succeeded"),
        EventKind::TaskFailed { task, .. } => format!("task {task} failed"),
        EventKind::MapRunSucceeded { task, .. } => format!("Map Run {task} succeeded"),
        EventKind::MapRunFailed { task, .. } => format!("Map Run {task} failed"),
        EventKind::TimerFired { timer } => format!("timer {}.{} fired", timer.frame.0, timer.serial),
        EventKind::Redrive { .. } => "redrive".into(),
        EventKind::Fork { .. } => "fork".into(),
        EventKind::Stop { .. } => "stop".into(),
        EventKind::Fail { .. } => "fail".into(),
    }
}
