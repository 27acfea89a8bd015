//! Conditions of requests, in the precedence of RFC 9110.

use windlass_protocol::Fault;
use windlass_value::{Timestamp, Value};

use crate::faults;
use crate::input;
use crate::object::ObjectVersion;

/// The names of the members with the conditions: of reads, or of the source of copies.
struct Names {
    if_match: &'static str,
    if_none_match: &'static str,
    if_modified_since: &'static str,
    if_unmodified_since: &'static str,
}

const READ: Names = Names {
    if_match: "IfMatch",
    if_none_match: "IfNoneMatch",
    if_modified_since: "IfModifiedSince",
    if_unmodified_since: "IfUnmodifiedSince",
};

const SOURCE: Names = Names {
    if_match: "CopySourceIfMatch",
    if_none_match: "CopySourceIfNoneMatch",
    if_modified_since: "CopySourceIfModifiedSince",
    if_unmodified_since: "CopySourceIfUnmodifiedSince",
};

/// Whether a version may be read.
///
/// # Errors
/// `PreconditionFailed`; `NotModified` (304) with the headers that belong to it.
pub(crate) fn check_read(input: &Value, version: &ObjectVersion) -> Result<(), Fault> {
    match failing(&READ, input, version) {
        None => Ok(()),
        Some(("If-None-Match" | "If-Modified-Since", _)) => Err(faults::not_modified()
            .with_member("etag", version.quoted_etag())
            .with_member("last-modified", Timestamp(version.modified_ms).to_http_date())),
        Some((condition, _)) => Err(faults::precondition_failed(condition)),
    }
}

/// Whether a version may be copied.
///
/// # Errors
/// `PreconditionFailed`.
pub(crate) fn check_source(input: &Value, version: &ObjectVersion) -> Result<(), Fault> {
    match failing(&SOURCE, input, version) {
        None => Ok(()),
        Some((_, header)) => Err(faults::precondition_failed(header)),
    }
}

/// The first condition that does not hold: its name, and its name at sources of copies.
fn failing(names: &Names, input: &Value, version: &ObjectVersion) -> Option<(&'static str, &'static str)> {
    let modified = version.modified_seconds();
    let seconds = |member| input::instant(input, member).map(|instant| instant.as_ms().div_euclid(1000));
    match (input::text(input, names.if_match), seconds(names.if_unmodified_since)) {
        (Some(etags), _) if !matches(etags, &version.etag) => return Some(("If-Match", "x-amz-copy-source-If-Match")),
        (Some(_), _) => {}
        (None, Some(since)) if modified > since => {
            return Some(("If-Unmodified-Since", "x-amz-copy-source-If-Unmodified-Since"));
        }
        (None, _) => {}
    }
    match (input::text(input, names.if_none_match), seconds(names.if_modified_since)) {
        (Some(etags), _) if matches(etags, &version.etag) => Some(("If-None-Match", "x-amz-copy-source-If-None-Match")),
        (None, Some(since)) if modified <= since => Some(("If-Modified-Since", "x-amz-copy-source-If-Modified-Since")),
        _ => None,
    }
}

/// Whether a list of entity tags, or `*`, names one.
fn matches(etags: &str, etag: &str) -> bool {
    etags.split(',').any(|given| {
        let given = given.trim();
        let given = given.strip_prefix("W/").unwrap_or(given);
        given == "*" || given.trim_matches('"') == etag
    })
}

/// Whether an object may be written over what is there.
///
/// # Errors
/// `PreconditionFailed`; `NoSuchKey` where there is nothing to match;
/// `NotImplemented` for what S3 does not offer.
pub(crate) fn check_write(input: &Value, key: &str, current: Option<&ObjectVersion>) -> Result<(), Fault> {
    let current = current.filter(|current| !current.marker);
    if let Some(etags) = input::text(input, "IfNoneMatch") {
        if etags.trim_matches('"') != "*" {
            return Err(Fault::new(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
            )
            .with_status(501)
            .with_member("Header", "If-None-Match"));
        }
        if current.is_some() {
            return Err(faults::precondition_failed("If-None-Match"));
        }
    }
    if let Some(etags) = input::text(input, "IfMatch") {
        match current {
            None => return Err(faults::no_such_key(key)),
            Some(current) if !matches(etags, &current.etag) => return Err(faults::precondition_failed("If-Match")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whether an object may be deleted, by the members of a request or of an element of one.
///
/// # Errors
/// `PreconditionFailed`.
pub(crate) fn check_delete(conditions: &DeleteConditions<'_>, current: Option<&ObjectVersion>) -> Result<(), Fault> {
    let DeleteConditions { etag, modified, bytes } = *conditions;
    if etag.is_none() && modified.is_none() && bytes.is_none() {
        return Ok(());
    }
    let Some(current) = current.filter(|current| !current.marker) else {
        return match etag {
            Some(_) => Err(faults::precondition_failed("If-Match")),
            None => Ok(()),
        };
    };
    if etag.is_some_and(|etag| !matches(etag, &current.etag)) {
        return Err(faults::precondition_failed("If-Match"));
    }
    if modified.is_some_and(|modified| modified.as_ms().div_euclid(1000) != current.modified_seconds()) {
        return Err(faults::precondition_failed("x-amz-if-match-last-modified-time"));
    }
    if bytes.is_some_and(|bytes| u64::try_from(bytes) != Ok(current.bytes)) {
        return Err(faults::precondition_failed("x-amz-if-match-size"));
    }
    Ok(())
}

/// What must hold of an object that is deleted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeleteConditions<'a> {
    pub(crate) etag: Option<&'a str>,
    pub(crate) modified: Option<Timestamp>,
    pub(crate) bytes: Option<i64>,
}
