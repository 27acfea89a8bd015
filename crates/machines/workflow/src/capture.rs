//! An execution as it stood in the middle of a turn.

use windlass_asl::Machine;

use crate::budget::Budget;
use crate::effect::Effect;
use crate::event::Event;
use crate::execution::{Execution, FrameId};
use crate::history::History;
use crate::step::{World, take_step};
use crate::trace::Trace;
use crate::turn::Turn;

/// An execution as it stood right before it entered a state.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The whole execution; the frame is in phase `Enter`.
    pub execution: Execution,
    /// The frame that enters the state.
    pub frame: FrameId,
}

/// As [`crate::step_within`]; tells `trace` what it evaluates, and answers too how the execution stood right
/// before the event `capture_at` was written; `None` where the turn writes no
/// such event, or one that enters no state.
#[allow(clippy::too_many_arguments, reason = "what a step takes, and who watches it")]
pub fn step_until(
    program: &Machine,
    execution: &mut Execution,
    event: &Event,
    world: &World<'_>,
    history: &mut History,
    budget: &mut Budget,
    trace: Option<&Trace>,
    capture_at: Option<u64>,
) -> (Vec<Effect>, Option<Capture>) {
    take_step(program, execution, event, world, history, budget, trace, capture_at)
}

impl Turn<'_> {
    /// Captures the execution if the event that a frame is about to write is the
    /// one that is wanted.
    pub(crate) fn capture(&mut self, frame: FrameId) {
        if self.capture_at == Some(self.execution.next_event_id) && self.captured.is_none() {
            self.captured = Some(Capture { execution: self.execution.clone(), frame });
        }
    }
}
