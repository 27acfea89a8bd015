use std::path::PathBuf;

use serde::Deserialize;

use crate::backend::BackendSection;
use crate::outgoing_settings::OutgoingSection;
use crate::smtp_settings::SmtpSection;
use crate::tracing_settings::TracingSection;
use crate::webhook_settings::WebhookSection;

/// The configuration file as it is written. Every key may be absent; a key
/// that is not here is an error that names its line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    pub(crate) listen: Option<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) account_id: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) drain_ms: Option<u64>,
    pub(crate) connections_max: Option<usize>,
    pub(crate) log: Option<String>,
    pub(crate) log_format: Option<String>,
    pub(crate) access_log: Option<bool>,
    pub(crate) metrics_public: Option<bool>,
    pub(crate) master_key_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) tls: TlsSection,
    #[serde(default)]
    pub(crate) authorization: AuthorizationSection,
    #[serde(default)]
    pub(crate) executions: ExecutionsSection,
    #[serde(default)]
    pub(crate) lambda: LambdaSection,
    #[serde(default)]
    pub(crate) credentials: Vec<CredentialSection>,
    #[serde(default)]
    pub(crate) backend: Vec<BackendSection>,
    #[serde(default)]
    pub(crate) webhook: Vec<WebhookSection>,
    pub(crate) smtp: Option<SmtpSection>,
    #[serde(default)]
    pub(crate) outgoing: OutgoingSection,
    #[serde(default)]
    pub(crate) stepfunctions: StepFunctionsSection,
    #[serde(default)]
    pub(crate) tracing: TracingSection,
    /// For `windlass dev`, which reads them itself; a server has no use for them.
    #[serde(default)]
    #[expect(dead_code, reason = "kept so that one file serves both commands")]
    pub(crate) machine: toml::Table,
    #[serde(default)]
    #[expect(dead_code, reason = "kept so that one file serves both commands")]
    pub(crate) function: toml::Table,
}

/// `[tls]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSection {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// `[authorization]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizationSection {
    pub(crate) mode: Option<String>,
}

/// `[executions]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecutionsSection {
    pub(crate) aws_limits: Option<bool>,
    pub(crate) aws_rates: Option<bool>,
    pub(crate) payload_bytes_max: Option<usize>,
    pub(crate) retention_days: Option<u32>,
    pub(crate) retention_bytes: Option<u64>,
    pub(crate) disk_free_bytes_min: Option<u64>,
}

/// `[stepfunctions]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepFunctionsSection {
    pub(crate) mock_config: Option<PathBuf>,
    pub(crate) express_retention: Option<usize>,
    pub(crate) express_retention_hours: Option<u32>,
    pub(crate) express_events: Option<bool>,
}

/// `[lambda]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LambdaSection {
    pub(crate) concurrency_max: Option<usize>,
    pub(crate) idle_timeout_ms: Option<u64>,
}

/// `[[credentials]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialSection {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Option<String>,
    pub(crate) secret_access_key_file: Option<PathBuf>,
    pub(crate) secret_access_key_env: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) user: Option<String>,
}

// Derived `Debug` would print the secret.
impl std::fmt::Debug for CredentialSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialSection").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// # Errors
    /// Line, column, the line itself and what is wrong. A line that may hold a
    /// secret is not repeated, for errors end up in logs.
    pub(crate) fn parse(text: &str) -> Result<ConfigFile, String> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..start).unwrap_or_default();
            let line = before.matches('\n').count();
            let holds_secret = text.lines().nth(line).is_some_and(|line| line.contains("secret"));
            if holds_secret { format!("line {}: {}", line + 1, error.message()) } else { error.to_string() }
        })
    }
}
