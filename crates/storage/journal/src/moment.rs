//! Any moment of an execution: what a state saw, and what each of its paths and
//! expressions gave. Recomputed from the stored turns; nothing is stored for it.

use windlass_asl::{Failure, Machine};
use windlass_value::{Object, Payload, Text, Value};
use windlass_workflow::{Capture, Entered, FrameId, HistoryEvent, Trace};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::record::Record;
use crate::replay::{ReplayError, Replayed};
use crate::stored::StoredTurn;

/// Turns that one look makes once more at most.
const LOOK_TURNS_MAX: u64 = 64;
/// Events from which the state of an event that has no frame is looked for.
const CHAIN_MAX: usize = 16;

/// An execution at one of its events.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The event.
    pub event: HistoryEvent,
    /// The state it belongs to; `None` for events of the execution itself.
    pub state: Option<MomentState>,
}

/// A state at an event, right before that was written.
#[derive(Clone, Debug)]
pub struct MomentState {
    /// Its name.
    pub name: Text,
    /// The event that entered it.
    pub entered_event_id: u64,
    /// The branches and iterations it is in, the outermost first: the
    /// container's name and its branch's or item's number.
    pub within: Vec<(Text, u32)>,
    /// Its raw input.
    pub input: Payload,
    /// Every variable it can name.
    pub variables: Object,
    /// The context object, without a task's token.
    pub context: Value,
    /// What was evaluated since it was entered, in order, the event's own turn included.
    pub evaluated: Vec<Evaluated>,
    /// Whether turns between were left out of `evaluated`, for they are too many.
    pub abridged: bool,
}

/// What a path or an expression of a state gave.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The last event before it.
    pub after_event_id: u64,
    /// The field, e.g. `Arguments/a[0]`.
    pub field: String,
    /// Its value, or the error's name and cause.
    pub value: Result<Value, (String, String)>,
}

impl Journal {
    /// Looks into an execution at an event. `None` where there is no such event.
    ///
    /// # Errors
    /// Where storage fails, or a turn cannot be recomputed.
    pub fn moment(&self, record: &Record, event_id: u64) -> Result<Option<Moment>, ReplayError> {
        let (key, _) = record.key()?;
        let definition = self.definition_of(record)?;
        let program = &definition.program;
        let Some(turn) = self.turn_of_event(&key, event_id)? else { return Ok(None) };
        let at = turn.turn;
        let Replayed { events, captured, .. } = self.replay_at(&key, record, program, &turn, event_id)?;
        let event = events.into_iter().find(|event| event.id == event_id);
        let Some(event) = event else { return Ok(None) };
        let Some(captured) = self.nearest(&key, record, program, &event, captured)? else {
            return Ok(Some(Moment { event, state: None }));
        };
        let enters = event.event_type.name().ends_with("StateEntered");
        let entering = enters.then_some(Entered { event_id, previous_event_id: event.previous_event_id, at: event.at });
        let Some(frame) = captured.execution.frames.get(&captured.frame) else {
            return Ok(Some(Moment { event, state: None }));
        };
        let Some((entered, sight)) = entering.or(frame.entered).zip(captured.sight(program, entering)) else {
            return Ok(Some(Moment { event, state: None }));
        };
        let name = frame.state.clone();
        let (evaluated, abridged) =
            self.evaluated(&key, record, program, (captured.frame, &name), entered.event_id, at)?;
        let state = MomentState {
            name,
            entered_event_id: entered.event_id,
            within: within(&captured),
            input: sight.input,
            variables: sight.variables,
            context: sight.context,
            evaluated,
            abridged,
        };
        Ok(Some(Moment { event, state: Some(state) }))
    }

