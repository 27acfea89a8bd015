use windlass_protocol::Fault;

/// Random bytes of the system.
///
/// # Errors
/// When the system has none, which is our failure.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Fault::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// 128 random bits, for a UUID.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn bits() -> Result<u128, Fault> {
    bytes().map(u128::from_be_bytes)
}
