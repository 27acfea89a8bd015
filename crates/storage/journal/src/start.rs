//! How a Standard execution begins.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use windlass_store::CommitError;
use windlass_workflow::{EventKind, Execution};

use crate::concurrency::Admission;
use crate::error::{JournalError, StartError};
use crate::journal::{Journal, NewExecution};
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::map_run::ChildOf;
use crate::observer::{Kept, Subject};
use crate::record::Record;
use crate::slot::{Delivery, Slot, What};
use crate::tables::EXECUTIONS;

/// How long a look at the free disk space holds.
const DISK_CHECK_MS: i64 = 1_000;

impl Journal {
    /// Starts a Standard execution: answers once it is durable.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(&self, new: NewExecution) -> Result<Record, StartError> {
        self.start_as(new, None).await
    }

    /// As [`Journal::start`], of a Map Run's child.
    pub(crate) async fn start_child(&self, new: NewExecution, child_of: ChildOf) -> Result<Record, StartError> {
        self.start_as(new, Some(child_of)).await
    }

    async fn start_as(&self, new: NewExecution, child_of: Option<ChildOf>) -> Result<Record, StartError> {
        self.admit_start()?;
        let mut record = Record { child_of, ..Record::new(&new) };
        let waits = match &new.concurrency {
            None => false,
            Some(wanted) => {
                // A name that is taken is told of, however many run.
                if let Some(record) = self.record(&record.arn).map_err(StartError::Unavailable)? {
                    return Err(StartError::Exists(Box::new(record)));
                }
                match self.lines().admit(&record.machine_arn, &record.arn, wanted) {
                    Admission::Runs(ticket) => {
                        record.ticket = Some(ticket);
                        false
                    }
                    Admission::Waits(ticket) => {
                        record.ticket = Some(ticket);
                        true
                    }
                    Admission::Refused => return Err(StartError::ConcurrencyReached),
                    Admission::Stands(arn) => return Err(self.standing(&arn)),
                }
            }
        };
        let started = self.start_admitted(new, record.clone(), waits).await;
        if let Some(ticket) = &record.ticket {
            self.admitted(&record, ticket, waits, started.is_ok());
        }
        started
    }

    /// Who stands for a start that is skipped; its own row may not be durable yet.
    fn standing(&self, arn: &str) -> StartError {
        match self.record(arn) {
            Ok(Some(record)) => StartError::Stands(Box::new(record)),
            Ok(None) => StartError::ConcurrencyReached,
            Err(error) => StartError::Unavailable(error),
        }
    }

    async fn start_admitted(&self, new: NewExecution, record: Record, waits: bool) -> Result<Record, StartError> {
        let identity = Arc::new(new.identity);
        let unavailable = StartError::Unavailable;
        let key = ExecutionKey::from_arn(&identity.arn).ok_or_else(|| {
            unavailable(JournalError::Record { arn: identity.arn.to_string(), reason: "not an ARN".into() })
        })?;
        let slot = match self.claim(&key).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(record)) => return Err(StartError::Exists(Box::new(record))),
            Err(error) => return Err(unavailable(error)),
        };
        let watch = self.watch(Subject {
            identity: &identity,
            qualifiers: &record.qualifiers,
            details: Kept::Text(&record.details),
        });
        let mut live = Box::new(Live {
            key: key.clone(),
            record,
            definition: new.definition.clone(),
            execution: Execution::new_with(identity),
            watch,
            turn: 0,
            snapshot_turn: 0,
            bytes_since_snapshot: 0,
            snapshot_bytes: 0,
            timer_rows: HashSet::new(),
            task_rows: HashSet::new(),
            continue_row: false,
            data_key: new.options.data_key,
            refused: None,
        });
        if let Some(data_key) = &live.data_key {
            self.unlock(data_key.clone());
        }
        let begun = self.first_turn(&mut live, waits).await;
        match begun {
            Ok(continues) => {
                self.0.started.fetch_add(1, Ordering::Relaxed);
                if live.execution.is_running() {
                    self.0.open.fetch_add(1, Ordering::Relaxed);
                }
                let record = live.record.clone();
                self.release(slot, live, continues);
                Ok(record)
            }
            Err(error) => match error {
                JournalError::Write(CommitError::Expectation { .. } | CommitError::Duplicate { .. }) => {
                    // What queued up meanwhile is meant for the execution that is there.
                    self.give_back(&key, slot);
                    match self.record(key.arn()) {
                        Ok(Some(record)) => Err(StartError::Exists(Box::new(record))),
                        Ok(None) => Err(unavailable(error)),
                        Err(error) => Err(unavailable(error)),
                    }
                }
                error => {
                    self.abandon(&key, &slot, &error);
                    Err(unavailable(error))
                }
            },
        }
    }

    pub(crate) fn admit_start(&self) -> Result<(), StartError> {
        if self.is_stopping() {
            return Err(StartError::Unavailable(JournalError::Stopping));
        }
        let open_max = self.0.config.open_executions_max;
        if self.0.open.load(Ordering::Relaxed) >= open_max {
            return Err(StartError::TooManyOpen(open_max));
        }
        let now = self.clock().now().as_ms();
        let checked = self.0.disk_checked_at.load(Ordering::Relaxed);
        if checked.saturating_add(DISK_CHECK_MS) <= now {
            self.0.disk_checked_at.store(now, Ordering::Relaxed);
            let low = self.0.store.free_bytes().is_some_and(|free| free < self.0.config.disk_free_bytes_min);
            self.0.disk_low.store(low, Ordering::Relaxed);
        }
        if self.0.disk_low.load(Ordering::Relaxed) {
            let min = self.0.config.disk_free_bytes_min;
            return Err(StartError::DiskFull(format!(
                "Less than {min} bytes are free where the data folder is. Running executions go on; free some space to start new ones."
            )));
        }
        Ok(())
    }

    /// The first turn, with what only a start writes. Answers whether the
    /// machine has more to do.
    async fn first_turn(&self, live: &mut Box<Live>, waits: bool) -> Result<bool, JournalError> {
        let kind = if waits { EventKind::Accept } else { EventKind::Start };
        let start = Delivery { what: What::Event(kind), reply: None };
        let mut turn = self.make_turn(live, vec![start])?;
        let row = live.key.row();
        turn.batch.expect_absent(&EXECUTIONS, row.clone());
        if turn.finished.is_none() {
            turn.batch.put(&EXECUTIONS, row, live.record.columns(), live.record.value());
        }
        let new_definition = self.store_definition(&live.definition, &mut turn.batch);
        let continues = live.continue_row;
        self.commit_turn(live, turn).await?;
        if new_definition {
            self.definition_stored(live.definition.clone());
        }
        Ok(continues)
    }

    /// The slot of an execution that is to start, or the record of one that did.
    /// Somebody else may hold the slot: to start it too, or to find that a late
    /// event has nobody to go to.
    pub(crate) async fn claim(&self, key: &ExecutionKey) -> Result<Result<Arc<Slot>, Record>, JournalError> {
        const LOOKS_MAX: usize = 1_000;
        for _ in 0..LOOKS_MAX {
            if let Some(slot) = self.0.slots.claim(key.uid()) {
                return Ok(Ok(slot));
            }
            if let Some(record) = self.record(key.arn())? {
                return Ok(Err(record));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err(JournalError::Stopping)
    }
}
