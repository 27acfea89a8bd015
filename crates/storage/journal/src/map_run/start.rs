//! How Map Runs and their children begin, and how both are found after a restart.

use std::sync::Arc;
use std::time::Duration;

use windlass_asl::{load_definition, processor_definition};
use windlass_store::{Batch, ColumnValue, IndexScan, Row, Scan};
use windlass_value::{Text, Timestamp};
use windlass_workflow::{MapRunPlan, MapRunState, TaskId};

use super::child::{child_key, ending_of, map_run_parts};
use super::drive::{Drive, drive_map_run};
use super::handle::Told;
use super::spec::Spec;
use super::stored::{Origin, StoredMapRun, columns, map_run_key, plan_value, read_plan, standing};
use crate::definition::JournalDefinition;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::record::Record;
use crate::tables::{MAP_RUN_PLANS, MAP_RUNS, OUTBOX};
use crate::turn::outbox_columns;

/// Rows read at once.
const PAGE_ROWS: usize = 1_000;

/// The kind of the outbox row that says of a child that it ended.
pub(crate) const CHILD_KIND: &str = "child";
/// The kind of the outbox row that says of a Map Run that nobody waits for it.
pub(crate) const ABORT_KIND: &str = "abort";

/// The kind of the outbox row that says of a Map Run that it is to go on.
pub(crate) const REDRIVE_KIND: &str = "redrive";
/// How long a redrive waits until what it goes on with is over.
const REDRIVE_LOOK_MS: u64 = 20;

/// The key of the abort row: no child has this number.
pub(super) fn abort_key(map_run: &ExecutionKey) -> windlass_store::Key {
    child_key(&map_run.row(), u64::MAX)
}

/// The key of the redrive row: no child has this number.
pub(super) fn redrive_key(map_run: &ExecutionKey) -> windlass_store::Key {
    child_key(&map_run.row(), u64::MAX - 1)
}

impl Journal {
    /// Adds a Map Run's rows to the turn that starts it.
    pub(crate) fn batch_map_run(
        &self,
        live: &Live,
        plan: &MapRunPlan,
        batch: &mut Batch,
    ) -> Result<Arc<Spec>, JournalError> {
        let identity = &live.execution.identity;
        let (prefix, machine, _) = map_run_parts(&plan.arn).unwrap_or_default();
        let origin = Origin {
            arn: plan.arn.to_string(),
            execution_arn: identity.arn.to_string(),
            machine_arn: format!("{prefix}:stateMachine:{machine}"),
            role_arn: identity.role_arn.to_string(),
            region: identity.region.to_string(),
            definition: live.definition.hash.to_string(),
            task: (plan.task.frame.0, plan.task.event_id),
            started_at: self.clock().now().as_ms(),
            aws_limits: live.record.aws_limits,
            mocks: identity.mocks.as_ref().map(|mocks| mocks.to_string()),
        };
        let state = MapRunState::new(plan.settings);
        let spec = self.spec(origin, plan.clone(), live.definition.clone())?;
        let exported = plan.writing.as_ref().is_some_and(|writing| writing.arguments.is_some());
        let stored = StoredMapRun::new(spec.origin.clone(), &state, None, plan.express, exported);
        let key = spec.key.row();
        batch.put(&MAP_RUNS, key.clone(), columns(&spec.origin, state.status, None, true), stored.value());
        batch.put(&MAP_RUN_PLANS, key, Vec::new(), plan_value(plan));
        // Written again with every Map Run: a few kilobytes beside all that follows.
        self.store_definition(&spec.child_definition, batch);
        Ok(spec)
    }

    /// Adds to a turn that nobody waits for a Map Run any more.
    pub(crate) fn batch_map_run_abort(&self, arn: &Text, batch: &mut Batch) {
        if let Some(key) = ExecutionKey::from_arn(arn) {
            batch.put(&OUTBOX, abort_key(&key), outbox_columns(ABORT_KIND, arn), Vec::new());
        }
    }

    /// Adds to a turn that a Map Run is to go on.
    pub(crate) fn batch_map_run_redrive(&self, arn: &Text, task: TaskId, batch: &mut Batch) {
        if let Some(key) = ExecutionKey::from_arn(arn) {
            let value = [task.frame.0.to_be_bytes(), task.event_id.to_be_bytes()].concat();
            batch.put(&OUTBOX, redrive_key(&key), outbox_columns(REDRIVE_KIND, arn), value);
            // Whoever waited before has no say any more.
            batch.delete(&OUTBOX, abort_key(&key));
        }
    }

    /// Lets a Map Run go on, once it is over; the row that says so is durable.
    pub(crate) fn redrive_map_run(&self, arn: &Text) {
        let Some(key) = ExecutionKey::from_arn(arn) else { return };
        let (journal, arn) = (self.clone(), arn.clone());
        tokio::spawn(async move {
            // Its children may still be stopping.
            while journal.map_runs().get(key.uid()).is_some() && !journal.is_stopping() {
                tokio::time::sleep(Duration::from_millis(REDRIVE_LOOK_MS)).await;
            }
            if journal.is_stopping() {
                return;
            }
            if let Err(error) = journal.take_up_redrive(&key) {
                tracing::error!(map_run = %arn, %error, "a Map Run cannot be redriven until the server is started again");
            }
        });
    }

