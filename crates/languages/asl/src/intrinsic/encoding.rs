use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use windlass_value::Value;

use super::text::{self, string};

/// Most characters `States.Base64Encode`, `States.Base64Decode` and
/// `States.Hash` take.
const CHARS_MAX: usize = 10_000;

/// Java's decoder: padding may be left out, but nothing foreign may stand in the text.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn bounded(text: &str) -> Result<&str, String> {
    if text.len() > CHARS_MAX && text.encode_utf16().count() > CHARS_MAX {
        return Err(format!("The first argument has more than {CHARS_MAX} characters"));
    }
    Ok(text)
}

pub(super) fn encode(value: &Value) -> Result<Value, String> {
    Ok(Value::from(BASE64.encode(bounded(string(value, "first")?)?)))
}

pub(super) fn decode(value: &Value) -> Result<Value, String> {
    let bytes = BASE64
        .decode(bounded(string(value, "first")?)?)
        .map_err(|error| format!("The first argument is not valid Base64: {error}"))?;
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn hash(value: &Value, algorithm: &Value) -> Result<Value, String> {
    let written;
    let data = match value {
        Value::String(text) => text,
        other => {
            written = text::json(other)?;
            written.as_str()
        }
    };
    let data = bounded(data)?.as_bytes();
    let digest = match string(algorithm, "second")? {
        "MD5" => Md5::digest(data).to_vec(),
        "SHA-1" => Sha1::digest(data).to_vec(),
        "SHA-256" => Sha256::digest(data).to_vec(),
        "SHA-384" => Sha384::digest(data).to_vec(),
        "SHA-512" => Sha512::digest(data).to_vec(),
        other => return Err(format!("Unknown hash algorithm: {other}")),
    };
    Ok(Value::from(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
