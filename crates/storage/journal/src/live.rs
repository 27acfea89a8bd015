use std::collections::HashSet;
use std::sync::Arc;

use windlass_workflow::{Execution, TaskId, TimerId};

use crate::data_key::DataKey;
use crate::definition::JournalDefinition;
use crate::key::ExecutionKey;
use crate::observer::Watch;
use crate::record::Record;

/// An execution in memory.
pub(crate) struct Live {
    pub(crate) key: ExecutionKey,
    pub(crate) record: Record,
    pub(crate) definition: Arc<JournalDefinition>,
    pub(crate) execution: Execution,
    /// Who watches it.
    pub(crate) watch: Option<Arc<dyn Watch>>,
    /// The last turn stored.
    pub(crate) turn: u64,
    /// The last turn that a snapshot holds; 0 for none.
    pub(crate) snapshot_turn: u64,
    /// Bytes of turns since the snapshot.
    pub(crate) bytes_since_snapshot: usize,
    /// Bytes of the last snapshot.
    pub(crate) snapshot_bytes: usize,
    /// Timers that have a row.
    pub(crate) timer_rows: HashSet<TimerId>,
    /// Tasks that have a row in the outbox.
    pub(crate) task_rows: HashSet<TaskId>,
    /// Whether the outbox says that a turn must go on.
    pub(crate) continue_row: bool,
    /// What its turns are sealed with.
    pub(crate) data_key: Option<Arc<DataKey>>,
    /// Why its data cannot be read (error, cause): it may only fail.
    pub(crate) refused: Option<(String, String)>,
}

impl Live {
    /// Everything that must survive a restart, as text.
    pub(crate) fn picture(&self) -> String {
        let execution = &self.execution;
        let sorted = |mut texts: Vec<String>| {
            texts.sort_unstable();
            texts
        };
        format!(
            "turn {} frame {} event {} timer {} timeout {:?} continues {} timers {:?} tasks {:?} calls {:?} frames {:#?}",
            self.turn,
            execution.next_frame,
            execution.next_event_id,
            execution.next_timer,
            execution.timeout,
            self.continue_row,
            sorted(self.timer_rows.iter().map(|timer| format!("{timer:?}")).collect()),
            sorted(self.task_rows.iter().map(|task| format!("{task:?}")).collect()),
            execution.calls,
            execution.frames,
        )
    }
}
