//! Tasks that wait for somebody to answer them: callbacks and activities.

use std::collections::BTreeSet;

use windlass_asl::{Pattern, Resource, StateKind};
use windlass_store::{ColumnValue, KeyRange, Scan};
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{Phase, state_of};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::load::{PayloadReader, live_of};
use crate::tables::OUTBOX;
use crate::turn::{StoredCall, task_key};

/// Rows read at once.
const PAGE_ROWS: usize = 500;

/// A task that waits.
#[derive(Clone, Debug)]
pub struct WaitingTask {
    /// Whose.
    pub execution_arn: Text,
    /// Of which machine.
    pub machine_arn: Text,
    /// The state's name.
    pub state: Text,
    /// The activity, or the integration that was called.
    pub resource_arn: Text,
    /// Whether it is an activity's.
    pub is_activity: bool,
    /// What answers it.
    pub token: Text,
    /// When its state was entered.
    pub since: Option<Timestamp>,
    /// When it times out.
    pub deadline: Option<Timestamp>,
    /// What was sent.
    pub input: Payload,
}

impl Journal {
    /// The tasks of an account and region that wait, at most `limit`; at most
    /// `rows_max` rows are looked at for them.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn waiting_tasks(
        &self,
        account: &str,
        region: &str,
        limit: usize,
        rows_max: usize,
    ) -> Result<Vec<WaitingTask>, JournalError> {
        let mut arns: BTreeSet<String> = BTreeSet::new();
        let mut range = KeyRange::all();
        let mut looked = 0;
        while looked < rows_max {
            let rows = self.store().scan(&OUTBOX, Scan::range(range.clone(), PAGE_ROWS))?;
            looked += rows.len();
            for row in &rows {
                if let [ColumnValue::Text(kind), ColumnValue::Text(arn), ..] = row.columns.as_slice()
                    && kind == "task"
                {
                    arns.insert(arn.clone());
                }
            }
            match rows.last() {
                Some(last) if rows.len() == PAGE_ROWS => range.start = Some(last.key.clone().fixed(&[0])),
                _ => break,
            }
        }
        let mut tasks = Vec::new();
        for arn in arns {
            if tasks.len() >= limit {
                break;
            }
            let Some(key) = ExecutionKey::from_arn(&arn) else { continue };
            if **key.account() == *account && **key.region() == *region {
                self.collect(&key, &mut tasks)?;
            }
        }
        tasks.truncate(limit);
        tasks.sort_by_key(|task| task.since);
        Ok(tasks)
    }

    fn collect(&self, key: &ExecutionKey, tasks: &mut Vec<WaitingTask>) -> Result<(), JournalError> {
        let Some(record) = self.record(key.arn())? else { return Ok(()) };
        let folded = self.fold(key, u64::MAX)?;
        let mut reader = PayloadReader::new(self, key, folded.turns);
        let execution = live_of(&record, &folded.stored, &mut reader)?;
        if !execution.is_running() {
            return Ok(());
        }
        let definition = self.definition_of(&record)?;
        for frame in execution.frames.values() {
            let Phase::Task(run) = &frame.phase else { continue };
            let Some(state) = state_of(&definition.program, &execution, frame) else { continue };
            let StateKind::Task(task) = &state.kind else { continue };
            let is_activity = task.resource == Resource::Activity;
            let is_callback = matches!(task.resource, Resource::Integration { pattern: Pattern::WaitForTaskToken, .. });
            if !is_activity && !is_callback {
                continue;
            }
            let Some(row) = self.store().get(&OUTBOX, &task_key(&key.row(), run.task))? else { continue };
            let stored: StoredCall = serde_json::from_slice(&row.value)
                .map_err(|error| JournalError::Record { arn: key.arn().to_string(), reason: error.to_string() })?;
            tasks.push(WaitingTask {
                execution_arn: key.arn().clone(),
                machine_arn: record.machine_arn.clone(),
                state: state.name.clone(),
                resource_arn: task.arn.clone(),
                is_activity,
                token: self.seal(key.arn(), run.task),
                since: frame.entered.map(|entered| entered.at),
                deadline: stored.deadline.map(Timestamp),
                input: reader.read(stored.parameters)?,
            });
        }
        Ok(())
    }
}
