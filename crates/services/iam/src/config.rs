use std::collections::HashMap;

use windlass_value::Text;

/// How IAM works on this machine.
#[derive(Clone, Debug, Default)]
pub struct IamConfig {
    /// Whether calls are authorized. Where they are not, any role can be assumed,
    /// even one that nobody made.
    pub enforced: bool,
    /// The access keys of the server's configuration, and their accounts.
    pub configured_keys: HashMap<Text, Text>,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store did not answer.
    #[error("the store does not answer: {0}")]
    Store(String),
    /// A stored row cannot be read.
    #[error("a row of IAM cannot be read: {0}")]
    Row(String),
}

impl OpenError {
    pub(crate) fn store(error: impl std::fmt::Display) -> OpenError {
        OpenError::Store(error.to_string())
    }

    pub(crate) fn row(error: impl std::fmt::Display) -> OpenError {
        OpenError::Row(error.to_string())
    }
}
