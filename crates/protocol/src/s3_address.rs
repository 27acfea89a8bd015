//! The two ways to name a bucket: in the path, or in the host.

use std::borrow::Cow;

/// Service names that begin like S3's own and are others.
const NOT_S3: [&str; 3] = ["s3-control", "s3-object-lambda", "s3-outposts"];

/// The path of an S3 request as if it were addressed by path, `/{Bucket}/{Key}`: a bucket that
/// stands in the host (`b.s3.localhost:4566`, `b.s3.eu-west-1.amazonaws.com`, `b.localhost`) is
/// put before the path. A host that names none leaves the path as it is.
///
/// Signatures are made over the path as it came; rewrite it after they are checked.
///
/// ```
/// use windlass_protocol::s3_address;
/// assert_eq!(s3_address("photos.s3.localhost:4566", "/a/b.png"), "/photos/a/b.png");
/// assert_eq!(s3_address("localhost:4566", "/photos/a/b.png"), "/photos/a/b.png");
/// ```
pub fn s3_address<'a>(host: &str, path: &'a str) -> Cow<'a, str> {
    match bucket(host) {
        Some(bucket) => Cow::Owned(format!("/{bucket}{path}")),
        None => Cow::Borrowed(path),
    }
}

/// The bucket that a host names.
fn bucket(host: &str) -> Option<&str> {
    let host = without_port(host);
    if let Some(at) = s3_label(host) {
        return host[..at].strip_suffix('.').filter(|bucket| !bucket.is_empty());
    }
    strip_suffix_ignoring_case(host, ".localhost").filter(|bucket| !bucket.is_empty())
}

/// Whether a host's name says that it is S3's: a label `s3`, or `s3-` and a region.
pub(crate) fn is_s3_host(host: &str) -> bool {
    s3_label(without_port(host)).is_some()
}

/// Where the last label begins that means S3. Buckets may have such labels too, so it is
/// the last one that counts.
fn s3_label(host: &str) -> Option<usize> {
    let mut end = host.len();
    loop {
        let start = host[..end].rfind('.').map_or(0, |dot| dot + 1);
        let label = host[start..end].to_ascii_lowercase();
        if label == "s3" || (label.starts_with("s3-") && !NOT_S3.contains(&label.as_str())) {
            return Some(start);
        }
        end = start.checked_sub(1)?;
    }
}

pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn strip_suffix_ignoring_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    text.get(at..).filter(|end| end.eq_ignore_ascii_case(suffix)).map(|_| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_found_in_hosts() {
        let cases: &[(&str, &str, &str)] = &[
            ("localhost:4566", "/b/k", "/b/k"),
            ("127.0.0.1:4566", "/b/k", "/b/k"),
            ("[::1]:4566", "/b/k", "/b/k"),
            ("[::1]", "/b/k", "/b/k"),
            ("windlass.internal", "/b/k", "/b/k"),
            ("s3.localhost:4566", "/b/k", "/b/k"),
            ("s3.us-east-1.localhost", "/b/k", "/b/k"),
            ("s3.amazonaws.com", "/b/k", "/b/k"),
            ("s3-eu-west-1.amazonaws.com", "/b/k", "/b/k"),
            ("b.s3.localhost:4566", "/", "/b/"),
            ("b.s3.localhost:4566", "/k/l/", "/b/k/l/"),
            ("b.S3.LocalHost", "/k", "/b/k"),
            ("b.s3.localhost.localstack.cloud:4566", "/k", "/b/k"),
            ("b.s3.us-east-1.amazonaws.com", "/k", "/b/k"),
            ("b.c.s3.amazonaws.com", "/k", "/b.c/k"),
            ("my.s3.backup.s3.eu-central-1.amazonaws.com", "/k", "/my.s3.backup/k"),
            ("b.s3-eu-west-1.amazonaws.com", "/k", "/b/k"),
            ("b.s3.dualstack.us-east-1.amazonaws.com", "/k", "/b/k"),
            ("b.localhost:4566", "/k", "/b/k"),
            ("b.c.localhost", "/k", "/b.c/k"),
            ("123456789012.s3-control.us-east-1.amazonaws.com", "/v20180820/jobs", "/v20180820/jobs"),
            (".s3.localhost", "/k", "/k"),
            ("", "/k", "/k"),
        ];
        for (host, path, expected) in cases {
            assert_eq!(s3_address(host, path), *expected, "{host} {path}");
        }
    }
}
