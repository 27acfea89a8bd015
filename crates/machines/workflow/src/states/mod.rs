//! What each type of state does.

mod choice;
mod container;
mod distributed;
mod fail;
pub(crate) mod flow;
mod map;
pub(crate) mod map_fields;
mod parallel;
mod pass;
mod probed;
mod task;
mod wait;

pub(crate) use flow::has_retries;
pub use task::token_wanted;
use windlass_asl::{Failure, QueryLanguage, State, StateKind, Transition};
use windlass_value::{Object, Payload, Text, Value};

use crate::execution::{Entered, FrameId, Phase, Retries, Status};
use crate::history::{Details, EventType};
use crate::turn::Turn;

/// What a state leaves behind when it succeeds.
pub(crate) struct Leaving {
    pub(crate) output: Payload,
    pub(crate) assigned: Option<Value>,
}

impl Turn<'_> {
    /// Enters the state a frame stands before, and does its work.
    pub(crate) fn enter(&mut self, id: FrameId) {
        if self.state_is_missing(id) {
            let name = self.frame(id).map_or_else(Text::default, |frame| frame.state.clone());
            let cause = format!("The state machine definition has no state '{name}'.");
            return self.fail_execution(id, Some("States.Runtime".into()), Some(cause.into()));
        }
        self.budget.transitions = self.budget.transitions.saturating_add(1);
        let Some((state, frame)) = self.state(id).zip(self.frame(id)) else { return };
        let previous_event_id = frame.previous_event_id;
        let (name, input) = (frame.state.clone(), frame.input.clone());
        let event_id = self.emit(id, entered_type(&state.kind), || Details::StateEntered { name, input });
        let (at, retriers) = (self.at, state.retry.len());
        let retries = self.probe.map_or(0, |probe| probe.retries);
        if let Some(frame) = self.frame_mut(id) {
            frame.entered = Some(Entered { event_id, previous_event_id, at });
            frame.retries = Retries { count: retries, by_retrier: vec![retries; retriers] };
            frame.phase = Phase::Work;
        }
        self.work(id);
    }

    /// Does the work of the state a frame is in, for the first time or again.
    pub(crate) fn work(&mut self, id: FrameId) {
        let Some(state) = self.state(id) else { return };
        let done = match &state.kind {
            StateKind::Pass { result } => self.pass(id, state, result.as_ref()),
            StateKind::Task(task) => self.schedule(id, state, task),
            StateKind::Choice(choice) => self.choose(id, state, choice),
            StateKind::Wait(wait) => self.wait(id, state, wait),
            StateKind::Succeed => self.succeed(id, state),
            StateKind::Fail(fail) => self.fail(id, state, fail),
            StateKind::Parallel { branches } => self.fork(id, state, branches),
            StateKind::Map(map) => self.map(id, state, map),
        };
        if let Err(failure) = done {
            self.evaluation_failed(id, failure);
        }
    }

    fn succeed(&mut self, id: FrameId, state: &State) -> Result<(), Failure> {
        let leaving = self.leave_with_input(id, state)?;
        self.exit(id, state, leaving)
    }

    /// Leaves a state along its own transition.
    pub(crate) fn exit(&mut self, id: FrameId, state: &State, leaving: Leaving) -> Result<(), Failure> {
        let next = match &state.transition {
            Some(Transition::Next(next)) => Some(next.clone()),
            Some(Transition::End) | None => None,
        };
        self.exit_to(id, state, leaving, next)
    }

    /// Leaves a state for another (`None`: the frame ends).
    pub(crate) fn exit_to(
        &mut self,
        id: FrameId,
        state: &State,
        leaving: Leaving,
        next: Option<Text>,
    ) -> Result<(), Failure> {
        self.check_size(id, &leaving.output)?;
        let Leaving { output, assigned } = leaving;
        if let Some(assigned) = &assigned {
            let assigned = Payload::from_value(assigned.clone());
            if assigned.bytes_len_within(self.world.limits.assign_bytes_max).is_none() {
                let name = self.frame(id).map_or("", |frame| &frame.state);
                let cause = too_large(name, "assigned variables");
                return Err(Failure { error: "States.DataLimitExceeded", cause, location: None });
            }
        }
        let assigned = assigned.as_ref().and_then(Value::as_object).cloned();
        let variables = assigned.as_ref().map(|assigned| self.assign(id, assigned)).transpose()?;
        let name = state.name.clone();
        self.emit(id, exited_type(&state.kind), || Details::StateExited {
            name,
            output: output.clone(),
            assigned: assigned
                .iter()
                .flat_map(|all| all.iter())
                .map(|(name, value)| (name.clone(), value.to_text().into()))
                .collect(),
        });
        self.note(id, &"Variables", || {
            let before = || self.frame(id).and_then(|frame| frame.variables.as_ref());
            variables.as_ref().or_else(before).map_or_else(Value::empty_object, |all| all.value().clone())
        });
        self.note(id, &"Next", || next.as_ref().map_or(Value::Null, Value::from));
        self.release(id);
        if let Some(variables) = &variables {
            self.count_variables(id, variables.bytes_len());
        }
        let ends = next.is_none();
        if let Some(frame) = self.frame_mut(id) {
            if variables.is_some() {
                frame.variables = variables;
            }
            frame.input = output.clone();
            frame.entered = None;
            frame.phase = Phase::Enter;
            if let Some(next) = next {
                frame.state = next;
            }
        }
        if ends {
            self.frame_succeeded(id, output);
        } else {
            // The frame that is under way goes on before others begin.
            self.execution.ready.push_front(id);
        }
        Ok(())
    }

    /// A frame's machine has come to its end.
    fn frame_succeeded(&mut self, id: FrameId, output: Payload) {
        let Some(frame) = self.frame(id) else { return };
        if let Some(parent) = frame.parent {
            return self.child_succeeded(parent, id, output);
        }
        if self.history_full {
            return;
        }
        let previous = frame.previous_event_id;
        self.write(previous, EventType::ExecutionSucceeded, || Details::Output { output: output.clone() });
        self.execution.output = Some(output);
        self.close(Status::Succeeded);
    }

    /// Refuses what a state hands on that is larger than a payload may be.
    pub(crate) fn check_size(&self, id: FrameId, payload: &Payload) -> Result<(), Failure> {
        self.check_size_of(id, payload, "returned a result")
    }

    /// Refuses what goes into a task, branch or iteration and is larger than a
    /// payload may be. Without this a template could make gigabytes of text.
    pub(crate) fn check_parameters(&self, id: FrameId, payload: &Payload) -> Result<(), Failure> {
        self.check_size_of(id, payload, "provided parameters")
    }

    fn check_size_of(&self, id: FrameId, payload: &Payload, what: &str) -> Result<(), Failure> {
        if payload.bytes_len_within(self.world.limits.payload_bytes_max).is_some() {
            return Ok(());
        }
        let name = self.frame(id).map_or("", |frame| &frame.state);
        Err(Failure { error: "States.DataLimitExceeded", cause: too_large(name, what), location: None })
    }

    /// A frame's variables after an assignment.
    fn assign(&self, id: FrameId, assigned: &Object) -> Result<Payload, Failure> {
        let frame = self.frame(id);
        let before = frame.and_then(|frame| frame.variables.as_ref()?.value().as_object());
        let mut variables = before.map_or_else(Object::new, |object| Object::clone(object));
        variables.extend(assigned.iter().map(|(name, value)| (name.clone(), value.clone())));
        let variables = Payload::from_value(variables.into());
        if variables.bytes_len_within(self.world.limits.variables_bytes_max).is_some() {
            return Ok(variables);
        }
        let name = frame.map_or("", |frame| &frame.state);
        Err(Failure { error: "States.DataLimitExceeded", cause: too_large(name, "stored variables"), location: None })
    }
}

