use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::{ConfigError, Sources};
use crate::credential::{Secret, SecretSource};

/// `[[webhook]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSection {
    name: String,
    state_machine: String,
    role_arn: Option<String>,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    secret_env: Option<String>,
}

// Derived `Debug` would print the secret.
impl std::fmt::Debug for WebhookSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookSection").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A web address that starts a workflow: `POST /_start/<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The last part of the address.
    pub name: String,
    /// ARN of a state machine, a version or an alias.
    pub state_machine: String,
    /// Who starts it; `None`: the account's root, for the operator wrote this.
    pub role_arn: Option<String>,
    /// What senders prove that they know.
    pub secret: Secret,
}

impl WebhookSection {
    /// # Errors
    /// A name or ARN that is none, or a secret that is missing.
    pub(crate) fn read(self, sources: &Sources<'_>, file: Option<&Path>) -> Result<Webhook, ConfigError> {
        let owner = format!("the webhook {:?}", self.name);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if self.name.is_empty() || !self.name.bytes().all(plain) {
            return Err(ConfigError::Incomplete(format!(
                "{owner} may have letters, digits, '-' and '_' in its name only"
            )));
        }
        if !self.state_machine.starts_with("arn:") {
            return Err(ConfigError::Incomplete(format!(
                "{owner} needs the ARN of a state machine, not {:?}",
                self.state_machine
            )));
        }
        let source = SecretSource { text: self.secret, file: self.secret_file, variable: self.secret_env };
        let secret = source.read(&owner, sources, file)?;
        if secret.reveal().is_empty() {
            return Err(ConfigError::Incomplete(format!("the secret of {owner} is empty")));
        }
        Ok(Webhook { name: self.name, state_machine: self.state_machine, role_arn: self.role_arn, secret })
    }
}
