//! The faults of the service, in AWS's texts.

use windlass_protocol::Fault;
use windlass_store::{CommitError, StoreError};

pub(crate) fn not_found(name: &str) -> Fault {
    Fault::new("NotFoundException", format!("Pipe {name} does not exist.")).with_status(404)
}

pub(crate) fn already_exists(name: &str) -> Fault {
    Fault::new("ConflictException", format!("Pipe {name} already exists."))
        .with_status(409)
        .with_member("resourceId", name)
        .with_member("resourceType", "pipe")
}

pub(crate) fn not_null(member: &str) -> Fault {
    let first = member.chars().next().map(|first| first.to_ascii_lowercase());
    let lower: String = first.into_iter().chain(member.chars().skip(1)).collect();
    Fault::validation(format!(
        "1 validation error detected: Value null at '{lower}' failed to satisfy constraint: Member must not be null"
    ))
}

pub(crate) fn wrong_type(name: &str, expected: &str) -> Fault {
    Fault::validation(format!("The member '{name}' must be {expected}."))
}

pub(crate) fn internal(explanation: impl Into<String>) -> Fault {
    Fault::new("InternalException", "An internal error has occurred.").with_status(500).explained(explanation)
}

pub(crate) fn of_store(error: &StoreError) -> Fault {
    internal(error.to_string())
}

pub(crate) fn of_commit(error: &CommitError) -> Fault {
    match error {
        CommitError::Overloaded => {
            Fault::new("ThrottlingException", "Rate exceeded").with_status(429).explained(error.to_string())
        }
        _ => internal(error.to_string()),
    }
}
