use windlass_store::Row;
use windlass_value::{Text, Timestamp};
use windlass_workflow::{MapRunCounts, MapRunSettings, MapRunState, MapRunStatus};

use super::stored::{Origin, StoredMapRun, standing};
use crate::error::JournalError;

/// Children or items of a Map Run, by how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapRunTally {
    /// Read and not begun.
    pub pending: u64,
    /// Running.
    pub running: u64,
    /// Those that ended.
    pub ended: MapRunCounts,
    /// All that were read.
    pub total: u64,
    /// Those in the exported results.
    pub results_written: u64,
    /// Those that wait to run again.
    pub pending_redrive: u64,
}

/// What is known of a Map Run.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRunRecord {
    /// Its ARN.
    pub arn: Text,
    /// The execution that waits for it.
    pub execution_arn: Text,
    /// The machine of its children: `…:stateMachine:machine/label`.
    pub machine_arn: Text,
    /// Where it stands.
    pub status: MapRunStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// What UpdateMapRun changes.
    pub settings: MapRunSettings,
    /// Children.
    pub executions: MapRunTally,
    /// Items.
    pub items: MapRunTally,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redriven_at: Option<Timestamp>,
    /// Whether its children are Express executions.
    pub express: bool,
    /// Whether its results go to the object store.
    pub exported: bool,
}

impl MapRunRecord {
    pub(crate) fn new(
        origin: &Origin,
        state: &MapRunState,
        stopped_at: Option<Timestamp>,
        redriven_at: Option<Timestamp>,
        express: bool,
        exported: bool,
    ) -> MapRunRecord {
        MapRunRecord {
            arn: origin.arn.as_str().into(),
            execution_arn: origin.execution_arn.as_str().into(),
            machine_arn: origin.machine_arn.as_str().into(),
            status: state.shown_status(),
            started_at: Timestamp(origin.started_at),
            stopped_at,
            settings: state.settings,
            executions: MapRunTally {
                pending: state.pending(),
                running: state.running(),
                ended: state.executions,
                total: state.children_read,
                results_written: state.executions_written,
                pending_redrive: state.pending_redrive(),
            },
            items: MapRunTally {
                pending: state.pending_items(),
                running: state.running_items(),
                ended: state.items,
                total: state.items_read,
                results_written: state.items_written,
                pending_redrive: state.pending_redrive_items(),
            },
            redrive_count: state.redrive_count,
            redriven_at,
            express,
            exported,
        }
    }

    pub(crate) fn read(row: &Row) -> Result<MapRunRecord, JournalError> {
        let stored = StoredMapRun::read(row)?;
        let (status, stopped_at) = standing(row);
        let redriven_at = stored.redriven_at.map(Timestamp);
        let state = stored.state(status);
        Ok(MapRunRecord::new(&stored.origin, &state, stopped_at, redriven_at, stored.express, stored.exported))
    }
}
