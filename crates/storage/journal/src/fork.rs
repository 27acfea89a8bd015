//! A new execution that goes on from a moment of another one. It has a copy of
//! that one's turns before the moment, so it stands alone whatever becomes of
//! its origin.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use windlass_asl::{Machine, StateKind};
use windlass_store::CommitError;
use windlass_value::{Payload, Text};
use windlass_workflow::{
    Capture, Changes, EventKind, Execution, FrameId, HistoryEvent, Phase, Redrives, RestartPoint, state_of,
};

use crate::definition::JournalDefinition;
use crate::error::{JournalError, StartError};
use crate::journal::{Journal, NewExecution};
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::load::{Folded, PayloadReader};
use crate::observer::{Kept, Subject};
use crate::record::Record;
use crate::redrive::execution_before;
use crate::replay::{ReplayError, Replayed, restart_point};
use crate::slot::{Delivery, What};
use crate::stored::{Entry, Keeping, StoredTurn, TurnWriter};
use crate::tables::EXECUTIONS;

/// Bytes of history that one fork copies at most: they go into one batch.
const COPIED_BYTES_MAX: usize = 48 << 20;
/// Turns read at once.
const PAGE_TURNS: usize = 64;

/// Where a new execution leaves its origin, and what it changes.
#[derive(Clone, Debug)]
pub struct ForkPoint {
    /// An event of the origin. The new execution enters that event's state; of
    /// an event that leaves a state, the one that was entered next.
    pub event_id: u64,
    /// The state's input; `None`: as it was.
    pub input: Option<Payload>,
    /// The variables of its scope, an object; `None`: as they were.
    pub variables: Option<Payload>,
}

/// What a fork began.
#[derive(Clone, Debug)]
pub struct Forked {
    /// The new execution's record.
    pub record: Record,
    /// The state it goes on with.
    pub state: Text,
    /// Its events up to this one are copies.
    pub copied_events: u64,
}

/// Why no execution was forked off.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The origin has no such event.
    #[error("the execution has no event {0}")]
    NoSuchEvent(u64),
    /// Nothing was entered after the event, or it belongs to no state.
    #[error("no state is entered at event {0} or after it")]
    NoState(u64),
    /// The new definition cannot take the execution over.
    #[error("{0}")]
    Definition(String),
    /// There is more to copy than goes into one batch.
    #[error("the history before that event is larger than the {0} bytes that can be copied")]
    TooLarge(usize),
    /// The past cannot be recomputed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The new execution was not started.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl From<JournalError> for ForkError {
    fn from(error: JournalError) -> ForkError {
        ForkError::Replay(error.into())
    }
}

/// A past that is ready to be written under another name.
struct Copy {
    /// Whole turns, as they are stored.
    turns: Vec<(u64, Bytes)>,
    /// The turn that is cut off, and its number.
    cut: (u64, Entry),
    execution: Execution,
    frame: FrameId,
}

impl Journal {
    /// Starts a new execution from a moment of another. Of `new` the identity's
    /// input is not used: it is the origin's. Answers once it is durable.
    ///
    /// # Errors
    /// See [`ForkError`].
    pub async fn fork(&self, origin: &Record, new: NewExecution, point: ForkPoint) -> Result<Forked, ForkError> {
        self.admit_start()?;
        let arn = new.identity.arn.clone();
        let key = ExecutionKey::from_arn(&arn)
            .ok_or_else(|| JournalError::Record { arn: arn.to_string(), reason: "not an ARN".into() })?;
        let mut record = Record::new(&new);
        let copied = {
            let (journal, origin, record, key) = (self.clone(), origin.clone(), record.clone(), key.clone());
            let (definition, event_id) = (new.definition.clone(), point.event_id);
            tokio::task::spawn_blocking(move || journal.copy_past(&origin, &record, &key, &definition, event_id)).await
        };
        let copied = copied.unwrap_or(Err(JournalError::Stopping.into()))?;
        record.pasts = origin.pasts_until(copied.cut.0);
        let slot = match self.claim(&key).await? {
            Ok(slot) => slot,
            Err(record) => return Err(StartError::Exists(Box::new(record)).into()),
        };
        let frame = copied.frame;
        let state = copied.execution.frames.get(&frame).map(|frame| frame.state.clone()).unwrap_or_default();
        let copied_events = copied.execution.next_event_id.saturating_sub(1);
        let edits = point.input.is_some() || point.variables.is_some();
        let from =
            edits.then(|| RestartPoint { frame, state: state.clone(), input: point.input, variables: point.variables });
        let watch = self.watch(Subject {
            identity: &copied.execution.identity,
            qualifiers: &record.qualifiers,
            details: Kept::Text(&record.details),
        });
        let mut live = Box::new(Live {
            key: key.clone(),
            record,
            watch,
            definition: new.definition.clone(),
            execution: copied.execution,
            turn: copied.cut.0,
            snapshot_turn: 0,
            bytes_since_snapshot: 0,
            snapshot_bytes: 0,
            timer_rows: HashSet::new(),
            task_rows: HashSet::new(),
            continue_row: false,
            data_key: None,
            refused: None,
        });
        match self.fork_turn(&mut live, copied.turns, copied.cut, from).await {
            Ok(()) => {
                self.0.started.fetch_add(1, Ordering::Relaxed);
                if live.execution.is_running() {
                    self.0.open.fetch_add(1, Ordering::Relaxed);
                }
                let (record, continues) = (live.record.clone(), live.continue_row);
                self.release(slot, live, continues);
                Ok(Forked { record, state, copied_events })
            }
            Err(error @ JournalError::Write(CommitError::Expectation { .. } | CommitError::Duplicate { .. })) => {
                self.give_back(&key, slot);
                Err(match self.record(key.arn())? {
                    Some(record) => StartError::Exists(Box::new(record)).into(),
                    None => error.into(),
                })
            }
            Err(error) => {
                self.abandon(&key, &slot, &error);
                Err(match error {
                    JournalError::Write(CommitError::TooLarge) => ForkError::TooLarge(COPIED_BYTES_MAX),
                    error => error.into(),
                })
            }
        }
    }

