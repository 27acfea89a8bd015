//! How workflows reach what is no AWS service.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Uri};
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

/// Whether the credentials are for that host: API Gateway's own, or the backend's.
/// A definition may name any other, which then could use the signature elsewhere.
fn is_meant_for(target: &EndpointTarget, uri: &Uri, region: &str) -> bool {
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let of_aws = format!(".execute-api.{region}.amazonaws.com");
    if host.strip_suffix(&of_aws).is_some_and(|api| !api.is_empty()) {
        return true;
    }
    let port = |uri: &Uri| uri.port_u16().or(if uri.scheme_str() == Some("http") { Some(80) } else { Some(443) });
    target
        .url
        .as_ref()
        .is_some_and(|own| own.host().is_some_and(|own| own.eq_ignore_ascii_case(&host)) && port(own) == port(uri))
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
    if !is_meant_for(target, request.uri(), region) {
        let host = request.uri().host().unwrap_or_default();
        return Err(format!(
            "The host '{host}' gets no signature of the operator's credentials: they are for *.execute-api.{region}.amazonaws.com, and for the host of the backend execute-api. Name it in windlass.toml: [[backend]] service = \"execute-api\", kind = \"endpoint\", url = \"https://{host}\""
        ));
    }
    let (mut parts, body) = std::mem::take(request).into_parts();
    let signed = sign(&mut parts, &body, &credentials, region, EXECUTE_API, now, keys);
    *request = Request::from_parts(parts, body);
    signed.map_err(|error| format!("the request could not be signed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Secret;

    #[test]
    fn only_the_apis_hosts_get_a_signature() {
        let target = |url: Option<&str>| EndpointTarget {
            url: url.map(|url| url.parse().expect("a URL")),
            region: None,
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: Secret::new("secret"),
            session_token: None,
            timeout_ms: 1_000,
        };
        for (own, url, meant) in [
            (None, "https://a1.execute-api.us-east-1.amazonaws.com/prod", true),
            (None, "https://A1.Execute-API.us-east-1.amazonaws.com/prod", true),
            (None, "https://a1.execute-api.eu-west-1.amazonaws.com/prod", false),
            (None, "https://evil.test/a1.execute-api.us-east-1.amazonaws.com", false),
            (None, "https://a1.execute-api.us-east-1.amazonaws.com@evil.test/", false),
            (None, "https://a1.execute-api.us-east-1.amazonaws.com.evil.test/", false),
            (None, "https://sts.us-east-1.amazonaws.com/", false),
            (Some("http://localhost:4566"), "http://localhost:4566/prod", true),
            (Some("http://localhost:4566"), "http://localhost:4567/prod", false),
            (Some("https://api.test"), "https://api.test:443/prod", true),
        ] {
            let uri = url.parse().expect("a URL");
            assert_eq!(is_meant_for(&target(own), &uri, "us-east-1"), meant, "{own:?} {url}");
        }
    }
}
