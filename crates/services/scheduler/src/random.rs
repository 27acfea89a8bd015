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

/// A number in `0.0..1.0`; without randomness, the middle.
pub(crate) fn fraction() -> f64 {
    const MANTISSA: u64 = 1 << 53;
    bytes().map_or(0.5, |bytes| (u128::from_be_bytes(bytes) as u64 % MANTISSA) as f64 / MANTISSA as f64)
}
