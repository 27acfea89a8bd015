//! `/_windlass/session`: who one is, signing in and out.

use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderValue, Method};
use hyper::body::Incoming;
use windlass_protocol::{Fault, Principal};
use windlass_value::{Object, Value, parse};

use super::json;
use crate::answer::Answer;
use crate::authentication::SignIn;
use crate::body::{self, BodyShare};
use crate::front::Front;
use crate::wire::Meaning;

const PATH: &str = "/_windlass/session";

/// Whether a request is for here.
pub(crate) fn is_asked(path: &str) -> bool {
    path == PATH
}

/// Answers one request: `GET` tells who one is, `POST` signs in, `DELETE` signs out.
pub(crate) async fn answer(front: &Front, parts: &Parts, body: Incoming, share: &mut BodyShare) -> Answer {
    let mut cookie = None;
    let outcome = match parts.method {
        Method::GET => known(front, parts),
        Method::POST => match body::receive(body, &Meaning::InBody, &front.bounds, share).await {
            Ok(body) => opened(front, parts, &body).map(|(value, opened)| {
                cookie = Some(opened);
                value
            }),
            Err(fault) => Err(fault),
        },
        Method::DELETE => {
            cookie = Some(front.authentication.sign_out(parts));
            Ok(Value::empty_object())
        }
        _ => Err(Fault::new("MethodNotAllowed", "Use GET, POST or DELETE.").with_status(405)),
    };
    let mut answer = json::answer(outcome);
    if let Some(cookie) = cookie {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

fn known(front: &Front, parts: &Parts) -> Result<Value, Fault> {
    let claim = front.authentication.claim(parts)?;
    let principal = front.authentication.principal(parts, b"", &claim)?;
    Ok(told(front, &principal))
}

fn opened(front: &Front, parts: &Parts, body: &[u8]) -> Result<(Value, HeaderValue), Fault> {
    if front.authentication.is_open() {
        return Err(Fault::validation("The server has no access keys: nobody signs in to it."));
    }
    let text = std::str::from_utf8(body).ok().and_then(|text| parse(text).ok()).unwrap_or_default();
    let member = |name: &str| text.get(name).and_then(Value::as_str);
    let (Some(access_key_id), Some(secret_access_key)) = (member("accessKeyId"), member("secretAccessKey")) else {
        return Err(Fault::validation("accessKeyId and secretAccessKey are needed."));
    };
    let asked = SignIn { access_key_id, secret_access_key, session_token: member("sessionToken") };
    let (principal, cookie) = front.authentication.sign_in(&asked, parts)?;
    Ok((told(front, &principal), cookie))
}

/// Who one is, and where.
fn told(front: &Front, principal: &Principal) -> Value {
    let mut value = Object::new();
    value.insert("mode", if front.authentication.is_open() { "open" } else { "keys" });
    value.insert("principal", &principal.arn);
    value.insert("account", &principal.account);
    value.insert("region", front.region.as_str());
    value.insert("version", env!("CARGO_PKG_VERSION"));
    value.into()
}
