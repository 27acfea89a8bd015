use std::path::{Path, PathBuf};

use serde::Deserialize;
use windlass_outgoing::{Allow, Guard, Outgoing};

use crate::config::{ConfigError, beside};

/// `[outgoing]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutgoingSection {
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    plain_http: bool,
    timeout_ms: Option<u64>,
    response_bytes_max: Option<usize>,
}

/// What calls to the outside may reach: HTTP tasks, subscriptions, API destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingSettings {
    /// Addresses beside the public ones.
    pub allow: Vec<Allow>,
    /// Certificates that count beside those the machine trusts, PEM.
    pub authorities: Option<Vec<u8>>,
    /// Whether HTTP tasks may use `http://` too.
    pub plain_http: bool,
    /// How long HTTP tasks and API Gateway wait; `None`: AWS's 60 s.
    pub timeout_ms: Option<u64>,
    /// The largest answer of these; `None`: AWS's 262,145 bytes.
    pub response_bytes_max: Option<usize>,
}

impl OutgoingSettings {
    /// # Errors
    /// An exception that is none, or a file that cannot be read.
    pub(crate) fn read(section: OutgoingSection, file: Option<&Path>) -> Result<OutgoingSettings, ConfigError> {
        let allow = section.allow.iter().map(|text| {
            Allow::parse(text).map_err(|error| ConfigError::Incomplete(format!("outgoing.allow: {error}")))
        });
        let authorities = section.ca_file.map(|path| {
            let path = beside(file, path);
            std::fs::read(&path).map_err(|error| ConfigError::Unreadable {
                what: "the certificates of outgoing.ca_file,",
                path,
                error,
                next: "The file must hold certificates in PEM.",
            })
        });
        Ok(OutgoingSettings {
            allow: allow.collect::<Result<_, _>>()?,
            authorities: authorities.transpose()?,
            plain_http: section.plain_http,
            timeout_ms: section.timeout_ms,
            response_bytes_max: section.response_bytes_max,
        })
    }

    /// The client for addresses that callers name.
    ///
    /// # Errors
    /// No certificate can be read.
    pub(crate) fn client(&self) -> Result<Outgoing, String> {
        Outgoing::new(Guard::new(self.allow.clone()), self.authorities.as_deref())
            .map_err(|error| format!("outgoing.ca_file: {error}"))
    }
}
