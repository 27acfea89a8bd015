use std::fmt;

use windlass_protocol::Fault;
use windlass_store::{CommitError, StoreError};

/// `Invalid parameter: …`
pub(crate) fn invalid(what: impl fmt::Display) -> Fault {
    invalid_parameter(format!("Invalid parameter: {what}"))
}

/// `InvalidParameter` with a whole text.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameter", message)
}

/// `ParameterValueInvalid`, of message attributes.
pub(crate) fn value_invalid(message: impl Into<String>) -> Fault {
    Fault::new("ParameterValueInvalid", message)
}

/// `NotFound`: the topic.
pub(crate) fn no_topic() -> Fault {
    Fault::new("NotFound", "Topic does not exist").with_status(404)
}

/// `NotFound`: the subscription.
pub(crate) fn no_subscription() -> Fault {
    Fault::new("NotFound", "Subscription does not exist").with_status(404)
}

/// `ResourceNotFound`, of tags.
pub(crate) fn no_resource() -> Fault {
    Fault::new("ResourceNotFound", "Resource does not exist").with_status(404)
}

/// `AuthorizationError`.
pub(crate) fn not_authorized(message: impl Into<String>) -> Fault {
    Fault::new("AuthorizationError", message).with_status(403)
}

/// A member that must be there, in the words of the query protocol's validator.
pub(crate) fn missing(member: &str) -> Fault {
    Fault::new(
        "ValidationError",
        format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ),
    )
}

/// A feature that is not built, as a parameter that is refused.
pub(crate) fn not_built(what: &str) -> Fault {
    let message = format!("Invalid parameter: Windlass does not implement {what} yet");
    invalid_parameter(message.clone()).explained(message)
}

/// The store could not be read.
pub(crate) fn of_store(error: &StoreError) -> Fault {
    Fault::internal(format!("the store could not be read: {error}"))
}

/// The store did not take a batch.
pub(crate) fn of_commit(error: &CommitError) -> Fault {
    match error {
        CommitError::Overloaded => {
            Fault::new("Throttled", "Rate exceeded").with_status(429).explained(error.to_string())
        }
        _ => Fault::new("InternalError", "The request processing has failed because of an unknown error.")
            .with_status(500)
            .explained(format!("the store did not take a batch: {error}")),
    }
}