    /// The id of an execution's last event so far.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn last_event_id(&self, record: &Record) -> Result<u64, JournalError> {
        let (key, row) = record.key()?;
        let last = self.store().read_stream(&row, u64::MAX, 1, true)?;
        let Some(entry) = last.first() else { return Ok(0) };
        let turn = self.read_turn(&key, entry.sequence, &entry.value)?;
        Ok(turn.delta.next_event_id().saturating_sub(1))
    }

    /// How the execution stood before an event, or, where that belongs to no
    /// frame, before the nearest one that it chains to.
    pub(crate) fn nearest(
        &self,
        key: &ExecutionKey,
        record: &Record,
        program: &Machine,
        event: &HistoryEvent,
        captured: Option<Capture>,
    ) -> Result<Option<Capture>, ReplayError> {
        let mut captured = captured;
        let mut previous = event.previous_event_id;
        for _ in 0..CHAIN_MAX {
            if captured.is_some() || previous == 0 {
                break;
            }
            let Some(turn) = self.turn_of_event(key, previous)? else { break };
            let replayed = self.replay_at(key, record, program, &turn, previous)?;
            captured = replayed.captured;
            let found = replayed.events.iter().find(|event| event.id == previous);
            previous = found.map_or(0, |event| event.previous_event_id);
        }
        Ok(captured)
    }

    /// Makes a turn once more and stops to look before one of its events.
    pub(crate) fn replay_at(
        &self,
        key: &ExecutionKey,
        record: &Record,
        program: &Machine,
        turn: &StoredTurn,
        event_id: u64,
    ) -> Result<Replayed, ReplayError> {
        let (before, mut reader) = self.before_turn(key, record, turn)?;
        self.replay(program, before, turn, &mut reader, None, Some(event_id))
    }

    /// The turn that wrote an event; `None` where none did.
    pub(crate) fn turn_of_event(&self, key: &ExecutionKey, event_id: u64) -> Result<Option<StoredTurn>, JournalError> {
        let last = self.store().read_stream(&key.row(), u64::MAX, 1, true)?;
        let Some(last) = last.first().map(|entry| entry.sequence).filter(|_| event_id > 0) else { return Ok(None) };
        // The first turn after which later events come.
        let (mut low, mut high) = (1, last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(turn) = self.turn(key, middle)? else { return Ok(None) };
            if turn.delta.next_event_id() > event_id {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        if low > last { Ok(None) } else { self.turn(key, low) }
    }

    /// What a state's visit evaluated, from the turn that entered it to `until`.
    fn evaluated(
        &self,
        key: &ExecutionKey,
        record: &Record,
        program: &Machine,
        (frame, state): (FrameId, &Text),
        entered_event_id: u64,
        until: u64,
    ) -> Result<(Vec<Evaluated>, bool), ReplayError> {
        let Some(entered) = self.turn_of_event(key, entered_event_id)? else { return Ok((Vec::new(), true)) };
        let trace = Trace::default();
        // The turn that entered the state, and the last ones: where arguments
        // and results are evaluated.
        let tail = (entered.turn + 1).max(until.saturating_sub(LOOK_TURNS_MAX - 2));
        let abridged = tail > entered.turn + 1;
        let (before, mut reader) = self.before_turn(key, record, &entered)?;
        let mut execution = self.replay(program, before, &entered, &mut reader, Some(&trace), None)?.execution;
        for number in tail..=until {
            let Some(turn) = self.turn(key, number)? else { break };
            let reopens = turn.begins_with("redrive") || turn.begins_with("fork");
            if (number == tail && abridged) || reopens {
                let (before, other) = self.before_turn(key, record, &turn)?;
                (execution, reader) = (before, other);
            }
            execution = self.replay(program, execution, &turn, &mut reader, Some(&trace), None)?.execution;
        }
        let entries = trace
            .take()
            .into_iter()
            .filter(|entry| entry.frame == frame && entry.state == *state && entry.after_event_id >= entered_event_id);
        let mut left = false;
        // The field `Next` is the last one of a visit.
        let visit = entries.take_while(|entry| !std::mem::replace(&mut left, entry.field == "Next"));
        let evaluated = visit.map(|entry| Evaluated {
            after_event_id: entry.after_event_id,
            field: entry.field,
            value: entry.value.map_err(|Failure { error, cause, .. }| (error.to_owned(), cause)),
        });
        Ok((evaluated.collect(), abridged))
    }
}

/// The containers a captured frame is in, the outermost first.
fn within(captured: &Capture) -> Vec<(Text, u32)> {
    let frames = &captured.execution.frames;
    let mut found = Vec::new();
    let mut current = frames.get(&captured.frame);
    while let Some(frame) = current {
        let parent = frame.parent.and_then(|parent| frames.get(&parent));
        found.extend(parent.map(|parent| (parent.state.clone(), frame.index)));
        current = parent;
    }
    found.reverse();
    found
}
