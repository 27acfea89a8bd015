//! Signs requests, for clients and for handing calls on.

use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use windlass_value::Timestamp;

use crate::canonical::{self, encoded};
use crate::claim::{ALGORITHM, TERMINATOR};
use crate::credentials::Credentials;
use crate::date::basic;
use crate::hash::sha256_hex;
use crate::signature_error::SignatureError;
use crate::signing_key::SigningKeys;
use crate::verify::{UNSIGNED_PAYLOAD, signature};

/// The longest life of a presigned URL: a week.
pub const EXPIRES_SECONDS_MAX: u32 = 604_800;

/// Headers that proxies and clients change on the way.
const UNSIGNED_HEADERS: [&str; 8] =
    ["authorization", "connection", "expect", "keep-alive", "te", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Signs a request with its body: sets `x-amz-date`, `x-amz-security-token` for sessions,
/// `host` where it is missing, and `authorization`. Call it last.
///
/// # Errors
/// `IncompleteSignatureException` where there is no host, or a value fits no header.
pub fn sign(
    parts: &mut Parts,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    keys: &SigningKeys,
) -> Result<(), SignatureError> {
    let date = basic(now);
    let hash = sha256_hex(body);
    set_host(parts)?;
    parts.headers.remove(TOKEN);
    parts.headers.insert(DATE, value(&date)?);
    if let Some(token) = &credentials.session_token {
        parts.headers.insert(TOKEN, secret(token)?);
    }
    if service == "s3" && !parts.headers.contains_key(CONTENT_HASH) {
        parts.headers.insert(CONTENT_HASH, value(&hash)?);
    }
    // A hash that the caller stated is what is signed.
    let stated = parts.headers.get(CONTENT_HASH).map(|hash| String::from_utf8_lossy(hash.as_bytes()).into_owned());
    let hash = stated.unwrap_or(hash);
    let mut signed_headers: Vec<String> = parts
        .headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| !UNSIGNED_HEADERS.contains(&name.as_str()))
        .collect();
    signed_headers.sort();
    let scope_date = &date[..8];
    let canonical = canonical::request(parts, service, &signed_headers, &hash);
    let key = keys.key(&credentials.secret_access_key, scope_date, region, service);
    let signature = signature(&key, &date, scope_date, region, service, &canonical);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope_date}/{region}/{service}/{TERMINATOR}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        signed_headers.join(";")
    );
    parts.headers.insert(AUTHORIZATION, secret(&authorization)?);
    Ok(())
}

/// Puts a signature into the request's URL, valid for `expires_seconds` (at most
/// [`EXPIRES_SECONDS_MAX`]). The host and the `x-amz-` headers are under it; the body is empty, or unsigned for S3.
///
/// # Errors
/// As [`sign`]; a life out of bounds.
pub fn presign(
    parts: &mut Parts,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    expires_seconds: u32,
    keys: &SigningKeys,
) -> Result<(), SignatureError> {
    if !(1..=EXPIRES_SECONDS_MAX).contains(&expires_seconds) {
        return Err(SignatureError::incomplete(format!(
            "'X-Amz-Expires' must be a number of seconds from 1 to {EXPIRES_SECONDS_MAX}, not '{expires_seconds}'."
        )));
    }
    set_host(parts)?;
    let date = basic(now);
    let scope_date = &date[..8];
    let credential = format!("{}/{scope_date}/{region}/{service}/{TERMINATOR}", credentials.access_key_id);
    let mut query = parts.uri.query().map(str::to_owned).unwrap_or_default();
    let mut add = |key: &str, value: &str| {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!("{key}={}", encoded(value.as_bytes())));
    };
    add("X-Amz-Algorithm", ALGORITHM);
    add("X-Amz-Credential", &credential);
    add("X-Amz-Date", &date);
    add("X-Amz-Expires", &expires_seconds.to_string());
    // What S3 acts on must be under the signature.
    let amz = parts.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    let mut signed_headers: Vec<String> = std::iter::once("host").chain(amz).map(str::to_owned).collect();
    signed_headers.sort();
    signed_headers.dedup();
    add("X-Amz-SignedHeaders", &signed_headers.join(";"));
    if let Some(token) = &credentials.session_token {
        add("X-Amz-Security-Token", token);
    }
    set_query(parts, &query)?;
    let hash = if service == "s3" { UNSIGNED_PAYLOAD.to_owned() } else { sha256_hex(b"") };
    let canonical = canonical::request(parts, service, &signed_headers, &hash);
    let key = keys.key(&credentials.secret_access_key, scope_date, region, service);
    let signature = signature(&key, &date, scope_date, region, service, &canonical);
    set_query(parts, &format!("{query}&X-Amz-Signature={signature}"))
}

fn set_host(parts: &mut Parts) -> Result<(), SignatureError> {
    if parts.headers.contains_key(HOST) {
        return Ok(());
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    match authority {
        Some(authority) => {
            parts.headers.insert(HOST, value(&authority)?);
            Ok(())
        }
        None => Err(SignatureError::incomplete("The request has no host to sign.")),
    }
}

fn set_query(parts: &mut Parts, query: &str) -> Result<(), SignatureError> {
    let refused = |_| SignatureError::incomplete("The signature does not fit into the URL.");
    let path = format!("{}?{query}", parts.uri.path());
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(path.parse().map_err(refused)?);
    parts.uri = http::Uri::from_parts(uri)
        .map_err(|_| SignatureError::incomplete("The signature does not fit into the URL."))?;
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, SignatureError> {
    HeaderValue::from_str(text).map_err(|_| SignatureError::incomplete("A value does not fit into a header."))
}

fn secret(text: &str) -> Result<HeaderValue, SignatureError> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}