    fn take_up_redrive(&self, key: &ExecutionKey) -> Result<(), JournalError> {
        // Gone where somebody else took it up.
        let Some(asked) = self.store().get(&OUTBOX, &redrive_key(key))? else { return Ok(()) };
        let Some(row) = self.store().get(&MAP_RUNS, &key.row())? else { return Ok(()) };
        let number = |at: usize| asked.value.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        let (mut spec, stored) = self.load_map_run(&row)?;
        if let (Some(frame), Some(event), Some(spec)) = (number(0), number(8), Arc::get_mut(&mut spec)) {
            spec.origin.task = (frame, event);
        }
        let (status, stopped_at) = standing(&row);
        let redriven_at = stored.redriven_at.map(Timestamp);
        drive_map_run(self, spec, stored.state(status), stopped_at, redriven_at, Drive::Redrive);
        Ok(())
    }

    /// Adds to a child's last turn that it ended.
    pub(crate) fn batch_child_ended(&self, record: &Record, batch: &mut Batch) {
        if let Some(child) = &record.child_of
            && let Some(key) = ExecutionKey::from_arn(&child.map_run_arn)
        {
            let columns = outbox_columns(CHILD_KIND, &child.map_run_arn);
            batch.put(&OUTBOX, child_key(&key.row(), child.index), columns, Vec::new());
        }
    }

    /// A child's last turn is durable.
    pub(crate) fn child_ended(&self, record: &Record) {
        if let Some(child) = &record.child_of
            && let Some(key) = ExecutionKey::from_arn(&child.map_run_arn)
        {
            let told = Told::Ended { index: child.index, ending: ending_of(record.status) };
            self.map_runs().tell(key.uid(), told);
        }
    }

    /// The turn that starts a Map Run is durable.
    pub(crate) fn start_map_run(&self, spec: Arc<Spec>) {
        self.definition_stored(spec.child_definition.clone());
        let state = MapRunState::new(spec.plan.settings);
        drive_map_run(self, spec, state, None, None, Drive::New);
    }

    /// The turn after which nobody waits for a Map Run is durable.
    pub(crate) fn abort_map_run(&self, arn: &Text) {
        if let Some(key) = ExecutionKey::from_arn(arn) {
            self.map_runs().tell(key.uid(), Told::Abort);
        }
    }

    fn spec(
        &self,
        origin: Origin,
        plan: MapRunPlan,
        definition: Arc<JournalDefinition>,
    ) -> Result<Arc<Spec>, JournalError> {
        let key = map_run_key(&origin.arn)?;
        let failed = |reason: String| JournalError::Definition { arn: origin.arn.clone(), reason };
        let text = processor_definition(&definition.text, &plan.state)
            .ok_or_else(|| failed(format!("it has no Map '{}'", plan.state)))?;
        let child = JournalDefinition::new(text.clone(), definition.program.clone());
        let child_definition = match self.definition(&child.hash)? {
            Some(known) => known,
            None => {
                let program = load_definition(&text).map_err(|error| failed(error.to_string()))?;
                Arc::new(JournalDefinition::new(text, Arc::new(program)))
            }
        };
        let seed = key.uid() as u64;
        let payload_bytes_max = self.limits_of(origin.aws_limits).payload_bytes_max;
        Ok(Arc::new(Spec { key, origin, plan, definition, child_definition, payload_bytes_max, seed }))
    }

    /// A Map Run as it is stored, to be driven.
    pub(super) fn load_map_run(&self, row: &Row) -> Result<(Arc<Spec>, StoredMapRun), JournalError> {
        let stored = StoredMapRun::read(row)?;
        let origin = stored.origin.clone();
        let missing = |reason: &str| JournalError::Record { arn: origin.arn.clone(), reason: reason.to_owned() };
        let plan = self.store().get(&MAP_RUN_PLANS, &row.key)?.ok_or_else(|| missing("its plan is not there"))?;
        let plan = read_plan(&plan.value, &origin)?;
        let definition = self.definition(&origin.definition)?.ok_or_else(|| missing("its definition is not stored"))?;
        Ok((self.spec(origin, plan, definition)?, stored))
    }

    /// Takes up the Map Runs that a stop or crash left. Answers how many.
    ///
    /// # Errors
    /// Where storage cannot be read.
    pub(crate) fn recover_map_runs(&self) -> Result<usize, JournalError> {
        let mut count = 0;
        let mut after = None;
        loop {
            let index = IndexScan::new("by_open").equal(ColumnValue::Integer(1));
            let mut scan = Scan::index(index, PAGE_ROWS);
            scan.after = after.take();
            let rows = self.store().scan(&MAP_RUNS, scan.clone())?;
            for row in &rows {
                match self.load_map_run(row) {
                    Ok((spec, stored)) => {
                        count += 1;
                        let (status, stopped_at) = standing(row);
                        let redriven_at = stored.redriven_at.map(Timestamp);
                        drive_map_run(self, spec, stored.state(status), stopped_at, redriven_at, Drive::Resumed);
                    }
                    Err(error) => tracing::error!(%error, "a Map Run cannot be taken up and is left alone"),
                }
            }
            if rows.len() < PAGE_ROWS {
                return Ok(count);
            }
            after = rows.last().map(|row| scan.position(&MAP_RUNS, row));
        }
    }
}
