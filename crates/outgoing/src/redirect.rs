use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, StatusCode, Uri};

use crate::error::SendError;

/// The request that a redirect asks for; `None` where the answer is no redirect
/// that can be followed.
pub(crate) fn next(
    request: &Request<Bytes>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Request<Bytes>>, SendError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(LOCATION).and_then(|location| location.to_str().ok()) else { return Ok(None) };
    let target = resolve(request.uri(), location).ok_or_else(|| SendError::Address(location.to_owned()))?;
    let mut next = Request::new(request.body().clone());
    *next.method_mut() = request.method().clone();
    *next.headers_mut() = request.headers().clone();
    // What browsers and RFC 9110 do: POST becomes GET, except where the status keeps the method.
    if status == StatusCode::SEE_OTHER || (status.as_u16() < 303 && request.method() == Method::POST) {
        *next.method_mut() = Method::GET;
        *next.body_mut() = Bytes::new();
        for name in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
            next.headers_mut().remove(name);
        }
    }
    next.headers_mut().remove(HOST);
    if target.authority() != request.uri().authority() || target.scheme() != request.uri().scheme() {
        // Credentials are for the host they were given for.
        for name in [AUTHORIZATION, COOKIE] {
            next.headers_mut().remove(name);
        }
        next.headers_mut().remove("proxy-authorization");
        next.headers_mut().remove("x-api-key");
    }
    *next.uri_mut() = target;
    Ok(Some(next))
}

/// An absolute address, or one relative to the request's.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?.as_str());
    let absolute = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let uri: Uri = absolute.parse().ok()?;
    matches!(uri.scheme_str()?, "http" | "https").then_some(uri)
}
