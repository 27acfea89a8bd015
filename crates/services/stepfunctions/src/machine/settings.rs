use windlass_protocol::Fault;
use windlass_value::{Object, Value, object};

use super::logging;
use crate::keys::encryption_configuration;
use crate::request::Request;

/// What a machine is configured with beside its definition and role, in the
/// form that Describe answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// `loggingConfiguration`, with its defaults.
    pub(crate) logging: Value,
    /// `tracingConfiguration`, with its default.
    pub(crate) tracing: Value,
    /// `encryptionConfiguration`.
    pub(crate) encryption: Value,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            logging: logging::default(),
            tracing: object! { "enabled" => false },
            encryption: object! { "type" => "AWS_OWNED_KEY" },
        }
    }
}

impl Settings {
    /// Takes over what a request sets; answers whether it named the logging,
    /// the tracing or the encryption at all.
    ///
    /// # Errors
    /// `InvalidEncryptionConfiguration`, `InvalidLoggingConfiguration`.
    pub(crate) fn take(&mut self, request: Request<'_>) -> Result<bool, Fault> {
        let mut named = false;
        if let Some(logging) = request.object("loggingConfiguration")? {
            self.logging = logging::checked(logging)?;
            named = true;
        }
        if let Some(tracing) = request.object("tracingConfiguration")? {
            let enabled = tracing.get("enabled").and_then(Value::as_bool).unwrap_or(false);
            self.tracing = object! { "enabled" => enabled };
            named = true;
        }
        if let Some(encryption) = request.object("encryptionConfiguration")? {
            self.encryption = encryption_configuration(encryption)?;
            named = true;
        }
        Ok(named)
    }

    pub(crate) fn to_members(&self, out: &mut Object) {
        out.insert("loggingConfiguration", &self.logging);
        out.insert("tracingConfiguration", &self.tracing);
        out.insert("encryptionConfiguration", &self.encryption);
    }
}
