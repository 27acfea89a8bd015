use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use windlass_outgoing::{Outgoing, SendLimits};
use windlass_protocol::{BoxFuture, Call, Fault, Outcome, Reply, Service};
use windlass_value::{Value, parse};

use super::document::{with_payload, without_payload};
use super::endpoint::{RESPONSE_BYTES_MAX, unanswered};
use super::rule::HttpTarget;

/// Posts the input of each call as JSON and takes the JSON answer as its output.
///
/// The headers `X-Windlass-Service` and `X-Windlass-Operation` say what is called,
/// `Idempotency-Key` is equal for repeats of one call. An answer outside 2xx is the
/// call's error: `{"code": …, "message": …}`, else its status. A payload (Lambda's event
/// and answer) stands in the document under its member's name.
pub(super) struct Http {
    target: HttpTarget,
    outgoing: Outgoing,
}

impl Http {
    pub(super) fn new(target: HttpTarget, outgoing: Outgoing) -> Http {
        Http { target, outgoing }
    }

    async fn post(&self, call: Call) -> Outcome {
        let mut request = Request::post(self.target.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("x-windlass-service", &*call.service)
            .header("x-windlass-operation", &*call.operation)
            .header("x-windlass-account", &*call.account)
            .header("x-windlass-region", &*call.region);
        if let Some(key) = &call.idempotency_key {
            request = request.header("idempotency-key", &**key);
        }
        for (name, value) in &self.target.headers {
            let mut value =
                HeaderValue::from_str(value.reveal()).map_err(|error| Fault::internal(error.to_string()))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let document = with_payload(&call).await?;
        let request =
            request.body(Bytes::from(document.to_text())).map_err(|error| Fault::internal(error.to_string()))?;
        let limits = SendLimits {
            timeout: Duration::from_millis(self.target.timeout_ms),
            response_bytes_max: RESPONSE_BYTES_MAX,
            redirects_max: 0,
        };
        let response = self.outgoing.send(request, &limits).await.map_err(|error| unanswered(&call, &error))?;
        let text = String::from_utf8_lossy(response.body());
        let document = parse(&text);
        if response.status().is_success() {
            return match document {
                _ if response.body().is_empty() => Ok(Reply::from(Value::empty_object())),
                Ok(output) => Ok(without_payload(&call, output)),
                Err(error) => Err(Fault::internal(format!("{} answered no JSON: {error}", self.target.url))),
            };
        }
        let document = document.unwrap_or_default();
        let member = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = response.status().as_u16();
        let code = member("code").unwrap_or_else(|| format!("Http{status}Exception"));
        let message =
            member("message").unwrap_or_else(|| format!("{} answered with status {status}.", self.target.url));
        Err(Fault::new(&code, message).with_status(status))
    }
}

impl Service for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.post(call))
    }
}
