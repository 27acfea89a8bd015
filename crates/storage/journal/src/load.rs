//! Executions from storage to memory: the snapshot, the deltas after it, and
//! the payloads the frames refer to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use windlass_value::Payload;
use windlass_workflow::{Execution, Phase, Status, TaskId};

use crate::data_key::DataKey;
use crate::definition::JournalDefinition;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::observer::{Kept, Subject};
use crate::record::Record;
use crate::stored::{Found, Place, StoredExecution, StoredTurn, TurnError, content_place, mark};
use crate::tables::{EXECUTIONS, OUTBOX, SNAPSHOTS};
use crate::turn::{continue_key, needs_row};

/// Turns read at once.
const PAGE_TURNS: usize = 64;

/// An execution's frames as of some turn, with payloads still by place.
pub(crate) struct Folded {
    pub(crate) stored: StoredExecution,
    pub(crate) snapshot_turn: u64,
    pub(crate) snapshot_bytes: usize,
    pub(crate) bytes_since_snapshot: usize,
    /// The turns that were read for it, without their deltas.
    pub(crate) turns: BTreeMap<u64, StoredTurn>,
}

/// Payloads of one execution, each read once.
pub(crate) struct PayloadReader<'a> {
    journal: &'a Journal,
    key: &'a ExecutionKey,
    /// For whom payloads are marked with their places.
    owner: u128,
    /// Payloads of this turn and later ones are not marked.
    unmarked_from: u64,
    turns: BTreeMap<u64, StoredTurn>,
    known: HashMap<Place, Payload>,
    /// Whether `null` stands in for what is locked.
    without_data: bool,
}

