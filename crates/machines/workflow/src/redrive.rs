//! How a closed execution goes on: what stays of it when it closes, and how
//! that is taken up again.

use std::collections::BTreeMap;

use windlass_asl::{Machine, StateKind};

use crate::event::RestartPoint;
use crate::execution::{Execution, Frame, FrameId, Phase, Redrives, Retries, Status};
use crate::history::{Details, EventType};
use crate::turn::{Turn, machine_of};

/// A container whose failure is on its way up: what it held, should the failure
/// end the execution.
pub(crate) struct SetAside {
    container: FrameId,
    phase: Phase,
    descendants: Vec<Frame>,
}

/// Why no frame can be sent to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartError {
    /// The definition has no such state.
    NoSuchState,
    /// No branch or iteration that is not done runs the machine it belongs to.
    NotRunning,
    /// So many unfinished branches or iterations run that machine.
    Ambiguous(usize),
}

impl Execution {
    /// Whether a redrive would find something to take up.
    pub fn is_redrivable(&self) -> bool {
        matches!(self.status, Status::Failed | Status::TimedOut | Status::Aborted) && !self.frames.is_empty()
    }

    /// Puts every frame at rest: what waited for a timer or an answer is to be
    /// worked on again. Frames that run within a container are its unfinished ones.
    pub fn halt(&mut self) {
        let mut running: BTreeMap<FrameId, u32> = BTreeMap::new();
        for parent in self.frames.values().filter_map(|frame| frame.parent) {
            *running.entry(parent).or_default() += 1;
        }
        for (id, frame) in &mut self.frames {
            let children = running.get(id).copied().unwrap_or(0);
            match &mut frame.phase {
                Phase::Parallel(run) => run.running = children,
                Phase::Map(run) => run.running = children,
                // What a redrive must find again, as a Map Run's ARN, would stay in its phase.
                phase @ (Phase::Wait { .. } | Phase::Retry { .. } | Phase::Task(_)) => *phase = Phase::Work,
                Phase::Enter | Phase::Work => {}
            }
            self.changes.restore(*id);
        }
        self.timeout = None;
        self.ready.clear();
    }
}

/// The frame that can be sent to a state: the definition's own, or the one
/// unfinished branch or iteration whose machine has the state.
///
/// # Errors
/// See [`RestartError`].
pub fn find_frame(program: &Machine, execution: &Execution, state: &str) -> Result<FrameId, RestartError> {
    if program.states.contains_key(state) {
        return Ok(FrameId::ROOT);
    }
    let has = |frame: &&Frame| {
        machine_of(program, execution, frame).is_some_and(|machine| machine.states.contains_key(state))
    };
    let mut frames = execution.frames.values().filter(has);
    match (frames.next(), frames.count()) {
        (Some(frame), 0) => Ok(frame.id),
        (Some(_), others) => Err(RestartError::Ambiguous(others + 1)),
        (None, _) if has_state(program, state) => Err(RestartError::NotRunning),
        (None, _) => Err(RestartError::NoSuchState),
    }
}

/// Whether a machine, or one nested in it, has a state of that name.
fn has_state(machine: &Machine, name: &str) -> bool {
    machine.states.contains_key(name)
        || machine.states.values().any(|state| match &state.kind {
            StateKind::Parallel { branches } => branches.iter().any(|branch| has_state(branch, name)),
            StateKind::Map(map) => has_state(&map.processor, name),
            _ => false,
        })
}