/// AWS's text for an oversized payload.
pub(crate) fn too_large(name: &str, what: &str) -> String {
    format!("The state/task '{name}' {what} with a size exceeding the maximum number of bytes service limit.")
}

/// Whether a state speaks JSONata.
pub(crate) fn jsonata(state: &State) -> bool {
    state.query_language == QueryLanguage::Jsonata
}

fn entered_type(kind: &StateKind) -> EventType {
    match kind {
        StateKind::Pass { .. } => EventType::PassStateEntered,
        StateKind::Task(_) => EventType::TaskStateEntered,
        StateKind::Choice(_) => EventType::ChoiceStateEntered,
        StateKind::Wait(_) => EventType::WaitStateEntered,
        StateKind::Succeed => EventType::SucceedStateEntered,
        StateKind::Fail(_) => EventType::FailStateEntered,
        StateKind::Parallel { .. } => EventType::ParallelStateEntered,
        StateKind::Map(_) => EventType::MapStateEntered,
    }
}

fn exited_type(kind: &StateKind) -> EventType {
    match kind {
        StateKind::Pass { .. } => EventType::PassStateExited,
        StateKind::Task(_) => EventType::TaskStateExited,
        StateKind::Choice(_) => EventType::ChoiceStateExited,
        StateKind::Wait(_) => EventType::WaitStateExited,
        // A Fail state never exits; the arm keeps the match whole.
        StateKind::Succeed | StateKind::Fail(_) => EventType::SucceedStateExited,
        StateKind::Parallel { .. } => EventType::ParallelStateExited,
        StateKind::Map(_) => EventType::MapStateExited,
    }
}
