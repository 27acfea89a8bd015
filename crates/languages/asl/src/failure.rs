use std::fmt;

use windlass_value::Value;

/// Why an evaluation failed, as Retry, Catch and the history see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `States.Runtime`, `States.IntrinsicFailure`, `States.QueryEvaluationError`, …
    pub error: &'static str,
    /// AWS's text without the "An error occurred while executing the state …" prefix.
    pub cause: String,
    /// JSONata only: the field in AWS's grammar, `Output/a/b[0]`, `Choices[1]/Condition`.
    pub location: Option<String>,
}

impl Failure {
    /// `States.Runtime`: cannot be retried nor caught.
    pub fn runtime(cause: impl Into<String>) -> Failure {
        Failure { error: "States.Runtime", cause: cause.into(), location: None }
    }

    /// `States.IntrinsicFailure`.
    pub fn intrinsic(cause: impl Into<String>) -> Failure {
        Failure { error: "States.IntrinsicFailure", cause: cause.into(), location: None }
    }

    /// `States.QueryEvaluationError` at a field.
    pub fn query(cause: impl Into<String>, location: Option<String>) -> Failure {
        Failure { error: "States.QueryEvaluationError", cause: cause.into(), location }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.cause)
    }
}

impl std::error::Error for Failure {}

/// Bytes of a value that a failure shows at most: the largest payload of AWS.
const SHOWN_BYTES_MAX: usize = 262_144;

/// A value as a failure's cause shows it. Values share subtrees, so one that
/// nobody could store may get here; its text must not be made.
pub(crate) fn shown(value: &Value) -> String {
    match value.text_len_within(SHOWN_BYTES_MAX) {
        Some(_) => value.to_text(),
        None => format!("({} of more than {SHOWN_BYTES_MAX} bytes)", value.kind()),
    }
}
