//! `[tracing]` and OpenTelemetry's own variables.

use http::{HeaderName, HeaderValue, Uri};
use serde::Deserialize;

use crate::config::{ConfigError, Sources};
use crate::credential::Secret;

/// `[tracing]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TracingSection {
    endpoint: Option<String>,
    protocol: Option<String>,
    sample_ratio: Option<f64>,
    service_name: Option<String>,
    timeout_ms: Option<u64>,
}

/// How spans are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// `http/protobuf`
    Protobuf,
    /// `http/json`
    Json,
}

/// Where spans go, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct TracingSettings {
    /// The whole address that spans are posted to.
    pub endpoint: String,
    /// How they are written.
    pub protocol: OtlpProtocol,
    /// Headers of every request, such as an API key.
    pub headers: Vec<(String, Secret)>,
    /// The share of traces that is recorded, from 0 to 1.
    pub sample_ratio: f64,
    /// What every span says of this server.
    pub resource: Vec<(String, String)>,
    /// How long one request may take.
    pub timeout_ms: u64,
    /// Spans that wait at most.
    pub queue_max: usize,
    /// Spans of one request at most.
    pub batch_max: usize,
    /// How long spans are gathered.
    pub delay_ms: u64,
}

const SERVICE_NAME: &str = "service.name";
const TIMEOUT_MS: u64 = 10_000;
/// As OpenTelemetry's own SDKs do.
const QUEUE_MAX: usize = 2_048;
const BATCH_MAX: usize = 512;
const DELAY_MS: u64 = 5_000;

impl TracingSettings {
    /// `None` where nobody names a collector, or tracing is turned off.
    ///
    /// # Errors
    /// An address, a protocol or a number that is none.
    pub(crate) fn read(section: TracingSection, sources: &Sources<'_>) -> Result<Option<TracingSettings>, ConfigError> {
        let env = |name: &str| sources.env(name);
        // What is said of traces goes before what is said of all signals.
        let either = |name: &str| {
            env(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}")).or_else(|| env(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let is_off = env("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || env("OTEL_TRACES_EXPORTER").is_some_and(|value| !value.split(',').any(|one| one.trim() == "otlp"));
        let endpoint =
            match (env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), env("OTEL_EXPORTER_OTLP_ENDPOINT"), section.endpoint) {
                (Some(endpoint), ..) => endpoint,
                (None, Some(base), _) => format!("{}/v1/traces", base.trim_end_matches('/')),
                (None, None, Some(endpoint)) => with_path(endpoint),
                (None, None, None) => return Ok(None),
            };
        if is_off {
            return Ok(None);
        }
        let address = endpoint
            .parse::<Uri>()
            .ok()
            .filter(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        if address.is_none() {
            return Err(wrong("tracing.endpoint", endpoint, "it must be an address such as http://127.0.0.1:4318"));
        }
        let protocol = match either("PROTOCOL").or(section.protocol).as_deref() {
            None | Some("http/protobuf") => OtlpProtocol::Protobuf,
            Some("http/json") => OtlpProtocol::Json,
            Some(other) => {
                return Err(wrong(
                    "tracing.protocol",
                    other.to_owned(),
                    "it must be http/protobuf or http/json; OTEL_TRACES_EXPORTER=none turns tracing off",
                ));
            }
        };
        let sample_ratio = match sampler_ratio(&env)? {
            Some(ratio) => ratio,
            None => section.sample_ratio.unwrap_or(1.0),
        };
        if !(0.0..=1.0).contains(&sample_ratio) {
            return Err(wrong("tracing.sample_ratio", sample_ratio.to_string(), "it must be between 0 and 1"));
        }
        let mut resource = pairs(&env("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
        let named = env("OTEL_SERVICE_NAME").or(section.service_name);
        match (named, resource.iter_mut().find(|(key, _)| key == SERVICE_NAME)) {
            (Some(name), Some(given)) => given.1 = name,
            (None, Some(_)) => {}
            (name, None) => {
                resource.push((SERVICE_NAME.to_owned(), name.unwrap_or_else(|| "windlass".to_owned())));
            }
        }
        resource.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        let headers = pairs(&either("HEADERS").unwrap_or_default());
        for (name, value) in &headers {
            if HeaderName::try_from(name.as_str()).is_err() || HeaderValue::from_str(value).is_err() {
                return Err(wrong(
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    name.clone(),
                    "it must be name=value, with commas between",
                ));
            }
        }
        let positive = |name: &'static str, value: u64| {
            if value == 0 { Err(wrong(name, value.to_string(), "it must be at least 1")) } else { Ok(value) }
        };
        let number = |name: &'static str, default: u64| match env(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| wrong(name, text, "it must be a whole number")),
        };
        let timeout_ms = match either("TIMEOUT") {
            None => section.timeout_ms.unwrap_or(TIMEOUT_MS),
            Some(text) => {
                text.parse().map_err(|_| wrong("OTEL_EXPORTER_OTLP_TIMEOUT", text, "it must be a whole number"))?
            }
        };
        Ok(Some(TracingSettings {
            endpoint,
            protocol,
            headers: headers.into_iter().map(|(name, value)| (name, Secret::new(&value))).collect(),
            sample_ratio,
            resource,
            timeout_ms: positive("tracing.timeout_ms", timeout_ms)?,
            queue_max: positive("OTEL_BSP_MAX_QUEUE_SIZE", number("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_MAX as u64)?)?
                as usize,
            batch_max: positive(
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH_MAX as u64)?,
            )? as usize,
            delay_ms: positive("OTEL_BSP_SCHEDULE_DELAY", number("OTEL_BSP_SCHEDULE_DELAY", DELAY_MS)?)?,
        }))
    }
}

/// An address without a path is that of the collector, not of its traces.
fn with_path(endpoint: String) -> String {
    let bare = endpoint.trim_end_matches('/');
    let has_path = bare.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path { endpoint } else { format!("{bare}/v1/traces") }
}

/// The share that `OTEL_TRACES_SAMPLER` stands for. Whoever starts an execution decides
/// before it, with or without `parentbased`.
fn sampler_ratio(env: &impl Fn(&str) -> Option<String>) -> Result<Option<f64>, ConfigError> {
    let Some(sampler) = env("OTEL_TRACES_SAMPLER") else { return Ok(None) };
    match sampler.strip_prefix("parentbased_").unwrap_or(&sampler) {
        "always_on" => Ok(Some(1.0)),
        "always_off" => Ok(Some(0.0)),
        "traceidratio" => match env("OTEL_TRACES_SAMPLER_ARG") {
            None => Ok(Some(1.0)),
            Some(text) => {
                let ratio =
                    text.parse().map_err(|_| wrong("OTEL_TRACES_SAMPLER_ARG", text, "it must be between 0 and 1"))?;
                Ok(Some(ratio))
            }
        },
        _ => Err(wrong(
            "OTEL_TRACES_SAMPLER",
            sampler,
            "it must be always_on, always_off or traceidratio, each also with parentbased_ in front",
        )),
    }
}

/// `key=value,key=value`, percent-encoded as OpenTelemetry wants it.
fn pairs(text: &str) -> Vec<(String, String)> {
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decoded(key.trim()), decoded(value.trim())))
        .filter(|(key, _)| !key.is_empty())
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (*byte, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            (byte, _) => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn wrong(source_name: &str, value: String, expected: &'static str) -> ConfigError {
    ConfigError::Value { source_name: source_name.to_owned(), value, expected }
}
