//! What a start of the server takes up again: the outbox and the timers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use windlass_store::{ColumnValue, IndexScan, Key, Row, Scan};
use windlass_value::{Text, Timestamp};
use windlass_workflow::{EventKind, FrameId, Status, TaskId, TimerKind};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::map_run::{ABORT_KIND, CHILD_KIND, REDRIVE_KIND};
use crate::slot::{Delivery, What};
use crate::tables::{EXECUTIONS, OUTBOX, TIMERS};
use crate::timers::HORIZON_MS;
use crate::turn::read_timer;

/// Rows read at once.
const PAGE_ROWS: usize = 1_000;
/// How often timers that come near are taken into memory.
const SCAN_EVERY_MS: u64 = 30_000;
/// Timers fired at once before others have their turn.
const FIRE_MAX: usize = 1_024;

impl Journal {
    /// Takes up what a stop or crash left: tasks to send or to fail, turns to
    /// continue, Express executions to run again, timers. Answers how many
    /// executions it woke. Then starts the timer loop.
    ///
    /// # Errors
    /// Where storage cannot be read.
    pub async fn recover(&self) -> Result<usize, JournalError> {
        self.count_open(self.count_running()?);
        let mut woken: BTreeMap<String, Vec<TaskId>> = BTreeMap::new();
        let mut continued: Vec<ExecutionKey> = Vec::new();
        let mut express: Vec<Row> = Vec::new();
        let mut redriven: Vec<Text> = Vec::new();
        let mut after = None;
        loop {
            let mut scan = Scan { limit: PAGE_ROWS, ..Scan::default() };
            scan.after = after.take();
            let rows = self.store().scan(&OUTBOX, scan.clone())?;
            for row in &rows {
                let text = |index: usize| match row.columns.get(index) {
                    Some(ColumnValue::Text(text)) => text.clone(),
                    _ => String::new(),
                };
                let (kind, arn) = (text(0), text(1));
                match kind.as_str() {
                    "task" => woken.entry(arn).or_default().extend(task_of_key(&row.key)),
                    "continue" => continued.extend(ExecutionKey::from_arn(&arn)),
                    "express" => express.push(row.clone()),
                    // Map Runs look for these themselves.
                    CHILD_KIND | ABORT_KIND => {}
                    REDRIVE_KIND => redriven.push(Text::from(arn)),
                    other => {
                        tracing::error!(kind = other, execution = %arn, "an outbox row of a kind this release does not know is left alone")
                    }
                }
            }
            if rows.len() < PAGE_ROWS {
                break;
            }
            after = rows.last().map(|row| scan.position(&OUTBOX, row));
        }
        let count = woken.len() + continued.len() + express.len() + self.recover_map_runs()?;
        redriven.iter().for_each(|arn| self.redrive_map_run(arn));
        for (arn, tasks) in woken {
            if let Some(key) = ExecutionKey::from_arn(&arn) {
                self.enqueue(&key, Delivery { what: What::Recover(tasks), reply: None });
            }
        }
        for key in continued {
            self.enqueue(&key, Delivery { what: What::Event(EventKind::Continue), reply: None });
        }
        for row in express {
            self.resume_express(row);
        }
        let count = count + self.recover_lines()?;
        self.0.recovered_at.store(self.clock().now().as_ms(), Ordering::Relaxed);
        self.load_timers()?;
        let journal = self.clone();
        tokio::spawn(async move { journal.fire_timers().await });
        let journal = self.clone();
        tokio::spawn(async move { journal.remove_expired_at_times().await });
        Ok(count)
    }

    /// How many executions are open: counted machine by machine in the index by
    /// status, so that no row of a closed execution is read.
    fn count_running(&self) -> Result<usize, JournalError> {
        let mut running = 0;
        let mut machine = ColumnValue::Text(String::new());
        loop {
            let next = Scan::index(IndexScan::new("by_machine").above(machine), 1);
            let Some(row) = self.store().scan(&EXECUTIONS, next)?.pop() else { return Ok(running as usize) };
            machine = row.columns.get(1).cloned().unwrap_or(ColumnValue::Null);
            let status = Status::Running.as_str();
            let open = Scan::index(IndexScan::new("by_status").equal(machine.clone()).equal(status), 0);
            running += self.store().count(&EXECUTIONS, open)?;
        }
    }

