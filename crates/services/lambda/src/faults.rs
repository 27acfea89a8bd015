use windlass_protocol::Fault;

fn user(code: &str, status: u16, message: impl Into<String>) -> Fault {
    Fault::new(code, message).with_status(status).with_member("Type", "User")
}

/// The function, version or alias of that ARN is not there.
pub(crate) fn function_not_found(arn: &str) -> Fault {
    not_found(format!("Function not found: {arn}"))
}

/// `ResourceNotFoundException`.
pub(crate) fn not_found(message: impl Into<String>) -> Fault {
    user("ResourceNotFoundException", 404, message)
}

/// `ResourceConflictException`.
pub(crate) fn conflict(message: impl Into<String>) -> Fault {
    user("ResourceConflictException", 409, message)
}

/// `InvalidParameterValueException`.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
    user("InvalidParameterValueException", 400, message)
}

/// `InvalidRequestContentException`.
pub(crate) fn invalid_content(message: impl Into<String>) -> Fault {
    user("InvalidRequestContentException", 400, message)
}

/// `RequestTooLargeException`.
pub(crate) fn request_too_large(message: impl Into<String>) -> Fault {
    user("RequestTooLargeException", 413, message)
}

/// `PreconditionFailedException`: someone else changed it meanwhile.
pub(crate) fn revision_mismatch() -> Fault {
    user(
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )
}

/// `TooManyRequestsException` with AWS's reason.
pub(crate) fn too_many_requests(reason: &str) -> Fault {
    user("TooManyRequestsException", 429, "Rate Exceeded.").with_member("Reason", reason)
}

/// `ServiceException`: something here went wrong.
pub(crate) fn service(explanation: impl Into<String>) -> Fault {
    Fault::new("ServiceException", "An error occurred and the request cannot be processed.")
        .with_status(500)
        .with_member("Type", "Service")
        .explained(explanation)
}

/// A member that does not satisfy the service model, in the words of AWS's validator.
pub(crate) fn constraint(value: &str, member: &str, constraint: &str) -> Fault {
    Fault::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// Whether a fault is worth another attempt of an asynchronous invocation.
pub(crate) fn is_ours_or_throttle(fault: &Fault) -> bool {
    fault.status == 429 || fault.status >= 500
}
