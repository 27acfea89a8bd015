use windlass_protocol::Fault;

/// `NoSuchEntity`
pub(crate) fn no_such_entity(message: impl Into<String>) -> Fault {
    Fault::new("NoSuchEntity", message).with_status(404)
}

/// `EntityAlreadyExists`
pub(crate) fn already_exists(message: impl Into<String>) -> Fault {
    Fault::new("EntityAlreadyExists", message).with_status(409)
}

/// `DeleteConflict`
pub(crate) fn delete_conflict(message: impl Into<String>) -> Fault {
    Fault::new("DeleteConflict", message).with_status(409)
}

/// `LimitExceeded`
pub(crate) fn limit_exceeded(message: impl Into<String>) -> Fault {
    Fault::new("LimitExceeded", message).with_status(409)
}

/// `MalformedPolicyDocument`
pub(crate) fn malformed_policy(message: impl Into<String>) -> Fault {
    Fault::new("MalformedPolicyDocument", message)
}

/// `InvalidInput`
pub(crate) fn invalid_input(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInput", message)
}

/// `ValidationError`
pub(crate) fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}

/// `AccessDenied` of the query protocols.
pub(crate) fn access_denied(message: impl Into<String>) -> Fault {
    Fault::new("AccessDenied", message).with_status(403)
}

/// `ServiceFailure`: something here went wrong.
pub(crate) fn failure(explanation: impl std::fmt::Display) -> Fault {
    Fault::new("ServiceFailure", "The request processing has failed because of an unknown error, exception or failure.")
        .with_status(500)
        .explained(explanation.to_string())
}
