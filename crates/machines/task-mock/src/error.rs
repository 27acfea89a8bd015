use std::fmt;

/// What is wrong with a mock file or a test case, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockError {
    /// Names from the outside in; empty for the file itself.
    place: Vec<String>,
    reason: String,
}

impl MockError {
    pub(crate) fn new(reason: impl Into<String>) -> MockError {
        MockError { place: Vec::new(), reason: reason.into() }
    }

    /// The same, seen from one level further out.
    pub(crate) fn within(mut self, name: &str) -> MockError {
        self.place.insert(0, name.to_owned());
        self
    }
}

impl fmt::Display for MockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            return f.write_str(&self.reason);
        }
        write!(f, "{}: {}", self.place.join(" / "), self.reason)
    }
}

impl std::error::Error for MockError {}
