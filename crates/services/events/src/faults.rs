//! The faults of the service, in AWS's texts.

use windlass_protocol::Fault;
use windlass_store::{CommitError, StoreError};

pub(crate) fn not_found(message: impl Into<String>) -> Fault {
    Fault::new("ResourceNotFoundException", message)
}

pub(crate) fn already_exists(message: impl Into<String>) -> Fault {
    Fault::new("ResourceAlreadyExistsException", message)
}

pub(crate) fn limit_exceeded() -> Fault {
    Fault::new("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
}

pub(crate) fn illegal_status(message: impl Into<String>) -> Fault {
    Fault::new("IllegalStatusException", message)
}

pub(crate) fn bus_not_found(name: &str) -> Fault {
    not_found(format!("Event bus {name} does not exist."))
}

pub(crate) fn rule_not_found(rule: &str, bus: &str) -> Fault {
    not_found(format!("Rule {rule} does not exist on EventBus {bus}."))
}

/// A parameter that cannot be taken, as this service words it.
pub(crate) fn parameter(name: &str, reason: &str) -> Fault {
    Fault::validation(format!("Parameter {name} is not valid. Reason: {reason}"))
}

pub(crate) fn not_null(member: &str) -> Fault {
    let first = member.chars().next().map(|first| first.to_ascii_lowercase());
    let lower: String = first.into_iter().chain(member.chars().skip(1)).collect();
    Fault::validation(format!(
        "1 validation error detected: Value null at '{lower}' failed to satisfy constraint: Member must not be null"
    ))
}

pub(crate) fn internal(explanation: impl Into<String>) -> Fault {
    Fault::new("InternalException", "An internal error has occurred.").with_status(500).explained(explanation)
}

pub(crate) fn of_store(error: &StoreError) -> Fault {
    internal(error.to_string())
}

/// A refused batch. An expectation that does not hold means that another writer
/// was faster: the caller may try again.
pub(crate) fn of_commit(error: &CommitError) -> Fault {
    match error {
        CommitError::Expectation { .. } | CommitError::Duplicate { .. } => Fault::new(
            "ConcurrentModificationException",
            "There is concurrent modification on a rule, target, archive, or replay.",
        )
        .explained(error.to_string()),
        CommitError::Overloaded => Fault::new("ThrottlingException", "Rate exceeded").explained(error.to_string()),
        CommitError::TooLarge => {
            Fault::validation("The entries match more targets than can be stored at once. Put fewer entries.")
        }
        _ => internal(error.to_string()),
    }
}
