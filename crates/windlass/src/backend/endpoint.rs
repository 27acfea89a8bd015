use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Uri};
use windlass_identity::{Credentials, SigningKeys, sign};
use windlass_outgoing::{Outgoing, SendError, SendLimits};
use windlass_protocol::{Body, BoxFuture, Call, Fault, Models, Outcome, Service, decode_response, encode_request};
use windlass_value::Timestamp;

use super::rule::EndpointTarget;

/// The largest answer that is taken from an endpoint.
pub(super) const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The largest body that is handed on.
pub(super) const REQUEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Hands calls on to an AWS-compatible endpoint, signed. Each call is sent once:
/// whether it is repeated is for the caller's Retry to say.
pub(super) struct Endpoint {
    target: EndpointTarget,
    outgoing: Outgoing,
    keys: SigningKeys,
}

impl Endpoint {
    pub(super) fn new(target: EndpointTarget, outgoing: Outgoing) -> Endpoint {
        Endpoint { target, outgoing, keys: SigningKeys::new() }
    }

    async fn send(&self, call: Call) -> Outcome {
        let Some(model) = Models::embedded().service(&call.service) else {
            return Err(Fault::not_built(&format!("the protocol of the service '{}'", call.service)));
        };
        let Some(operation) = model.operation(&call.operation) else {
            return Err(Fault::not_built(&format!("the operation {}:{}", call.service, call.operation)));
        };
        let region = self.target.region.as_deref().unwrap_or(&call.region);
        let endpoint = self.endpoint(&model.endpoint_prefix, region)?;
        let request = encode_request(model, operation, &endpoint, &call.input, call.body.clone())?;
        let (mut parts, body) = request.into_parts();
        let body = tokio::task::spawn_blocking(move || body.read(REQUEST_BYTES_MAX)).await;
        let body = body.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
        let body: Bytes = body.map_err(Fault::internal)?;
        let credentials = Credentials {
            access_key_id: self.target.access_key_id.as_str().into(),
            secret_access_key: self.target.secret_access_key.reveal().into(),
            session_token: self.target.session_token.as_ref().map(|token| token.reveal().into()),
            account: call.account.clone(),
            arn: call.principal.arn.clone(),
            expires: None,
        };
        sign(&mut parts, &body, &credentials, region, &model.signing_name, now(), &self.keys)
            .map_err(|error| Fault::internal(format!("the call to {endpoint} could not be signed: {error}")))?;
        let limits = SendLimits {
            timeout: Duration::from_millis(self.target.timeout_ms),
            response_bytes_max: RESPONSE_BYTES_MAX,
            redirects_max: 0,
        };
        let request = Request::from_parts(parts, body);
        let response = self.outgoing.send(request, &limits).await.map_err(|error| unanswered(&call, &error))?;
        decode_response(model, operation, response.map(Body::from))
    }

    fn endpoint(&self, prefix: &str, region: &str) -> Result<Uri, Fault> {
        match &self.target.url {
            Some(url) => Ok(url.clone()),
            None => {
                let url = format!("https://{prefix}.{region}.amazonaws.com");
                url.parse().map_err(|_| Fault::internal(format!("'{url}' is no endpoint")))
            }
        }
    }
}

impl Service for Endpoint {
    fn name(&self) -> &'static str {
        "endpoint"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.send(call))
    }
}

/// What an SDK says of a call that got no answer.
pub(super) fn unanswered(call: &Call, error: &SendError) -> Fault {
    Fault::new("SdkClientException", format!("Unable to execute HTTP request: {error}"))
        .with_status(503)
        .explained(format!("{}:{} got no answer from its backend", call.service, call.operation))
}

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
