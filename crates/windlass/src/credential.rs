//! Access keys: where their secrets come from, and that nobody sees them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::{ConfigError, Sources, beside, parse_account};
use crate::config_file::CredentialSection;

/// A secret that prints as dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    /// The secret itself; for computing signatures only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// 12 digits.
    pub account_id: String,
    /// The IAM user's name; `None` is the account's root.
    pub user: Option<String>,
}

/// The credentials of the environment, then those of the file.
///
/// # Errors
/// One that is not whole, is there twice, or whose secret cannot be read.
pub(crate) fn all(
    sources: &Sources<'_>,
    sections: Vec<CredentialSection>,
    account_id: &str,
    file: Option<&Path>,
) -> Result<Vec<Credential>, ConfigError> {
    let mut credentials = Vec::new();
    if let Some(access_key_id) = sources.env("WINDLASS_ACCESS_KEY_ID") {
        let secret = match sources.env("WINDLASS_SECRET_ACCESS_KEY_FILE") {
            Some(path) => read_secret(Path::new(&path))?,
            None => sources.env("WINDLASS_SECRET_ACCESS_KEY").map(Secret).ok_or_else(|| {
                ConfigError::Incomplete(
                    "WINDLASS_ACCESS_KEY_ID is set, but its secret is not\n\
                     Set WINDLASS_SECRET_ACCESS_KEY_FILE or WINDLASS_SECRET_ACCESS_KEY too."
                        .to_owned(),
                )
            })?,
        };
        credentials.push(Credential {
            access_key_id,
            secret_access_key: secret,
            account_id: account_id.to_owned(),
            user: None,
        });
    }
    for section in sections {
        let name = section.access_key_id.clone();
        let account = section.account_id.clone();
        let source = SecretSource {
            text: section.secret_access_key,
            file: section.secret_access_key_file,
            variable: section.secret_access_key_env,
        };
        let secret = source.read(&format!("the credential {name}"), sources, file)?;
        let account_id = match account {
            Some(account) => parse_account(format!("account_id of the credential {name}"), account)?,
            None => account_id.to_owned(),
        };
        credentials.push(Credential { access_key_id: name, secret_access_key: secret, account_id, user: section.user });
    }
    for (index, credential) in credentials.iter().enumerate() {
        check_credential(credential)?;
        if credentials[..index].iter().any(|earlier| earlier.access_key_id == credential.access_key_id) {
            return Err(ConfigError::Incomplete(format!(
                "the access key id {} is there twice\nRemove one of the two.",
                credential.access_key_id
            )));
        }
    }
    Ok(credentials)
}

/// Where a configured secret is: exactly one of the three.
pub(crate) struct SecretSource {
    pub(crate) text: Option<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) variable: Option<String>,
}

impl SecretSource {
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_none() && self.file.is_none() && self.variable.is_none()
    }

    /// # Errors
    /// None or several are given, or it cannot be read. `owner` begins the text.
    pub(crate) fn read(
        &self,
        owner: &str,
        sources: &Sources<'_>,
        config_file: Option<&Path>,
    ) -> Result<Secret, ConfigError> {
        match (&self.text, &self.file, &self.variable) {
            (Some(secret), None, None) => Ok(Secret(secret.clone())),
            (None, Some(path), None) => read_secret(&beside(config_file, path.clone())),
            (None, None, Some(variable)) => sources.env(variable).map(Secret).ok_or_else(|| {
                ConfigError::Incomplete(format!("the secret of {owner} should be in {variable}, which is not set"))
            }),
            _ => Err(ConfigError::Incomplete(format!(
                "{owner} needs its secret in exactly one place: a file, an environment variable, or the configuration itself"
            ))),
        }
    }
}

fn check_credential(credential: &Credential) -> Result<(), ConfigError> {
    let id = &credential.access_key_id;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if id.is_empty() || !id.bytes().all(plain) {
        return Err(ConfigError::Value {
            source_name: "access_key_id".to_owned(),
            value: id.clone(),
            expected: "it may have letters, digits, '_' and '-' only",
        });
    }
    if credential.secret_access_key.0.is_empty() {
        return Err(ConfigError::Incomplete(format!("the secret of {id} is empty")));
    }
    Ok(())
}

fn read_secret(path: &Path) -> Result<Secret, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        what: "the secret access key in",
        path: path.to_owned(),
        error,
        next: "The file must hold the secret alone, and be readable by the server's user.",
    })?;
    Ok(Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
}
