use std::fmt;

/// Why a text is no event pattern.
///
/// The text is the matcher's own, with the place when it names one:
/// `Empty arrays are not allowed\n at [Source: (String)"{"a":[]}"; line: 1, column: 8]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// The reason, with the place.
    pub reason: String,
}

impl PatternError {
    /// The text EventBridge puts into `InvalidEventPatternException`.
    pub fn event_pattern_message(&self) -> String {
        format!("Event pattern is not valid. Reason: {}", self.reason)
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for PatternError {}
