//! Whether a claim is true.

use http::request::Parts;
use subtle::ConstantTimeEq;
use windlass_value::Timestamp;

use crate::canonical;
use crate::claim::{ALGORITHM, Claim, ClaimKind, TERMINATOR};
use crate::credentials::Credentials;
use crate::hash::{hex, hmac_sha256, sha256_hex};
use crate::signature_error::SignatureError;
use crate::signing_key::SigningKeys;

/// How far the sender's clock may be off, in minutes.
pub const SKEW_MINUTES_MAX: i64 = 5;

pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const STREAMING_PREFIX: &str = "STREAMING-";

/// A request's body, or its hash if that is already known.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// All bytes.
    Bytes(&'a [u8]),
    /// The SHA-256 of the bytes in lower-case hexadecimal digits.
    Sha256Hex(&'a str),
}

impl Body<'_> {
    fn hash(&self) -> String {
        match self {
            Body::Bytes(bytes) => sha256_hex(bytes),
            Body::Sha256Hex(hash) => (*hash).to_owned(),
        }
    }
}

/// What a signature says of the body. Who needs the body to be the sender's word
/// refuses [`PayloadSigning::Unsigned`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadSigning {
    /// The body is under the signature.
    Signed,
    /// The sender left the body out (`UNSIGNED-PAYLOAD`).
    Unsigned,
    /// The body comes in chunks with signatures of their own, which go on from this one.
    Chunked {
        /// The value of `x-amz-content-sha256`: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, …
        scheme: String,
        /// The signature the first chunk builds on.
        seed_signature: String,
    },
}

/// Verifies a claim against the credentials its access key names.
///
/// # Errors
/// `InvalidSignatureException` for another signature or a date out of bounds,
/// `UnrecognizedClientException` for another session token, `ExpiredTokenException`.
pub fn verify(
    parts: &Parts,
    body: Body<'_>,
    claim: &Claim,
    credentials: &Credentials,
    now: Timestamp,
    keys: &SigningKeys,
) -> Result<PayloadSigning, SignatureError> {
    if claim.kind == ClaimKind::Session {
        return Err(SignatureError::missing_token());
    }
    check_date(claim, now)?;
    for needed in ["host", "x-amz-target"] {
        let present = needed == "host" || parts.headers.contains_key(needed);
        if present && !claim.signed_headers.iter().any(|name| name == needed) {
            let name = if needed == "host" { "Host" } else { "X-Amz-Target" };
            return Err(SignatureError::invalid(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    // S3 acts on these headers, so whoever only holds a URL may not add any.
    let is_unsigned = |name: &&http::HeaderName| {
        name.as_str().starts_with("x-amz-") && !claim.signed_headers.iter().any(|signed| signed == name.as_str())
    };
    if claim.service == "s3"
        && let Some(name) = parts.headers.keys().find(is_unsigned)
    {
        return Err(SignatureError::headers_not_signed(name.as_str()));
    }
    if *credentials.access_key_id != *claim.access_key_id {
        return Err(SignatureError::unrecognized());
    }
    let (hash, signing) = payload_hash(parts, body, claim);
    let canonical = canonical::request(parts, &claim.service, &claim.signed_headers, &hash);
    let key = keys.key(&credentials.secret_access_key, &claim.scope_date, &claim.region, &claim.service);
    let expected = signature(&key, &claim.date_text(), &claim.scope_date, &claim.region, &claim.service, &canonical);
    if !bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
        return Err(SignatureError::mismatch(&canonical));
    }
    // A stated hash is under the signature; the body must be what it states.
    if signing == PayloadSigning::Signed && !bool::from(hash.as_bytes().ct_eq(body.hash().as_bytes())) {
        return Err(SignatureError::mismatch(&canonical));
    }
    check_session(claim, credentials, now)?;
    Ok(signing)
}

fn check_date(claim: &Claim, now: Timestamp) -> Result<(), SignatureError> {
    const SKEW_SECONDS_MAX: i64 = SKEW_MINUTES_MAX * 60;
    let date = claim.date_text();
    let age_ms = now.as_ms().saturating_sub(claim.date.as_ms());
    let valid_seconds = match claim.kind {
        ClaimKind::Presigned { expires_seconds: Some(seconds) } => i64::from(seconds),
        _ => SKEW_SECONDS_MAX,
    };
    if age_ms > valid_seconds * 1000 {
        return Err(SignatureError::expired(&date, now, valid_seconds));
    }
    if age_ms < -SKEW_SECONDS_MAX * 1000 {
        return Err(SignatureError::not_yet_current(&date, now, SKEW_SECONDS_MAX));
    }
    Ok(())
}

fn check_session(claim: &Claim, credentials: &Credentials, now: Timestamp) -> Result<(), SignatureError> {
    let same = match (&credentials.session_token, &claim.session_token) {
        (None, None) => true,
        (Some(ours), Some(theirs)) => bool::from(ours.as_bytes().ct_eq(theirs.as_bytes())),
        _ => false,
    };
    if !same {
        return Err(SignatureError::unrecognized());
    }
    match credentials.expires {
        Some(expires) if expires <= now => Err(SignatureError::expired_token()),
        _ => Ok(()),
    }
}

/// The hash as it stands in the canonical request.
fn payload_hash(parts: &Parts, body: Body<'_>, claim: &Claim) -> (String, PayloadSigning) {
    let header = parts.headers.get("x-amz-content-sha256");
    let stated = match (header, claim.kind) {
        (Some(value), _) => Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned()),
        (None, ClaimKind::Presigned { .. }) => canonical::decoded_query(parts.uri.query().unwrap_or(""))
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("X-Amz-Content-Sha256"))
            .map(|(_, value)| value)
            .or_else(|| (claim.service == "s3").then(|| UNSIGNED_PAYLOAD.to_owned())),
        (None, ClaimKind::Header | ClaimKind::Session) => None,
    };
    match stated {
        Some(stated) if stated == UNSIGNED_PAYLOAD => (stated, PayloadSigning::Unsigned),
        Some(stated) if stated.starts_with(STREAMING_PREFIX) => {
            let signing = PayloadSigning::Chunked { scheme: stated.clone(), seed_signature: claim.signature.clone() };
            (stated, signing)
        }
        Some(stated) => (stated, PayloadSigning::Signed),
        None => (body.hash(), PayloadSigning::Signed),
    }
}

/// The signature of a canonical request, in hexadecimal digits.
pub(crate) fn signature(
    key: &[u8; 32],
    date: &str,
    scope_date: &str,
    region: &str,
    service: &str,
    canonical: &[u8],
) -> String {
    let hash = sha256_hex(canonical);
    let string_to_sign = format!("{ALGORITHM}\n{date}\n{scope_date}/{region}/{service}/{TERMINATOR}\n{hash}");
    hex(&hmac_sha256(key, string_to_sign.as_bytes()))
}
