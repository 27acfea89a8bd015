use windlass_keyring::SealError;
use windlass_outbox::ApplyError;
use windlass_protocol::Fault;
use windlass_store::StoreError;

/// There is no such parameter. AWS gives no text.
pub(crate) fn no_parameter(name: &str) -> Fault {
    Fault::new("ParameterNotFound", "").explained(format!("there is no parameter {name}"))
}

/// There is no such version.
pub(crate) fn no_version(name: &str, version: u64) -> Fault {
    Fault::new(
        "ParameterVersionNotFound",
        format!("Systems Manager could not find version {version} of {name}. Verify the version and try again."),
    )
}

/// There is no such label.
pub(crate) fn no_label(name: &str, label: &str) -> Fault {
    Fault::new(
        "ParameterVersionNotFound",
        format!("Systems Manager could not find label {label} of parameter {name}. Verify the label and try again."),
    )
}

fn internal(explanation: String) -> Fault {
    Fault::new("InternalServerError", "An error occurred on the server side.").with_status(500).explained(explanation)
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
