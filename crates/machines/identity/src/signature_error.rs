use std::fmt;

use crate::date::basic;
use windlass_value::Timestamp;

/// Why a request is not taken as its sender's, as AWS says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureError {
    /// AWS's name: `InvalidSignatureException`, …
    pub code: &'static str,
    /// AWS's text.
    pub message: String,
    /// HTTP status where the protocol has one: 403, or 400 for what cannot be read.
    pub status: u16,
    /// What helps to find the cause, for logs only. Holds no secret.
    pub explanation: Option<String>,
}

impl SignatureError {
    fn new(code: &'static str, message: impl Into<String>) -> SignatureError {
        SignatureError { code, message: message.into(), status: 403, explanation: None }
    }

    /// The request carries no signature where one is needed.
    pub fn missing_token() -> SignatureError {
        SignatureError::new("MissingAuthenticationTokenException", "Missing Authentication Token")
    }

    /// Nobody has that access key, or its session token is another.
    pub fn unrecognized() -> SignatureError {
        SignatureError::new("UnrecognizedClientException", "The security token included in the request is invalid.")
    }

    /// The session is over.
    pub fn expired_token() -> SignatureError {
        SignatureError::new("ExpiredTokenException", "The security token included in the request is expired")
    }

    /// A header that S3 acts on and that is not under the signature.
    pub(crate) fn headers_not_signed(name: &str) -> SignatureError {
        let mut error =
            SignatureError::new("AccessDenied", "There were headers present in the request which were not signed");
        error.explanation = Some(format!("{name} is not among the signed headers"));
        error
    }

    /// A presigned URL past its time, as S3 words it.
    pub(crate) fn request_expired() -> SignatureError {
        SignatureError::new("AccessDenied", "Request has expired")
    }

    pub(crate) fn incomplete(message: impl Into<String>) -> SignatureError {
        SignatureError::new("IncompleteSignatureException", message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> SignatureError {
        SignatureError::new("InvalidSignatureException", message)
    }

    pub(crate) fn mismatch(canonical_request: &[u8]) -> SignatureError {
        let mut error = SignatureError::invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        );
        let canonical = String::from_utf8_lossy(canonical_request);
        error.explanation = Some(format!("the canonical request is\n{canonical}"));
        error
    }

    /// The signature is older than `window_seconds` before now.
    pub(crate) fn expired(date: &str, now: Timestamp, window_seconds: i64) -> SignatureError {
        let (bound, window) = (now.plus_ms(-window_seconds * 1000), window_text(window_seconds));
        SignatureError::invalid(format!(
            "Signature expired: {date} is now earlier than {} ({} - {window})",
            basic(bound),
            basic(now)
        ))
    }

    /// The signature is younger than `window_seconds` after now.
    pub(crate) fn not_yet_current(date: &str, now: Timestamp, window_seconds: i64) -> SignatureError {
        let (bound, window) = (now.plus_ms(window_seconds * 1000), window_text(window_seconds));
        SignatureError::invalid(format!(
            "Signature not yet current: {date} is still later than {} ({} + {window})",
            basic(bound),
            basic(now)
        ))
    }
}

fn window_text(seconds: i64) -> String {
    if seconds % 60 == 0 { format!("{} min.", seconds / 60) } else { format!("{seconds} sec.") }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for SignatureError {}
