//! Executions from storage to memory: the snapshot, the deltas after it, and
//! the payloads the frames refer to.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use windlass_value::Payload;
use windlass_workflow::{Phase, TaskId};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::observer::{Kept, Subject};
use crate::record::Record;
use crate::stored::{Place, StoredExecution, StoredTurn, read_payload};
use crate::tables::{EXECUTIONS, OUTBOX, SNAPSHOTS};
use crate::turn::{continue_key, needs_row};

/// Turns read at once.
const PAGE_TURNS: usize = 64;

impl Journal {
    /// Reads a running execution; `None` when there is none or it is closed.
    pub(crate) fn load(&self, key: &ExecutionKey) -> Result<Option<Box<Live>>, JournalError> {
        let row_key = key.row();
        let Some(row) = self.store().get(&EXECUTIONS, &row_key)? else { return Ok(None) };
        let record = Record::read(&row)?;
        if record.status != windlass_workflow::Status::Running {
            return Ok(None);
        }
        let arn = key.arn().to_string();
        let snapshot = self.store().get(&SNAPSHOTS, &row_key)?;
        let snapshot_bytes = snapshot.as_ref().map_or(0, |row| row.value.len());
        let mut stored: StoredExecution = match &snapshot {
            Some(row) => serde_json::from_slice(&row.value)
                .map_err(|error| JournalError::Record { arn: arn.clone(), reason: error.to_string() })?,
            None => StoredExecution::default(),
        };
        let snapshot_turn = stored.turn;
        let mut bytes_since_snapshot = 0;
        let mut turns: BTreeMap<u64, StoredTurn> = BTreeMap::new();
        loop {
            let page = self.store().read_stream(&row_key, stored.turn + 1, PAGE_TURNS, false)?;
            let last = page.len() < PAGE_TURNS;
            for entry in page {
                bytes_since_snapshot += entry.value.len();
                let mut turn = self.read_turn(key, entry.sequence, &entry.value)?;
                stored.fold(entry.sequence, std::mem::take(&mut turn.delta));
                turns.insert(entry.sequence, turn);
            }
            if last {
                break;
            }
        }
        if stored.turn == 0 {
            return Err(JournalError::Record { arn, reason: "it has no turns".into() });
        }
        let definition = self.definition_of(&record)?;
        let uid = key.uid();
        let mut known: std::collections::HashMap<Place, Payload> = std::collections::HashMap::new();
        let mut read = |place: Place| -> Result<Payload, JournalError> {
            if let Some(payload) = known.get(&place) {
                return Ok(payload.clone());
            }
            if !turns.contains_key(&place.0) {
                let entries = self.store().read_stream(&row_key, place.0, 1, false)?;
                for entry in entries.into_iter().filter(|entry| entry.sequence == place.0) {
                    turns.insert(entry.sequence, self.read_turn(key, entry.sequence, &entry.value)?);
                }
            }
            let turn = turns.get(&place.0).ok_or_else(|| JournalError::Record {
                arn: key.arn().to_string(),
                reason: format!("turn {} is not there", place.0),
            })?;
            let payload =
                turn.payload(uid, place.1).map_err(|error| JournalError::Turn { arn: key.arn().to_string(), error })?;
            known.insert(place, payload.clone());
            Ok(payload)
        };
        let identity = record.identity(read(Place(1, 0))?);
        let watch = self.watch(Subject {
            identity: &identity,
            qualifiers: &record.qualifiers,
            details: Kept::Text(&record.details),
        });
        let execution = stored.to_live(identity, read)?;
        let timer_rows: HashSet<_> = execution.timers().into_iter().collect();
        let continue_row = self.store().get(&OUTBOX, &continue_key(&row_key))?.is_some();
        let mut live = Box::new(Live {
            key: key.clone(),
            record,
            definition,
            watch,
            turn: stored.turn,
            snapshot_turn,
            bytes_since_snapshot,
            snapshot_bytes,
            timer_rows,
            task_rows: HashSet::new(),
            continue_row,
            execution,
        });
        let tasks: Vec<TaskId> = live
            .execution
            .frames
            .values()
            .filter_map(|frame| match &frame.phase {
                Phase::Task(run) => Some(run.task),
                _ => None,
            })
            .collect();
        live.task_rows = tasks.into_iter().filter(|task| needs_row(&live, *task)).collect();
        Ok(Some(live))
    }

    pub(crate) fn read_turn(
        &self,
        key: &ExecutionKey,
        sequence: u64,
        value: &Bytes,
    ) -> Result<StoredTurn, JournalError> {
        StoredTurn::read(sequence, value).map_err(|error| JournalError::Turn { arn: key.arn().to_string(), error })
    }

    /// One payload by its place.
    pub(crate) fn read_payload(&self, key: &ExecutionKey, place: Place) -> Result<Payload, JournalError> {
        let entry = self.read_entry(key, place.0)?;
        self.payload_of(key, &entry, place)
    }

    /// Two payloads, which mostly are of one turn: that is read once.
    pub(crate) fn read_payloads(
        &self,
        key: &ExecutionKey,
        first: Place,
        second: Place,
    ) -> Result<(Payload, Payload), JournalError> {
        let entry = self.read_entry(key, first.0)?;
        let other = if second.0 == first.0 { entry.clone() } else { self.read_entry(key, second.0)? };
        Ok((self.payload_of(key, &entry, first)?, self.payload_of(key, &other, second)?))
    }

    fn payload_of(&self, key: &ExecutionKey, entry: &Bytes, place: Place) -> Result<Payload, JournalError> {
        read_payload(entry, key.uid(), place).map_err(|error| JournalError::Turn { arn: key.arn().to_string(), error })
    }

    fn read_entry(&self, key: &ExecutionKey, turn: u64) -> Result<Bytes, JournalError> {
        let entries = self.store().read_stream(&key.row(), turn, 1, false)?;
        let entry = entries.into_iter().find(|entry| entry.sequence == turn);
        entry.map(|entry| entry.value).ok_or_else(|| JournalError::Record {
            arn: key.arn().to_string(),
            reason: format!("turn {turn} is not there"),
        })
    }
}