    /// The first turn of its own, with the copies and what only a start writes.
    async fn fork_turn(
        &self,
        live: &mut Box<Live>,
        turns: Vec<(u64, Bytes)>,
        cut: (u64, Entry),
        from: Option<RestartPoint>,
    ) -> Result<(), JournalError> {
        let event = Delivery { what: What::Event(EventKind::Fork { from }), reply: None };
        let mut turn = self.make_turn(live, vec![event])?;
        let row = live.key.row();
        turn.batch.expect_absent(&EXECUTIONS, row.clone());
        // What the copies refer to stays, whatever becomes of the origin meanwhile.
        let mut pinned = Vec::new();
        for (number, entry) in &turns {
            let outline = StoredTurn::read_outline(*number, entry);
            let outline = outline.map_err(|error| JournalError::Turn { arn: live.key.arn().to_string(), error })?;
            for id in outline.contents() {
                pinned.push(self.pin_content(live.key.arn(), id)?);
            }
        }
        pinned.iter().for_each(|content| self.refer_to_content(&mut turn.batch, &row, &content.id()));
        let (cut_turn, cut) = cut;
        self.refer_to(&mut turn.batch, &row, &cut.contents);
        turn.contents.extend(cut.contents);
        for (number, entry) in turns.into_iter().chain([(cut_turn, cut.bytes)]) {
            turn.batch.append(row.clone(), number, entry);
        }
        // A stream's entries are appended in their order.
        turn.batch.append.sort_by_key(|append| append.sequence);
        let new_definition = self.store_definition(&live.definition, &mut turn.batch);
        self.commit_turn(live, turn).await?;
        pinned.into_iter().for_each(windlass_blob::Pinned::keep);
        if new_definition {
            self.definition_stored(live.definition.clone());
        }
        Ok(())
    }

    /// An origin's past up to an event, as another execution's.
    fn copy_past(
        &self,
        origin: &Record,
        new: &Record,
        new_key: &ExecutionKey,
        definition: &Arc<JournalDefinition>,
        event_id: u64,
    ) -> Result<Copy, ForkError> {
        let (key, row) = origin.key()?;
        let program = self.definition_of(origin)?.program.clone();
        let entered = self.entered_at(&key, origin, &program, event_id)?;
        let turn = self.turn_of_event(&key, entered)?.ok_or(ForkError::NoSuchEvent(entered))?;
        let cut_turn = turn.turn;
        let Folded { stored, turns, .. } = self.fold(&key, cut_turn.saturating_sub(1))?;
        let before: Vec<FrameId> = stored.frame_ids().collect();
        let mut reader = PayloadReader::new(self, &key, turns).for_copy(new_key, cut_turn);
        let execution = execution_before(origin, &stored, &turn, &mut reader)?;
        let Replayed { events, captured, .. } =
            self.replay(&program, execution, &turn, &mut reader, None, Some(entered))?;
        let Capture { mut execution, frame } = captured.ok_or(ForkError::NoState(event_id))?;
        execution.halt();
        execution.redrives = Redrives::default();
        execution.identity = new.identity(execution.identity.input.clone());
        if !Arc::ptr_eq(&program, &definition.program) {
            check_fits(&definition.program, &execution).map_err(ForkError::Definition)?;
        }
        let turns = self.copied_turns(&row, cut_turn)?;
        let restart = turn.restart.as_ref().map(|restart| restart_point(restart, &mut reader)).transpose()?;
        let inline_bytes_max = self.inline_bytes_max();
        let cut = cut_off(&turn, &events, entered, &execution, &before, restart, new_key, inline_bytes_max)?;
        execution.take_changes();
        Ok(Copy { turns, cut: (cut_turn, cut), execution, frame })
    }

