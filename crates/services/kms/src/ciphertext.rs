//! What a ciphertext is made of: which key and version made it, then what the
//! cipher makes, bound to all of that and to the encryption context.

use std::collections::BTreeMap;

use windlass_keyring::{Cipher, KEY_BYTES, Secret};
use windlass_protocol::Fault;
use windlass_value::Value;

use crate::faults;

/// Two bytes that begin every ciphertext of this format.
const MAGIC: [u8; 2] = [0x57, 0x01];

/// What is readable of a ciphertext.
pub(crate) struct Ciphertext<'a> {
    pub(crate) key_arn: &'a str,
    pub(crate) version: u32,
    header: &'a [u8],
    sealed: &'a [u8],
}

impl Ciphertext<'_> {
    /// Reads the header.
    ///
    /// # Errors
    /// `InvalidCiphertextException`
    pub(crate) fn parse(blob: &[u8]) -> Result<Ciphertext<'_>, Fault> {
        let read = || {
            let rest = blob.strip_prefix(&MAGIC)?;
            let (arn_len, rest) = rest.split_first_chunk::<2>()?;
            let (key_arn, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*arn_len)))?;
            let (version, sealed) = rest.split_first_chunk::<4>()?;
            let header = &blob[..blob.len() - sealed.len()];
            Some(Ciphertext {
                key_arn: std::str::from_utf8(key_arn).ok()?,
                version: u32::from_be_bytes(*version),
                header,
                sealed,
            })
        };
        read().ok_or_else(|| faults::invalid_ciphertext("this is no ciphertext of this server"))
    }

    /// The plaintext.
    ///
    /// # Errors
    /// `InvalidCiphertextException`
    pub(crate) fn open(&self, material: &Secret, context: &Context) -> Result<Secret, Fault> {
        let opened = cipher(material)?.open(&[self.header, &context.0].concat(), self.sealed);
        opened.map_err(|_| faults::invalid_ciphertext("the ciphertext, or its encryption context, is another one"))
    }
}

/// Seals a plaintext.
///
/// # Errors
/// The system has no randomness.
pub(crate) fn seal(
    key_arn: &str,
    version: u32,
    material: &Secret,
    context: &Context,
    plain: &[u8],
) -> Result<Vec<u8>, Fault> {
    let arn_len = u16::try_from(key_arn.len()).map_err(|error| faults::row("an ARN", error))?;
    let mut blob = Vec::with_capacity(key_arn.len() + plain.len() + 64);
    blob.extend(MAGIC);
    blob.extend(arn_len.to_be_bytes());
    blob.extend(key_arn.bytes());
    blob.extend(version.to_be_bytes());
    let sealed = cipher(material)?.seal(&[&blob[..], &context.0].concat(), plain).map_err(faults::seal)?;
    blob.extend(sealed);
    Ok(blob)
}

fn cipher(material: &Secret) -> Result<Cipher, Fault> {
    let key: &[u8; KEY_BYTES] =
        (**material).try_into().map_err(|_| faults::row("key material", "it has another length"))?;
    Ok(Cipher::new(key))
}

/// An encryption context in one order of its pairs.
pub(crate) struct Context(Vec<u8>);

impl Context {
    /// Reads a map of texts.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn read(input: &Value, member: &str) -> Result<Context, Fault> {
        let pairs = match &input[member] {
            Value::Null => return Ok(Context(Vec::new())),
            Value::Object(pairs) => pairs,
            _ => return Err(Fault::new("SerializationException", format!("{member} must be a map"))),
        };
        let sorted: BTreeMap<&str, &Value> = pairs.iter().map(|(key, value)| (&**key, value)).collect();
        let mut bytes = Vec::new();
        for (key, value) in sorted {
            let value = value
                .as_str()
                .ok_or_else(|| Fault::new("SerializationException", format!("{member} must be a map of strings")))?;
            for part in [key, value] {
                bytes.extend((part.len() as u64).to_be_bytes());
                bytes.extend(part.bytes());
            }
        }
        Ok(Context(bytes))
    }
}
