//! Retry and Catch.

use windlass_asl::{Catcher, Failure, Retrier, Scope, State, StateKind};
use windlass_value::{Object, Payload, Text, Value, object};

use crate::effect::TimerKind;
use crate::execution::{FrameId, Phase};
use crate::history::{Details, EventType};
use crate::random::Random;
use crate::states::flow;
use crate::states::{Leaving, jsonata};
use crate::turn::{StateError, Turn};

/// The error of a task whose mock was sent something else than it expected: a
/// definition under test must not catch the finding.
pub const MOCK_ASSERTION_FAILED: &str = "Windlass.MockAssertionFailed";

/// Errors that no `States.ALL` and no name ever matches.
const NEVER_CAUGHT: &[&str] = &["States.Runtime", MOCK_ASSERTION_FAILED];

impl Turn<'_> {
    /// A state failed: its retriers are asked first, then its catchers; else
    /// the frame fails.
    pub(crate) fn state_failed(&mut self, id: FrameId, error: StateError) {
        if !self.execution.is_running() {
            return;
        }
        let Some(state) = self.state(id) else { return };
        self.note(id, &"Error", || error_output(&error));
        if self.retry(id, state, &error) {
            self.set_aside.clear();
            return;
        }
        match state.kind {
            StateKind::Map(_) => {
                self.emit(id, EventType::MapStateFailed, || Details::None);
            }
            StateKind::Parallel { .. } => {
                self.emit(id, EventType::ParallelStateFailed, || Details::None);
            }
            _ => {}
        }
        let catcher = state.catch.iter().enumerate().find(|(_, catcher)| matches(&catcher.error_equals, &error));
        let Some((index, catcher)) = catcher else { return self.fail_frame(id, error) };
        self.note(id, &format_args!("Catch[{index}]"), || error_output(&error));
        let caught = self
            .leave_with_error(id, state, index, catcher, &error)
            .and_then(|leaving| self.exit_to(id, state, leaving, Some(catcher.next.clone())));
        match caught {
            Ok(()) => self.set_aside.clear(),
            Err(failure) => self.catch_failed(id, failure),
        }
    }

    /// A catcher that cannot be evaluated is not asked again.
    fn catch_failed(&mut self, id: FrameId, failure: Failure) {
        let cause: Text = self.prefixed(id, &failure.cause);
        if failure.error == "States.Runtime" {
            return self.fail_execution(id, Some(failure.error.into()), Some(cause));
        }
        if failure.error == "States.QueryEvaluationError" {
            let state = self.frame(id).map(|frame| frame.state.clone()).unwrap_or_default();
            self.emit(id, EventType::EvaluationFailed, || Details::EvaluationFailed {
                error: failure.error.into(),
                cause: cause.clone(),
                location: failure.location.as_deref().map(Into::into),
                state,
            });
        }
        self.fail_frame(id, StateError::new(failure.error, Some(cause)));
    }

    /// Sets the timer of the next attempt, if a retrier grants one.
    fn retry(&mut self, id: FrameId, state: &State, error: &StateError) -> bool {
        let Some((index, retrier)) =
            state.retry.iter().enumerate().find(|(_, retrier)| matches(&retrier.error_equals, error))
        else {
            return false;
        };
        let Some(frame) = self.frame(id) else { return false };
        let attempts = frame.retries.by_retrier.get(index).copied().unwrap_or(0);
        if attempts >= retrier.max_attempts {
            self.note(id, &format_args!("Retry[{index}]"), || object! { "Attempts" => attempts });
            return false;
        }
        let delay_ms = delay_ms(retrier, attempts, &self.random);
        let until = self.at.plus_ms(delay_ms);
        self.note(id, &format_args!("Retry[{index}]"), || object! { "Attempts" => attempts, "DelayMs" => delay_ms });
        let timer = self.set_timer(id, until, TimerKind::Deadline);
        if let Some(frame) = self.frame_mut(id) {
            if frame.retries.by_retrier.len() <= index {
                frame.retries.by_retrier.resize(index + 1, 0);
            }
            frame.retries.by_retrier[index] += 1;
            frame.retries.count += 1;
            frame.phase = Phase::Retry { timer, until };
        }
        true
    }

    /// What a caught error leaves behind.
    fn leave_with_error(
        &self,
        id: FrameId,
        state: &State,
        index: usize,
        catcher: &Catcher,
        error: &StateError,
    ) -> Result<Leaving, Failure> {
        let Some(view) = self.view(id) else { return Err(flow::gone()) };
        let input = view.frame.input.clone();
        let error_output = Payload::from_value(error_output(error));
        if jsonata(state) {
            let scope = Scope { error_output: Some(error_output.value()), ..Scope::new(input.value(), &view) };
            let assigned = flow::evaluate(catcher.assign.as_ref(), &scope, &format!("Catch[{index}]/Assign"))?;
            let field = format!("Catch[{index}]/Output");
            let output = flow::output(catcher.output.as_ref(), &scope, &field, &error_output);
            let output = view.stage(&field, output)?;
            return Ok(Leaving { output, assigned });
        }
        let assigned = flow::evaluate(catcher.assign.as_ref(), &Scope::new(error_output.value(), &view), "Assign")?;
        let combined = flow::combine(&catcher.result_path, &input, &error_output);
        let output = view.stage(&format_args!("Catch[{index}]/ResultPath"), combined)?;
        Ok(Leaving { output, assigned })
    }
}

/// `{"Error", "Cause"}`; members that do not exist are absent.
fn error_output(error: &StateError) -> Value {
    let mut output = Object::new();
    if let Some(name) = &error.error {
        output.insert("Error", name);
    }
    if let Some(cause) = &error.cause {
        output.insert("Cause", cause);
    }
    output.into()
}

/// Whether one of the names matches an error.
fn matches(names: &[Text], error: &StateError) -> bool {
    let name = error.error.as_deref().unwrap_or("");
    if NEVER_CAUGHT.contains(&name) {
        return false;
    }
    names.iter().any(|pattern| match &**pattern {
        "States.ALL" => true,
        "States.TaskFailed" => name != "States.Timeout",
        "States.HeartbeatTimeout" => error.heartbeat || name == "States.HeartbeatTimeout",
        exact => exact == name,
    })
}

/// The delay before retry number `attempts + 1`, in milliseconds.
fn delay_ms(retrier: &Retrier, attempts: u32, random: &Random) -> i64 {
    let grown = f64::from(retrier.interval_seconds) * retrier.backoff_rate.powi(attempts.min(i32::MAX as u32) as i32);
    let bounded = retrier.max_delay_seconds.map_or(grown, |max| grown.min(f64::from(max)));
    let delay = if retrier.full_jitter { bounded * random.fraction() } else { bounded };
    // A year is the longest an AWS execution lives; beyond it a delay means nothing.
    const DELAY_MS_MAX: f64 = 100.0 * 366.0 * 86_400_000.0;
    (delay * 1000.0).min(DELAY_MS_MAX) as i64
}
