//! An execution as it stood in the middle of a turn, for people who look into it
//! and for copies that go on from there.

use std::cell::{Cell, OnceCell};

use windlass_asl::{Machine, Surroundings};
use windlass_value::{Object, Payload, Timestamp, Value};

use crate::budget::Budget;
use crate::effect::Effect;
use crate::event::Event;
use crate::execution::{Entered, Execution, FrameId};
use crate::history::History;
use crate::random::Random;
use crate::states::has_retries;
use crate::step::{Watch, World, take_step};
use crate::surroundings::View;
use crate::trace::Trace;
use crate::turn::{Turn, state_of};

/// An execution as it stood right before an event was written.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The whole execution. Before an event that enters a state it is as
    /// consistent as between two turns; else only its frames' data are.
    pub execution: Execution,
    /// The frame whose event it is.
    pub frame: FrameId,
}

/// What a state has before its eyes.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Its raw input.
    pub input: Payload,
    /// Every variable it can name, those of enclosing scopes too.
    pub variables: Object,
    /// The context object, without a task's token.
    pub context: Value,
}

/// As [`crate::step_within`]; tells `trace` what it evaluates, and answers how
/// the execution stood right before the event `capture_at` was written: `None`
/// where the turn writes no such event, or one that belongs to no state.
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
    take_step(program, execution, event, world, history, budget, Watch { trace, probe: None, capture_at })
}

impl Capture {
    /// What the frame's state sees; `entering` where the captured event is the
    /// one that enters it. `None` when the frame is not there.
    pub fn sight(&self, program: &Machine, entering: Option<Entered>) -> Option<Sight> {
        let mut frame = self.execution.frames.get(&self.frame)?.clone();
        let retries = state_of(program, &self.execution, &frame).is_some_and(has_retries);
        frame.entered = entering.or(frame.entered);
        let at = frame.entered.map_or(Timestamp(0), |entered| entered.at);
        let (random, fuel) = (Random::new(0), Cell::new(0));
        let view = View {
            execution: &self.execution,
            frame: &frame,
            at,
            random: &random,
            fuel: &fuel,
            trace: None,
            probe: None,
            retry_count: retries.then_some(if entering.is_some() { 0 } else { frame.retries.count }),
            token: None,
            item: None,
            context: OnceCell::new(),
            // Nothing is evaluated: what the state sees is looked up.
            expression_bytes_max: 0,
        };
        let mut variables = Object::new();
        // Inner scopes come first, and hide the outer ones.
        for (name, value) in view.variables() {
            if variables.get(name).is_none() {
                variables.insert(name, value);
            }
        }
        let context = view.context().clone();
        Some(Sight { input: frame.input.clone(), variables, context })
    }
}

impl Turn<'_> {
    /// Captures the execution if the event of a frame that is about to be written
    /// is the one that is wanted.
    pub(crate) fn capture(&mut self, frame: FrameId) {
        if self.capture_at == Some(self.execution.next_event_id) && self.captured.is_none() {
            self.captured = Some(Capture { execution: self.execution.clone(), frame });
        }
    }
}
