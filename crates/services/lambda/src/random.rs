use windlass_protocol::Fault;

/// 16 random bytes of the system.
///
/// # Errors
/// When the system has none, which is our failure.
pub(crate) fn bytes() -> Result<[u8; 16], Fault> {
    let mut bytes = [0; 16];
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

/// A number in `0.0..1.0`.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn fraction() -> Result<f64, Fault> {
    const MANTISSA: u64 = 1 << 53;
    let bits = u128::from_be_bytes(bytes()?) as u64 % MANTISSA;
    Ok(bits as f64 / MANTISSA as f64)
}
