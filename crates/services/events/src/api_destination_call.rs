//! Calls of API destinations.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use windlass_event_target::Failure;
use windlass_outgoing::{SendError, SendLimits};
use windlass_value::{Object, Timestamp, Value};

use crate::api_destination::{self, ApiDestination};
use crate::authorization::{self, Authorization};
use crate::connection;
use crate::events::Events;
use crate::http_text::{percent_encode, with_query};

/// As AWS bounds it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Only the status counts; the rest of an answer is not read.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// The longest pause that an endpoint may ask for.
const RETRY_AFTER_SECONDS_MAX: i64 = 86_400;

/// How a call ended.
pub(crate) enum Ended {
    Delivered,
    /// It was not made: the endpoint's rate is used up until then.
    TooFast(Timestamp),
    Failed {
        failure: Failure,
        /// The pause the endpoint asks for.
        pause_ms: i64,
    },
}

/// Calls an API destination with a payload.
pub(crate) async fn call(events: &Events, arn: &str, parameters: &Value, payload: &str) -> Ended {
    let failed = |code: &str, message: String, is_retryable| Ended::Failed {
        failure: Failure { code: code.to_owned(), message, is_retryable },
        pause_ms: 0,
    };
    let Some(destination) = api_destination::of_arn(events, arn) else {
        return failed("RESOURCE_NOT_FOUND", format!("The API destination {arn} does not exist."), false);
    };
    let Some(connection) = connection::of_arn(events, &destination.connection_arn) else {
        return failed(
            "RESOURCE_NOT_FOUND",
            format!("The connection {} does not exist.", destination.connection_arn),
            false,
        );
    };
    if let Err(at) = events.rate_limits.take(arn, destination.rate_max, events.now()) {
        return Ended::TooFast(at);
    }
    let mut is_stale = false;
    loop {
        let authorization = match authorization::of(events, &connection, is_stale).await {
            Ok(authorization) => authorization,
            Err(fault) => return failed("AUTHORIZATION_FAILURE", fault.message, fault.status >= 500),
        };
        let request = match request(&destination, &authorization, parameters, payload) {
            Ok(request) => request,
            Err(why) => return failed("INVALID_PARAMETER", why, false),
        };
        let limits = SendLimits { timeout: TIMEOUT, response_bytes_max: RESPONSE_BYTES_MAX, redirects_max: 0 };
        let response = match events.outgoing.send(request, &limits).await {
            Ok(response) => response,
            Err(error) => {
                let is_retryable = !matches!(error, SendError::Refused(_) | SendError::Address(_));
                return failed("SDK_CLIENT_ERROR", error.to_string(), is_retryable);
            }
        };
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ended::Delivered;
        }
        // A token may have been taken back before its time: once, with a new one.
        if status == 401 && !is_stale && connection.kind == connection::Kind::OAuth {
            is_stale = true;
            continue;
        }
        let is_retryable = matches!(status, 401 | 407 | 409 | 429) || status >= 500;
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let pause_ms = asked.map_or(0, |text| retry_after_ms(text, events.now()));
        let message = format!("The endpoint answered {}.", response.status());
        let failure = Failure { code: format!("HTTP_{status}"), message, is_retryable };
        return Ended::Failed { failure, pause_ms };
    }
}

fn retry_after_ms(text: &str, now: Timestamp) -> i64 {
    let seconds = text.trim().parse::<i64>().ok().filter(|seconds| *seconds >= 0);
    let ms = match seconds {
        Some(seconds) => seconds.min(RETRY_AFTER_SECONDS_MAX) * 1000,
        None => Timestamp::parse_http_date(text).map_or(0, |at| at.as_ms() - now.as_ms()),
    };
    ms.clamp(0, RETRY_AFTER_SECONDS_MAX * 1000)
}

fn request(
    destination: &ApiDestination,
    authorization: &Authorization,
    parameters: &Value,
    payload: &str,
) -> Result<http::Request<Bytes>, String> {
    let mut query = strings(&parameters["QueryStringParameters"]);
    query.extend(authorization.query.clone());
    let address = with_query(&endpoint(&destination.endpoint, &parameters["PathParameterValues"]), &query);
    let mut request = http::Request::builder()
        .method(destination.method.as_str())
        .uri(address)
        .body(body(authorization, payload)?)
        .map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(USER_AGENT, HeaderValue::from_static("Amazon/EventBridge/ApiDestinations"));
    // The connection's own come last: what a rule says cannot replace them.
    let own = strings(&parameters["HeaderParameters"]);
    for (name, value) in own.iter().chain(authorization.headers.iter()) {
        let name = HeaderName::try_from(&**name).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
        headers.insert(name, value);
    }
    Ok(request)
}

/// The endpoint with its `*` replaced by path parameters, in their order.
fn endpoint(template: &str, values: &Value) -> String {
    let mut values = match values {
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(percent_encode).collect(),
        _ => Vec::new(),
    }
    .into_iter();
    let mut parts = template.split('*');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(&values.next().unwrap_or_else(|| "*".to_owned()));
        out.push_str(part);
    }
    out
}

/// The payload with the connection's body parameters.
fn body(authorization: &Authorization, payload: &str) -> Result<Bytes, String> {
    if authorization.body.is_empty() {
        return Ok(Bytes::copy_from_slice(payload.as_bytes()));
    }
    match windlass_value::parse(payload) {
        Ok(Value::Object(members)) => {
            let mut members = Object::clone(&members);
            members.extend(authorization.body.clone());
            Ok(Value::from(members).to_text().into())
        }
        _ => Err("The payload must be a JSON object, because the connection adds parameters to it.".to_owned()),
    }
}

fn strings(value: &Value) -> Object {
    match value {
        Value::Object(members) => Object::clone(members),
        _ => Object::new(),
    }
}
