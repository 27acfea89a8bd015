//! What S3 says of requests it cannot read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use md5::{Digest, Md5};

use crate::body::Body;
use crate::fault::Fault;
use crate::xml::{self, Element};

/// A document of a request.
///
/// # Errors
/// `MalformedXML`.
pub(crate) fn document(bytes: &[u8]) -> Result<Element, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| malformed(&error.to_string()))?;
    xml::read(text).map_err(|why| malformed(&why))
}

pub(crate) fn malformed(why: &str) -> Fault {
    Fault::new(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
    .explained(why)
}

pub(crate) fn invalid_argument(name: &str, value: &str) -> Fault {
    Fault::new("InvalidArgument", format!("Provided {name} not an integer or within integer range"))
        .with_member("ArgumentName", name)
        .with_member("ArgumentValue", value)
}

/// Checks `Content-MD5` where it is given. Of a body in a file the listener computed the digest
/// while it came in.
///
/// # Errors
/// `InvalidDigest` where the header is no digest, `BadDigest` where it is another body's.
pub(crate) fn check_digest(parts: &Parts, body: &Body) -> Result<(), Fault> {
    let Some(given) = parts.headers.get("content-md5") else { return Ok(()) };
    let Some(expected) = STANDARD.decode(given.as_bytes()).ok().filter(|digest| digest.len() == 16) else {
        return Err(Fault::new("InvalidDigest", "The Content-MD5 you specified was invalid.")
            .with_member("Content-MD5", String::from_utf8_lossy(given.as_bytes()).into_owned()));
    };
    let found: [u8; 16] = match (body.in_memory(), body.in_file().and_then(|file| file.received.as_ref())) {
        (Some(bytes), _) => Md5::digest(bytes).into(),
        (None, Some(received)) => received.md5,
        (None, None) => return Ok(()),
    };
    if found[..] == expected[..] {
        return Ok(());
    }
    Err(Fault::new("BadDigest", "The Content-MD5 you specified did not match what we received.")
        .with_member("ExpectedDigest", STANDARD.encode(expected))
        .with_member("CalculatedDigest", STANDARD.encode(found)))
}
