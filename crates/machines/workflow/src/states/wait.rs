use windlass_asl::{Failure, Scope, State, Wait};

use super::flow::{gone, path};
use super::jsonata;
use crate::effect::TimerKind;
use crate::execution::{FrameId, Phase};
use crate::turn::Turn;

impl Turn<'_> {
    pub(crate) fn wait(&mut self, id: FrameId, state: &State, wait: &Wait) -> Result<(), Failure> {
        let until = {
            let Some(view) = self.view(id) else { return Err(gone()) };
            let input = view.frame.input.clone();
            let effective = match jsonata(state) {
                true => input,
                false => view.stage(&"InputPath", path(&state.input_path, &input, &view))?,
            };
            wait.evaluate(&Scope::new(effective.value(), &view), self.at)?
        };
        if until <= self.at {
            let leaving = self.leave_with_input(id, state)?;
            return self.exit(id, state, leaving);
        }
        let timer = self.set_timer(id, until, TimerKind::Deadline);
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::Wait { timer, until };
        }
        Ok(())
    }

    /// The instant of a Wait state has come.
    pub(crate) fn wait_over(&mut self, id: FrameId) {
        let Some(state) = self.state(id) else { return };
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::Work;
        }
        let left = self.leave_with_input(id, state).and_then(|leaving| self.exit(id, state, leaving));
        if let Err(failure) = left {
            self.evaluation_failed(id, failure);
        }
    }
}
