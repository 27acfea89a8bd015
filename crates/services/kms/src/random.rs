use windlass_keyring::random;
use windlass_protocol::Fault;
use zeroize::Zeroizing;

use crate::faults;

/// Random bytes of the system, as many as that.
///
/// # Errors
/// The system has none.
pub(crate) fn bytes(len: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(32)));
    while bytes.len() < len {
        let block = Zeroizing::new(random::<32>().map_err(faults::seal)?);
        let missing = (len - bytes.len()).min(block.len());
        bytes.extend(&block[..missing]);
    }
    Ok(bytes)
}

/// A version 4 UUID.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn uuid() -> Result<String, Fault> {
    Ok(windlass_value::uuid_v4(u128::from_be_bytes(random::<16>().map_err(faults::seal)?)))
}

/// Random hexadecimal digits, two a byte.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn hex(bytes_len: usize) -> Result<String, Fault> {
    Ok(bytes(bytes_len)?.iter().map(|byte| format!("{byte:02x}")).collect())
}
