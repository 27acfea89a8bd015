use windlass_protocol::Fault;

/// Random bytes of the system.
///
/// # Errors
/// When the system has none, which is our failure.
pub(crate) fn bytes<const COUNT: usize>() -> Result<[u8; COUNT], Fault> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).map_err(|error| Fault::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// A version 4 UUID.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn uuid() -> Result<String, Fault> {
    Ok(windlass_value::uuid_v4(u128::from_be_bytes(bytes()?)))
}
