use windlass_asl::{Failure, State};
use windlass_value::{Payload, Value};

use super::flow::gone;
use super::jsonata;
use crate::execution::FrameId;
use crate::turn::Turn;

impl Turn<'_> {
    pub(crate) fn pass(&mut self, id: FrameId, state: &State, literal: Option<&Value>) -> Result<(), Failure> {
        let leaving = if jsonata(state) {
            self.leave_with_input(id, state)?
        } else {
            let result = match literal {
                Some(literal) => {
                    self.note(id, &"Result", || literal.clone());
                    Payload::from_value(literal.clone())
                }
                None => {
                    let Some(view) = self.view(id) else { return Err(gone()) };
                    self.work_input(state, &view)?
                }
            };
            self.leave_with_result(id, state, result)?
        };
        self.exit(id, state, leaving)
    }
}
