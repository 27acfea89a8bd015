//! Requests to S3: the bucket may be in the host's name, the body in chunks and
//! larger than memory.

use http::header::{CONTENT_ENCODING, HeaderName, HeaderValue};
use http::request::Parts;
use hyper::body::Incoming;
use windlass_identity::{Claim, PresignedV2};
use windlass_protocol::{Call, Fault, Principal, Resolved, body_bytes_max, decode};

use crate::authentication::stated_payload;
use crate::body::BodyShare;
use crate::front::{Front, Record, Refused, outside_call};
use crate::reception::{PayloadProof, Reception, Whole};

/// The signing name of S3.
pub(crate) const SERVICE: &str = "s3";

/// How long a body without an operation's own bound may be.
const CHUNKED: &str = "aws-chunked";

/// Receives, authenticates and decodes a request to S3.
pub(crate) async fn received(
    front: &Front,
    parts: &Parts,
    body: Incoming,
    share: &mut BodyShare,
    record: &mut Record,
    claim: &Claim,
) -> Result<(Resolved, Result<Call, Fault>), Refused> {
    let (principal, proof) = front.authentication.principal_of_head(parts, claim).map_err(Refused::closing)?;
    take(front, parts, body, share, record, (principal, proof, &claim.region)).await
}

/// The same for a URL presigned with the older version 2; `None` for other requests.
pub(crate) async fn received_v2(
    front: &Front,
    parts: &Parts,
    body: Incoming,
    share: &mut BodyShare,
    record: &mut Record,
    presigned: &PresignedV2,
) -> Result<(Resolved, Result<Call, Fault>), Refused> {
    record.claimed = Some(SERVICE.into());
    let principal = front.authentication.principal_of_v2(parts, presigned).map_err(Refused::closing)?;
    let proof = stated_payload(parts);
    take(front, parts, body, share, record, (principal, proof, &front.region)).await
}

/// Receives and decodes a request whose head is proven.
async fn take(
    front: &Front,
    parts: &Parts,
    body: Incoming,
    share: &mut BodyShare,
    record: &mut Record,
    (principal, proof, region): (Principal, PayloadProof, &str),
) -> Result<(Resolved, Result<Call, Fault>), Refused> {
    let mut whole = whole(parts);
    let resolved = front.models.resolve(&whole, Some(SERVICE)).map_err(Refused::closing)?;
    record.operation = Some((resolved.service.name, &resolved.operation.name));
    let folder = resolved.operation.streams_input().then(|| front.uploads.get()).flatten();
    let reception = Reception {
        bytes_max: body_bytes_max(&resolved) as u64,
        folder: folder.map(std::path::PathBuf::as_path),
        proof,
        decoded_len: decoded_len(parts),
    };
    let Whole { body, trailers } = reception.receive(body, share).await.map_err(Refused::closing)?;
    for (name, value) in trailers {
        let name = HeaderName::try_from(name).map_err(|_| Refused::from(malformed_trailer()))?;
        let value = HeaderValue::try_from(value).map_err(|_| Refused::from(malformed_trailer()))?;
        whole.headers.insert(name, value);
    }
    let decoded = decode(&resolved, &whole, body);
    let call = decoded.map(|(input, body)| outside_call(parts, region, &resolved, principal, input, body, record));
    Ok((resolved, call))
}

/// The request as if its body had come whole.
fn whole(parts: &Parts) -> Parts {
    let mut whole = parts.clone();
    // The chunks are of the transfer, not of the object.
    if let Some(encoding) = parts.headers.get(CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok()) {
        let own: Vec<&str> =
            encoding.split(',').map(str::trim).filter(|part| !part.eq_ignore_ascii_case(CHUNKED)).collect();
        match HeaderValue::try_from(own.join(", ")) {
            Ok(value) if !own.is_empty() => whole.headers.insert(CONTENT_ENCODING, value),
            _ => whole.headers.remove(CONTENT_ENCODING),
        };
    }
    whole
}

fn decoded_len(parts: &Parts) -> Option<u64> {
    parts.headers.get("x-amz-decoded-content-length")?.to_str().ok()?.parse().ok()
}

fn malformed_trailer() -> Fault {
    Fault::new(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    )
}
