//! Between a request and the protocol tables: which operation it means, and how
//! an answer to it is written.

use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use windlass_identity::Claim;
use windlass_protocol::{Body, Fault, Models, Outcome, Resolved, Wire, encode, encode_fault, encode_unresolved_fault};

use crate::answer::Answer;
use crate::answer_body::AnswerBody;

/// What is known of a request before its body is there.
pub(crate) enum Meaning {
    /// The head names the operation.
    Known(Resolved),
    /// The body will.
    InBody,
    /// No operation; said once the body is read, so that the connection lives on.
    Unknown(Fault),
}

impl Meaning {
    pub(crate) fn of_head(models: &Models, parts: &Parts, claim: &Claim) -> Meaning {
        if models.wire(parts, Some(&claim.service)) == Wire::Query {
            return Meaning::InBody;
        }
        match models.resolve(parts, Some(&claim.service)) {
            Ok(resolved) => Meaning::Known(resolved),
            Err(fault) => Meaning::Unknown(fault),
        }
    }

    /// The operation, now that the body is there.
    ///
    /// # Errors
    /// The request means none, or another service's than it was signed for.
    pub(crate) fn resolve(
        self,
        models: &Models,
        parts: &Parts,
        claim: &Claim,
        body: &Bytes,
    ) -> Result<Resolved, Fault> {
        let resolved = match self {
            Meaning::Known(resolved) => resolved,
            Meaning::InBody => models.resolve_query(parts, body, Some(&claim.service))?,
            Meaning::Unknown(fault) => return Err(fault),
        };
        if resolved.service.name != claim.service {
            let message = format!("Credential should be scoped to correct service: '{}'.", resolved.service.name);
            return Err(Fault::new("InvalidSignatureException", message).with_status(StatusCode::FORBIDDEN.as_u16()));
        }
        Ok(resolved)
    }
}

/// Writes what a call ended in.
pub(crate) fn outcome(resolved: &Resolved, request_id: &str, outcome: Outcome) -> Answer {
    let response = match outcome {
        Ok(reply) => encode(resolved, request_id, reply),
        Err(fault) => encode_fault(resolved, request_id, &fault),
    };
    response.map(AnswerBody::of)
}

/// Writes why a request became no call, as its sender would read it.
pub(crate) fn refusal(
    models: &Models,
    parts: &Parts,
    service: Option<&str>,
    request_id: &str,
    fault: &Fault,
) -> Answer {
    let mut response: Response<Body> = encode_unresolved_fault(models.wire(parts, service), request_id, fault);
    // awsJson services say 400 to everything; before them the status tells
    // proxies and people what kind of refusal it is.
    if let Ok(status) = StatusCode::from_u16(fault.status) {
        *response.status_mut() = status;
    }
    response.map(AnswerBody::of)
}
