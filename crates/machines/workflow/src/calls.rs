//! How often states have made their calls, counted where mocks answer them.

use std::collections::BTreeMap;

use windlass_value::Text;

use crate::execution::{Execution, FrameId, Phase};

/// Which call of an execution with mocks a task's call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockedCall {
    /// The execution's [`Identity::mocks`](crate::Identity::mocks).
    pub mocks: Text,
    /// Calls that the state made before it in the execution.
    pub number: u32,
    /// The same within the iteration it is in, where it is in one.
    pub iteration: Option<CallOfIteration>,
}

/// Which call of an iteration a task's call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOfIteration {
    /// Index of the iteration, those around it first.
    pub indexes: Vec<u32>,
    /// Calls that the state made before it in the iteration.
    pub number: u32,
}

/// Calls by state: of the whole execution under the root's id, and of each running
/// iteration under its frame's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(BTreeMap<(FrameId, Text), u32>);

impl Calls {
    /// Calls of a state, within an iteration or (the root) the whole execution.
    pub fn of(&self, frame: FrameId, state: &Text) -> u32 {
        self.0.get(&(frame, state.clone())).copied().unwrap_or(0)
    }

    /// Takes over what was stored.
    pub fn set(&mut self, frame: FrameId, state: Text, count: u32) {
        self.0.insert((frame, state), count);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (FrameId, &Text, u32)> {
        self.0.iter().map(|((frame, state), count)| (*frame, state, *count))
    }
}

impl Execution {
    /// Of iterations that are over nobody asks for their calls any more.
    pub(crate) fn forget_calls(&mut self) {
        if self.calls.0.is_empty() {
            return;
        }
        let frames = &self.frames;
        self.calls.0.retain(|(frame, _), _| *frame == FrameId::ROOT || frames.contains_key(frame));
    }

    /// The next call of a state; `None` where there are no mocks.
    pub(crate) fn mocked_call(&self, frame: FrameId, state: &Text) -> Option<MockedCall> {
        let mocks = self.identity.mocks.clone()?;
        let iteration = self.iteration_around(frame).map(|iteration| CallOfIteration {
            indexes: self.iteration_indexes(iteration),
            number: self.calls.of(iteration, state),
        });
        Some(MockedCall { mocks, number: self.calls.of(FrameId::ROOT, state), iteration })
    }

    /// Counts a call that was scheduled.
    pub(crate) fn count_call(&mut self, frame: FrameId, state: &Text) {
        if self.identity.mocks.is_none() {
            return;
        }
        for counted in std::iter::once(FrameId::ROOT).chain(self.iteration_around(frame)) {
            let count = self.calls.of(counted, state).saturating_add(1);
            self.calls.set(counted, state.clone(), count);
            self.changes.calls.insert((counted, state.clone()));
        }
    }

    /// The frame of the nearest iteration that a frame is in.
    fn iteration_around(&self, frame: FrameId) -> Option<FrameId> {
        let mut current = frame;
        while let Some(parent) = self.frames.get(&current)?.parent {
            if matches!(self.frames.get(&parent)?.phase, Phase::Map(_)) {
                return Some(current);
            }
            current = parent;
        }
        None
    }

    fn iteration_indexes(&self, iteration: FrameId) -> Vec<u32> {
        let mut indexes = Vec::new();
        let mut current = Some(iteration);
        while let Some(found) = current {
            let Some(frame) = self.frames.get(&found) else { break };
            indexes.push(frame.index);
            current = frame.parent.and_then(|container| self.iteration_around(container));
        }
        indexes.reverse();
        indexes
    }
}
