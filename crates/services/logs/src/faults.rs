use windlass_protocol::Fault;
use windlass_store::{CommitError, StoreError};

pub(crate) fn no_group() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log group does not exist.")
}

pub(crate) fn no_stream() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log stream does not exist.")
}

pub(crate) fn exists(what: &str) -> Fault {
    Fault::new("ResourceAlreadyExistsException", format!("The specified log {what} already exists"))
}

pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

pub(crate) fn aborted() -> Fault {
    Fault::new(
        "OperationAbortedException",
        "A conflicting operation is currently in progress against this resource. Please try again.",
    )
}

pub(crate) fn of_store(error: &StoreError) -> Fault {
    Fault::new("ServiceUnavailableException", "The service cannot complete the request.")
        .with_status(500)
        .explained(error.to_string())
}

pub(crate) fn of_commit(error: &CommitError) -> Fault {
    match error {
        CommitError::Expectation { .. } => aborted(),
        other => Fault::new("ServiceUnavailableException", "The service cannot complete the request.")
            .with_status(500)
            .explained(other.to_string()),
    }
}
