use windlass_protocol::Fault;
use windlass_store::{CommitError, StoreError};

/// A parameter whose value AWS refuses.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterValueException", message)
}

/// A parameter whose value AWS refuses, with its reason.
pub(crate) fn invalid_value(value: impl std::fmt::Display, parameter: &str, reason: &str) -> Fault {
    invalid_parameter(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}

/// A parameter that must be there.
pub(crate) fn missing_parameter(parameter: &str) -> Fault {
    Fault::new("MissingRequiredParameterException", format!("The request must contain the parameter {parameter}."))
}

/// `QueueDoesNotExist`.
pub(crate) fn no_queue() -> Fault {
    Fault::new("QueueDoesNotExist", "The specified queue does not exist.")
}

/// A queue attribute that is none, or not one of this type of queue.
pub(crate) fn unknown_attribute(name: &str) -> Fault {
    Fault::new("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

/// A queue attribute's value that AWS refuses.
pub(crate) fn invalid_attribute(name: &str) -> Fault {
    Fault::new("InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
}

/// A text that is no receipt handle of the queue.
pub(crate) fn invalid_receipt(handle: &str) -> Fault {
    Fault::new(
        "ReceiptHandleIsInvalid",
        format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
    )
}

/// A receipt handle of another queue.
pub(crate) fn foreign_receipt(handle: &str) -> Fault {
    Fault::new("ReceiptHandleIsInvalid", format!("The receipt handle \"{handle}\" is not valid for this queue."))
}

/// `ResourceNotFoundException`, of the message move tasks.
pub(crate) fn not_found(message: impl Into<String>) -> Fault {
    Fault::new("ResourceNotFoundException", message).with_status(404)
}

/// `OverLimit`.
pub(crate) fn over_limit(message: impl Into<String>) -> Fault {
    Fault::new("OverLimit", message).with_status(403)
}

/// The store could not be read.
pub(crate) fn of_store(error: &StoreError) -> Fault {
    Fault::internal(format!("the store could not be read: {error}"))
}

/// The store did not take a batch.
pub(crate) fn of_commit(error: &CommitError) -> Fault {
    match error {
        CommitError::Overloaded => {
            Fault::new("RequestThrottled", "Rate exceeded. Too many requests wait to be written; try again later.")
                .explained(error.to_string())
        }
        error => Fault::internal(format!("the store did not write: {error}")),
    }
}
