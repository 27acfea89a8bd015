use windlass_keyring::Secret;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Arn, Object, Value, object};

use crate::ciphertext::{self, Ciphertext, Context};
use crate::create::material_name;
use crate::faults;
use crate::input::{self, to_blob};
use crate::key::KeyRecord;
use crate::kms::Kms;
use crate::random;
use crate::tables::{MATERIALS, key_row};

const PLAINTEXT_BYTES_MAX: usize = 4096;
const CIPHERTEXT_BYTES_MAX: usize = 6144;
const RANDOM_BYTES_MAX: usize = 1024;
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

impl Kms {
    /// The material of a version of a key.
    ///
    /// # Errors
    /// It is not there, or cannot be opened.
    pub(crate) fn material(&self, key: &KeyRecord, version: u32) -> Result<Option<Secret>, Fault> {
        let row = key_row(&key.account, &key.region, &key.id).number(u64::from(version));
        let row = self.store.get(&MATERIALS, &row).map_err(|error| faults::store(&error))?;
        let open = |row: windlass_store::Row| self.keyring.open_sealed(&material_name(key, version), &row.value);
        row.map(open).transpose().map_err(faults::seal)
    }

    /// The material that a key works with now.
    ///
    /// # Errors
    /// As [`Kms::material`].
    pub(crate) fn current_material(&self, key: &KeyRecord) -> Result<Secret, Fault> {
        let material = self.material(key, key.version)?;
        material.ok_or_else(|| faults::row("key material", format!("{} has none", key.arn())))
    }

    fn seal_with(&self, key: &KeyRecord, context: &Context, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        ciphertext::seal(&key.arn(), key.version, &self.current_material(key)?, context, plain)
    }

    /// Opens a ciphertext for an operation; also its key.
    fn open(
        &self,
        call: &Call,
        blob: &[u8],
        key_member: &str,
        context: &Context,
    ) -> Result<(KeyRecord, Secret), Fault> {
        let ciphertext = Ciphertext::parse(blob)?;
        let arn = Arn::parse(ciphertext.key_arn)
            .filter(|arn| arn.service == "kms")
            .ok_or_else(|| faults::invalid_ciphertext("its key has no ARN"))?;
        let expected = match input::text(&call.input, key_member)? {
            Some(key_id) => Some(self.key_of(call, key_id)?.key.arn()),
            None => None,
        };
        if expected.is_some_and(|expected| expected != ciphertext.key_arn) {
            return Err(Fault::new(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            ));
        }
        if arn.region != *call.region {
            return Err(faults::foreign_ciphertext());
        }
        let id = arn.resource.strip_prefix("key/").unwrap_or_default();
        let key = self.find_key(&arn.account, &arn.region, id)?.ok_or_else(faults::foreign_ciphertext)?.key;
        key.check_usable(false, &call.operation)?;
        let material = self
            .material(&key, ciphertext.version)?
            .ok_or_else(|| faults::invalid_ciphertext("its key has no such version"))?;
        let plain = ciphertext.open(&material, context)?;
        Ok((key, plain))
    }

    /// `Encrypt`.
    pub(crate) fn encrypt(&self, call: &Call) -> Outcome {
        let key = self.key_of(call, input::required(&call.input, "KeyId")?)?.key;
        let plain = input::required_blob(&call.input, "Plaintext", PLAINTEXT_BYTES_MAX)?;
        key.check_usable(false, "Encrypt")?;
        check_algorithm(call, "EncryptionAlgorithm")?;
        check_dry_run(call)?;
        let context = Context::read(&call.input, "EncryptionContext")?;
        let blob = self.seal_with(&key, &context, &plain)?;
        Ok(Reply::from(object! {
            "CiphertextBlob" => to_blob(&blob),
            "KeyId" => key.arn(),
            "EncryptionAlgorithm" => ALGORITHM,
        }))
    }

    /// `Decrypt`.
    pub(crate) fn decrypt(&self, call: &Call) -> Outcome {
        refuse_recipient(call)?;
        let blob = input::required_blob(&call.input, "CiphertextBlob", CIPHERTEXT_BYTES_MAX)?;
        check_algorithm(call, "EncryptionAlgorithm")?;
        let context = Context::read(&call.input, "EncryptionContext")?;
        let (key, plain) = self.open(call, &blob, "KeyId", &context)?;
        check_dry_run(call)?;
        Ok(Reply::from(object! {
            "KeyId" => key.arn(),
            "Plaintext" => to_blob(&plain),
            "EncryptionAlgorithm" => ALGORITHM,
        }))
    }

