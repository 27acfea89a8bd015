use std::fmt;

use windlass_value::Object;

/// An error answer, as AWS names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The error's name: `ExecutionDoesNotExist`, `ValidationException`, …
    pub code: String,
    /// AWS's text.
    pub message: String,
    /// HTTP status: 400 for JSON 1.0 services, else what the model says.
    pub status: u16,
    /// Further members of the error shape (`resourceName`, `reason`, `Type`, …).
    pub members: Object,
    /// What went wrong in better words, for logs and consoles, never on the wire.
    pub explanation: Option<String>,
}

impl Fault {
    /// A client error of status 400.
    pub fn new(code: &str, message: impl Into<String>) -> Fault {
        Fault { code: code.to_owned(), message: message.into(), status: 400, members: Object::new(), explanation: None }
    }

    /// The same with another HTTP status.
    pub fn with_status(mut self, status: u16) -> Fault {
        self.status = status;
        self
    }

    /// The same with a further member.
    pub fn with_member(mut self, name: &str, value: impl Into<windlass_value::Value>) -> Fault {
        self.members.insert(name, value);
        self
    }

    /// The same with a better explanation for logs.
    pub fn explained(mut self, explanation: impl Into<String>) -> Fault {
        self.explanation = Some(explanation.into());
        self
    }

    /// `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Fault {
        Fault::new("ValidationException", message)
    }

    /// An operation or feature that is not built: named, never pretended.
    pub fn not_built(what: &str) -> Fault {
        Fault::new("NotImplementedException", format!("Windlass does not implement {what} yet.")).with_status(501)
    }

    /// Our own failure; the cause goes to the log only.
    pub fn internal(explanation: impl Into<String>) -> Fault {
        Fault::new(
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
        )
        .with_status(500)
        .explained(explanation)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.explanation {
            Some(explanation) => write!(f, " ({explanation})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}