    /// Takes timers due within the horizon into memory.
    fn load_timers(&self) -> Result<(), JournalError> {
        let recovered_at = Timestamp(self.0.recovered_at.load(Ordering::Relaxed));
        let until = self.clock().now().plus_ms(HORIZON_MS).as_ms();
        let mut after = None;
        loop {
            let mut scan = Scan::index(IndexScan::new("by_due").at_most(ColumnValue::Integer(until)), PAGE_ROWS);
            scan.after = after.take();
            let rows = self.store().scan(&TIMERS, scan.clone())?;
            for row in &rows {
                let (Some(ColumnValue::Integer(due)), Some(ColumnValue::Text(arn))) =
                    (row.columns.first(), row.columns.get(1))
                else {
                    continue;
                };
                let (Some(key), Some((timer, kind))) = (ExecutionKey::from_arn(arn), read_timer(&row.value)) else {
                    tracing::error!(execution = %arn, "a timer cannot be read and is left alone");
                    continue;
                };
                if self.timers().holds(&key, timer) {
                    continue;
                }
                // Beats were in memory: a restart grants one full interval, also to
                // those whose row comes near only later.
                let at = match kind {
                    TimerKind::Heartbeat { interval_ms, .. } => recovered_at.plus_ms(interval_ms).max(Timestamp(*due)),
                    TimerKind::Deadline => Timestamp(*due),
                };
                self.timers().insert(&key, timer, at, kind);
            }
            if rows.len() < PAGE_ROWS {
                return Ok(());
            }
            after = rows.last().map(|row| scan.position(&TIMERS, row));
        }
    }

    /// Fires timers as their instants come, until the journal stops.
    async fn fire_timers(&self) {
        let mut scan = tokio::time::interval(Duration::from_millis(SCAN_EVERY_MS));
        scan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        scan.tick().await;
        while !self.is_stopping() {
            let now = self.clock().now();
            let due = self.timers().take_due(now, FIRE_MAX);
            let busy = !due.is_empty();
            for due in due {
                if let TimerKind::Heartbeat { task, interval_ms } = due.kind
                    && let Some(last) = self.heartbeats().last(due.key.uid(), task)
                    && last.plus_ms(interval_ms) > now
                {
                    self.timers().insert(&due.key, due.timer, last.plus_ms(interval_ms), due.kind);
                    continue;
                }
                self.enqueue(
                    &due.key,
                    Delivery { what: What::Event(EventKind::TimerFired { timer: due.timer }), reply: None },
                );
            }
            if busy {
                tokio::task::yield_now().await;
                continue;
            }
            // A second at most, so that a clock that is set forward is noticed.
            let wait_ms = self.timers().next().map_or(1_000, |at| (at.as_ms() - now.as_ms()).clamp(0, 1_000));
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(wait_ms as u64)) => {}
                () = self.timers().changed.notified() => {}
                _ = scan.tick() => {
                    // Reading may touch the disk, so it leaves the runtime's threads.
                    let journal = self.clone();
                    match tokio::task::spawn_blocking(move || journal.load_timers()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => tracing::error!(%error, "timers could not be read"),
                        Err(error) => tracing::error!(%error, "timers could not be read"),
                    }
                }
            }
        }
    }
}

/// The task an outbox key names: its last two numbers.
fn task_of_key(key: &Key) -> Option<TaskId> {
    let bytes = key.as_bytes();
    let tail = bytes.len().checked_sub(16).map(|at| &bytes[at..])?;
    let number = |at: usize| tail[at..at + 8].try_into().map(u64::from_be_bytes).ok();
    Some(TaskId { frame: FrameId(number(0)?), event_id: number(8)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::continue_key;

    #[test]
    fn an_outbox_key_names_its_task() {
        let key = ExecutionKey::from_arn("arn:aws:states:us-east-1:1:execution:m:e").unwrap();
        let task = TaskId { frame: FrameId(5), event_id: 77 };
        assert_eq!(task_of_key(&crate::turn::task_key(&key.row(), task)), Some(task));
        assert_ne!(continue_key(&key.row()), crate::turn::task_key(&key.row(), task));
    }
}
