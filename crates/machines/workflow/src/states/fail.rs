use windlass_asl::{Fail, Failure, Scope, State};

use super::flow::gone;
use super::jsonata;
use crate::execution::FrameId;
use crate::turn::{StateError, Turn};

impl Turn<'_> {
    pub(crate) fn fail(&mut self, id: FrameId, state: &State, fail: &Fail) -> Result<(), Failure> {
        let error = {
            let Some(view) = self.view(id) else { return Err(gone()) };
            let input = view.frame.input.clone();
            if !jsonata(state) {
                view.tell(&"InputPath", Ok(input.value()));
            }
            let scope = Scope::new(input.value(), &view);
            let error = fail.error.as_ref().map(|field| field.evaluate(&scope, "Error")).transpose()?;
            let cause = fail.cause.as_ref().map(|field| field.evaluate(&scope, "Cause")).transpose()?;
            StateError { error: self.error_cut(error), cause: self.cause_cut(cause), heartbeat: false }
        };
        self.fail_frame(id, error);
        Ok(())
    }
}
