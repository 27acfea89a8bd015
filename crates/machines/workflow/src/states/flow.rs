//! How data flows through a state: InputPath to OutputPath, or JSONata's
//! Arguments, Output and Assign.

use std::cell::OnceCell;

use windlass_asl::{Failure, PathField, ResultPath, Scope, State, StateKind, Template};
use windlass_value::{Payload, Text, Value};

use super::{Leaving, jsonata};
use crate::execution::FrameId;
use crate::surroundings::View;
use crate::turn::Turn;

impl Turn<'_> {
    /// What evaluations of a frame see; `None` when the frame is gone.
    pub(crate) fn view(&self, id: FrameId) -> Option<View<'_>> {
        let frame = self.frame(id)?;
        let retries = self.state(id).is_some_and(has_retries);
        Some(View {
            execution: self.execution,
            frame,
            at: self.at,
            random: &self.random,
            fuel: &self.budget.fuel,
            retry_count: retries.then_some(frame.retries.count),
            token: None,
            item: None,
            context: OnceCell::new(),
            expression_bytes_max: self.world.limits.expression_bytes_max,
            trace: self.trace,
            probe: self.probe,
        })
    }

    /// As [`Turn::view`], with a task's token in the context.
    pub(crate) fn view_with_token(&self, id: FrameId, token: Option<Text>) -> Option<View<'_>> {
        self.view(id).map(|view| View { token, ..view })
    }

    /// Leaves Succeed, Wait and their like: the input is the result.
    pub(crate) fn leave_with_input(&self, id: FrameId, state: &State) -> Result<Leaving, Failure> {
        let Some(view) = self.view(id) else { return Err(gone()) };
        let input = view.frame.input.clone();
        if jsonata(state) {
            let scope = Scope::new(input.value(), &view);
            let assigned = evaluate(state.assign.as_ref(), &scope, "Assign")?;
            let output = view.stage(&"Output", output(state.output.as_ref(), &scope, "Output", &input))?;
            return Ok(Leaving { output, assigned });
        }
        let effective = view.stage(&"InputPath", path(&state.input_path, &input, &view))?;
        let assigned = evaluate(state.assign.as_ref(), &Scope::new(effective.value(), &view), "Assign")?;
        let output = view.stage(&"OutputPath", path(&state.output_path, &effective, &view))?;
        Ok(Leaving { output, assigned })
    }

    /// Leaves Pass, Task, Parallel and Map: a result goes through Assign,
    /// ResultSelector, ResultPath and OutputPath, or Assign and Output.
    pub(crate) fn leave_with_result(&self, id: FrameId, state: &State, result: Payload) -> Result<Leaving, Failure> {
        let Some(view) = self.view(id) else { return Err(gone()) };
        let input = view.frame.input.clone();
        if jsonata(state) {
            let scope = Scope { result: Some(result.value()), ..Scope::new(input.value(), &view) };
            let assigned = evaluate(state.assign.as_ref(), &scope, "Assign")?;
            let output = view.stage(&"Output", output(state.output.as_ref(), &scope, "Output", &result))?;
            return Ok(Leaving { output, assigned });
        }
        let scope = Scope::new(result.value(), &view);
        let assigned = evaluate(state.assign.as_ref(), &scope, "Assign")?;
        let selected = output(state.result_selector.as_ref(), &scope, "ResultSelector", &result);
        let selected = view.stage(&"ResultSelector", selected)?;
        let combined = view.stage(&"ResultPath", combine(&state.result_path, &input, &selected))?;
        let output = view.stage(&"OutputPath", path(&state.output_path, &combined, &view))?;
        Ok(Leaving { output, assigned })
    }

    /// The input of a state's work: InputPath and Parameters, or Arguments.
    pub(crate) fn work_input(&self, state: &State, view: &View<'_>) -> Result<Payload, Failure> {
        let input = view.frame.input.clone();
        if jsonata(state) {
            let scope = Scope::new(input.value(), view);
            return view.stage(&"Arguments", output(state.parameters.as_ref(), &scope, "Arguments", &input));
        }
        let effective = view.stage(&"InputPath", path(&state.input_path, &input, view))?;
        let scope = Scope::new(effective.value(), view);
        view.stage(&"Parameters", output(state.parameters.as_ref(), &scope, "Parameters", &effective))
    }
}

/// Whether a state's context has a `RetryCount`.
pub(crate) fn has_retries(state: &State) -> bool {
    matches!(state.kind, StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_))
}

/// The frame is gone: cannot happen within a turn, and changes nothing if it does.
pub(crate) fn gone() -> Failure {
    Failure::runtime("The state is not running any more.")
}

/// An optional template's value.
pub(crate) fn evaluate(template: Option<&Template>, scope: &Scope<'_>, field: &str) -> Result<Option<Value>, Failure> {
    template.map(|template| template.evaluate(scope, field)).transpose()
}

/// A template's value, or a payload as it is where there is no template.
pub(crate) fn output(
    template: Option<&Template>,
    scope: &Scope<'_>,
    field: &str,
    default: &Payload,
) -> Result<Payload, Failure> {
    match template {
        Some(template) => Ok(Payload::from_value(template.evaluate(scope, field)?)),
        None => Ok(default.clone()),
    }
}

/// InputPath or OutputPath; the whole payload is handed on, not copied.
pub(crate) fn path(field: &PathField, payload: &Payload, view: &View<'_>) -> Result<Payload, Failure> {
    match field {
        PathField::Whole => Ok(payload.clone()),
        PathField::Discard => Ok(Payload::from_value(Value::empty_object())),
        PathField::Path(_) => Ok(Payload::from_value(field.evaluate(&Scope::new(payload.value(), view))?)),
    }
}

/// ResultPath: the result alone, the input alone, or one in the other.
pub(crate) fn combine(field: &ResultPath, input: &Payload, result: &Payload) -> Result<Payload, Failure> {
    match field {
        ResultPath::Replace => Ok(result.clone()),
        ResultPath::Discard => Ok(input.clone()),
        ResultPath::At(_) => Ok(Payload::from_value(field.apply(input.value(), result.value().clone())?)),
    }
}
