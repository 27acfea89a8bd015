use std::collections::BTreeMap;
use std::fmt;

use windlass_asl::{Failure, Machine, State, StateKind};
use windlass_value::{Payload, Text, Timestamp, Value};

use crate::budget::Budget;
use crate::capture::Capture;
use crate::effect::{Effect, TimerKind};
use crate::execution::{Execution, Frame, FrameId, Phase, Retries, Status, TimerId};
use crate::history::{Details, EventType, History, HistoryEvent};
use crate::probe::Probe;
use crate::random::Random;
use crate::redrive::SetAside;
use crate::step::World;
use crate::trace::Trace;

/// One turn at work: the execution, what it reads and what it says.
pub(crate) struct Turn<'a> {
    pub(crate) program: &'a Machine,
    pub(crate) execution: &'a mut Execution,
    pub(crate) at: Timestamp,
    pub(crate) random: Random,
    pub(crate) world: &'a World<'a>,
    pub(crate) history: &'a mut History,
    pub(crate) effects: Vec<Effect>,
    pub(crate) budget: &'a mut Budget,
    /// Variables that `budget` counts, by frame: only the last ones are stored.
    pub(crate) variables_bytes: BTreeMap<FrameId, usize>,
    /// The history is full: nothing more is written but the failure.
    pub(crate) history_full: bool,
    /// What containers held whose failure is on its way up, the innermost first.
    pub(crate) set_aside: Vec<SetAside>,
    /// The Entered event before which the execution is to be captured.
    pub(crate) capture_at: Option<u64>,
    pub(crate) captured: Option<Capture>,
    /// Who watches what is evaluated.
    pub(crate) trace: Option<&'a Trace>,
    /// Set where one state runs by itself.
    pub(crate) probe: Option<&'a Probe>,
}

/// An error of a state, on its way to Retry and Catch.
#[derive(Clone, Debug)]
pub(crate) struct StateError {
    pub(crate) error: Option<Text>,
    pub(crate) cause: Option<Text>,
    /// A missed heartbeat, which `States.HeartbeatTimeout` matches too.
    pub(crate) heartbeat: bool,
}

impl StateError {
    pub(crate) fn new(error: &str, cause: Option<Text>) -> StateError {
        StateError { error: Some(error.into()), cause, heartbeat: false }
    }
}

/// The machine a frame runs, found through its ancestors' states by name.
pub(crate) fn machine_of<'p>(program: &'p Machine, execution: &Execution, frame: &Frame) -> Option<&'p Machine> {
    let Some(parent) = frame.parent else { return Some(program) };
    let parent = execution.frames.get(&parent)?;
    match &state_of(program, execution, parent)?.kind {
        StateKind::Parallel { branches } => branches.get(frame.index as usize),
        StateKind::Map(map) => Some(&map.processor),
        _ => None,
    }
}

/// The state a frame is in.
pub fn state_of<'p>(program: &'p Machine, execution: &Execution, frame: &Frame) -> Option<&'p State> {
    machine_of(program, execution, frame)?.states.get(&frame.state)
}

/// The first characters of a text.
fn cut(text: Text, chars_max: usize) -> Text {
    // No character is shorter than a byte, so most texts need no count.
    if text.len() <= chars_max {
        return text;
    }
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => text[..end].into(),
        None => text,
    }
}

