use std::path::{Path, PathBuf};

use serde::Deserialize;
use windlass_sns::{SmtpConfig, SmtpSecurity};

use crate::config::{ConfigError, Sources};
use crate::credential::SecretSource;

/// `[smtp]` as it is written: the relay for e-mail subscriptions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmtpSection {
    host: String,
    port: Option<u16>,
    security: Option<String>,
    user: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    from: String,
}

// Derived `Debug` would print the password.
impl std::fmt::Debug for SmtpSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpSection").field("host", &self.host).finish_non_exhaustive()
    }
}

impl SmtpSection {
    /// # Errors
    /// A security that is none, or a user without a password.
    pub(crate) fn read(self, sources: &Sources<'_>, file: Option<&Path>) -> Result<SmtpConfig, ConfigError> {
        let (security, port) = match self.security.as_deref() {
            None | Some("starttls") => (SmtpSecurity::StartTls, 587),
            Some("tls") => (SmtpSecurity::Tls, 465),
            Some("none") => (SmtpSecurity::None, 25),
            Some(other) => {
                let text = format!("smtp.security is {other:?}\nIt must be starttls, tls or none.");
                return Err(ConfigError::Incomplete(text));
            }
        };
        let source = SecretSource { text: self.password, file: self.password_file, variable: self.password_env };
        let credentials = match self.user {
            Some(user) => {
                let password = source.read("the mail relay's user", sources, file)?;
                Some((user, password.reveal().to_owned()))
            }
            None => None,
        };
        Ok(SmtpConfig { host: self.host, port: self.port.unwrap_or(port), security, credentials, from: self.from })
    }
}
