//! Executions from storage to memory: the snapshot, the deltas after it, and
//! the payloads the frames refer to.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use windlass_value::Payload;
use windlass_workflow::{Phase, TaskId};

use crate::definition::JournalDefinition;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::record::Record;
use crate::stored::{Found, Place, StoredExecution, StoredTurn, TurnError, content_place, mark};
use crate::tables::{EXECUTIONS, OUTBOX, SNAPSHOTS};
use crate::turn::{continue_key, needs_row};

/// Turns read at once.
const PAGE_TURNS: usize = 64;

impl Journal {
    /// Reads a running execution; `None` when there is none or it is closed.
    ///
    /// # Errors
    /// `Locked` where a data key must be opened first; where storage fails.
    pub(crate) fn load(&self, key: &ExecutionKey) -> Result<Option<Box<Live>>, JournalError> {
        self.load_with(key, false)
    }

    /// The same of an execution whose data nobody may read any more: `null` stands
    /// in for it, so that the execution can be ended.
    pub(crate) fn load_without_data(&self, key: &ExecutionKey) -> Result<Option<Box<Live>>, JournalError> {
        self.load_with(key, true)
    }

    fn load_with(&self, key: &ExecutionKey, without_data: bool) -> Result<Option<Box<Live>>, JournalError> {
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
        let mut last_key = None;
        loop {
            let page = self.store().read_stream(&row_key, stored.turn + 1, PAGE_TURNS, false)?;
            let last = page.len() < PAGE_TURNS;
            for entry in page {
                bytes_since_snapshot += entry.value.len();
                let mut turn = self.read_turn(key, entry.sequence, &entry.value)?;
                stored.fold(entry.sequence, std::mem::take(&mut turn.delta));
                last_key =
                    turn.wrapped_key().map_err(|error| JournalError::Turn { arn: key.arn().to_string(), error })?;
                turns.insert(entry.sequence, turn);
            }
            if last {
                break;
            }
        }
        if stored.turn == 0 {
            return Err(JournalError::Record { arn, reason: "it has no turns".into() });
        }
        let definition = match self.definition_of(&record) {
            // Nothing of it is run: the execution only fails.
            Err(JournalError::Locked { .. }) if without_data => Arc::new(
                JournalDefinition::locked(&record.definition_hash)
                    .map_err(|reason| JournalError::Definition { arn: arn.clone(), reason })?,
            ),
            definition => definition?,
        };
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
            let payload = match self.payload_in(key, turn, place.1) {
                Err(JournalError::Locked { .. }) if without_data => {
                    let stand_in = Payload::from_valid_text("null");
                    mark(&stand_in, uid, place);
                    stand_in
                }
                payload => payload?,
            };
            known.insert(place, payload.clone());
            Ok(payload)
        };
        // What the last turn was sealed with seals the next one; after a snapshot with
        // nothing behind it that is looked up.
        let data_key = match (&record.wrapped_key, last_key) {
            (None, _) => None,
            (Some(_), Some(wrapped)) => self.open_key(&wrapped),
            (Some(_), None) => match self.store().read_stream(&row_key, stored.turn, 1, false)?.first() {
                Some(entry) => StoredTurn::read_outline(entry.sequence, &entry.value)
                    .and_then(|turn| turn.wrapped_key())
                    .map_err(|error| JournalError::Turn { arn: arn.clone(), error })?
                    .and_then(|wrapped| self.open_key(&wrapped)),
                None => None,
            },
        };
        let identity = record.identity(read(Place(1, 0))?);
        let execution = stored.to_live(identity, read)?;
        let timer_rows: HashSet<_> = execution.timers().into_iter().collect();
        let continue_row = self.store().get(&OUTBOX, &continue_key(&row_key))?.is_some();
        let mut live = Box::new(Live {
            key: key.clone(),
            record,
            definition,
            turn: stored.turn,
            snapshot_turn,
            bytes_since_snapshot,
            snapshot_bytes,
            timer_rows,
            task_rows: HashSet::new(),
            continue_row,
            execution,
            data_key,
            refused: None,
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

    /// A turn, its data open where its key is.
    pub(crate) fn read_turn(
        &self,
        key: &ExecutionKey,
        sequence: u64,
        value: &Bytes,
    ) -> Result<StoredTurn, JournalError> {
        let failed = |error| JournalError::Turn { arn: key.arn().to_string(), error };
        self.opened(key, StoredTurn::read(sequence, value).map_err(failed)?)
    }

    fn opened(&self, key: &ExecutionKey, mut turn: StoredTurn) -> Result<StoredTurn, JournalError> {
        if let Some(data_key) = turn.locked.as_ref().and_then(|wrapped| self.open_key(wrapped)) {
            let unlocked = turn.unlock(&key.row(), &data_key);
            unlocked.map_err(|error| JournalError::Turn { arn: key.arn().to_string(), error })?;
        }
        Ok(turn)
    }

    /// A payload of a turn.
    ///
    /// # Errors
    /// `Locked` where its data key is not open; where it is not there.
    pub(crate) fn payload_in(
        &self,
        key: &ExecutionKey,
        turn: &StoredTurn,
        position: u32,
    ) -> Result<Payload, JournalError> {
        let arn = key.arn();
        if let Some(wrapped) = &turn.locked {
            return Err(JournalError::Locked { arn: arn.to_string(), wrapped: wrapped.clone() });
        }
        let failed = |error| JournalError::Turn { arn: arn.to_string(), error };
        match turn.payload(key.uid(), position).map_err(failed)? {
            Found::Here(payload) => Ok(payload),
            Found::Content(id, bytes) => {
                let place = Place(turn.turn, position);
                let mut content = self.read_content(arn, id, bytes)?;
                if let Some(wrapped) = turn.wrapped_key().map_err(failed)? {
                    let opened = self.key_of(arn, &wrapped)?.open(&content_place(&key.row(), place), &content);
                    content = opened.map_err(|error| failed(TurnError::Malformed(error.to_string())))?;
                }
                let text = String::from_utf8(content.into())
                    .map_err(|error| failed(TurnError::Malformed(error.to_string())))?;
                let payload = Payload::from_valid_text(text);
                mark(&payload, key.uid(), place);
                Ok(payload)
            }
        }
    }

    /// One payload by its place.
    pub(crate) fn read_payload(&self, key: &ExecutionKey, place: Place) -> Result<Payload, JournalError> {
        let turn = self.read_outline(key, place.0)?;
        self.payload_in(key, &turn, place.1)
    }

    /// Two payloads, which mostly are of one turn: that is read once.
    pub(crate) fn read_payloads(
        &self,
        key: &ExecutionKey,
        first: Place,
        second: Place,
    ) -> Result<(Payload, Payload), JournalError> {
        let turn = self.read_outline(key, first.0)?;
        let first = self.payload_in(key, &turn, first.1)?;
        let second = match second.0 == turn.turn {
            true => self.payload_in(key, &turn, second.1)?,
            false => self.read_payload(key, second)?,
        };
        Ok((first, second))
    }

    /// Where the payloads of a turn are, without its events.
    fn read_outline(&self, key: &ExecutionKey, turn: u64) -> Result<StoredTurn, JournalError> {
        let entries = self.store().read_stream(&key.row(), turn, 1, false)?;
        let entry = entries.into_iter().find(|entry| entry.sequence == turn);
        let entry = entry.ok_or_else(|| JournalError::Record {
            arn: key.arn().to_string(),
            reason: format!("turn {turn} is not there"),
        })?;
        let read = StoredTurn::read_outline(turn, &entry.value);
        self.opened(key, read.map_err(|error| JournalError::Turn { arn: key.arn().to_string(), error })?)
    }
}