impl Turn<'_> {
    /// Lets go of a container's branches or iterations, for it failed. Retry and
    /// Catch find it with nothing running; if neither helps, [`Turn::put_back`]
    /// restores what it held. Whatever else outlives its failure for a redrive is
    /// set aside here too, before [`Turn::state_failed`]: a phase that names a Map
    /// Run, say.
    pub(crate) fn set_container_aside(&mut self, id: FrameId) {
        let mut descendants = Vec::new();
        self.take_descendants(id, &mut descendants);
        if let Some(frame) = self.frame_mut(id) {
            let phase = std::mem::replace(&mut frame.phase, Phase::Work);
            self.set_aside.push(SetAside { container: id, phase, descendants });
        }
    }

    fn take_descendants(&mut self, id: FrameId, taken: &mut Vec<Frame>) {
        for child in self.children(id) {
            self.cancel(child);
            self.take_descendants(child, taken);
            self.execution.changes.remove(child);
            taken.extend(self.execution.frames.remove(&child));
        }
    }

    /// Gives containers back what was set aside: nothing caught the failure.
    pub(crate) fn put_back(&mut self) {
        // The outermost was set aside last, and holds those within.
        while let Some(SetAside { container, phase, descendants }) = self.set_aside.pop() {
            let Some(frame) = self.execution.frames.get_mut(&container) else { continue };
            if !matches!(frame.phase, Phase::Work) {
                continue;
            }
            frame.phase = phase;
            self.execution.frames.extend(descendants.into_iter().map(|frame| (frame.id, frame)));
        }
    }

    /// Opens a closed execution again: every state that was entered and not left
    /// is worked on anew.
    pub(crate) fn redrive(&mut self, from: Option<RestartPoint>) {
        let last = self.execution.next_event_id.saturating_sub(1);
        let count = self.execution.redrives.count.saturating_add(1);
        self.execution.redrives = Redrives { count, at: Some(self.at) };
        self.execution.status = Status::Running;
        self.execution.error = None;
        self.execution.cause = None;
        self.execution.stopped_at = None;
        let redriven = self.write(last, EventType::ExecutionRedriven, || Details::Redriven { count });
        self.reopen(from, Some(redriven));
    }

    /// Goes on with an execution that was copied from another's past.
    pub(crate) fn fork_off(&mut self, from: Option<RestartPoint>) {
        self.reopen(from, None);
    }

    /// Takes up every frame, the event `redriven` in front of it.
    fn reopen(&mut self, from: Option<RestartPoint>, redriven: Option<u64>) {
        self.set_time_out();
        if let Some(from) = from {
            self.send_to(from);
        }
        let ids: Vec<FrameId> = self.execution.frames.keys().copied().collect();
        for id in ids {
            let previous = redriven.map(|redriven| self.restart_iteration(id, redriven));
            let fails = self.state(id).is_some_and(|state| matches!(state.kind, StateKind::Fail(_)));
            let Some(frame) = self.frame_mut(id) else { continue };
            frame.retries = Retries { count: 0, by_retrier: vec![0; frame.retries.by_retrier.len()] };
            if let Some(previous) = previous {
                frame.previous_event_id = previous;
            }
            match &mut frame.phase {
                Phase::Map(run) => run.chain_event_id = redriven.unwrap_or(run.chain_event_id),
                // Here a phase that outlived its failure goes on: a Map Run is started
                // again by its ARN, in a new attempt, behind `MapRunRedriven`.
                //
                // A Fail state is entered again; all others go on within the state.
                phase @ Phase::Work if fails => *phase = Phase::Enter,
                _ => {}
            }
            if frame.has_work() {
                self.execution.ready.push_back(id);
            }
        }
    }

    /// An iteration that goes on is told of as started once more. Answers the
    /// event that its frame chains to.
    fn restart_iteration(&mut self, id: FrameId, redriven: u64) -> u64 {
        let Some(frame) = self.frame(id) else { return redriven };
        let container = frame.parent.and_then(|parent| self.frame(parent));
        let Some(Frame { state, phase: Phase::Map(_), .. }) = container else { return redriven };
        let (name, index) = (state.clone(), frame.index);
        self.write(redriven, EventType::MapIterationStarted, || Details::Iteration { name, index })
    }

    /// Sends a frame to a state; what ran within it is given up.
    fn send_to(&mut self, point: RestartPoint) {
        let RestartPoint { frame: id, state, input, variables } = point;
        for child in self.children(id) {
            self.release(child);
            self.remove(child);
        }
        let Some(frame) = self.frame_mut(id) else { return };
        frame.state = state;
        frame.entered = None;
        frame.phase = Phase::Enter;
        if let Some(input) = input {
            frame.input = input;
        }
        if variables.is_some() {
            frame.variables = variables;
        }
    }
}
