use std::fmt;

/// What is wrong with a policy, in AWS's words; a service puts its own error
/// code before it (IAM: `MalformedPolicyDocument`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError(pub String);

impl PolicyError {
    pub(crate) fn syntax() -> PolicyError {
        PolicyError("Syntax errors in policy.".to_owned())
    }

    pub(crate) fn legacy() -> PolicyError {
        PolicyError("The policy failed legacy parsing".to_owned())
    }

    pub(crate) fn new(message: impl Into<String>) -> PolicyError {
        PolicyError(message.into())
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}
