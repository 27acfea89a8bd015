//! How events reach an execution: one turn at a time, each durable before its
//! effects leave.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use windlass_store::{Batch, CommitError};
use windlass_workflow::{EventKind, TaskId};

use crate::contents::Content;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::pauses::{PAUSE_MS_MAX, Pauses};
use crate::slot::{Applied, Delivery, Slot, What};

/// Events of one execution that one turn takes at most.
const TURN_EVENTS_MAX: usize = 256;
/// Cause of an execution that a turn too large for the store ended.
const TOO_LARGE_CAUSE: &str = "The execution produced more data at once than can be stored together. \
    Run fewer branches or iterations at the same time, or pass on less data.";

/// Cause of an execution that met a fault of the server's.
const PANICKED_CAUSE: &str = "A fault of the server ended this execution. The server's log says what it was.";

impl Journal {
    /// Makes a turn durable, then lets its effects out.
    pub(crate) async fn commit_turn(
        &self,
        live: &mut Box<Live>,
        mut turn: crate::turn::Turn,
    ) -> Result<(), JournalError> {
        let batch = std::mem::take(&mut turn.batch);
        let finished = turn.finished.is_some();
        let contents = std::mem::take(&mut turn.contents);
        let outcome = if batch.is_empty() { Ok(()) } else { self.commit_with(batch, contents).await };
        if outcome.is_ok() {
            self.0.turns.fetch_add(1, Ordering::Relaxed);
            if finished {
                self.0.closed.fetch_add(1, Ordering::Relaxed);
                if let Some(ticket) = turn.left.take() {
                    self.left(&live.record, &ticket);
                }
            }
        }
        self.finish_turn(live, turn, outcome)
    }

    /// Makes a batch durable, and before it the contents it refers to.
    pub(crate) async fn commit_with(&self, batch: Batch, contents: Vec<Content>) -> Result<(), JournalError> {
        if contents.is_empty() {
            return Ok(self.0.store.commit(batch).await?);
        }
        let pinned = self.write_contents(contents).await?;
        self.0.store.commit(batch).await?;
        pinned.into_iter().for_each(windlass_blob::Pinned::keep);
        Ok(())
    }

    /// A turn is larger than the store takes, or panics, and would each time: the
    /// execution, as it was before, fails.
    async fn give_up(
        &self,
        live: &mut Box<Live>,
        refused: JournalError,
        cause: &'static str,
    ) -> Result<(), JournalError> {
        tracing::error!(execution = %live.key.arn(), error = %refused, "a turn cannot be made: the execution fails");
        let key = live.key.clone();
        // What is in memory went past what is stored.
        *live = load_blocking(self, &key).await?.ok_or(refused)?;
        let fail = EventKind::Fail { error: "States.Runtime".into(), cause: cause.into() };
        let turn = self.make_turn(live, vec![Delivery { what: What::Event(fail), reply: None }])?;
        self.commit_turn(live, turn).await
    }

