use windlass_value::{Position, Span};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The definition is refused.
    #[default]
    Error,
    /// The definition is accepted; something is likely not meant.
    Warning,
}

/// One finding about a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// AWS's code: `SCHEMA_VALIDATION_FAILED`, `MISSING_TRANSITION_TARGET`, …
    pub code: &'static str,
    /// AWS's text.
    pub message: String,
    /// AWS's location (`/States/X/Field`), absent where AWS gives none.
    pub location: Option<String>,
    /// JSON pointer of the offending node, for editors.
    pub pointer: String,
    /// The node in the source text, in bytes.
    pub span: Span,
    /// Start of the span.
    pub start: Position,
    /// End of the span.
    pub end: Position,
    /// What to do about it, in our words; never on AWS's wire.
    pub help: Option<String>,
}

impl Diagnostic {
    /// As in `InvalidDefinition`: `<code>: <message> at <location>`.
    pub fn aws_text(&self) -> String {
        format!("{}: {} at {}", self.code, self.message, self.location.as_deref().unwrap_or("null"))
    }
}

/// The message of `InvalidDefinition` for the errors among some findings.
pub fn invalid_definition_message(diagnostics: &[Diagnostic]) -> String {
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(Diagnostic::aws_text)
        .collect();
    format!("Invalid State Machine Definition: '{}'", errors.join(", "))
}
