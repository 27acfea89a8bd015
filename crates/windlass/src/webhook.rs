//! `POST /_start/<name>`: workflows started by whoever can post JSON.
//!
//! `<name>` is a configured webhook or, in open mode, any state machine of the
//! account. The body is the input, the answer is 202 with the execution's ARN. A
//! sender's delivery id names the execution, so a repeated delivery to a Standard
//! machine answers as the first did, even after it ended, and starts nothing new.
//! An Express machine keeps no names: there each delivery starts again, as at AWS.

use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use windlass_protocol::{Body, Call, Fault, Principal, trace_of};
use windlass_value::{Text, Value, object, validate};

use crate::answer::{self, Answer};
use crate::credential::Secret;
use crate::webhook_settings::Webhook;

/// Where workflows are started.
pub(crate) const PREFIX: &str = "/_start/";

const JSON: &str = "application/json";
/// Headers in which senders name a delivery, the same for its repeats.
const DELIVERY_IDS: [&str; 4] = ["idempotency-key", "x-github-delivery", "webhook-id", "x-request-id"];
/// Headers that carry `sha256=<hex>`, the HMAC of the body.
const SIGNATURES: [&str; 2] = ["x-windlass-signature", "x-hub-signature-256"];

/// The addresses that start workflows.
pub(crate) struct Webhooks {
    webhooks: Vec<Webhook>,
    account: Text,
    region: Text,
    /// Set in open mode: every state machine has an address.
    open: bool,
}

impl Webhooks {
    pub(crate) fn new(webhooks: Vec<Webhook>, account: &str, region: &str, open: bool) -> Webhooks {
        Webhooks { webhooks, account: account.into(), region: region.into(), open }
    }

    /// The call that a request asks for.
    ///
    /// # Errors
    /// No such address, a sender who does not prove to know its secret, a body
    /// that is no JSON.
    pub(crate) fn call(&self, parts: &Parts, body: &Bytes, request_id: &Text) -> Result<Call, Fault> {
        if parts.method != Method::POST {
            return Err(Fault::new("MethodNotAllowed", "Use POST with the input as JSON.").with_status(405));
        }
        let name = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let configured = self.webhooks.iter().find(|webhook| webhook.name == name);
        let (account, region) = (&self.account, &self.region);
        let machine = match configured {
            Some(webhook) if proves(&parts.headers, body, &webhook.secret) => webhook.state_machine.clone(),
            Some(_) => return Err(Fault::new("AccessDenied", "The request does not prove to know the webhook's secret: send it as a bearer token, or X-Windlass-Signature: sha256=<HMAC of the body>.").with_status(403)),
            None if self.open && is_machine_name(name) => format!("arn:aws:states:{region}:{account}:stateMachine:{name}"),
            None => return Err(Fault::new("ResourceNotFound", format!("There is no webhook '{name}'.")).with_status(404)),
        };
        let text =
            if body.is_empty() { "{}" } else { std::str::from_utf8(body).map_err(|_| not_json("it is not UTF-8"))? };
        validate(text).map_err(|error| not_json(&error.to_string()))?;
        let mut input = object! { "stateMachineArn" => machine.as_str(), "input" => text };
        let delivery = delivery_id(&parts.headers);
        if let (Some(delivery), Value::Object(members)) = (&delivery, &mut input) {
            Arc::make_mut(members).insert("name", execution_name(name, delivery));
        }
        let owner = machine.split(':').nth(4).unwrap_or(account).to_owned();
        let arn = configured.and_then(|webhook| webhook.role_arn.clone());
        let arn = arn.unwrap_or_else(|| format!("arn:aws:iam::{owner}:root"));
        Ok(Call {
            account: owner.as_str().into(),
            region: machine.split(':').nth(3).unwrap_or(region).into(),
            service: "states".into(),
            operation: "StartExecution".into(),
            input,
            body: Body::empty(),
            principal: Principal { arn: arn.into(), account: owner.into(), access_key_id: None },
            source_arn: None,
            deadline: None,
            cancellation_id: None,
            // By the name alone a repeat would be refused once the execution ended.
            idempotency_key: delivery.map(|delivery| format!("webhook/{name}/{delivery}").into()),
            trace: trace_of(|name| parts.headers.get(name)?.to_str().ok()).map(Text::from),
            depth: 0,
            request_id: request_id.clone(),
        })
    }
}

