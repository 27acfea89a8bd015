use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_asl::Failure;
use windlass_value::{Text, Value};

use crate::execution::{Frame, FrameId};

/// Collects what a step evaluates: the value of each stage of the data flow and of each
/// path, intrinsic function and expression, in the order they were found.
///
/// Give one to [`crate::step_traced`]; without one nothing is collected and no text of a
/// place is made.
#[derive(Debug, Default)]
pub struct Trace {
    // Nobody else writes; the lock only lets a trace live in a task that moves between threads.
    entries: Mutex<Vec<Traced>>,
}

/// One value that a step found.
#[derive(Clone, Debug, PartialEq)]
pub struct Traced {
    /// The frame whose state it belongs to.
    pub frame: FrameId,
    /// That state's name.
    pub state: Text,
    /// The last event of the history that was written before, 0 for none.
    pub after_event_id: u64,
    /// Where it stands in the state, in AWS's grammar. A stage of the data flow is the
    /// field's bare name and there whether the field is written or not: `InputPath`,
    /// `Parameters`, `Arguments`, `Result`, `ResultSelector`, `ResultPath`, `OutputPath`,
    /// `Output`, `Items`, `MaxConcurrency`, … What stands deeper is a path or an expression of
    /// its own: `Output/a/b[0]`, `Assign/x`, `Choices[1]/Variable`. `Error` is what Retry and Catch were
    /// asked about; `Retry[0]` and `Catch[0]` tell which one answered: `{"Attempts", "DelayMs"}`,
    /// without a delay where no attempt is left, and the Error Output. `Variables` are those of
    /// the state's scope after it, `Next` is the state it led to, null at the end.
    pub field: String,
    /// What it gave.
    pub value: Result<Value, Failure>,
}

impl Trace {
    /// The entries so far, in order; the trace is empty afterwards.
    pub fn take(&self) -> Vec<Traced> {
        std::mem::take(&mut *self.entries())
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Traced>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(
        &self,
        frame: &Frame,
        next_event_id: u64,
        field: &dyn fmt::Display,
        value: Result<&Value, &Failure>,
    ) {
        let entry = Traced {
            frame: frame.id,
            state: frame.state.clone(),
            after_event_id: next_event_id.saturating_sub(1),
            field: field.to_string(),
            value: value.cloned().map_err(Clone::clone),
        };
        let mut entries = self.entries();
        // A field that is one expression is told of twice: by the expression and as a stage.
        if entries.last() != Some(&entry) {
            entries.push(entry);
        }
    }
}
