use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use windlass_outgoing::{Outgoing, SendLimits};
use windlass_protocol::{Body, BoxFuture, Call, Fault, Models, Outcome, Reply, Service};
use windlass_value::{Object, Value, parse};

use super::endpoint::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, unanswered};
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

/// The input with the operation's payload under its member's name, as JSON where it is.
async fn with_payload(call: &Call) -> Result<Value, Fault> {
    let model = Models::embedded().service(&call.service);
    let member = model.and_then(|model| model.input_payload(model.operation(&call.operation)?));
    let (Some(member), false) = (member, call.body.is_empty()) else { return Ok(call.input.clone()) };
    let body = call.body.clone();
    let bytes = tokio::task::spawn_blocking(move || body.read(REQUEST_BYTES_MAX)).await;
    let bytes = bytes.map_err(|error| Fault::internal(error.to_string()))?;
    let bytes = bytes.map_err(|error| Fault::internal(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut document = call.input.as_object().map_or_else(Object::new, |members| Object::clone(members));
    document.insert(member, parse(&text).unwrap_or_else(|_| Value::from(&*text)));
    Ok(document.into())
}

/// The answer with the operation's payload, if it has one, as its body.
fn without_payload(call: &Call, output: Value) -> Reply {
    let model = Models::embedded().service(&call.service);
    let member = model.and_then(|model| model.output_payload(model.operation(&call.operation)?));
    let Some((member, Value::Object(members))) = member.map(|member| (member, &output)) else {
        return Reply::from(output);
    };
    let body = match members.get(member) {
        None | Some(Value::Null) => Body::empty(),
        Some(Value::String(text)) if parse(text).is_ok() => Body::from(text.to_string()),
        Some(value) => Body::from(value.to_text()),
    };
    let rest = members.iter().filter(|(name, _)| &***name != member).map(|(name, value)| (name.clone(), value.clone()));
    Reply { output: rest.collect::<Object>().into(), body }
}

impl Service for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.post(call))
    }
}
