use windlass_keyring::SealError;
use windlass_outbox::ApplyError;
use windlass_protocol::Fault;
use windlass_store::StoreError;

/// There is no such secret.
pub(crate) fn no_secret() -> Fault {
    not_found("Secrets Manager can't find the specified secret.")
}

/// `ResourceNotFoundException`
pub(crate) fn not_found(message: impl Into<String>) -> Fault {
    Fault::new("ResourceNotFoundException", message)
}

/// `InvalidRequestException`
pub(crate) fn invalid_request(message: impl Into<String>) -> Fault {
    Fault::new("InvalidRequestException", message)
}

/// `InvalidParameterException`
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

/// `ResourceExistsException`
pub(crate) fn exists(message: impl Into<String>) -> Fault {
    Fault::new("ResourceExistsException", message)
}

/// The secret waits for its deletion.
pub(crate) fn marked_for_deletion() -> Fault {
    invalid_request("You can't perform this operation on the secret because it was marked for deletion.")
}

fn internal(explanation: String) -> Fault {
    Fault::new("InternalServiceError", "An error occurred on the server side.").with_status(500).explained(explanation)
}

/// The store cannot be read.
pub(crate) fn store(error: &StoreError) -> Fault {
    internal(format!("the store: {error}"))
}

/// A row cannot be read or written.
pub(crate) fn row(what: &str, error: impl std::fmt::Display) -> Fault {
    internal(format!("{what}: {error}"))
}

/// A value cannot be opened.
pub(crate) fn open(error: SealError) -> Fault {
    Fault::new(
        "DecryptionFailure",
        "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
    )
    .explained(format!("the keyring: {error}"))
}

/// The keyring's own failure.
pub(crate) fn seal(error: SealError) -> Fault {
    internal(format!("the keyring: {error}"))
}

/// How a change ended.
pub(crate) fn apply(error: ApplyError<Fault>) -> Fault {
    match error {
        ApplyError::Refused(fault) => fault,
        ApplyError::Store(explanation) => internal(explanation),
    }
}
