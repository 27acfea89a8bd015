use windlass_keyring::SealError;
use windlass_outbox::ApplyError;
use windlass_protocol::Fault;
use windlass_store::StoreError;

/// The key of that ARN is not there.
pub(crate) fn no_key(arn: &str) -> Fault {
    Fault::new("NotFoundException", format!("Key '{arn}' does not exist"))
}

/// The text names no key.
pub(crate) fn invalid_key_id(key_id: &str) -> Fault {
    Fault::new("NotFoundException", format!("Invalid keyId '{key_id}'"))
}

/// There is no such alias.
pub(crate) fn no_alias(arn: &str) -> Fault {
    Fault::new("NotFoundException", format!("Alias {arn} is not found."))
}

/// The key is disabled.
pub(crate) fn disabled(arn: &str) -> Fault {
    Fault::new("DisabledException", format!("{arn} is disabled."))
}

/// The key is in a state that does not allow it: `is pending deletion.`
pub(crate) fn state(arn: &str, what: &str) -> Fault {
    Fault::new("KMSInvalidStateException", format!("{arn} {what}"))
}

/// The operation is not for this kind of key.
pub(crate) fn usage(arn: &str, usage: &str, operation: &str) -> Fault {
    let message = format!("{arn} key usage is {usage} which is not valid for {operation}.");
    Fault::new("InvalidKeyUsageException", message)
}

/// The ciphertext cannot be opened. AWS gives no text.
pub(crate) fn invalid_ciphertext(explanation: impl Into<String>) -> Fault {
    Fault::new("InvalidCiphertextException", "").explained(explanation)
}

/// The key that the ciphertext names is not here.
pub(crate) fn foreign_ciphertext() -> Fault {
    Fault::new(
        "AccessDeniedException",
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
    )
}

/// Keys of AWS's services are not managed by customers.
pub(crate) fn managed_by_aws(principal: &str, operation: &str, arn: &str) -> Fault {
    Fault::new(
        "AccessDeniedException",
        format!("User: {principal} is not authorized to perform: kms:{operation} on resource: {arn}"),
    )
    .explained("the key belongs to an AWS service and is managed by it")
}

/// `DryRun` was set, and all was well.
pub(crate) fn dry_run() -> Fault {
    Fault::new("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
        .with_status(412)
}

fn internal(explanation: String) -> Fault {
    Fault::new("KMSInternalException", "An internal error occurred. Try again.").with_status(500).explained(explanation)
}

/// The store cannot be read.
pub(crate) fn store(error: &StoreError) -> Fault {
    internal(format!("the store: {error}"))
}

/// A row cannot be read or written.
pub(crate) fn row(what: &str, error: impl std::fmt::Display) -> Fault {
    internal(format!("{what}: {error}"))
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
