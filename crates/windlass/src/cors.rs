//! What a bucket tells browsers about requests from pages of other origins.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use windlass_protocol::s3_address;
use windlass_s3::CorsAnswer;

use crate::answer::{self, Answer};
use crate::front::Front;
use crate::object;

/// What a bucket's configuration says: bucket, origin, method, headers.
pub(crate) type Cors = Box<dyn Fn(&str, &str, &str, &[&str]) -> Option<CorsAnswer> + Send + Sync>;

const REQUEST_METHOD: HeaderName = header::ACCESS_CONTROL_REQUEST_METHOD;
const REFUSED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessForbidden</Code><Message>CORSResponse: \
    This CORS request is not allowed. This is usually because the evalution of Origin, request method / \
    Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS \
    spec.</Message></Error>";

/// The answer to a browser that asks before it sends; `None` for other requests.
pub(crate) fn preflight(front: &Front, parts: &Parts) -> Option<Answer> {
    if parts.method != Method::OPTIONS || !parts.headers.contains_key(REQUEST_METHOD) {
        return None;
    }
    let method = text(&parts.headers, &REQUEST_METHOD)?;
    let asked = text(&parts.headers, &header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let asked: Vec<&str> = asked.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    Some(match allowed(front, parts, &method, &asked) {
        Some(allowed) => {
            let mut answer = answer::plain(StatusCode::OK, "text/plain", "");
            write(answer.headers_mut(), &allowed);
            answer
        }
        None => answer::plain(StatusCode::FORBIDDEN, "application/xml", REFUSED),
    })
}

/// Adds to an answer what the page that asked needs to read it.
pub(crate) fn add(front: &Front, parts: &Parts, answer: &mut Answer) {
    if parts.headers.contains_key(header::ORIGIN)
        && let Some(allowed) = allowed(front, parts, parts.method.as_str(), &[])
    {
        write(answer.headers_mut(), &allowed);
    }
}

fn allowed(front: &Front, parts: &Parts, method: &str, headers: &[&str]) -> Option<CorsAnswer> {
    let cors = front.cors.get()?;
    let origin = text(&parts.headers, &header::ORIGIN)?;
    let is_s3 = windlass_identity::claim(parts).ok().flatten().is_some_and(|claim| claim.service == object::SERVICE)
        || front.models.claimed_service(parts) == Some(object::SERVICE)
        || parts.method == Method::OPTIONS;
    let host = text(&parts.headers, &header::HOST).unwrap_or_default();
    let path = s3_address(&host, parts.uri.path());
    let bucket = path.trim_start_matches('/').split('/').next().filter(|bucket| !bucket.is_empty())?;
    is_s3.then(|| cors(bucket, &origin, method, headers))?
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn write(headers: &mut HeaderMap, allowed: &CorsAnswer) {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value)
            && !value.is_empty()
        {
            headers.insert(name, value);
        }
    };
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, &allowed.allow_origin);
    set(header::ACCESS_CONTROL_ALLOW_METHODS, &allowed.allow_methods.join(", "));
    set(header::ACCESS_CONTROL_ALLOW_HEADERS, &allowed.allow_headers.join(", "));
    set(header::ACCESS_CONTROL_EXPOSE_HEADERS, &allowed.expose_headers.join(", "));
    if let Some(seconds) = allowed.max_age_seconds {
        set(header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
    if allowed.allow_credentials {
        set(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    set(header::VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}
