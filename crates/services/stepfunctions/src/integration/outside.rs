use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use windlass_outgoing::{Outgoing, SendError, SendLimits};
use windlass_value::Timestamp;

/// Signs a request for API Gateway as its service `execute-api`, in a region, at an
/// instant.
///
/// # Errors
/// No credentials are configured, or they are not meant for the request's host; the
/// text names the setting.
pub type RequestSigner =
    Arc<dyn Fn(&mut Request<Bytes>, &str, Timestamp) -> Result<(), String> + Send + Sync + 'static>;

/// How tasks reach what is no AWS service: HTTP tasks and API Gateway.
#[derive(Clone)]
pub struct Outside {
    /// The client; without one every request fails.
    pub outgoing: Option<Outgoing>,
    /// Whether HTTP tasks and API Gateway's may use `http://` too.
    pub plain_http: bool,
    /// How long an answer may take; AWS: 60 s.
    pub timeout_ms: u64,
    /// The largest answer; AWS: what its Range header asks for, 262,145 bytes.
    pub response_bytes_max: usize,
    /// Signs requests of `AuthType: IAM_ROLE`.
    pub signer: Option<RequestSigner>,
}

/// AWS's `Range` of HTTP tasks.
pub(super) const RESPONSE_BYTES_MAX: usize = 262_145;

impl Default for Outside {
    fn default() -> Outside {
        const TIMEOUT_MS: u64 = 60_000;
        Outside {
            outgoing: None,
            plain_http: false,
            timeout_ms: TIMEOUT_MS,
            response_bytes_max: RESPONSE_BYTES_MAX,
            signer: None,
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside")
            .field("connected", &self.outgoing.is_some())
            .field("plain_http", &self.plain_http)
            .field("timeout_ms", &self.timeout_ms)
            .field("response_bytes_max", &self.response_bytes_max)
            .finish_non_exhaustive()
    }
}

impl Outside {
    /// Sends a request; redirects are answers like any other.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let Some(outgoing) = &self.outgoing else {
            return Err(SendError::Refused("This server has no way to call out.".to_owned()));
        };
        let limits = SendLimits {
            timeout: Duration::from_millis(self.timeout_ms),
            response_bytes_max: self.response_bytes_max,
            redirects_max: 0,
        };
        outgoing.send(request, &limits).await
    }
}
