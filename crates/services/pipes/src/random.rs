use windlass_protocol::Fault;

fn bytes() -> Result<[u8; 16], Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Fault::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// A version 4 UUID.
///
/// # Errors
/// When the system has no randomness, which is our failure.
pub(crate) fn uuid() -> Result<String, Fault> {
    Ok(windlass_value::uuid_v4(u128::from_be_bytes(bytes()?)))
}
