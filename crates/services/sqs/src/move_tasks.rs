//! The operations on message move tasks, and their work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, Scan};
use windlass_value::{Value, object, uuid_v4};

use crate::backlog::State;
use crate::faults::{invalid_parameter, invalid_value, missing_parameter, not_found, of_commit, of_store, over_limit};
use crate::input;
use crate::limits::{BATCH_ENTRIES_MAX, MOVE_RATE_MAX, MOVE_TASKS_ACTIVE_MAX, MOVE_TASKS_KEPT};
use crate::move_task::{ActiveTask, MoveTask, Status, read_handle};
use crate::queue::Queue;
use crate::queue_name::QueueName;
use crate::random;
use crate::shared::Shared;
use crate::tables::MOVE_TASKS;
use crate::transfer::{Arrival, Leaving, Transferred};

const NO_SOURCE: &str = "The resource that you specified for the SourceArn parameter doesn't exist.";
const NO_DESTINATION: &str = "The resource that you specified for the DestinationArn parameter doesn't exist.";
/// Why a task failed, in AWS's words.
const DESTINATION_GONE: &str = "AWS.SimpleQueueService.NonExistentQueue";
const NO_MESSAGE_SOURCE: &str = "CouldNotDetermineMessageSource";

/// What a round of a task found.
enum Round {
    Moved(usize),
    Nothing,
    Failed(&'static str),
}

impl Shared {
    /// `StartMessageMoveTask`.
    pub(crate) async fn start_move_task(self: &Arc<Shared>, call: &Call) -> Outcome {
        let source = self.queue_of_arn(input::text(&call.input, "SourceArn"), "SourceArn", NO_SOURCE)?;
        let is_target =
            |queue: &Arc<Queue>| queue.record().settings.redrive.as_ref().is_some_and(|it| it.target == source.name);
        if !self.catalogue.all().iter().any(is_target) {
            return Err(invalid_parameter("Source queue must be configured as a Dead Letter Queue."));
        }
        let destination = match input::text(&call.input, "DestinationArn") {
            Some(arn) => Some(self.queue_of_arn(Some(arn), "DestinationArn", NO_DESTINATION)?),
            None => None,
        };
        if destination.as_ref().is_some_and(|destination| destination.fifo != source.fifo) {
            return Err(invalid_parameter("Source and destination queues must be of the same type."));
        }
        let per_second_max = input::integer_within(
            &call.input,
            "MaxNumberOfMessagesPerSecond",
            1,
            MOVE_RATE_MAX,
            "Must be between 1 and 500, if provided.",
        )?;
        let _changing = self.changing(&source.name).await;
        let (active, is_running) = self.move_tasks.count(&source.name);
        if is_running {
            return Err(invalid_parameter(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            ));
        }
        if active >= MOVE_TASKS_ACTIVE_MAX {
            return Err(over_limit(format!("At most {MOVE_TASKS_ACTIVE_MAX} message move tasks may run.")));
        }
        let now_ms = self.now_ms();
        let task = MoveTask {
            id: uuid_v4(random::bits()?),
            source: source.name.clone(),
            destination: destination.map(|destination| destination.name.clone()),
            per_second_max: per_second_max.and_then(|number| u32::try_from(number).ok()),
            started_ms: now_ms,
            status: Status::Running,
            moved: 0,
            to_move: source.counts(now_ms).visible as u64,
            failure: None,
        };
        let mut batch = Batch::default();
        task.put(&mut batch);
        let mut earlier = self.stored_tasks(&source.name, usize::MAX)?;
        for old in earlier.drain(..).skip(MOVE_TASKS_KEPT - 1) {
            batch.delete(&MOVE_TASKS, old.key());
        }
        self.store.commit(batch).await.map_err(|error| of_commit(&error))?;
        let handle = task.handle();
        self.run_move_task(task);
        Ok(Reply::from(object! { "TaskHandle" => handle }))
    }

    /// `ListMessageMoveTasks`: the latest first.
    pub(crate) fn list_move_tasks(&self, call: &Call) -> Outcome {
        let source = self.queue_of_arn(input::text(&call.input, "SourceArn"), "SourceArn", NO_SOURCE)?;
        let limit = input::integer_within(
            &call.input,
            "MaxResults",
            1,
            MOVE_TASKS_KEPT as i64,
            "Must be between 1 and 10, if provided.",
        )?;
        let tasks = self.stored_tasks(&source.name, limit.unwrap_or(1).unsigned_abs() as usize)?;
        let shown = tasks.iter().map(|task| match self.move_tasks.get(&task.id) {
            // What is under way is counted in memory first.
            Some(active) => active.task.lock().to_value(),
            None => task.to_value(),
        });
        Ok(Reply::from(object! { "Results" => shown.collect::<Vec<Value>>() }))
    }

