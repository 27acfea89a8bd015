//! The first layer after the parser: requests that two readers could take for
//! two different ones are refused before anything looks at them.

use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, request::Parts};
use windlass_protocol::Fault;

/// Bytes of a request's head: target, names and values of its fields.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header fields of a request.
pub(crate) const HEADERS_MAX: usize = 100;

/// Checks a request's head.
///
/// For HTTP/2 the `:authority` becomes the `Host` field, so that everything
/// behind the gate (signatures too) reads one host in one place.
///
/// # Errors
/// A fault that names what is wrong; the connection must be closed after it.
pub(crate) fn check(parts: &mut Parts) -> Result<(), Fault> {
    check_size(&parts.headers, &parts.uri)?;
    check_transfer_encoding(&parts.headers)?;
    check_target(&parts.method, &parts.uri, parts.version)?;
    check_host(parts)?;
    check_path(parts.uri.path())
}

fn refuse(message: &str) -> Fault {
    Fault::new("BadRequestException", message)
}

fn check_size(headers: &HeaderMap, uri: &Uri) -> Result<(), Fault> {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let fields: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > HEADERS_MAX || target + fields > HEAD_BYTES_MAX {
        return Err(Fault::new(
            "RequestHeaderSectionTooLarge",
            format!("A request's head has at most {HEAD_BYTES_MAX} bytes and {HEADERS_MAX} fields."),
        )
        .with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_u16()));
    }
    Ok(())
}

/// A proxy in front that reads `gzip, chunked` otherwise than we do would see
/// other message ends.
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), Fault> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(()),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(refuse("Transfer-Encoding must be 'chunked' or absent.")),
    }
}

fn check_target(method: &Method, uri: &Uri, version: Version) -> Result<(), Fault> {
    if *method == Method::CONNECT {
        return Err(refuse("CONNECT is not served.").with_status(StatusCode::METHOD_NOT_ALLOWED.as_u16()));
    }
    if !uri.path().starts_with('/') {
        return Err(refuse("The request target must be a path."));
    }
    if version == Version::HTTP_09 {
        return Err(refuse("HTTP/0.9 is not served."));
    }
    Ok(())
}

fn check_host(parts: &mut Parts) -> Result<(), Fault> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(refuse("A request carries one Host header.")),
        (host, _) => host,
    };
    match (host, parts.uri.authority()) {
        (None, None) => Err(refuse("A request carries a Host header.")),
        (None, Some(_)) if parts.version != Version::HTTP_2 => Err(refuse("A request carries a Host header.")),
        (None, Some(authority)) => {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| refuse("The authority is no host."))?;
            check_authority(host.as_bytes())?;
            parts.headers.insert(HOST, host);
            Ok(())
        }
        (Some(host), None) => check_authority(host.as_bytes()),
        (Some(host), Some(authority)) => {
            check_authority(host.as_bytes())?;
            if host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) {
                Ok(())
            } else {
                Err(refuse("The Host header differs from the request target's authority."))
            }
        }
    }
}

/// A host and perhaps a port, nothing else: no user, no path, no list.
fn check_authority(host: &[u8]) -> Result<(), Fault> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    if host.is_empty() || !host.iter().all(plain) {
        return Err(refuse("The Host header is no host name."));
    }
    Ok(())
}

/// `..` in any spelling is refused rather than resolved: routing, signatures
/// and policies must all see the same path.
fn check_path(path: &str) -> Result<(), Fault> {
    let decoded = percent_decoded(path.as_bytes())?;
    let dots = |segment: &[u8]| segment == b"." || segment == b"..";
    if decoded.split(|byte| *byte == b'/' || *byte == b'\\').any(dots) {
        return Err(refuse("The path must not contain '.' or '..' segments."));
    }
    if decoded.iter().any(u8::is_ascii_control) {
        return Err(refuse("The path must not contain control characters."));
    }
    Ok(())
}

fn percent_decoded(path: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, Fault> {
    if !path.contains(&b'%') {
        return Ok(path.into());
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(|| refuse("The path has a '%' that is no escape."))?;
        decoded.push(byte);
        rest = &tail[2..];
    }
    Ok(decoded.into())
}
