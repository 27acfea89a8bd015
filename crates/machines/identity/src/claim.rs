//! Who a request says it comes from, before anything is verified.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use windlass_value::Timestamp;

use crate::canonical::decoded_query;
use crate::date::{basic, read_basic};
use crate::hash::sha256;
use crate::signature_error::SignatureError;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const TERMINATOR: &str = "aws4_request";

/// What a signed request claims. Nothing of it is proven until [`crate::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where the signature stands.
    pub kind: ClaimKind,
    /// Whose key signed.
    pub access_key_id: String,
    /// The region in the credential scope.
    pub region: String,
    /// The service in the credential scope: `states`, `lambda`, …
    pub service: String,
    /// When it was signed.
    pub date: Timestamp,
    /// The session token sent along.
    pub session_token: Option<String>,
    /// The headers under the signature, in lower case, as listed.
    pub signed_headers: Vec<String>,
    pub(crate) scope_date: String,
    pub(crate) signature: String,
}

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// In the `Authorization` header.
    Header,
    /// In the query string of a presigned URL.
    Presigned {
        /// For how long it is valid, 1..=604800.
        expires_seconds: Option<u32>,
    },
    /// Nowhere: whoever calls signed in before, with the key's secret.
    Session,
}

impl Claim {
    /// The claim of a request that belongs to a session; no signature proves it.
    pub fn of_session(access_key_id: &str, region: &str, service: &str, date: Timestamp) -> Claim {
        Claim {
            kind: ClaimKind::Session,
            access_key_id: access_key_id.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            date,
            session_token: None,
            signed_headers: Vec::new(),
            scope_date: String::new(),
            signature: String::new(),
        }
    }
}

impl Claim {
    /// The date as it stands in the string to sign.
    pub(crate) fn date_text(&self) -> String {
        basic(self.date)
    }
}

/// Reads what a request claims; `None` where it is not signed with Signature Version 4.
///
/// # Errors
/// `IncompleteSignatureException` and `InvalidSignatureException` for signatures that
/// cannot be read.
pub fn claim(parts: &Parts) -> Result<Option<Claim>, SignatureError> {
    let query = decoded_query(parts.uri.query().unwrap_or(""));
    let presigned = query.iter().any(|(key, _)| key == "X-Amz-Algorithm");
    let authorization = text_header(parts, "authorization").filter(|text| text.starts_with("AWS4-"));
    match (authorization, presigned) {
        (Some(_), true) => Err(SignatureError::invalid(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        )),
        (Some(authorization), false) => from_header(parts, &authorization).map(Some),
        (None, true) => from_query(&query).map(Some),
        (None, false) => Ok(None),
    }
}

fn text_header(parts: &Parts, name: &str) -> Option<String> {
    parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

fn from_header(parts: &Parts, authorization: &str) -> Result<Claim, SignatureError> {
    let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let mut credential = "";
    let mut signature = "";
    let mut signed_headers = "";
    for parameter in rest.split([',', ' ']).filter(|parameter| !parameter.is_empty()) {
        let Some((key, value)) = parameter.split_once('=') else {
            return Err(SignatureError::incomplete(format!(
                "'{parameter}' not a valid key=value pair (missing equal-sign) in Authorization header {}.",
                hashed(authorization)
            )));
        };
        match key {
            "Credential" => credential = value,
            "Signature" => signature = value,
            "SignedHeaders" => signed_headers = value,
            _ => {}
        }
    }
    let date = text_header(parts, "x-amz-date").or_else(|| text_header(parts, "date"));
    let mut missing = String::new();
    for (name, value) in [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)] {
        if value.is_empty() {
            missing.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if date.is_none() {
        missing.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    }
    let Some(date) = date.filter(|_| missing.is_empty()) else {
        return Err(SignatureError::incomplete(format!("{missing}{}", hashed(authorization))));
    };
    finish(Raw {
        kind: ClaimKind::Header,
        algorithm,
        credential,
        signed_headers,
        signature,
        date: &date,
        session_token: text_header(parts, "x-amz-security-token"),
    })
}

/// AWS shows what it was sent only as a hash.
fn hashed(authorization: &str) -> String {
    let digest = STANDARD.encode(sha256(authorization.as_bytes()));
    format!("(Hashed with SHA-256 and encoded with Base64) Authorization={digest}")
}

fn from_query(query: &[(String, String)]) -> Result<Claim, SignatureError> {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let missing: String =
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"]
            .iter()
            .filter(|name| value(name).is_empty())
            .map(|name| format!("AWS query-string parameters must include '{name}'. "))
            .collect();
    if !missing.is_empty() {
        return Err(SignatureError::incomplete(format!("{missing}Re-examine the query-string parameters.")));
    }
    let expires_seconds = match value("X-Amz-Expires") {
        "" => None,
        text => match text.parse::<u32>() {
            Ok(seconds) if (1..=crate::EXPIRES_SECONDS_MAX).contains(&seconds) => Some(seconds),
            _ => {
                return Err(SignatureError::incomplete(format!(
                    "'X-Amz-Expires' must be a number of seconds from 1 to {}, not '{text}'.",
                    crate::EXPIRES_SECONDS_MAX
                )));
            }
        },
    };
    finish(Raw {
        kind: ClaimKind::Presigned { expires_seconds },
        algorithm: value("X-Amz-Algorithm"),
        credential: value("X-Amz-Credential"),
        signed_headers: value("X-Amz-SignedHeaders"),
        signature: value("X-Amz-Signature"),
        date: value("X-Amz-Date"),
        session_token: Some(value("X-Amz-Security-Token")).filter(|token| !token.is_empty()).map(str::to_owned),
    })
}

struct Raw<'a> {
    kind: ClaimKind,
    algorithm: &'a str,
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    date: &'a str,
    session_token: Option<String>,
}

fn finish(raw: Raw<'_>) -> Result<Claim, SignatureError> {
    let Some(date) = read_basic(raw.date).or_else(|| Timestamp::parse_http_date(raw.date).ok()) else {
        return Err(SignatureError::incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            raw.date
        )));
    };
    if raw.algorithm != ALGORITHM {
        return Err(SignatureError::incomplete(format!(
            "Unsupported AWS 'algorithm': '{}' (only {ALGORITHM} for now). ",
            raw.algorithm
        )));
    }
    let elements: Vec<&str> = raw.credential.trim_end_matches('/').split('/').collect();
    let [access_key_id, scope_date, region, service, terminator] = elements[..] else {
        return Err(SignatureError::incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
            raw.credential
        )));
    };
    let date_text = basic(date);
    let mut wrong = Vec::new();
    if terminator != TERMINATOR {
        wrong
            .push(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'. "));
    }
    if !date_text.starts_with(scope_date) || scope_date.len() != 8 {
        wrong.push(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope_date}' \
             != '{}', from '{date_text}'.",
            date_text.get(..8).unwrap_or_default()
        ));
    }
    if !wrong.is_empty() {
        return Err(SignatureError::invalid(wrong.concat()));
    }
    Ok(Claim {
        kind: raw.kind,
        access_key_id: access_key_id.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        date,
        session_token: raw.session_token,
        signed_headers: raw.signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
        scope_date: scope_date.to_owned(),
        signature: raw.signature.to_owned(),
    })
}
