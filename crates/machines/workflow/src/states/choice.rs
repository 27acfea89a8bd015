use windlass_asl::{Choice, Failure, Scope, State};

use super::flow::{evaluate, gone, output, path};
use super::{Leaving, jsonata};
use crate::execution::FrameId;
use crate::turn::Turn;

impl Turn<'_> {
    pub(crate) fn choose(&mut self, id: FrameId, state: &State, choice: &Choice) -> Result<(), Failure> {
        let (leaving, next) = {
            let Some(view) = self.view(id) else { return Err(gone()) };
            let input = view.frame.input.clone();
            let effective = match jsonata(state) {
                true => input.clone(),
                false => view.stage(&"InputPath", path(&state.input_path, &input, &view))?,
            };
            let scope = Scope::new(effective.value(), &view);
            let matched = windlass_asl::choose(choice, &scope)?.map(|index| (index, &choice.rules[index]));
            let next = match (matched, &choice.default) {
                (Some((_, rule)), _) => rule.next.clone(),
                (None, Some(default)) => default.clone(),
                // Measured on AWS in 2025: not the documented States.NoChoiceMatched.
                (None, None) => {
                    return Err(Failure::runtime(
                        "Failed to transition out of the state. The state does not point to a next state.",
                    ));
                }
            };
            // A matching rule's Assign and Output are used instead of the state's.
            let (assign, assign_field) = match matched {
                Some((index, rule)) if rule.assign.is_some() => {
                    (rule.assign.as_ref(), format!("Choices[{index}]/Assign"))
                }
                Some(_) => (None, String::new()),
                None => (state.assign.as_ref(), "Assign".to_owned()),
            };
            let assigned = evaluate(assign, &scope, &assign_field)?;
            let output = if jsonata(state) {
                let (template, field) = match matched {
                    Some((index, rule)) if rule.output.is_some() => {
                        (rule.output.as_ref(), format!("Choices[{index}]/Output"))
                    }
                    _ => (state.output.as_ref(), "Output".to_owned()),
                };
                view.stage(&field, output(template, &scope, &field, &input))?
            } else {
                view.stage(&"OutputPath", path(&state.output_path, &effective, &view))?
            };
            (Leaving { output, assigned }, next)
        };
        self.exit_to(id, state, leaving, Some(next))
    }
}
