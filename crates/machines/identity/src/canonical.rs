//! The canonical request: what both sides hash.

use http::HeaderMap;
use http::request::Parts;

/// `METHOD \n path \n query \n headers \n signed headers \n payload hash`
pub(crate) fn request(parts: &Parts, service: &str, signed_headers: &[String], payload_hash: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    out.extend_from_slice(path(parts.uri.path(), service).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(query(parts.uri.query().unwrap_or("")).as_bytes());
    out.push(b'\n');
    for name in signed_headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        header(parts, name, &mut out);
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload_hash.as_bytes());
    out
}

/// S3 signs the path as sent; all others a normal path, encoded once more.
fn path(path: &str, service: &str) -> String {
    if matches!(service, "s3" | "s3express" | "s3-object-lambda" | "s3-outposts") {
        return if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let mut out = String::from("/");
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            out.push('/');
        }
        encode(segment.as_bytes(), &mut out);
    }
    if path.ends_with('/') && !segments.is_empty() {
        out.push('/');
    }
    out
}

/// Sorted by encoded name, then value, without the signature itself.
fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = raw_pairs(query)
        .map(|(key, value)| (encoded(&decode(key)), encoded(&decode(value))))
        .filter(|(key, _)| key != "X-Amz-Signature")
        .collect();
    pairs.sort();
    let mut out = String::with_capacity(query.len() + 8);
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(key);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// The values of a header, blanks trimmed and runs of them made one, joined by commas.
/// A missing header has no value.
fn header(parts: &Parts, name: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for (index, value) in parts.headers.get_all(name).iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let words = value.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for (index, word) in words.enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    if name == "host" && out.len() == start {
        out.extend_from_slice(authority(&parts.headers, parts.uri.authority()).as_bytes());
    }
}

/// HTTP/2 requests carry the host in their URI.
fn authority(headers: &HeaderMap, authority: Option<&http::uri::Authority>) -> String {
    match authority {
        Some(authority) if !headers.contains_key(http::header::HOST) => authority.as_str().to_owned(),
        _ => String::new(),
    }
}

fn raw_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The pairs of a query string as text.
pub(crate) fn decoded_query(query: &str) -> Vec<(String, String)> {
    let text = |part: &str| String::from_utf8_lossy(&decode(part)).into_owned();
    raw_pairs(query).map(|(key, value)| (text(key), text(value))).collect()
}

/// Undoes percent encoding; `+` is a blank. What is no encoding stays.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'+', ..) => {
                out.push(b' ');
                at += 1;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    encode(bytes, &mut out);
    out
}

fn encode(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal_and_encoded_again() {
        let cases = [
            ("", "states", "/"),
            ("/", "states", "/"),
            ("//a//b/", "states", "/a/b/"),
            ("/a/./b/../c", "states", "/a/c"),
            ("/..", "states", "/"),
            ("/a%20b", "lambda", "/a%2520b"),
            ("/arn:aws", "lambda", "/arn%3Aaws"),
            ("/a%20b//c", "s3", "/a%20b//c"),
        ];
        for (given, service, expected) in cases {
            assert_eq!(path(given, service), expected, "{given} {service}");
        }
    }

    #[test]
    fn queries_are_sorted_and_encoded() {
        let cases = [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"),
            ("a", "a="),
            ("a=b=c", "a=b%3Dc"),
            ("a=%e2%82%ac", "a=%E2%82%AC"),
            ("a=x+y&a=x%2By", "a=x%20y&a=x%2By"),
            ("X-Amz-Signature=1&B=2&b=3", "B=2&b=3"),
            ("a=%", "a=%25"),
        ];
        for (given, expected) in cases {
            assert_eq!(query(given), expected, "{given}");
        }
    }
}