/// 202 with what was started, or why nothing was.
pub(crate) fn answer(outcome: &windlass_protocol::Outcome) -> Answer {
    match outcome {
        Ok(reply) => answer::plain(StatusCode::ACCEPTED, JSON, reply.output.to_text()),
        Err(fault) => {
            let document = object! { "code" => fault.code.as_str(), "message" => fault.message.as_str() };
            let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            answer::plain(status, JSON, document.to_text())
        }
    }
}

fn proves(headers: &HeaderMap, body: &[u8], secret: &Secret) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        // Hashed first, so that not even the secret's length shows in the time taken.
        return bool::from(Sha256::digest(token).ct_eq(&Sha256::digest(secret.reveal())));
    }
    let Some(stated) = SIGNATURES.iter().find_map(|name| text(name)?.strip_prefix("sha256=")) else { return false };
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.reveal().as_bytes()) else { return false };
    mac.update(body);
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    bool::from(expected.as_bytes().ct_eq(stated.to_ascii_lowercase().as_bytes()))
}

fn delivery_id(headers: &HeaderMap) -> Option<String> {
    DELIVERY_IDS.iter().find_map(|name| headers.get(*name)?.to_str().ok().map(str::to_owned))
}

/// A name of the delivery that fits every id that senders make.
fn execution_name(webhook: &str, delivery: &str) -> String {
    const DIGITS: usize = 32;
    let hash: String = Sha256::digest(delivery).iter().map(|byte| format!("{byte:02x}")).take(DIGITS / 2).collect();
    const NAME_MAX: usize = 80 - DIGITS - 1;
    let webhook: String = webhook.chars().take(NAME_MAX).collect();
    format!("{webhook}-{hash}")
}

fn is_machine_name(name: &str) -> bool {
    const NAME_MAX: usize = 80;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn not_json(why: &str) -> Fault {
    Fault::new("InvalidExecutionInput", format!("The body is no JSON: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).try_into().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn senders_prove_their_secret() {
        let secret = Secret::new("It's a Secret to Everybody");
        // From GitHub's "Validating webhook deliveries".
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        for (given, proven) in [
            (headers(&[("x-hub-signature-256", signature)]), true),
            (headers(&[("x-windlass-signature", &signature.to_uppercase().replace("SHA256", "sha256"))]), true),
            (headers(&[("x-hub-signature-256", &signature.replace('7', "8"))]), false),
            (headers(&[("authorization", "Bearer It's a Secret to Everybody")]), true),
            (headers(&[("authorization", "Bearer no"), ("x-hub-signature-256", signature)]), false),
            (headers(&[]), false),
        ] {
            assert_eq!(proves(&given, b"Hello, World!", &secret), proven, "{given:?}");
        }
    }

    #[test]
    fn a_repeated_delivery_is_the_same_call() {
        let webhooks = Webhooks::new(Vec::new(), "111122223333", "us-east-1", true);
        let key = |delivery: Option<&str>| {
            let mut request = http::Request::post("/_start/orders");
            if let Some(delivery) = delivery {
                request = request.header("webhook-id", delivery);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            webhooks.call(&parts, &Bytes::new(), &"r-1".into()).expect("a call").idempotency_key
        };
        assert_eq!(key(Some("1")).as_deref(), Some("webhook/orders/1"));
        assert_ne!(key(Some("1")), key(Some("2")));
        assert_eq!(key(None), None);
    }

    #[test]
    fn a_repeated_delivery_has_the_same_execution() {
        assert_eq!(execution_name("orders", "1"), execution_name("orders", "1"));
        assert_ne!(execution_name("orders", "1"), execution_name("orders", "2"));
        assert_eq!(execution_name(&"x".repeat(100), "1").len(), 80);
    }
}