    /// `CancelMessageMoveTask`.
    pub(crate) async fn cancel_move_task(&self, call: &Call) -> Outcome {
        let handle = input::required_text(&call.input, "TaskHandle")?;
        let (id, source) =
            read_handle(handle).ok_or_else(|| invalid_parameter("Value for parameter TaskHandle is invalid."))?;
        let source = self.catalogue.get(&source).ok_or_else(|| not_found(NO_SOURCE))?;
        let tasks = self.stored_tasks(&source.name, usize::MAX)?;
        if !tasks.iter().any(|task| task.id == id) {
            return Err(not_found("Task does not exist."));
        }
        let active = self
            .move_tasks
            .get(&id)
            .ok_or_else(|| invalid_value(handle, "TaskHandle", "Only a task that is running can be cancelled."))?;
        let cancelling = {
            let mut task = active.task.lock();
            if task.status == Status::Running {
                task.status = Status::Cancelling;
            }
            task.clone()
        };
        let mut batch = Batch::default();
        cancelling.put(&mut batch);
        self.store.commit(batch).await.map_err(|error| of_commit(&error))?;
        active.cancelled.send_replace(true);
        Ok(Reply::from(object! { "ApproximateNumberOfMessagesMoved" => cancelling.moved }))
    }

    fn queue_of_arn(&self, arn: Option<&str>, parameter: &str, unknown: &str) -> Result<Arc<Queue>, Fault> {
        let arn = arn.ok_or_else(|| missing_parameter(parameter))?;
        let name = QueueName::of_arn(arn).ok_or_else(|| {
            invalid_parameter(format!(
                "You must use this format to specify the {parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            ))
        })?;
        self.catalogue.get(&name).ok_or_else(|| not_found(unknown))
    }

    /// A source's tasks, the latest first.
    fn stored_tasks(&self, source: &QueueName, limit: usize) -> Result<Vec<MoveTask>, Fault> {
        let scan = Scan::prefix(&MoveTask::prefix(source), limit).reversed();
        let rows = self.store.scan(&MOVE_TASKS, scan).map_err(|error| of_store(&error))?;
        rows.iter().map(MoveTask::read).collect()
    }

    /// Takes up the tasks that a restart cut off.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn resume_move_tasks(self: &Arc<Shared>) -> Result<(), Fault> {
        let scan = Scan::range(windlass_store::KeyRange::all(), usize::MAX);
        for row in self.store.scan(&MOVE_TASKS, scan).map_err(|error| of_store(&error))? {
            let task = MoveTask::read(&row)?;
            if task.status.is_active() {
                self.run_move_task(task);
            }
        }
        Ok(())
    }

    fn run_move_task(self: &Arc<Shared>, task: MoveTask) {
        let is_cancelled = task.status == Status::Cancelling;
        let active = self.move_tasks.begin(task);
        active.cancelled.send_replace(is_cancelled);
        let shared = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut cancelled = active.cancelled.subscribe();
            loop {
                // The service may go while the task pauses.
                let Some(shared) = shared.upgrade() else { return };
                if *shared.stopping().borrow() {
                    return;
                }
                let is_cancelled = *cancelled.borrow();
                let round = if is_cancelled { Ok(Round::Nothing) } else { shared.move_some(&active).await };
                let (status, failure) = match round {
                    Ok(Round::Moved(count)) => {
                        let rate = active.task.lock().per_second_max;
                        let pause_ms = rate.map_or(0, |rate| count as u64 * 1000 / u64::from(rate.max(1)));
                        let mut stopping = shared.stopping();
                        drop(shared);
                        tokio::select! {
                            () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
                            _ = cancelled.changed() => {}
                            _ = stopping.changed() => {}
                        }
                        continue;
                    }
                    Ok(Round::Nothing) if is_cancelled => (Status::Cancelled, None),
                    Ok(Round::Nothing) => (Status::Completed, None),
                    Ok(Round::Failed(reason)) => (Status::Failed, Some(reason.to_owned())),
                    Err(fault) => {
                        tracing::warn!(%fault, "a message move task ends");
                        (Status::Failed, Some("InternalError".to_owned()))
                    }
                };
                shared.end_move_task(&active, status, failure).await;
                return;
            }
        });
    }

