use std::fmt;

/// Why the items cannot be read: how the Map Run fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderFailure {
    /// `States.ItemReaderFailed`.
    pub error: &'static str,
    /// What people read.
    pub cause: String,
}

impl ReaderFailure {
    /// `States.ItemReaderFailed`.
    pub fn new(cause: impl Into<String>) -> ReaderFailure {
        ReaderFailure { error: "States.ItemReaderFailed", cause: cause.into() }
    }
}

impl fmt::Display for ReaderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.cause)
    }
}

impl std::error::Error for ReaderFailure {}