    /// Hands an event to an execution. Answers once it is durable: true when it
    /// was applied, false when it came too late.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn deliver(&self, key: &ExecutionKey, event: EventKind) -> Applied {
        let (reply, answer) = oneshot::channel();
        self.enqueue(key, Delivery { what: What::Event(event), reply: Some(reply) });
        answer.await.unwrap_or(Err(JournalError::Stopping))
    }

    /// Hands a task's answer to its execution, again and again while the store
    /// cannot write: the work is done, and nobody would tell of it once more.
    /// Answers whether it was applied.
    pub(crate) async fn deliver_at_last(&self, key: &ExecutionKey, task: TaskId, event: EventKind) -> bool {
        let mut event = event;
        let mut pauses = Pauses::new();
        loop {
            match self.deliver(key, event.clone()).await {
                Ok(applied) => return applied,
                Err(error) if error.is_passing() && !self.is_stopping() => {
                    tracing::warn!(execution = %key.arn(), %task, %error, "a task's answer could not be stored yet");
                    pauses.pause().await;
                    event = without_places(event);
                }
                Err(error) => {
                    tracing::error!(execution = %key.arn(), %task, %error, "a task's answer could not be stored");
                    return false;
                }
            }
        }
    }

    /// Delivers again what nobody waits for and nobody else would repeat.
    fn deliver_later(&self, key: &ExecutionKey, whats: Vec<What>) {
        if whats.is_empty() {
            return;
        }
        let (journal, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(PAUSE_MS_MAX)).await;
            if journal.is_stopping() {
                return;
            }
            for what in whats {
                journal.enqueue(&key, Delivery { what, reply: None });
            }
        });
    }

    /// Queues a delivery and sees to it that a turn takes it.
    pub(crate) fn enqueue(&self, key: &ExecutionKey, delivery: Delivery) {
        let mut delivery = Some(delivery);
        loop {
            let slot = self.0.slots.get_or_insert(key.uid());
            let mut state = slot.state.lock();
            if state.gone {
                drop(state);
                self.0.slots.remove(key.uid(), &slot);
                continue;
            }
            state.queue.extend(delivery.take());
            if !state.running {
                state.running = true;
                drop(state);
                tokio::spawn(drive(self.clone(), key.clone(), slot));
            }
            return;
        }
    }

    /// Gives a slot back after a turn: to another turn if something is queued,
    /// else to rest, in memory or only in the store.
    pub(crate) fn release(&self, slot: Arc<Slot>, live: Box<Live>, continues: bool) {
        let key = live.key.clone();
        let mut state = slot.state.lock();
        if continues {
            queue_continue(&mut state.queue);
        }
        if !live.execution.is_running() {
            self.retire(&key, &slot, &mut state, Ok(false));
            return;
        }
        state.live = Some(live);
        if state.queue.is_empty() {
            self.rest(&key, &slot, &mut state);
        } else {
            drop(state);
            tokio::spawn(drive(self.clone(), key, slot));
        }
    }

    /// Gives a slot back that was claimed for nothing: what is queued goes to
    /// the execution in the store.
    pub(crate) fn give_back(&self, key: &ExecutionKey, slot: Arc<Slot>) {
        let mut state = slot.state.lock();
        state.live = None;
        if state.queue.is_empty() {
            self.rest(key, &slot, &mut state);
        } else {
            drop(state);
            tokio::spawn(drive(self.clone(), key.clone(), slot));
        }
    }

    /// Nothing is queued: an execution that only waits leaves memory, unless a
    /// timer of it is due soon.
    fn rest(&self, key: &ExecutionKey, slot: &Arc<Slot>, state: &mut crate::slot::SlotState) {
        state.running = false;
        let parks = state.live.as_ref().is_none_or(|live| {
            crate::turn::may_park(live) && !live.timer_rows.iter().any(|timer| self.0.timers.holds(key, *timer))
        });
        if parks {
            state.live = None;
            state.gone = true;
            self.0.slots.remove(key.uid(), slot);
        }
    }

    /// The execution is closed or gone: whatever is queued came too late.
    fn retire(&self, key: &ExecutionKey, slot: &Arc<Slot>, state: &mut crate::slot::SlotState, answer: Applied) {
        state.running = false;
        state.live = None;
        state.gone = true;
        if answer.is_ok() {
            self.0.heartbeats.forget_execution(key.uid());
        }
        let mut again = Vec::new();
        for delivery in state.queue.drain(..) {
            match (delivery.reply, &answer) {
                (Some(reply), _) => {
                    let _ = reply.send(answer.clone());
                }
                (None, Err(error)) if error.is_passing() => again.push(delivery.what),
                // A row that outlived its execution. After a failure it stays: the wait is not over.
                (None, Ok(_)) => {
                    if let What::Event(EventKind::TimerFired { timer }) = &delivery.what {
                        self.forget_timer(key, *timer);
                    }
                }
                (None, Err(_)) => {}
            }
        }
        self.0.slots.remove(key.uid(), slot);
        self.deliver_later(key, again);
    }

    /// Removes the row of a timer whose execution is closed.
    fn forget_timer(&self, key: &ExecutionKey, timer: windlass_workflow::TimerId) {
        let mut batch = Batch::default();
        batch.delete(&crate::tables::TIMERS, crate::turn::timer_key(&key.row(), timer));
        // The row is inert; if the store refuses now, the next scan finds it again.
        drop(self.0.store.commit(batch));
    }

    /// A start or turn failed to become durable: memory is not to be trusted.
    pub(crate) fn abandon(&self, key: &ExecutionKey, slot: &Arc<Slot>, error: &JournalError) {
        let mut state = slot.state.lock();
        self.retire(key, slot, &mut state, Err(error.clone()));
    }
}