    async fn end_move_task(&self, active: &ActiveTask, status: Status, failure: Option<String>) {
        let ended = {
            let mut task = active.task.lock();
            (task.status, task.failure) = (status, failure);
            task.clone()
        };
        let mut batch = Batch::default();
        ended.put(&mut batch);
        if let Err(error) = self.store.commit(batch).await {
            // It will be taken up, and end, again.
            tracing::warn!(%error, task = ended.id, "the end of a message move task could not be stored");
        }
        self.move_tasks.end(&ended.id);
    }

    /// Moves the next messages, each target's in one commit with the task's count.
    async fn move_some(&self, active: &ActiveTask) -> Result<Round, Fault> {
        let task = active.task.lock().clone();
        let Some(source) = self.catalogue.get(&task.source) else { return Ok(Round::Failed(DESTINATION_GONE)) };
        // A slow task moves one at a time, so that its pace is even.
        let limit = task
            .per_second_max
            .map_or(BATCH_ENTRIES_MAX, |rate| (rate as usize / BATCH_ENTRIES_MAX).clamp(1, BATCH_ENTRIES_MAX));
        let sequences = {
            let mut state = source.state.lock();
            let now_ms = self.now_ms();
            state.backlog.promote(now_ms);
            source.page_in(&mut state, limit, &self.store, now_ms)?;
            let sequences = state.backlog.receivable(limit);
            for &sequence in &sequences {
                state.backlog.change(sequence, State::Leaving, |_| ());
            }
            sequences
        };
        if sequences.is_empty() {
            return Ok(Round::Nothing);
        }
        let mut gone = Vec::new();
        let round = self.move_those(active, &task, &source, &sequences, &mut gone).await;
        let left: Vec<u64> = sequences.into_iter().filter(|sequence| !gone.contains(sequence)).collect();
        source.forget(&gone);
        source.restore(&left, self.now_ms());
        round
    }

    /// Adds to `gone` those of the sequences that are not in the source any more.
    async fn move_those(
        &self,
        active: &ActiveTask,
        task: &MoveTask,
        source: &Arc<Queue>,
        sequences: &[u64],
        gone: &mut Vec<u64>,
    ) -> Result<Round, Fault> {
        let messages = self.read_leaving(source, sequences)?;
        let is_found = |sequence: &u64| messages.iter().any(|message| message.sequence == *sequence);
        gone.extend(sequences.iter().copied().filter(|sequence| !is_found(sequence)));
        let mut by_target: HashMap<Option<QueueName>, Vec<Leaving>> = HashMap::new();
        for message in messages {
            let origin = || message.content.source_arn.as_deref().and_then(QueueName::of_arn);
            let target = task.destination.clone().or_else(origin);
            by_target.entry(target).or_default().push(message);
        }
        let mut moved = 0;
        let mut failure = None;
        for (target, mut messages) in by_target {
            let target = match target.map(|target| self.catalogue.get(&target)) {
                Some(Some(target)) if target.fifo == source.fifo => target,
                Some(_) => {
                    failure = Some(DESTINATION_GONE);
                    continue;
                }
                None => {
                    failure = Some(NO_MESSAGE_SOURCE);
                    continue;
                }
            };
            let count = |messages: usize| {
                let mut counted = active.task.lock().clone();
                counted.moved += messages as u64;
                let mut batch = Batch::default();
                counted.put(&mut batch);
                batch
            };
            let before: Vec<u64> = messages.iter().map(|message| message.sequence).collect();
            let transferred = self.transfer(source, &mut messages, &target, Arrival::Redriven, count).await;
            let is_left = |sequence: &u64| messages.iter().any(|message| message.sequence == *sequence);
            // Deleted meanwhile.
            gone.extend(before.into_iter().filter(|sequence| !is_left(sequence)));
            match transferred? {
                Transferred::All => {
                    active.task.lock().moved += messages.len() as u64;
                    moved += messages.len();
                    gone.extend(messages.iter().map(|message| message.sequence));
                }
                Transferred::TargetGone => failure = Some(DESTINATION_GONE),
            }
        }
        Ok(failure.map_or(Round::Moved(moved), Round::Failed))
    }
}
