use windlass_protocol::Fault;

use crate::faults;

/// Random bytes of the system.
///
/// # Errors
/// When the system has none, which is our failure.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| faults::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}