impl<'a> PayloadReader<'a> {
    pub(crate) fn new(
        journal: &'a Journal,
        key: &'a ExecutionKey,
        turns: BTreeMap<u64, StoredTurn>,
    ) -> PayloadReader<'a> {
        PayloadReader {
            journal,
            key,
            owner: key.uid(),
            unmarked_from: u64::MAX,
            turns,
            known: HashMap::new(),
            without_data: false,
        }
    }

    /// For a copy of the execution that has the same turns before `turn`: then
    /// what those store has the same places in the copy.
    pub(crate) fn for_copy(mut self, copy: &ExecutionKey, turn: u64) -> PayloadReader<'a> {
        self.owner = copy.uid();
        self.unmarked_from = turn;
        self
    }

    pub(crate) fn read(&mut self, place: Place) -> Result<Payload, JournalError> {
        if let Some(payload) = self.known.get(&place) {
            return Ok(payload.clone());
        }
        if !self.turns.contains_key(&place.0) {
            let entries = self.journal.store().read_stream(&self.key.row(), place.0, 1, false)?;
            for entry in entries.into_iter().filter(|entry| entry.sequence == place.0) {
                self.turns.insert(entry.sequence, self.journal.read_turn(self.key, entry.sequence, &entry.value)?);
            }
        }
        let arn = || self.key.arn().to_string();
        let turn = self
            .turns
            .get(&place.0)
            .ok_or_else(|| JournalError::Record { arn: arn(), reason: format!("turn {} is not there", place.0) })?;
        let payload = match self.journal.payload_for(self.key, self.owner, turn, place.1) {
            Err(JournalError::Locked { .. }) if self.without_data => {
                let stand_in = Payload::from_valid_text("null");
                mark(&stand_in, self.owner, place);
                stand_in
            }
            payload => payload?,
        };
        let payload = if place.0 >= self.unmarked_from { payload.without_place() } else { payload };
        self.known.insert(place, payload.clone());
        Ok(payload)
    }
}

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
        let Some(row) = self.store().get(&EXECUTIONS, &key.row())? else { return Ok(None) };
        let record = Record::read(&row)?;
        if record.status != Status::Running {
            return Ok(None);
        }
        self.load_recorded_with(key, record, without_data).map(Some)
    }

    /// Reads an execution as its record says it stands, closed or not.
    ///
    /// # Errors
    /// As of [`Journal::load`].
    pub(crate) fn load_as_recorded(&self, key: &ExecutionKey, record: Record) -> Result<Box<Live>, JournalError> {
        self.load_recorded_with(key, record, false)
    }

    fn load_recorded_with(
        &self,
        key: &ExecutionKey,
        record: Record,
        without_data: bool,
    ) -> Result<Box<Live>, JournalError> {
        let row_key = key.row();
        let Folded { stored, snapshot_turn, snapshot_bytes, bytes_since_snapshot, turns } = self.fold(key, u64::MAX)?;
        if stored.turn == 0 {
            return Err(JournalError::Record { arn: key.arn().to_string(), reason: "it has no turns".into() });
        }
        let definition = match self.definition_of(&record) {
            // Nothing of it is run: the execution only fails.
            Err(JournalError::Locked { .. }) if without_data => Arc::new(
                JournalDefinition::locked(&record.definition_hash)
                    .map_err(|reason| JournalError::Definition { arn: key.arn().to_string(), reason })?,
            ),
            definition => definition?,
        };
        let data_key = self.sealing_key(key, &record, stored.turn)?;
        let mut reader = PayloadReader { without_data, ..PayloadReader::new(self, key, turns) };
        let execution = live_of(&record, &stored, &mut reader)?;
        let watch = self.watch(Subject {
            identity: &execution.identity,
            qualifiers: &record.qualifiers,
            details: Kept::Text(&record.details),
        });
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
        Ok(live)
    }

    /// Folds the deltas up to a turn, that one included.
    pub(crate) fn fold(&self, key: &ExecutionKey, until: u64) -> Result<Folded, JournalError> {
        let row_key = key.row();
        let snapshot = self.store().get(&SNAPSHOTS, &row_key)?;
        let stored: Option<(StoredExecution, usize)> = match &snapshot {
            Some(row) => {
                let stored: StoredExecution = serde_json::from_slice(&row.value)
                    .map_err(|error| JournalError::Record { arn: key.arn().to_string(), reason: error.to_string() })?;
                Some((stored, row.value.len()))
            }
            None => None,
        };
        // A later snapshot does not tell how things stood before.
        let (mut stored, snapshot_bytes) = stored.filter(|(stored, _)| stored.turn <= until).unwrap_or_default();
        let snapshot_turn = stored.turn;
        let mut bytes_since_snapshot = 0;
        let mut turns: BTreeMap<u64, StoredTurn> = BTreeMap::new();
        loop {
            let page = self.store().read_stream(&row_key, stored.turn + 1, PAGE_TURNS, false)?;
            let last = page.len() < PAGE_TURNS;
            for entry in page {
                if entry.sequence > until {
                    return Ok(Folded { stored, snapshot_turn, snapshot_bytes, bytes_since_snapshot, turns });
                }
                bytes_since_snapshot += entry.value.len();
                let mut turn = self.read_turn(key, entry.sequence, &entry.value)?;
                stored.fold(entry.sequence, std::mem::take(&mut turn.delta));
                turns.insert(entry.sequence, turn);
            }
            if last {
                return Ok(Folded { stored, snapshot_turn, snapshot_bytes, bytes_since_snapshot, turns });
            }
        }
    }

    /// One turn of an execution; `None` where it has not come so far.
    pub(crate) fn turn(&self, key: &ExecutionKey, turn: u64) -> Result<Option<StoredTurn>, JournalError> {
        let entries = self.store().read_stream(&key.row(), turn, 1, false)?;
        let entry = entries.into_iter().find(|entry| entry.sequence == turn);
        entry.map(|entry| self.read_turn(key, entry.sequence, &entry.value)).transpose()
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

    /// The data key that the last turn was sealed with, if it is open: it may seal the
    /// next one.
    fn sealing_key(
        &self,
        key: &ExecutionKey,
        record: &Record,
        last_turn: u64,
    ) -> Result<Option<Arc<DataKey>>, JournalError> {
        if !record.is_sealed() {
            return Ok(None);
        }
        let failed = |error| JournalError::Turn { arn: key.arn().to_string(), error };
        let page = self.store().read_stream(&key.row(), last_turn, 1, false)?;
        let Some(entry) = page.first() else { return Ok(None) };
        let outline = StoredTurn::read_outline(entry.sequence, &entry.value).map_err(failed)?;
        Ok(outline.wrapped_key().map_err(failed)?.and_then(|wrapped| self.open_key(&wrapped)))
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
        self.payload_for(key, key.uid(), turn, position)
    }

    /// The same, marked with its place for another owner.
    fn payload_for(
        &self,
        key: &ExecutionKey,
        owner: u128,
        turn: &StoredTurn,
        position: u32,
    ) -> Result<Payload, JournalError> {
        let arn = key.arn();
        if let Some(wrapped) = &turn.locked {
            return Err(JournalError::Locked { arn: arn.to_string(), wrapped: wrapped.clone() });
        }
        let failed = |error| JournalError::Turn { arn: arn.to_string(), error };
        match turn.payload(owner, position).map_err(failed)? {
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
                mark(&payload, owner, place);
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

/// The live execution of frames as they are stored, in its record's status.
pub(crate) fn live_of(
    record: &Record,
    stored: &StoredExecution,
    reader: &mut PayloadReader<'_>,
) -> Result<Execution, JournalError> {
    let identity = record.identity(reader.read(Place(1, 0))?);
    let mut execution = stored.to_live(identity, |place| reader.read(place))?;
    execution.status = record.status;
    execution.stopped_at = record.stopped_at;
    execution.error = record.error.clone();
    execution.cause = record.cause.clone();
    Ok(execution)
}
