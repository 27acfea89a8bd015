//! URLs presigned with Signature Version 2, which SDKs still make for S3 in the oldest
//! regions unless they are told otherwise.
//!
//! Source: "Signing and authenticating REST requests (AWS signature version 2)", query
//! string request authentication.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha1::Sha1;
use subtle::ConstantTimeEq;
use windlass_value::Timestamp;

use crate::canonical::decoded_query;
use crate::credentials::Credentials;
use crate::signature_error::SignatureError;

/// The parameters that are part of what is signed.
const SIGNED_PARAMETERS: [&str; 39] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "encryption",
    "legal-hold",
];

/// What a URL presigned with version 2 claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresignedV2 {
    /// Whose key signed.
    pub access_key_id: String,
    /// The session token sent along.
    pub session_token: Option<String>,
    expires: i64,
    expires_text: String,
    signature: String,
}

/// Reads what a URL claims; `None` where it is not presigned with version 2.
pub fn presigned_v2(parts: &Parts) -> Option<PresignedV2> {
    let query = decoded_query(parts.uri.query()?);
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let expires_text = value("Expires")?;
    Some(PresignedV2 {
        access_key_id: value("AWSAccessKeyId")?,
        session_token: value("x-amz-security-token"),
        expires: expires_text.parse().ok()?,
        expires_text,
        signature: value("Signature")?,
    })
}

impl PresignedV2 {
    /// Verifies the claim. `resource` is the path with the bucket in it, also where the
    /// request has it in its host; as it stands in the URL, not decoded.
    ///
    /// # Errors
    /// `InvalidSignatureException` for another signature, `UnrecognizedClientException` for
    /// another session token, `ExpiredTokenException`; a URL past its time.
    pub fn verify(
        &self,
        parts: &Parts,
        resource: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        const MS: i64 = 1000;
        if now.as_ms() / MS > self.expires {
            return Err(SignatureError::request_expired());
        }
        let text = self.string_to_sign(parts, resource);
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(credentials.secret_access_key.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        let expected = STANDARD.encode(mac.finalize().into_bytes());
        if !bool::from(expected.as_bytes().ct_eq(self.signature.as_bytes())) {
            return Err(SignatureError::mismatch(text.as_bytes()));
        }
        if credentials.session_token.as_deref() != self.session_token.as_deref() {
            return Err(SignatureError::unrecognized());
        }
        match credentials.expires {
            Some(expires) if expires <= now => Err(SignatureError::expired_token()),
            _ => Ok(()),
        }
    }

    fn string_to_sign(&self, parts: &Parts, resource: &str) -> String {
        let header = |name: &str| {
            parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
        };
        let query = decoded_query(parts.uri.query().unwrap_or(""));
        let mut amz: Vec<(String, String)> = parts
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("x-amz-"))
            .map(|name| (name.as_str().to_owned(), header(name.as_str()).unwrap_or_default()))
            .collect();
        if let Some(token) = &self.session_token {
            amz.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        amz.sort();
        amz.dedup();
        let mut text = format!(
            "{}\n{}\n{}\n{}\n",
            parts.method,
            header("content-md5").unwrap_or_default(),
            header("content-type").unwrap_or_default(),
            self.expires_text
        );
        for (name, value) in &amz {
            text.push_str(&format!("{name}:{value}\n"));
        }
        text.push_str(resource);
        let mut signed: Vec<&(String, String)> =
            query.iter().filter(|(key, _)| SIGNED_PARAMETERS.contains(&key.as_str())).collect();
        signed.sort();
        for (at, (name, value)) in signed.into_iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(name);
            if !value.is_empty() {
                text.push('=');
                text.push_str(value);
            }
        }
        text
    }
}