    /// `ReEncrypt`.
    pub(crate) fn re_encrypt(&self, call: &Call) -> Outcome {
        let blob = input::required_blob(&call.input, "CiphertextBlob", CIPHERTEXT_BYTES_MAX)?;
        check_algorithm(call, "SourceEncryptionAlgorithm")?;
        check_algorithm(call, "DestinationEncryptionAlgorithm")?;
        let context = Context::read(&call.input, "SourceEncryptionContext")?;
        let (source, plain) = self.open(call, &blob, "SourceKeyId", &context)?;
        let key = self.key_of(call, input::required(&call.input, "DestinationKeyId")?)?.key;
        key.check_usable(false, "ReEncrypt")?;
        check_dry_run(call)?;
        let context = Context::read(&call.input, "DestinationEncryptionContext")?;
        let blob = self.seal_with(&key, &context, &plain)?;
        Ok(Reply::from(object! {
            "CiphertextBlob" => to_blob(&blob),
            "SourceKeyId" => source.arn(),
            "KeyId" => key.arn(),
            "SourceEncryptionAlgorithm" => ALGORITHM,
            "DestinationEncryptionAlgorithm" => ALGORITHM,
        }))
    }

    /// `GenerateDataKey`, and the same without plaintext.
    pub(crate) fn generate_data_key(&self, call: &Call, with_plaintext: bool) -> Outcome {
        refuse_recipient(call)?;
        let key = self.key_of(call, input::required(&call.input, "KeyId")?)?.key;
        let len = match (input::text(&call.input, "KeySpec")?, input::integer(&call.input, "NumberOfBytes")?) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (Some(spec), None) => {
                return Err(Fault::validation(format!(
                    "1 validation error detected: Value '{spec}' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]"
                )));
            }
            (None, Some(len)) => random_len(len)?,
            _ => return Err(Fault::validation("Please specify either number of bytes or key spec.")),
        };
        key.check_usable(false, &call.operation)?;
        check_dry_run(call)?;
        let plain = random::bytes(len)?;
        let context = Context::read(&call.input, "EncryptionContext")?;
        let blob = self.seal_with(&key, &context, &plain)?;
        let mut output = Object::new();
        output.insert("CiphertextBlob", to_blob(&blob));
        if with_plaintext {
            output.insert("Plaintext", to_blob(&plain));
        }
        output.insert("KeyId", key.arn());
        Ok(Reply::from(Value::from(output)))
    }

    /// `GenerateRandom`.
    pub(crate) fn generate_random(&self, call: &Call) -> Outcome {
        refuse_recipient(call)?;
        if call.input.get("CustomKeyStoreId").is_some_and(|id| !id.is_null()) {
            return Err(Fault::not_built("random bytes of a custom key store"));
        }
        let len = input::integer(&call.input, "NumberOfBytes")?
            .ok_or_else(|| Fault::validation("NumberOfBytes is required."))?;
        Ok(Reply::from(object! { "Plaintext" => to_blob(&random::bytes(random_len(len)?)?) }))
    }
}

fn random_len(len: i64) -> Result<usize, Fault> {
    let bound = match len {
        ..=0 => "greater than or equal to 1".to_owned(),
        _ => match usize::try_from(len) {
            Ok(len) if len <= RANDOM_BYTES_MAX => return Ok(len),
            _ => format!("less than or equal to {RANDOM_BYTES_MAX}"),
        },
    };
    Err(Fault::validation(format!(
        "1 validation error detected: Value '{len}' at 'numberOfBytes' failed to satisfy constraint: Member must have value {bound}"
    )))
}

fn check_algorithm(call: &Call, member: &str) -> Result<(), Fault> {
    match input::text(&call.input, member)? {
        None | Some(ALGORITHM) => Ok(()),
        Some(other) => Err(Fault::new(
            "InvalidKeyUsageException",
            format!("Algorithm {other} is incompatible with key spec SYMMETRIC_DEFAULT."),
        )),
    }
}

/// Refuses answers for enclaves.
pub(crate) fn refuse_recipient(call: &Call) -> Result<(), Fault> {
    match &call.input["Recipient"] {
        Value::Null => Ok(()),
        _ => Err(Fault::not_built("KMS answers for Nitro enclaves (Recipient)")),
    }
}

/// Ends a call that was only a question.
pub(crate) fn check_dry_run(call: &Call) -> Result<(), Fault> {
    if input::flag(&call.input, "DryRun")? { Err(faults::dry_run()) } else { Ok(()) }
}
