//! How branches and iterations end, for the Parallel or Map they belong to.

use windlass_asl::{Failure, StateKind};
use windlass_value::Payload;

use super::map::collect;
use crate::execution::{FrameId, Phase};
use crate::history::{Details, EventType};
use crate::turn::{StateError, Turn};

impl Turn<'_> {
    /// A branch or iteration has reached its end.
    pub(crate) fn child_succeeded(&mut self, parent: FrameId, child: FrameId, output: Payload) {
        let Some((index, chain)) = self.frame(child).map(|frame| (frame.index, frame.previous_event_id)) else {
            return;
        };
        self.remove(child);
        let Some(state) = self.state(parent) else { return };
        let is_map = matches!(state.kind, StateKind::Map(_));
        let closing = if is_map {
            let name = state.name.clone();
            self.capture(parent);
            self.write(chain, EventType::MapIterationSucceeded, || Details::Iteration { name, index })
        } else {
            chain
        };
        self.execution.changes.results.insert((parent, index));
        self.execution.changes.progress.insert(parent);
        let Some(frame) = self.execution.frames.get_mut(&parent) else { return };
        // Recorded: what closes the container chains to the last iteration's
        // Succeeded event, or to the last event of the last branch.
        frame.previous_event_id = closing;
        let (results, running) = match &mut frame.phase {
            Phase::Parallel(run) => (&mut run.results, &mut run.running),
            Phase::Map(run) => {
                // A marker does not advance the chain: the next iteration follows the last state's event.
                run.chain_event_id = chain;
                (&mut run.results, &mut run.running)
            }
            _ => return,
        };
        if let Some(result) = results.get_mut(index as usize) {
            *result = Some(output);
        }
        *running = running.saturating_sub(1);
        let running = *running;
        let done = match (&state.kind, &frame.phase) {
            (StateKind::Map(_), Phase::Map(run)) if run.next_index >= run.length && running == 0 => {
                self.map_succeeded(parent)
            }
            (StateKind::Map(map), Phase::Map(_)) => self.start_iterations(parent, state, map),
            (_, Phase::Parallel(run)) if running == 0 => {
                let result = collect(&run.results);
                self.container_succeeded(parent, EventType::ParallelStateSucceeded, result)
            }
            _ => Ok(()),
        };
        if let Err(failure) = done {
            self.evaluation_failed(parent, failure);
        }
    }

    /// All branches or iterations are done: the container has its result.
    pub(crate) fn container_succeeded(
        &mut self,
        id: FrameId,
        event_type: EventType,
        result: Payload,
    ) -> Result<(), Failure> {
        let Some((state, frame)) = self.state(id).zip(self.frame(id)) else { return Ok(()) };
        let previous = frame.previous_event_id;
        self.capture(id);
        let succeeded = self.write(previous, event_type, || Details::None);
        self.note(id, &"Result", || result.value().clone());
        let left = self.leave_with_result(id, state, result).and_then(|leaving| self.exit(id, state, leaving));
        if left.is_err()
            && let Some(frame) = self.frame_mut(id)
        {
            // Measured: a failure behind the marker chains to it; Exited skips it.
            frame.previous_event_id = succeeded;
        }
        left
    }

    /// All branches of a Parallel state are done; a redrive found them so.
    pub(crate) fn parallel_succeeded(&mut self, id: FrameId) {
        let Some(Phase::Parallel(run)) = self.frame(id).map(|frame| &frame.phase) else { return };
        let result = collect(&run.results);
        if let Err(failure) = self.container_succeeded(id, EventType::ParallelStateSucceeded, result) {
            self.evaluation_failed(id, failure);
        }
    }

    /// A branch or iteration failed: its siblings are cut short and the
    /// container has the error.
    pub(crate) fn child_failed(&mut self, parent: FrameId, child: FrameId, error: StateError) {
        let Some((index, cause_event)) = self.frame(child).map(|frame| (frame.index, frame.previous_event_id)) else {
            return;
        };
        let is_map = self.state(parent).is_some_and(|state| matches!(state.kind, StateKind::Map(_)));
        if is_map {
            let name = self.frame(parent).map(|frame| frame.state.clone()).unwrap_or_default();
            self.capture(parent);
            self.write(cause_event, EventType::MapIterationFailed, || Details::Iteration { name, index });
        }
        if self.state(child).is_some_and(|state| matches!(state.kind, StateKind::Task(_))) {
            self.capture(child);
            self.write(cause_event, EventType::TaskStateAborted, || Details::None);
        }
        for sibling in self.children(parent) {
            if sibling != child {
                if is_map {
                    self.write_iteration_aborted(parent, sibling, cause_event);
                }
                self.write_aborted(sibling, Some(cause_event));
            }
        }
        self.set_container_aside(parent);
        if let Some(frame) = self.frame_mut(parent) {
            frame.previous_event_id = cause_event;
        }
        self.state_failed(parent, error);
    }

    fn write_iteration_aborted(&mut self, parent: FrameId, child: FrameId, cause_event: u64) {
        let name = self.frame(parent).map(|frame| frame.state.clone()).unwrap_or_default();
        let index = self.frame(child).map_or(0, |frame| frame.index);
        self.capture(parent);
        self.write(cause_event, EventType::MapIterationAborted, || Details::Iteration { name, index });
    }

    /// Writes the Aborted events of what runs in a frame, innermost first. With
    /// no causing event (StopExecution) each chains to its own frame, and the
    /// root's own state has none.
    pub(crate) fn write_aborted(&mut self, id: FrameId, cause_event: Option<u64>) {
        let Some(frame) = self.frame(id) else { return };
        let chain = cause_event.unwrap_or(frame.previous_event_id);
        let nested = frame.parent.is_some();
        let entered = frame.entered.is_some();
        let is_map = matches!(frame.phase, Phase::Map(_));
        let event_type = match self.state(id).map(|state| &state.kind) {
            Some(StateKind::Task(_)) => Some(EventType::TaskStateAborted),
            Some(StateKind::Wait(_)) => Some(EventType::WaitStateAborted),
            Some(StateKind::Parallel { .. }) => Some(EventType::ParallelStateAborted),
            Some(StateKind::Map(_)) => Some(EventType::MapStateAborted),
            _ => None,
        };
        for child in self.children(id) {
            if is_map {
                self.write_iteration_aborted(id, child, cause_event.unwrap_or(chain));
            }
            self.write_aborted(child, cause_event);
        }
        if let Some(event_type) = event_type
            && nested
            && entered
        {
            self.capture(id);
            self.write(chain, event_type, || Details::None);
        }
    }
}
