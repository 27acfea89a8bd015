use std::fmt;

/// Text that is no JSONata expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// JSONata's code, `S0202`.
    pub code: &'static str,
    /// The message as AWS shows it: without the code.
    pub message: String,
    /// Byte offset into the source where the parser stopped.
    pub position: usize,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for CompileError {}

/// A reference that has no meaning where there is no context item: a bare name,
/// `$` or `$$` at the top level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedReference {
    /// The reference as it was written: `phone`, `$`, `$$`.
    pub name: String,
}

impl fmt::Display for UnsupportedReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "$$" => f.write_str("Reference to '$$' is not supported."),
            name => write!(f, "Reference to '{name}' at the top level is not supported."),
        }
    }
}

/// What kind of end an evaluation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The expression failed by JSONata's rules; its code where it has one.
    Evaluation {
        /// `T0410`, `D3060` …
        code: Option<String>,
    },
    /// The result is, or holds, a function.
    FunctionResult,
    /// A limit of [`Limits`](crate::Limits) was reached.
    Limit,
    /// AWS calls it an internal error (`$base64decode` of garbage).
    Internal,
}

/// Why an evaluation gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// The kind.
    pub kind: ErrorKind,
    /// The message without the code.
    pub message: String,
}

impl EvaluationError {
    /// How AWS's cause goes on after `The JSONata expression '…' specified for
    /// the field '…' `: `threw an error during evaluation. T0410: …`.
    pub fn text(&self) -> String {
        match &self.kind {
            ErrorKind::Evaluation { code: Some(code) } => {
                format!("threw an error during evaluation. {code}: {}", self.message)
            }
            ErrorKind::Evaluation { code: None } | ErrorKind::Limit => {
                format!("threw an error during evaluation: {}", self.message)
            }
            ErrorKind::FunctionResult => "returned an unsupported result type.".to_owned(),
            ErrorKind::Internal => format!("threw an internal error during evaluation. {}", self.message),
        }
    }

    /// JSONata's code, where there is one.
    pub fn code(&self) -> Option<&str> {
        match &self.kind {
            ErrorKind::Evaluation { code } => code.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
impl std::error::Error for EvaluationError {}
