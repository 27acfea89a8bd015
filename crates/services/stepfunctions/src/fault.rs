//! The faults of the service, in AWS's texts.

use windlass_journal::JournalError;
use windlass_protocol::Fault;
use windlass_store::{CommitError, StoreError};

pub(crate) fn invalid_arn(reason: &str) -> Fault {
    Fault::new("InvalidArn", format!("Invalid Arn: '{reason}'"))
}

pub(crate) fn invalid_name(name: &str) -> Fault {
    Fault::new("InvalidName", format!("Invalid Name: '{name}'"))
}

pub(crate) fn invalid_token() -> Fault {
    Fault::new("InvalidToken", "Invalid Token: 'Invalid token'")
}

pub(crate) fn invalid_execution_input(reason: &str) -> Fault {
    Fault::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{reason}'"))
}

pub(crate) fn invalid_output(reason: &str) -> Fault {
    Fault::new("InvalidOutput", format!("Invalid Output: '{reason}'"))
}

pub(crate) fn machine_does_not_exist(arn: &str) -> Fault {
    Fault::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
}

pub(crate) fn machine_already_exists(arn: &str) -> Fault {
    Fault::new("StateMachineAlreadyExists", format!("State Machine Already Exists: '{arn}'"))
}

pub(crate) fn machine_deleting(arn: &str) -> Fault {
    Fault::new("StateMachineDeleting", format!("State Machine is being deleted: '{arn}'"))
}

pub(crate) fn machine_type_not_supported() -> Fault {
    Fault::new("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
}

pub(crate) fn execution_does_not_exist(arn: &str) -> Fault {
    Fault::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
}

pub(crate) fn execution_already_exists(arn: &str) -> Fault {
    Fault::new("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'"))
}

pub(crate) fn activity_does_not_exist(arn: &str) -> Fault {
    Fault::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'"))
}

pub(crate) fn resource_not_found(arn: &str) -> Fault {
    Fault::new("ResourceNotFound", format!("Resource not found: '{arn}'")).with_member("resourceName", arn)
}

/// A Map Run that is not there.
pub(crate) fn map_run_not_found(arn: &str) -> Fault {
    Fault::new("ResourceNotFound", format!("Map Run Does Not Exist: '{arn}'")).with_member("resourceName", arn)
}

/// A Map Run that cannot be changed any more.
pub(crate) fn map_run_completed(arn: &str) -> Fault {
    Fault::validation(format!("Map Run is completed and cannot be updated: '{arn}'"))
        .with_member("reason", "CANNOT_UPDATE_COMPLETED_MAP_RUN")
}

/// A machine, version or alias that a request names and that is not there.
pub(crate) fn missing_reference(arn: &str) -> Fault {
    Fault::new("ResourceNotFound", "Request references a resource that does not exist.")
        .explained(format!("there is no {arn}"))
}

pub(crate) fn quota_exceeded(what: &str, max: usize, arn: &str) -> Fault {
    let text = format!("Service quota exceeded: '{arn}' can have at most {max} {what}");
    Fault::new("ServiceQuotaExceededException", text)
}

pub(crate) fn not_null(member: &str) -> Fault {
    Fault::validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

/// What the store could not do; nothing was changed, or it is not known.
pub(crate) fn unavailable(explanation: impl Into<String>) -> Fault {
    Fault::new("ServiceUnavailable", "The service is temporarily unavailable. Try again later.")
        .with_status(503)
        .explained(explanation)
}

pub(crate) fn throttled(explanation: impl Into<String>) -> Fault {
    Fault::new("ThrottlingException", "Rate exceeded").explained(explanation)
}

pub(crate) fn of_store(error: &StoreError) -> Fault {
    match error {
        StoreError::Corrupt { .. } | StoreError::Invalid(_) => Fault::internal(error.to_string()),
        StoreError::Closed | StoreError::Storage(_) => unavailable(error.to_string()),
    }
}

pub(crate) fn of_journal(error: &JournalError) -> Fault {
    match error {
        JournalError::Read(error) => of_store(error),
        JournalError::Write(error) => of_commit(error),
        JournalError::Page => invalid_token(),
        JournalError::Stopping => unavailable(error.to_string()),
        // Whoever reads opens the data first; this came between.
        JournalError::Locked { .. } => unavailable(error.to_string()),
        JournalError::Turn { .. }
        | JournalError::Record { .. }
        | JournalError::Definition { .. }
        | JournalError::Panicked { .. } => Fault::internal(error.to_string()),
    }
}

/// A refused batch. An expectation that does not hold means that another writer
/// was faster: the caller may try again.
pub(crate) fn of_commit(error: &CommitError) -> Fault {
    match error {
        CommitError::Expectation { .. } | CommitError::Duplicate { .. } => {
            Fault::new("ConflictException", "The resource is being changed by another request. Try again.")
                .explained(error.to_string())
        }
        CommitError::Overloaded => throttled(error.to_string()),
        CommitError::Invalid(_) | CommitError::TooLarge => Fault::internal(error.to_string()),
        CommitError::Closed | CommitError::Poisoned(_) | CommitError::Storage(_) => unavailable(error.to_string()),
    }
}
