//! How Map Runs and their children begin, and how both are found after a restart.

use std::sync::Arc;

use windlass_asl::{load_definition, processor_definition};
use windlass_store::{Batch, ColumnValue, IndexScan, Row, Scan};
use windlass_value::Text;
use windlass_workflow::{MapRunPlan, MapRunState};

use super::child::{child_key, ending_of, map_run_parts};
use super::drive::drive_map_run;
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

/// The key of that row: no child has this number.
pub(super) fn abort_key(map_run: &ExecutionKey) -> windlass_store::Key {
    child_key(&map_run.row(), u64::MAX)
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
        drive_map_run(self, spec, state, None, None, true);
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
                Arc::new(JournalDefinition { program: Arc::new(program), ..child })
            }
        };
        let seed = key.uid() as u64;
        let payload_bytes_max = self.limits().payload_bytes_max;
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
                        let redriven_at = stored.redriven_at.map(windlass_value::Timestamp);
                        drive_map_run(self, spec, stored.state(status), stopped_at, redriven_at, false);
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
