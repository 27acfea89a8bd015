use windlass_keyring::random;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Value, object};

use crate::faults;
use crate::input;
use crate::secret::{CURRENT, Secret};
use crate::secret_id::SUFFIX_CHARS;
use crate::secrets_manager::{SecretsManager, uuid};
use crate::tags;
use crate::value::Plain;

const NAME_CHARS_MAX: usize = 512;

impl SecretsManager {
    /// `CreateSecret`; once more with the same token and value it changes nothing.
    pub(crate) async fn create_secret(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let name = input::required(input, "Name")?;
        check_name(name)?;
        if input["AddReplicaRegions"].as_array().is_some_and(|regions| !regions.is_empty()) {
            return Err(Fault::not_built("replicas of secrets"));
        }
        let plain = Plain::read(input)?;
        let token = token(call)?;
        let description = input::text(input, "Description")?.map(str::to_owned);
        let tags = tags::read(&input["Tags"])?;
        tags::check(&tags)?;
        let kms_key_id = self.usable_kms_key(call).await?.map(str::to_owned);
        let suffix = suffix()?;
        self.change(call, |batch, _| {
            if let Some(existing) = self.find_named(&call.account, &call.region, name)? {
                return self.created_before(&existing.secret, &token, plain.as_ref());
            }
            let now = (self.now)();
            let mut secret = Secret::new(&call.account, &call.region, name, &suffix, now);
            secret.description = description.clone();
            secret.kms_key_id = kms_key_id.clone();
            secret.tags = tags.clone();
            let mut output = secret.names();
            if let Some(plain) = &plain {
                self.add_value(batch, &mut secret, &token, plain)?;
                secret.stage(&token, CURRENT);
                output.insert("VersionId", token.as_str());
            }
            secret.put(batch, None)?;
            Ok(output.into())
        })
        .await
    }

    /// The answer where the name is taken: perhaps by the same request.
    fn created_before(&self, existing: &Secret, token: &str, plain: Option<&Plain>) -> Result<Value, Fault> {
        if existing.deleted_ms.is_some() {
            return Err(faults::invalid_request(
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        if let Some(plain) = plain
            && existing.versions.contains_key(token)
            && self.value(existing, token)?.as_ref() == Some(plain)
        {
            let mut output = existing.names();
            output.insert("VersionId", token);
            return Ok(output.into());
        }
        let name = &existing.name;
        Err(faults::exists(format!("The operation failed because the secret {name} already exists.")))
    }

    /// `UpdateSecret`.
    pub(crate) async fn update_secret(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let secret_id = input::required(input, "SecretId")?;
        let plain = Plain::read(input)?;
        let token = token(call)?;
        let description = input::text(input, "Description")?.map(str::to_owned);
        let kms_key_id = self.usable_kms_key(call).await?.map(str::to_owned);
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            let secret = &mut stored.secret;
            secret.check_not_deleted()?;
            let mut output = secret.names();
            if let Some(plain) = &plain {
                output.insert("VersionId", token.as_str());
                if secret.versions.get(&token).is_some_and(|version| version.has_value) {
                    self.check_same(secret, &token, plain)?;
                } else {
                    self.add_value(batch, secret, &token, plain)?;
                    secret.stage(&token, CURRENT);
                    secret.prune(batch);
                }
            }
            secret.description = description.clone().or(secret.description.take());
            secret.kms_key_id = kms_key_id.clone().or(secret.kms_key_id.take());
            secret.changed_ms = (self.now)().as_ms();
            secret.put(batch, Some(stored.row_version))?;
            Ok(output.into())
        })
        .await
    }
}

/// The id of the version that a request makes.
///
/// # Errors
/// A token of another length.
pub(crate) fn token(call: &Call) -> Result<String, Fault> {
    match input::text(&call.input, "ClientRequestToken")? {
        None => uuid(),
        Some(token) if (32..=64).contains(&token.len()) => Ok(token.to_owned()),
        Some(_) => Err(faults::invalid_parameter("ClientRequestToken must be 32-64 characters long.")),
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_+=.@!".contains(&byte);
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(is_word) {
        return Err(Fault::validation(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    Ok(())
}

/// The random end of an ARN.
fn suffix() -> Result<String, Fault> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // Of 64 bits the remainder is even enough.
    let mut bits = u64::from_be_bytes(random::<8>().map_err(faults::seal)?);
    let mut suffix = String::with_capacity(SUFFIX_CHARS);
    for _ in 0..SUFFIX_CHARS {
        suffix.push(char::from(LETTERS[(bits % 62) as usize]));
        bits /= 62;
    }
    Ok(suffix)
}

/// `{}` with the names of a secret, where nothing else is answered.
pub(crate) fn names(secret: &Secret) -> Value {
    object! { "ARN" => secret.arn(), "Name" => secret.name.as_str() }
}