impl<'a> Turn<'a> {
    pub(crate) fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.execution.frames.get(&id)
    }

    /// A frame to change; it is written whole at the end of the turn.
    pub(crate) fn frame_mut(&mut self, id: FrameId) -> Option<&mut Frame> {
        self.execution.changes.frame(id);
        self.execution.frames.get_mut(&id)
    }

    pub(crate) fn state(&self, id: FrameId) -> Option<&'a State> {
        state_of(self.program, self.execution, self.frame(id)?)
    }

    /// Tells whoever watches of a stage of a frame's state.
    pub(crate) fn note(&self, id: FrameId, field: &dyn fmt::Display, value: impl FnOnce() -> Value) {
        if let Some(trace) = self.trace
            && let Some(frame) = self.frame(id)
        {
            trace.note(frame, self.execution.next_event_id, field, Ok(&value()));
        }
    }

    /// Writes an event of a frame and moves the frame's chain to it.
    pub(crate) fn emit(&mut self, id: FrameId, event_type: EventType, details: impl FnOnce() -> Details) -> u64 {
        let previous = self.frame(id).map_or(0, |frame| frame.previous_event_id);
        self.capture(id);
        let event_id = self.write(previous, event_type, details);
        if let Some(frame) = self.execution.frames.get_mut(&id) {
            frame.previous_event_id = event_id;
        }
        event_id
    }

    /// Writes an event that no later one chains to.
    pub(crate) fn write(&mut self, previous: u64, event_type: EventType, details: impl FnOnce() -> Details) -> u64 {
        let event_id = self.execution.next_event_id;
        if let Some(max) = self.world.limits.history_events_max
            && event_id >= max
            && !matches!(
                event_type,
                EventType::ExecutionFailed
                    | EventType::ExecutionAborted
                    | EventType::ExecutionTimedOut
                    | EventType::ExecutionSucceeded
            )
        {
            // Nothing is written, so nothing may chain to it.
            self.history_full = true;
            return previous;
        }
        self.execution.next_event_id += 1;
        if let History::On(events) = self.history {
            let details = details();
            self.budget.add_bytes(details.payloads().map(Payload::bytes_len).sum::<usize>() + details.texts_bytes());
            events.push(HistoryEvent { id: event_id, previous_event_id: previous, at: self.at, event_type, details });
        }
        event_id
    }

    /// Counts the variables a frame now has.
    pub(crate) fn count_variables(&mut self, id: FrameId, bytes: usize) {
        let before = self.variables_bytes.insert(id, bytes).unwrap_or(0);
        self.budget.bytes = self.budget.bytes.saturating_sub(before).saturating_add(bytes);
    }

    /// An error's name, no longer than may be.
    pub(crate) fn error_cut(&self, error: Option<Text>) -> Option<Text> {
        error.map(|error| cut(error, self.world.limits.error_chars_max))
    }

    /// A cause, no longer than may be.
    pub(crate) fn cause_cut(&self, cause: Option<Text>) -> Option<Text> {
        cause.map(|cause| cut(cause, self.world.limits.cause_chars_max))
    }

    pub(crate) fn set_timer(&mut self, frame: FrameId, at: Timestamp, kind: TimerKind) -> TimerId {
        let timer = TimerId { frame, serial: self.execution.next_timer };
        self.execution.next_timer += 1;
        self.effects.push(Effect::SetTimer { timer, at, kind });
        timer
    }

    /// Adds a frame for a branch or an iteration and queues it.
    pub(crate) fn spawn(
        &mut self,
        parent: Option<FrameId>,
        index: u32,
        start_at: Text,
        input: Payload,
        previous_event_id: u64,
    ) -> FrameId {
        let id = FrameId(self.execution.next_frame);
        self.execution.next_frame += 1;
        let frame = Frame {
            id,
            parent,
            index,
            state: start_at,
            input,
            variables: None,
            previous_event_id,
            entered: None,
            retries: Retries::default(),
            phase: Phase::Enter,
        };
        self.execution.frames.insert(id, frame);
        self.execution.changes.frame(id);
        self.execution.ready.push_back(id);
        id
    }

    /// How many machines a frame is nested in.
    pub(crate) fn depth(&self, id: FrameId) -> u32 {
        let mut depth = 0;
        let mut current = self.frame(id);
        while let Some(parent) = current.and_then(|frame| frame.parent) {
            depth += 1;
            current = self.frame(parent);
        }
        depth
    }

    /// AWS's prefix of causes that the interpreter itself finds.
    pub(crate) fn prefixed(&self, id: FrameId, cause: &str) -> Text {
        if self.probe.is_some() {
            // Measured: a test of one state has no prefix.
            return cut(cause.into(), self.world.limits.cause_chars_max);
        }
        let frame = self.frame(id);
        let name = frame.map_or("", |frame| &frame.state);
        let event = frame.and_then(|frame| frame.entered).map_or(0, |entered| entered.event_id);
        let cause =
            format!("An error occurred while executing the state '{name}' (entered at the event id #{event}). {cause}");
        cut(cause.into(), self.world.limits.cause_chars_max)
    }

    /// Takes an evaluation's failure to where it belongs: `States.Runtime` ends
    /// the execution; a JSONata failure writes `EvaluationFailed`; then Retry
    /// and Catch have their say.
    pub(crate) fn evaluation_failed(&mut self, id: FrameId, failure: Failure) {
        let cause: Text = self.prefixed(id, &failure.cause);
        if failure.error == "States.Runtime" {
            self.fail_execution(id, Some(failure.error.into()), Some(cause));
            return;
        }
        // Branches and iterations that began go with the state, or a retry
        // would find them still running.
        if self.frame(id).is_some_and(|frame| matches!(frame.phase, Phase::Parallel(_) | Phase::Map(_))) {
            self.set_container_aside(id);
        }
        if failure.error == "States.QueryEvaluationError" {
            let Some(frame) = self.frame(id) else { return };
            let state = frame.state.clone();
            let waits = self.state(id).is_some_and(|state| matches!(state.kind, StateKind::Wait(_)));
            // Recorded: the event chains past the state's own Entered event, except in a Wait.
            let previous = match frame.entered {
                Some(entered) if waits => entered.event_id,
                Some(entered) => entered.previous_event_id,
                None => frame.previous_event_id,
            };
            let details = || Details::EvaluationFailed {
                error: failure.error.into(),
                cause: cause.clone(),
                location: failure.location.as_deref().map(Into::into),
                state,
            };
            self.capture(id);
            let event_id = self.write(previous, EventType::EvaluationFailed, details);
            if let Some(frame) = self.frame_mut(id) {
                frame.previous_event_id = event_id;
            }
        }
        self.state_failed(id, StateError::new(failure.error, Some(cause)));
    }

    /// Ends the execution as failed, whatever runs.
    pub(crate) fn fail_execution(&mut self, id: FrameId, error: Option<Text>, cause: Option<Text>) {
        if !self.execution.is_running() {
            return;
        }
        let (error, cause) = match self.history_full {
            // The event that would explain another error is not there.
            true => {
                let max = self.world.limits.history_events_max.unwrap_or_default();
                let cause = format!("The execution reached the maximum number of history events ({max}).");
                (Some("States.Runtime".into()), Some(cause.into()))
            }
            false => (error, cause),
        };
        let previous = self.frame(id).map_or(0, |frame| frame.previous_event_id);
        self.write(previous, EventType::ExecutionFailed, || Details::Failure {
            error: error.clone(),
            cause: cause.clone(),
        });
        self.execution.error = error;
        self.execution.cause = cause;
        self.close(Status::Failed);
    }

    /// Closes the execution: every timer and task is cancelled. Frames go, but
    /// where a redrive may come they stay as they stopped.
    pub(crate) fn close(&mut self, status: Status) {
        for timer in self.execution.timers() {
            self.effects.push(Effect::CancelTimer(timer));
        }
        for frame in self.execution.frames.values() {
            if let Phase::Task(run) = &frame.phase {
                self.effects.push(Effect::CancelTask(run.task));
            }
        }
        if status == Status::Succeeded || self.execution.identity.express {
            for id in std::mem::take(&mut self.execution.frames).into_keys() {
                self.execution.changes.remove(id);
            }
        } else {
            self.put_back();
            self.execution.halt();
        }
        self.execution.ready.clear();
        self.execution.timeout = None;
        self.execution.status = status;
        self.execution.stopped_at = Some(self.at);
        self.effects.push(Effect::Finished(status));
    }

    /// Lets go of what a frame waits for, its descendants included, and removes
    /// the descendants. The frame itself stays.
    pub(crate) fn release(&mut self, id: FrameId) {
        self.cancel(id);
        if self.frame(id).is_some_and(|frame| matches!(frame.phase, Phase::Parallel(_) | Phase::Map(_))) {
            for child in self.children(id) {
                self.release(child);
                self.remove(child);
            }
        }
    }

    /// Cancels what a frame itself waits for.
    pub(crate) fn cancel(&mut self, id: FrameId) {
        let Some(frame) = self.execution.frames.get(&id) else { return };
        match &frame.phase {
            Phase::Wait { timer, .. } | Phase::Retry { timer, .. } => self.effects.push(Effect::CancelTimer(*timer)),
            Phase::Task(run) => {
                self.effects.extend(run.timeout.into_iter().chain(run.heartbeat).map(Effect::CancelTimer));
                self.effects.push(Effect::CancelTask(run.task));
            }
            Phase::Parallel(_) | Phase::Map(_) | Phase::Enter | Phase::Work => {}
        }
    }

    pub(crate) fn remove(&mut self, id: FrameId) {
        if self.execution.frames.remove(&id).is_some() {
            self.execution.changes.remove(id);
        }
    }

    /// The frames of a container, by index.
    pub(crate) fn children(&self, id: FrameId) -> Vec<FrameId> {
        // Children are always younger than their container.
        let mut children: Vec<_> = self
            .execution
            .frames
            .range(FrameId(id.0 + 1)..)
            .filter(|(_, frame)| frame.parent == Some(id))
            .map(|(child, frame)| (frame.index, *child))
            .collect();
        children.sort_unstable();
        children.into_iter().map(|(_, child)| child).collect()
    }
}
