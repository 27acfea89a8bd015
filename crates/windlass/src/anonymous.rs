//! Requests that nobody signs: links in notifications, and objects that a bucket's
//! policy opens to everybody.

use http::request::Parts;
use http::{Method, header};
use hyper::body::{Body as _, Incoming};
use windlass_protocol::{Body, Call, Fault, Principal, Resolved, decode};
use windlass_value::Value;

use crate::front::{Front, Record, outside_call};
use crate::object;

/// What a link in a notification may ask for.
const LINKS: [&str; 2] = ["ConfirmSubscription", "Unsubscribe"];

type Received = Result<(Resolved, Result<Call, Fault>), Fault>;

/// The call of an unsigned request; `None` for requests that need a signature.
///
/// Only reading requests without a body are among them. Whether a bucket is open to
/// everybody is for the authorizer to say; where there is none, in open mode, it is.
pub(crate) fn received(front: &Front, parts: &Parts, body: &Incoming, record: &mut Record) -> Option<Received> {
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    let signed = parts.headers.contains_key(header::AUTHORIZATION) || is_presigned(parts);
    if !reads || signed || !body.is_end_stream() {
        return None;
    }
    if let Some(action) = value(parts, "Action") {
        return LINKS.contains(&action.as_str()).then(|| link(front, parts, record));
    }
    if front.models.claimed_service(parts) != Some(object::SERVICE) {
        return None;
    }
    let account = front.authentication.account();
    Some(
        front
            .models
            .resolve(parts, Some(object::SERVICE))
            .map(|resolved| call(front, parts, resolved, account, record)),
    )
}

fn link(front: &Front, parts: &Parts, record: &mut Record) -> Received {
    let resolved = front.models.resolve_query(parts, b"", Some("sns"))?;
    // The topic says whose it is.
    let named = ["TopicArn", "SubscriptionArn"].into_iter().find_map(|name| value(parts, name)).unwrap_or_default();
    let account = named.split(':').nth(4).unwrap_or_default().to_owned();
    Ok(call(front, parts, resolved, &account, record))
}

fn call(
    front: &Front,
    parts: &Parts,
    resolved: Resolved,
    account: &str,
    record: &mut Record,
) -> (Resolved, Result<Call, Fault>) {
    record.claimed = Some(resolved.service.name.into());
    record.operation = Some((resolved.service.name, &resolved.operation.name));
    let nobody = Principal { arn: "".into(), account: account.into(), access_key_id: None };
    let region = region_of(parts).unwrap_or_else(|| front.region.clone());
    let decoded = decode(&resolved, parts, Body::empty());
    let call = decoded
        .map(|(input, body): (Value, Body)| outside_call(parts, &region, &resolved, nobody, input, body, record));
    (resolved, call)
}

fn region_of(parts: &Parts) -> Option<String> {
    let named = ["TopicArn", "SubscriptionArn"].into_iter().find_map(|name| value(parts, name))?;
    named.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned)
}

fn is_presigned(parts: &Parts) -> bool {
    parts.uri.query().is_some_and(|query| query.contains("X-Amz-Algorithm=") || query.contains("Signature="))
}

fn value(parts: &Parts, name: &str) -> Option<String> {
    windlass_protocol::form_pairs(parts.uri.query()?).find(|(key, _)| key == name).map(|(_, value)| value)
}
