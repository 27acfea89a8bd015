//! `/console`: the console's files, which are part of the binary.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::answer::{self, Answer};

/// One file, compressed when the binary was built.
struct File {
    path: &'static str,
    content_type: &'static str,
    etag: &'static str,
    gzip: &'static [u8],
}

// Made by build.rs from console/dist; empty where the console was not built.
include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

const PATH: &str = "/console";
const INDEX: &str = "index.html";

/// Scripts and styles of our own only; nothing may put the console into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Windlass</title>\
     <p>This binary was built without the console. <code>make build</code> builds both; it needs Node.js 20.";

/// Whether a request is for here.
pub(crate) fn is_asked(path: &str) -> bool {
    path == "/favicon.ico" || path == PATH || path.strip_prefix(PATH).is_some_and(|rest| rest.starts_with('/'))
}

/// Answers one request. A path that is no file is a page of the console, which
/// its own script finds.
pub(crate) fn answer(parts: &Parts) -> Answer {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return answer::plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "Use GET.\n");
    }
    let path = parts.uri.path();
    let name = if path == "/favicon.ico" { "favicon.svg" } else { path[PATH.len()..].trim_start_matches('/') };
    if path == PATH {
        // Relative names in the page count from the folder.
        let mut answer = answer::plain(StatusCode::PERMANENT_REDIRECT, "text/plain; charset=utf-8", "");
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/console/"));
        return answer;
    }
    let found = FILES.iter().find(|file| file.path == name);
    let is_asset = name.starts_with("assets/");
    let Some(file) = found.or_else(|| FILES.iter().find(|file| file.path == INDEX && !is_asset)) else {
        let (status, text) = if FILES.is_empty() { (StatusCode::OK, NOT_BUILT) } else { (StatusCode::NOT_FOUND, "") };
        return with_policy(answer::plain(status, "text/html; charset=utf-8", text));
    };
    if parts.headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == file.etag.as_bytes()) {
        return with_policy(answer::plain(StatusCode::NOT_MODIFIED, file.content_type, ""));
    }
    let compressed = takes_gzip(&parts.headers);
    let bytes = if compressed { Bytes::from_static(file.gzip) } else { unpacked(file.gzip) };
    let mut answer = answer::plain(StatusCode::OK, file.content_type, bytes);
    let headers = answer.headers_mut();
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(ETAG, HeaderValue::from_static(file.etag));
    // Names of assets hold their hash: they never change.
    let cache = if found.is_some() && is_asset { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    with_policy(answer)
}

fn with_policy(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && parts.next() != Some("q=0")
    })
}

fn unpacked(gzip: &'static [u8]) -> Bytes {
    let mut bytes = Vec::new();
    // What build.rs compressed can be read back.
    let _ = GzDecoder::new(gzip).read_to_end(&mut bytes);
    bytes.into()
}