/// Gives the slot back of a drive that panics where no turn is made, so that the
/// next event finds the execution in the store.
struct SlotGuard {
    journal: Journal,
    key: ExecutionKey,
    slot: Arc<Slot>,
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(execution = %self.key.arn(), "the drive of an execution panicked");
            let error = JournalError::Panicked { arn: self.key.arn().to_string() };
            self.journal.abandon(&self.key, &self.slot, &error);
        }
    }
}

/// Runs turns of one execution until nothing is queued for it.
async fn drive(journal: Journal, key: ExecutionKey, slot: Arc<Slot>) {
    let _guard = SlotGuard { journal: journal.clone(), key: key.clone(), slot: slot.clone() };
    loop {
        let (live, deliveries) = {
            let mut state = slot.state.lock();
            if state.queue.is_empty() {
                journal.rest(&key, &slot, &mut state);
                return;
            }
            let count = turn_events(&state.queue, journal.limits().turn_bytes_max);
            (state.live.take(), state.queue.drain(..count).collect::<Vec<_>>())
        };
        let loaded = match live {
            Some(live) => Ok(Some(live)),
            None => load_blocking(&journal, &key).await,
        };
        let mut live = match loaded {
            Ok(Some(live)) => live,
            other => {
                let answer = match other {
                    Err(error) => {
                        tracing::error!(execution = %key.arn(), %error, "an execution could not be read");
                        Err(error)
                    }
                    Ok(_) => Ok(false),
                };
                let mut state = slot.state.lock();
                deliveries.into_iter().rev().for_each(|delivery| state.queue.push_front(delivery));
                journal.retire(&key, &slot, &mut state, answer);
                return;
            }
        };
        let mut deliveries: Vec<Delivery> = deliveries.into_iter().flat_map(task_by_task).collect();
        journal.pace(&key).await;
        let refused = match live.refused.take() {
            Some(refused) => Ok(Some(refused)),
            None => journal.renew_key(&mut live).await,
        };
        let refused = match refused {
            Ok(refused) => refused,
            Err(error) => {
                tracing::error!(execution = %key.arn(), %error, "an execution's data key is not to be had");
                let mut later = Vec::new();
                for Delivery { what, reply } in deliveries {
                    match reply {
                        Some(reply) => drop(reply.send(Err(error.clone()))),
                        None => later.push(what),
                    }
                }
                journal.abandon(&key, &slot, &error);
                journal.deliver_later(&key, later);
                return;
            }
        };
        if let Some((error, cause)) = refused {
            tracing::error!(execution = %key.arn(), error, cause, "an execution's data key is refused: it fails");
            let fail = EventKind::Fail { error: error.into(), cause: cause.into() };
            deliveries.insert(0, Delivery { what: What::Event(fail), reply: None });
        }
        let mut unanswered = unanswered(&deliveries);
        let outcome = match journal.make_turn(&mut live, deliveries) {
            Ok(mut turn) => {
                let rest = std::mem::take(&mut turn.rest);
                unanswered.truncate(unanswered.len() - rest.len());
                if !rest.is_empty() {
                    let mut state = slot.state.lock();
                    rest.into_iter().rev().for_each(|delivery| state.queue.push_front(delivery));
                }
                journal.commit_turn(&mut live, turn).await
            }
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Err(error @ JournalError::Write(CommitError::TooLarge)) => {
                journal.give_up(&mut live, error, TOO_LARGE_CAUSE).await
            }
            Err(error @ JournalError::Panicked { .. }) => journal.give_up(&mut live, error, PANICKED_CAUSE).await,
            outcome => outcome,
        };
        if let Err(error) = outcome {
            tracing::error!(execution = %key.arn(), %error, "a turn could not be stored");
            journal.abandon(&key, &slot, &error);
            if error.is_passing() {
                journal.deliver_later(&key, unanswered.into_iter().flatten().collect());
            }
            return;
        }
        let mut state = slot.state.lock();
        if !live.execution.is_running() {
            journal.0.open.fetch_sub(1, Ordering::Relaxed);
            journal.retire(&key, &slot, &mut state, Ok(false));
            return;
        }
        if live.continue_row {
            queue_continue(&mut state.queue);
        }
        state.live = Some(live);
    }
}

