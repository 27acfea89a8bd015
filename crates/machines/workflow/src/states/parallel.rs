use windlass_asl::{Failure, Machine, State};

use super::flow::gone;
use crate::execution::{FrameId, ParallelRun, Phase};
use crate::history::{Details, EventType};
use crate::turn::Turn;

impl Turn<'_> {
    pub(crate) fn fork(&mut self, id: FrameId, state: &State, branches: &[Machine]) -> Result<(), Failure> {
        if let Some(answer) = self.probe.and_then(|probe| probe.answer.as_ref()) {
            return self.fork_answered(id, state, answer);
        }
        let input = {
            let Some(view) = self.view(id) else { return Err(gone()) };
            self.work_input(state, &view)?
        };
        self.check_parameters(id, &input)?;
        self.check_depth(id)?;
        let started = self.emit(id, EventType::ParallelStateStarted, || Details::None);
        let count = branches.len();
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::Parallel(ParallelRun { results: vec![None; count], running: count as u32 });
        }
        for (index, branch) in branches.iter().enumerate() {
            self.spawn(Some(id), index as u32, branch.start_at.clone(), input.clone(), started);
        }
        Ok(())
    }

    /// Bounds how deep machines nest in machines.
    pub(crate) fn check_depth(&self, id: FrameId) -> Result<(), Failure> {
        let max = self.world.limits.depth_max;
        if self.depth(id) < max {
            return Ok(());
        }
        Err(Failure::runtime(format!("States are nested deeper than {max} levels.")))
    }
}
