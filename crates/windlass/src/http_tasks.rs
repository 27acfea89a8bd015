//! How workflows reach what is no AWS service.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use windlass_identity::{Credentials, SigningKeys, sign};
use windlass_outgoing::Outgoing;
use windlass_stepfunctions::{Outside, RequestSigner};
use windlass_value::Timestamp;

use crate::backend::{Backend, EndpointTarget};
use crate::config::Config;

/// The signing name of API Gateway's stages.
const EXECUTE_API: &str = "execute-api";

/// The way to the outside for HTTP tasks and API Gateway.
pub(crate) fn outside(config: &Config, outgoing: &Outgoing) -> Outside {
    let settings = &config.outgoing;
    let aws = Outside::default();
    Outside {
        outgoing: Some(outgoing.clone()),
        plain_http: settings.plain_http,
        timeout_ms: settings.timeout_ms.unwrap_or(aws.timeout_ms),
        response_bytes_max: settings.response_bytes_max.unwrap_or(aws.response_bytes_max),
        signer: Some(signer(config)),
    }
}

/// Signs with the credentials of the backend `execute-api`.
fn signer(config: &Config) -> RequestSigner {
    let target = config.backends.iter().find_map(|rule| match &rule.backend {
        Backend::Endpoint(target) if rule.service == EXECUTE_API => Some(target.clone()),
        _ => None,
    });
    let keys = SigningKeys::new();
    Arc::new(move |request: &mut Request<Bytes>, region: &str, now: Timestamp| {
        let Some(target) = &target else {
            return Err("Calls of API Gateway with AuthType IAM_ROLE or RESOURCE_POLICY are signed with the credentials of the backend execute-api. Name them in windlass.toml: [[backend]] service = \"execute-api\", kind = \"endpoint\", access_key_id = \"...\", secret_access_key_env = \"...\"".to_owned());
        };
        sign_request(request, target, region, now, &keys)
    })
}

fn sign_request(
    request: &mut Request<Bytes>,
    target: &EndpointTarget,
    region: &str,
    now: Timestamp,
    keys: &SigningKeys,
) -> Result<(), String> {
    let credentials = Credentials {
        access_key_id: target.access_key_id.as_str().into(),
        secret_access_key: target.secret_access_key.reveal().into(),
        session_token: target.session_token.as_ref().map(|token| token.reveal().into()),
        account: "".into(),
        arn: "".into(),
        expires: None,
    };
    let region = target.region.as_deref().unwrap_or(region);
    let (mut parts, body) = std::mem::take(request).into_parts();
    let signed = sign(&mut parts, &body, &credentials, region, EXECUTE_API, now, keys);
    *request = Request::from_parts(parts, body);
    signed.map_err(|error| format!("the request could not be signed: {error}"))
}
