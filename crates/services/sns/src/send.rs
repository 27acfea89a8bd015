//! One attempt of a delivery, by protocol.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use windlass_outgoing::{SendError, SendLimits};
use windlass_protocol::{Body, Call, Fault, Principal};
use windlass_value::{Arn, Object, Text, Value, object};

use crate::message::Message;
use crate::sns::Shared;
use crate::topic_name::TopicName;

/// The principal of deliveries.
const PRINCIPAL: &str = "sns.amazonaws.com";
/// How long an HTTP endpoint may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a queue or a function's acceptance may take.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// What is read of an HTTP endpoint's answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How many attributes a queue's message may have; a raw delivery with more is dropped.
const QUEUE_ATTRIBUTES_MAX: usize = 10;

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No later attempt would do better: the endpoint is gone, or refuses us.
    Permanent(String),
    /// Worth another attempt.
    Passing(String),
}

impl Failure {
    /// What went wrong.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Failure::Permanent(reason) | Failure::Passing(reason) => reason,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        let throttled = fault.status == 429
            || fault.code.contains("Throttl")
            || matches!(fault.code.as_str(), "OverLimit" | "TooManyRequestsException" | "ServiceUnavailableException");
        let passing = throttled || (fault.status >= 500 && fault.status != 501);
        let reason = fault.to_string();
        if passing { Failure::Passing(reason) } else { Failure::Permanent(reason) }
    }
}

/// What is sent, and to whom it says it belongs.
pub(crate) struct Parcel<'a> {
    pub(crate) topic: &'a TopicName,
    /// The key of the call at the receiver.
    pub(crate) key: &'a str,
    pub(crate) body: String,
}

impl Shared {
    /// Sends to a queue. `raw` is the message whose attributes the queue's message gets.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn send_to_queue(
        &self,
        parcel: Parcel<'_>,
        queue: &Arn,
        message: Option<&Message>,
        raw: bool,
    ) -> Result<(), Failure> {
        let mut input = Object::new();
        let url = format!("{}/{}/{}", self.config.base_url, queue.account, queue.resource);
        input.insert("QueueUrl", url);
        input.insert("MessageBody", parcel.body);
        if let Some(message) = message {
            if raw && message.attributes.len() > QUEUE_ATTRIBUTES_MAX {
                return Err(Failure::Permanent(format!(
                    "a raw delivery has at most {QUEUE_ATTRIBUTES_MAX} attributes"
                )));
            }
            if raw && !message.attributes.is_empty() {
                input.insert("MessageAttributes", message.attributes.clone());
            }
            // Standard queues take a group (for fairness) and no deduplication id.
            if let Some(group) = &message.group_id
                && (queue.resource.ends_with(".fifo") || message.sequence_number.is_none())
            {
                input.insert("MessageGroupId", group);
            }
            if let Some(id) = message.deduplication_id.as_ref().filter(|_| queue.resource.ends_with(".fifo")) {
                input.insert("MessageDeduplicationId", id);
            }
        }
        let call = self.call(parcel.topic, parcel.key, queue, "sqs", "SendMessage", input.into(), Body::empty());
        self.made(call).await
    }

    /// Has a function invoked.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn send_to_function(&self, parcel: Parcel<'_>, function: &Arn) -> Result<(), Failure> {
        let input = object! { "FunctionName" => function.to_string(), "InvocationType" => "Event" };
        let body = Body::from(parcel.body);
        let call = self.call(parcel.topic, parcel.key, function, "lambda", "Invoke", input, body);
        self.made(call).await
    }

    async fn made(&self, call: Result<Call, Fault>) -> Result<(), Failure> {
        let call = call.map_err(|fault| Failure::Passing(fault.to_string()))?;
        match tokio::time::timeout(CALL_TIMEOUT, self.dispatcher.call(call)).await {
            Ok(outcome) => outcome.map(drop).map_err(Failure::from),
            Err(_) => Err(Failure::Passing(format!("no answer within {} s", CALL_TIMEOUT.as_secs()))),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a call has that many parts")]
    fn call(
        &self,
        topic: &TopicName,
        key: &str,
        target: &Arn,
        service: &str,
        operation: &str,
        input: Value,
        body: Body,
    ) -> Result<Call, Fault> {
        Ok(Call {
            account: target.account.as_str().into(),
            region: target.region.as_str().into(),
            service: service.into(),
            operation: operation.into(),
            input,
            body,
            principal: Principal { arn: PRINCIPAL.into(), account: topic.account.clone(), access_key_id: None },
            source_arn: Some(topic.to_string().into()),
            deadline: None,
            cancellation_id: None,
            idempotency_key: Some(key.into()),
            trace: None,
            depth: 1,
            request_id: crate::random::uuid()?.into(),
        })
    }

    /// Posts to an HTTP endpoint.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn send_to_url(
        &self,
        endpoint: &str,
        headers: &[(&'static str, Text)],
        content_type: &str,
        body: String,
    ) -> Result<(), Failure> {
        let (uri, authorization) = split_credentials(endpoint).map_err(Failure::Permanent)?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|error| Failure::Permanent(error.to_string()))?;
            map.insert(HeaderName::from_static(name), value);
        }
        let content_type =
            HeaderValue::from_str(content_type).map_err(|error| Failure::Permanent(error.to_string()))?;
        map.insert(CONTENT_TYPE, content_type);
        map.insert(USER_AGENT, HeaderValue::from_static("Amazon Simple Notification Service Agent"));
        if let Some(authorization) = authorization {
            map.insert(AUTHORIZATION, authorization);
        }
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = map;
        let limits = SendLimits { timeout: HTTP_TIMEOUT, response_bytes_max: ANSWER_BYTES_MAX, redirects_max: 0 };
        match self.outgoing.send(request, &limits).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let reason = format!("the endpoint answered {status}");
                let permanent = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
                Err(if permanent { Failure::Permanent(reason) } else { Failure::Passing(reason) })
            }
            // A long answer was a 2xx or not; what matters is that it took the message.
            Err(error @ (SendError::Refused(_) | SendError::Address(_))) => Err(Failure::Permanent(error.to_string())),
            Err(error) => Err(Failure::Passing(error.to_string())),
        }
    }
}

/// Takes `user:password@` out of a URL, as SNS lets it stand there for Basic.
fn split_credentials(endpoint: &str) -> Result<(Uri, Option<HeaderValue>), String> {
    let parse = |text: &str| text.parse::<Uri>().map_err(|error| format!("the endpoint is no URL: {error}"));
    let Some((scheme, rest)) = endpoint.split_once("://") else { return Ok((parse(endpoint)?, None)) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return Ok((parse(endpoint)?, None)) };
    let uri = parse(&format!("{scheme}://{}", &rest[at + 1..]))?;
    let credentials = unescape(&rest[..at]);
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(credentials))).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok((uri, Some(value)))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
            .flatten();
        match escaped {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}