/// How many deliveries one turn takes: results that come together must still
/// fit into one batch of the store.
fn turn_events(queue: &VecDeque<Delivery>, bytes_max: usize) -> usize {
    let mut bytes = 0_usize;
    let fitting = queue.iter().take(TURN_EVENTS_MAX).take_while(|delivery| {
        let before = bytes;
        if let What::Event(
            EventKind::TaskSucceeded { output, .. }
            | EventKind::TaskSubmitted { output, .. }
            | EventKind::MapRunSucceeded { output, .. },
        ) = &delivery.what
        {
            bytes = bytes.saturating_add(output.bytes_len_within(bytes_max).unwrap_or(bytes_max));
        }
        before < bytes_max
    });
    fitting.count()
}

/// By delivery: what nobody waits for, should the turn fail.
fn unanswered(deliveries: &[Delivery]) -> Vec<Option<What>> {
    deliveries.iter().map(|delivery| delivery.reply.is_none().then(|| delivery.what.clone())).collect()
}

/// Tasks to recover one by one, so that a turn may end between them.
fn task_by_task(delivery: Delivery) -> Vec<Delivery> {
    match delivery {
        Delivery { what: What::Recover(tasks), reply: None } => {
            tasks.into_iter().map(|task| Delivery { what: What::Recover(vec![task]), reply: None }).collect()
        }
        delivery => vec![delivery],
    }
}

/// Queues a `Continue` unless one waits already.
fn queue_continue(queue: &mut VecDeque<Delivery>) {
    if !queue.iter().any(|delivery| matches!(delivery.what, What::Event(EventKind::Continue))) {
        queue.push_back(Delivery { what: What::Event(EventKind::Continue), reply: None });
    }
}

/// An event whose payloads have forgotten where a turn that failed would have
/// stored them.
fn without_places(event: EventKind) -> EventKind {
    match event {
        EventKind::TaskSubmitted { task, output } => EventKind::TaskSubmitted { task, output: output.without_place() },
        EventKind::TaskSucceeded { task, output } => EventKind::TaskSucceeded { task, output: output.without_place() },
        EventKind::MapRunSucceeded { task, output } => {
            EventKind::MapRunSucceeded { task, output: output.without_place() }
        }
        other => other,
    }
}

/// Reading an execution may touch the disk, so it leaves the runtime's threads.
pub(crate) async fn load_blocking(journal: &Journal, key: &ExecutionKey) -> Result<Option<Box<Live>>, JournalError> {
    journal.load_unlocked(key).await
}

/// What the journal reads of an execution, off the runtime's threads.
pub(crate) async fn blocking<T: Send + 'static>(
    journal: &Journal,
    key: &ExecutionKey,
    read: impl FnOnce(&Journal, &ExecutionKey) -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let (journal, key) = (journal.clone(), key.clone());
    match tokio::task::spawn_blocking(move || read(&journal, &key)).await {
        Ok(read) => read,
        Err(_) => Err(JournalError::Stopping),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_continue_waits_at_most() {
        let mut queue = VecDeque::new();
        queue_continue(&mut queue);
        let late = EventKind::Stop { error: None, cause: None };
        queue.push_back(Delivery { what: What::Event(late), reply: None });
        queue_continue(&mut queue);
        assert_eq!(queue.len(), 2);
        queue.pop_front();
        queue_continue(&mut queue);
        assert_eq!(queue.len(), 2);
    }
}
