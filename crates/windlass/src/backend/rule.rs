use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use windlass_protocol::{Call, permissions};
use windlass_task_mock::{Answers, MockFile};
use windlass_value::{Text, Value, object, parse};

use crate::config::{ConfigError, Sources, beside};
use crate::credential::{Secret, SecretSource};

/// `[[backend]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackendSection {
    service: String,
    kind: String,
    resource: Option<String>,
    operations: Option<Vec<String>>,
    url: Option<String>,
    region: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    secret_access_key_file: Option<PathBuf>,
    secret_access_key_env: Option<String>,
    session_token_env: Option<String>,
    timeout_ms: Option<u64>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    output: Option<String>,
    error: Option<ErrorSection>,
    mock_file: Option<PathBuf>,
    response: Option<String>,
}

/// `error = { code = "…", message = "…", status = 400 }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorSection {
    code: String,
    #[serde(default)]
    message: String,
    status: Option<u16>,
}

/// Who answers which calls.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendRule {
    /// The signing name, or `*` for every service that is not hosted here.
    pub service: String,
    /// Only calls on a resource whose ARN fits, `*` standing for any text.
    pub resource: Option<String>,
    /// Only these operations.
    pub operations: Option<Vec<String>>,
    /// Who answers them.
    pub backend: Backend,
}

/// Who answers a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Backend {
    /// The service hosted here.
    Embedded,
    /// An AWS-compatible endpoint.
    Endpoint(EndpointTarget),
    /// A plain web address that takes the input as JSON.
    Http(HttpTarget),
    /// Answers given beforehand.
    Mock(MockTarget),
}

/// An AWS-compatible endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointTarget {
    /// `None`: AWS itself, in the call's region.
    pub url: Option<http::Uri>,
    /// `None`: the call's own.
    pub region: Option<String>,
    /// Access key id and secret that sign the calls.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// For temporary credentials.
    pub session_token: Option<Secret>,
    /// How long an answer may take.
    pub timeout_ms: u64,
}

/// A plain web address.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpTarget {
    /// Where the input is posted.
    pub url: http::Uri,
    /// Headers that every request carries.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// How long an answer may take.
    pub timeout_ms: u64,
}

/// What a mock answers.
#[derive(Clone, Debug, PartialEq)]
pub struct MockTarget {
    /// A response as mock files have them.
    pub(crate) answers: Answers,
    /// The HTTP status of errors.
    pub(crate) error_status: u16,
}

const TIMEOUT_MS_DEFAULT: u64 = 60_000;

impl BackendRule {
    /// Whether this rule is about that call.
    pub(crate) fn fits(&self, call: &Call, is_hosted: bool) -> bool {
        let service = if self.service == "*" { !is_hosted } else { *self.service == *call.service };
        let operation =
            || self.operations.as_ref().is_none_or(|names| names.iter().any(|name| **name == *call.operation));
        let resource = || match &self.resource {
            None => true,
            Some(pattern) => resource_arns(call).iter().any(|arn| fits_pattern(pattern, arn)),
        };
        service && operation() && resource()
    }
}

/// The ARNs of the resources a call is about: those its permissions are about, else
/// those its input names.
fn resource_arns(call: &Call) -> Vec<Text> {
    // Where it is known what an operation is about, only that counts: other members
    // are the caller's to fill.
    if windlass_protocol::has_permission_row(&call.service, &call.operation) {
        let needed = permissions(call).unwrap_or_default().into_iter();
        return needed.map(|permission| permission.resource).collect();
    }
    let Value::Object(members) = &call.input else { return Vec::new() };
    let named = members.iter().filter_map(|(_, value)| value.as_str()).filter(|text| text.starts_with("arn:"));
    named.map(Text::from).collect()
}

