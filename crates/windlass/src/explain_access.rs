//! Why calls are refused, told to those who may know: `/_windlass/refusals` and
//! `/_windlass/access`. Requests are signed like calls of `iam`.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use windlass_iam::Refusal;
use windlass_protocol::{Fault, Principal, form_pairs};
use windlass_value::{Object, Value, object};

use crate::answer::{self, Answer};
use crate::front::Front;

/// The last refusals; with a request id behind it, that one.
const REFUSALS: &str = "/_windlass/refusals";
/// What would be decided.
const ACCESS: &str = "/_windlass/access";
/// Refusals in one list.
const LISTED_MAX: usize = 20;

const JSON: &str = "application/json";

/// Whether a request is for here.
pub(crate) fn is_asked(path: &str) -> bool {
    path == ACCESS || path == REFUSALS || path.strip_prefix(REFUSALS).is_some_and(|rest| rest.starts_with('/'))
}

/// Answers one request.
pub(crate) async fn answer(front: &Front, parts: &Parts) -> Answer {
    match told(front, parts).await {
        Ok(value) => answer::plain(StatusCode::OK, JSON, Bytes::from(value.to_text())),
        Err(fault) => {
            let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST);
            let text = object! { "code" => fault.code, "message" => fault.message }.to_text();
            answer::plain(status, JSON, Bytes::from(text))
        }
    }
}

async fn told(front: &Front, parts: &Parts) -> Result<Value, Fault> {
    if parts.method != Method::GET {
        return Err(Fault::new("MethodNotAllowed", "Use GET.").with_status(405));
    }
    let claim = front.authentication.claim(parts)?;
    let asking = front.authentication.principal(parts, b"", &claim)?;
    let Some(authorization) = front.authorization.get() else {
        return Err(not_found("Nobody is refused here: the server has no access keys (open mode)."));
    };
    let path = parts.uri.path();
    if path == ACCESS {
        return what_if(front, parts, &asking, &claim.region).await;
    }
    match path.strip_prefix(REFUSALS).and_then(|rest| rest.strip_prefix('/')) {
        Some(request_id) if !request_id.is_empty() => match authorization.refusal(request_id, &asking)? {
            Some(refusal) => Ok(refusal.to_value()),
            None => Err(not_found(
                "That call was not refused, or so long ago that it is forgotten, or it is not yours to know.",
            )),
        },
        _ => {
            let refusals = authorization.refusals(LISTED_MAX, &asking)?;
            Ok(object! { "refusals" => Value::array(refusals.iter().map(|refusal| refusal.to_value()).collect()) })
        }
    }
}

async fn what_if(front: &Front, parts: &Parts, asking: &Principal, region: &str) -> Result<Value, Fault> {
    let query = parts.uri.query().unwrap_or_default();
    let value = |name: &str| form_pairs(query).find(|(key, _)| key == name).map(|(_, value)| value);
    let (Some(principal), Some(action)) = (value("principal"), value("action")) else {
        return Err(Fault::validation("principal and action are needed, and resource where the action has one"));
    };
    let resource = value("resource").unwrap_or_else(|| "*".to_owned());
    let Some(authorization) = front.authorization.get() else {
        return Err(not_found("Nobody is refused here: the server has no access keys (open mode)."));
    };
    match authorization.what_if(asking, &principal, &action, &resource, region).await? {
        Some((allowed, judged)) => Ok(judgement(allowed, &judged)),
        None => Err(Fault::validation(format!("{principal} is no principal's ARN"))),
    }
}

fn judgement(allowed: bool, judged: &Refusal) -> Value {
    let mut value: Object = judged.to_value().as_object().map(|members| (**members).clone()).unwrap_or_default();
    value.remove("requestId");
    value.insert("allowed", allowed);
    value.into()
}

fn not_found(message: &str) -> Fault {
    Fault::new("ResourceNotFoundException", message).with_status(404)
}