    /// The event that entered the state which an event belongs to, or, for one
    /// that leaves a state, the state after it.
    fn entered_at(
        &self,
        key: &ExecutionKey,
        record: &Record,
        program: &Machine,
        event_id: u64,
    ) -> Result<u64, ForkError> {
        let turn = self.turn_of_event(key, event_id)?.ok_or(ForkError::NoSuchEvent(event_id))?;
        let Replayed { events, captured, .. } = self.replay_at(key, record, program, &turn, event_id)?;
        let event = events.iter().find(|event| event.id == event_id).ok_or(ForkError::NoSuchEvent(event_id))?;
        let name = event.event_type.name();
        if name.ends_with("StateEntered") {
            return Ok(event_id);
        }
        if name.ends_with("StateExited") || name == "ExecutionStarted" {
            return self.entered_after(key, event, turn)?.ok_or(ForkError::NoState(event_id));
        }
        let captured = self.nearest(key, record, program, event, captured)?;
        let frame = captured.as_ref().and_then(|captured| captured.execution.frames.get(&captured.frame));
        let entered = frame.and_then(|frame| frame.entered).map(|entered| entered.event_id);
        entered.ok_or(ForkError::NoState(event_id))
    }

    /// The state that is entered right after an event that leaves one.
    fn entered_after(
        &self,
        key: &ExecutionKey,
        left: &HistoryEvent,
        turn: StoredTurn,
    ) -> Result<Option<u64>, JournalError> {
        // Recorded: the first state chains to no event.
        let previous = if left.id == 1 { 0 } else { left.id };
        let mut turn = Some(turn);
        while let Some(looked_at) = turn {
            let mut events = looked_at.events.iter().filter(|event| event.id() > left.id);
            if let Some(found) = events.find(|event| event.enters_after(previous)) {
                return Ok(Some(found.id()));
            }
            turn = self.turn(key, looked_at.turn + 1)?;
        }
        Ok(None)
    }

    /// The turns before one, as they are stored.
    fn copied_turns(&self, row: &windlass_store::Key, before: u64) -> Result<Vec<(u64, Bytes)>, ForkError> {
        let mut turns: Vec<(u64, Bytes)> = Vec::new();
        let mut bytes = 0;
        let mut from = 1;
        while from < before {
            let page = self.store().read_stream(row, from, PAGE_TURNS, false).map_err(JournalError::from)?;
            if page.is_empty() {
                break;
            }
            for entry in page.into_iter().filter(|entry| entry.sequence < before) {
                bytes += entry.value.len();
                if bytes > COPIED_BYTES_MAX {
                    return Err(ForkError::TooLarge(COPIED_BYTES_MAX));
                }
                turns.push((entry.sequence, entry.value));
            }
            from += PAGE_TURNS as u64;
        }
        Ok(turns)
    }
}

/// The part of a turn before an event, under a new owner: its events, and all
/// frames as they stood.
#[allow(clippy::too_many_arguments, reason = "what a turn is made of, and for whom")]
fn cut_off(
    turn: &StoredTurn,
    events: &[HistoryEvent],
    before_event: u64,
    execution: &Execution,
    frames_before: &[FrameId],
    restart: Option<RestartPoint>,
    owner: &ExecutionKey,
    inline_bytes_max: usize,
) -> Result<Entry, JournalError> {
    let mut writer = TurnWriter::new(owner.uid(), turn.turn, turn.at, turn.seed, inline_bytes_max);
    writer.cut();
    turn.inputs().0.iter().for_each(|input| writer.input(input.clone()));
    restart.iter().for_each(|point| writer.restart(point));
    let kept: Vec<HistoryEvent> = events.iter().filter(|event| event.id < before_event).cloned().collect();
    writer.events(&kept);
    let changes = Changes {
        frames: execution.frames.keys().copied().collect(),
        removed: frames_before.iter().copied().filter(|id| !execution.frames.contains_key(id)).collect(),
        ..Changes::default()
    };
    let keeping = Keeping { row: &owner.row(), key: None };
    writer
        .finish(execution, &changes, keeping)
        .map_err(|error| JournalError::Turn { arn: owner.arn().to_string(), error })
}

/// Whether another definition can take an execution over where it stands.
fn check_fits(program: &Machine, execution: &Execution) -> Result<(), String> {
    for frame in execution.frames.values() {
        let Some(state) = state_of(program, execution, frame) else {
            return Err(format!("The new definition has no state '{}' where the execution stands in it.", frame.state));
        };
        let fits = match (&state.kind, &frame.phase) {
            (StateKind::Parallel { branches }, Phase::Parallel(run)) => branches.len() == run.results.len(),
            (StateKind::Map(_), Phase::Map(_)) => true,
            (_, Phase::Parallel(_) | Phase::Map(_)) => false,
            _ => true,
        };
        if !fits {
            return Err(format!(
                "The execution is within the state '{}', which the new definition has changed into something else.",
                frame.state
            ));
        }
    }
    Ok(())
}