/// `*` stands for any text.
fn fits_pattern(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl BackendSection {
    /// # Errors
    /// What is missing or too much for the kind.
    pub(crate) fn read(self, sources: &Sources<'_>, file: Option<&Path>) -> Result<BackendRule, ConfigError> {
        let name = format!("the backend for {}", self.service);
        let wrong = |what: &str| ConfigError::Incomplete(format!("{name} {what}"));
        let url = match &self.url {
            None => None,
            Some(text) => {
                let valid =
                    |url: &http::Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
                let url = text.parse::<http::Uri>().ok().filter(valid);
                Some(url.ok_or_else(|| {
                    wrong(&format!("has the url {text:?}, which must begin with http:// or https://"))
                })?)
            }
        };
        let timeout_ms = self.timeout_ms.unwrap_or(TIMEOUT_MS_DEFAULT);
        let backend = match self.kind.as_str() {
            "embedded" => Backend::Embedded,
            "endpoint" => {
                let source = SecretSource {
                    text: self.secret_access_key,
                    file: self.secret_access_key_file,
                    variable: self.secret_access_key_env,
                };
                // Endpoints that check nothing take any key.
                let (access_key_id, secret_access_key) = match self.access_key_id {
                    Some(id) => (id, source.read(&name, sources, file)?),
                    None if url.is_some() && source.is_empty() => ("windlass".to_owned(), Secret::new("windlass")),
                    None => return Err(wrong("needs an access_key_id with its secret to sign calls to AWS")),
                };
                let session_token = match &self.session_token_env {
                    None => None,
                    Some(variable) => Some(Secret::new(&sources.env(variable).ok_or_else(|| {
                        wrong(&format!("should have its session token in {variable}, which is not set"))
                    })?)),
                };
                Backend::Endpoint(EndpointTarget {
                    url,
                    region: self.region,
                    access_key_id,
                    secret_access_key,
                    session_token,
                    timeout_ms,
                })
            }
            "http" => {
                let header = |(name, value): (String, String)| {
                    let valid = http::HeaderValue::from_str(&value).is_ok();
                    let parsed = http::HeaderName::try_from(name.as_str()).ok().filter(|_| valid);
                    parsed
                        .map(|parsed| (parsed, Secret::new(&value)))
                        .ok_or_else(|| wrong(&format!("has the header {name:?}, which is none")))
                };
                Backend::Http(HttpTarget {
                    url: url.ok_or_else(|| wrong("needs a url"))?,
                    headers: self.headers.into_iter().map(header).collect::<Result<_, _>>()?,
                    timeout_ms,
                })
            }
            "mock" => {
                const BAD_REQUEST: u16 = 400;
                let status = self.error.as_ref().and_then(|error| error.status);
                let answers = match (self.output, self.error, self.mock_file, self.response) {
                    (Some(output), None, None, None) => {
                        let output = parse(&output)
                            .map_err(|error| wrong(&format!("has an output that is no JSON: {error}")))?;
                        Answers::read(&object! { "0-" => object! { "Return" => output } })
                    }
                    (None, Some(error), None, None) => {
                        let thrown = object! { "Error" => error.code, "Cause" => error.message };
                        Answers::read(&object! { "0-" => object! { "Throw" => thrown } })
                    }
                    (None, None, Some(mocks), Some(name)) => {
                        Ok(response(&beside(file, mocks), &name).map_err(|why| wrong(&why))?)
                    }
                    _ => return Err(wrong("is a mock and needs either output, or error, or mock_file with response")),
                };
                let answers = answers.map_err(|error| wrong(&format!("has a mock that is wrong: {error}")))?;
                Backend::Mock(MockTarget { answers, error_status: status.unwrap_or(BAD_REQUEST) })
            }
            "process" | "container" | "kubernetes" => {
                return Err(wrong(&format!(
                    "has the kind {:?}, which Windlass does not implement yet\nUse endpoint, http or mock.",
                    self.kind
                )));
            }
            other => {
                return Err(wrong(&format!("has the kind {other:?}\nIt must be embedded, endpoint, http or mock.")));
            }
        };
        Ok(BackendRule { service: self.service, resource: self.resource, operations: self.operations, backend })
    }
}

/// A response of a mock file.
fn response(path: &Path, name: &str) -> Result<Answers, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("has the mock file {shown}, which cannot be read: {error}"))?;
    let file = MockFile::read(&text).map_err(|error| format!("has the mock file {shown}, which is wrong: {error}"))?;
    let found = file.response(name).cloned();
    found.ok_or_else(|| format!("has the mock file {shown}, which has no response '{name}' among its MockedResponses"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("arn:aws:sqs:*:*:orders-*", "arn:aws:sqs:eu-west-1:1:orders-new", true),
            ("arn:aws:sqs:*:*:orders-*", "arn:aws:sqs:eu-west-1:1:others", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits_pattern(pattern, text), fits, "{pattern} {text}");
        }
    }
}
