use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::object;

use crate::encrypt::check_dry_run;
use crate::faults;
use crate::input::{self, to_blob};
use crate::key::{KeyRecord, Spec};
use crate::kms::Kms;

const MESSAGE_BYTES_MAX: usize = 4096;
const MAC_BYTES_MAX: usize = 6144;

impl Kms {
    /// `GenerateMac`.
    pub(crate) fn generate_mac(&self, call: &Call) -> Outcome {
        let message = input::required_blob(&call.input, "Message", MESSAGE_BYTES_MAX)?;
        let (key, algorithm) = self.mac_key(call)?;
        let material = self.current_material(&key)?;
        check_dry_run(call)?;
        let mac = mac(key.spec, &material, &message, None)?.unwrap_or_default();
        Ok(Reply::from(object! { "Mac" => to_blob(&mac), "MacAlgorithm" => algorithm, "KeyId" => key.arn() }))
    }

    /// `VerifyMac`.
    pub(crate) fn verify_mac(&self, call: &Call) -> Outcome {
        let message = input::required_blob(&call.input, "Message", MESSAGE_BYTES_MAX)?;
        let expected = input::required_blob(&call.input, "Mac", MAC_BYTES_MAX)?;
        let (key, algorithm) = self.mac_key(call)?;
        let material = self.current_material(&key)?;
        check_dry_run(call)?;
        match mac(key.spec, &material, &message, Some(&expected))? {
            Some(_) => {
                Ok(Reply::from(object! { "KeyId" => key.arn(), "MacValid" => true, "MacAlgorithm" => algorithm }))
            }
            None => Err(Fault::new("KMSInvalidMacException", "")),
        }
    }

    fn mac_key(&self, call: &Call) -> Result<(KeyRecord, &'static str), Fault> {
        let asked = input::required(&call.input, "MacAlgorithm")?;
        let key = self.key_of(call, input::required(&call.input, "KeyId")?)?.key;
        key.check_usable(true, &call.operation)?;
        match key.spec.mac_algorithm() {
            Some(algorithm) if algorithm == asked => Ok((key, algorithm)),
            _ => Err(Fault::new(
                "InvalidKeyUsageException",
                format!("Algorithm {asked} is incompatible with key spec {}.", key.spec.name()),
            )),
        }
    }
}

/// The MAC of a message; with an expected one, only where that is the same
/// (compared in constant time).
fn mac(spec: Spec, key: &[u8], message: &[u8], expected: Option<&[u8]>) -> Result<Option<Vec<u8>>, Fault> {
    match spec {
        Spec::Hmac224 => of::<Hmac<Sha224>>(key, message, expected),
        Spec::Hmac256 => of::<Hmac<Sha256>>(key, message, expected),
        Spec::Hmac384 => of::<Hmac<Sha384>>(key, message, expected),
        Spec::Hmac512 => of::<Hmac<Sha512>>(key, message, expected),
        Spec::Symmetric => Ok(None),
    }
}

fn of<M: Mac + KeyInit + Clone>(key: &[u8], message: &[u8], expected: Option<&[u8]>) -> Result<Option<Vec<u8>>, Fault> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|error| faults::row("key material", error))?;
    mac.update(message);
    if let Some(expected) = expected
        && mac.clone().verify_slice(expected).is_err()
    {
        return Ok(None);
    }
    Ok(Some(mac.finalize().into_bytes().to_vec()))
}
