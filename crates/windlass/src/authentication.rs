//! Who calls: the shape of a signature in open mode, its truth with keys.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{StatusCode, request::Parts};
use windlass_protocol::{Fault, Principal};
use windlass_value::Text;

use crate::config::Config;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SCOPE_END: &str = "aws4_request";

/// What a signature says about itself, before anyone believes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) access_key_id: Text,
    pub(crate) region: Text,
    /// The signing name.
    pub(crate) service: Text,
}

/// How callers are known.
pub(crate) struct Authentication {
    /// Credentials are not checked, but only this machine's programs may call.
    open: bool,
    scheme: &'static str,
    open_principal: Principal,
    region: Text,
}

impl Authentication {
    pub(crate) fn new(config: &Config) -> Authentication {
        Authentication {
            open: config.is_open(),
            scheme: config.scheme(),
            open_principal: Principal {
                arn: root_arn(&config.account_id),
                account: config.account_id.as_str().into(),
                access_key_id: None,
            },
            region: config.region.as_str().into(),
        }
    }

    /// In open mode any program on this machine may call, but no web page: a
    /// page can send requests to loopback, and by a name that resolves to it
    /// (DNS rebinding) even read the answers. A page is known by its `Origin`,
    /// a rebound name by `Host`.
    ///
    /// # Errors
    /// `AccessDeniedException` (403).
    pub(crate) fn check_local(&self, parts: &Parts) -> Result<(), Fault> {
        if !self.open {
            return Ok(());
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if !is_loopback_name(host) {
            return Err(denied(
                "Without access keys the server answers to loopback names only: localhost, 127.0.0.1, [::1], \
                 *.localhost.",
            ));
        }
        for origin in parts.headers.get_all(ORIGIN) {
            let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix(self.scheme)?.strip_prefix("://"));
            if !own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
                return Err(denied("Without access keys the server answers no web page of another origin."));
            }
        }
        Ok(())
    }

    /// Reads what the request's signature claims.
    ///
    /// # Errors
    /// `MissingAuthenticationTokenException` or `IncompleteSignatureException` (403).
    pub(crate) fn claim(&self, parts: &Parts) -> Result<Claim, Fault> {
        match parts.headers.get(AUTHORIZATION) {
            Some(header) => header_claim(header.to_str().unwrap_or_default(), &self.region),
            None => query_claim(parts.uri.query().unwrap_or_default(), &self.region),
        }
    }

    /// The caller, once the body is known too.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub(crate) fn principal(&self, claim: &Claim) -> Result<Principal, Fault> {
        if self.open {
            return Ok(Principal { access_key_id: Some(claim.access_key_id.clone()), ..self.open_principal.clone() });
        }
        Err(Fault::new("UnrecognizedClientException", "The security token included in the request is invalid.")
            .with_status(403))
    }
}

/// The ARN of an account's root.
pub(crate) fn root_arn(account: &str) -> Text {
    format!("arn:aws:iam::{account}:root").into()
}

fn denied(message: &str) -> Fault {
    Fault::new("AccessDeniedException", message).with_status(StatusCode::FORBIDDEN.as_u16())
}

fn missing() -> Fault {
    Fault::new("MissingAuthenticationTokenException", "Missing Authentication Token")
        .with_status(StatusCode::FORBIDDEN.as_u16())
}

fn incomplete(message: String) -> Fault {
    Fault::new("IncompleteSignatureException", message).with_status(StatusCode::FORBIDDEN.as_u16())
}

/// `localhost`, `127.0.0.1`, `[::1]`, `*.localhost`, each perhaps with a port
/// and with the `sync-` that SDKs put before two operations' hosts.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => match bracketed.split_once(']') {
            Some((address, port)) if port.is_empty() || is_port(port) => address,
            _ => return false,
        },
        None => match host.find(':') {
            Some(colon) if is_port(&host[colon..]) => &host[..colon],
            Some(_) => return false,
            None => host,
        },
    };
    let name = name.strip_prefix("sync-").unwrap_or(name);
    let named = name.eq_ignore_ascii_case("localhost")
        || name.len() > ".localhost".len()
            && name.is_char_boundary(name.len() - ".localhost".len())
            && name[name.len() - ".localhost".len()..].eq_ignore_ascii_case(".localhost");
    named || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

fn header_claim(header: &str, default_region: &Text) -> Result<Claim, Fault> {
    let Some((algorithm, fields)) = header.split_once(' ') else {
        return Err(if header.is_empty() { missing() } else { unsupported(header) });
    };
    if algorithm != ALGORITHM {
        return Err(unsupported(algorithm));
    }
    let field = |name: &str| {
        fields.split(',').find_map(|field| {
            let (key, value) = field.trim().split_once('=')?;
            (key == name && !value.is_empty()).then_some(value)
        })
    };
    let (credential, headers, signature) = (field("Credential"), field("SignedHeaders"), field("Signature"));
    let absent: String = [("Credential", credential), ("Signature", signature), ("SignedHeaders", headers)]
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| format!("Authorization header requires '{name}' parameter. "))
        .collect();
    match credential {
        Some(credential) if absent.is_empty() => credential_claim(credential, default_region),
        _ => Err(incomplete(absent.trim_end().to_owned())),
    }
}

fn unsupported(algorithm: &str) -> Fault {
    // Only the scheme's name: what follows may be a secret (Basic, Bearer).
    let name: String = algorithm.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').take(32).collect();
    incomplete(format!("Unsupported AWS 'algorithm': '{name}'. Use {ALGORITHM}."))
}

fn query_claim(query: &str, default_region: &Text) -> Result<Claim, Fault> {
    let field = |name: &str| {
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key.eq_ignore_ascii_case(name) && !value.is_empty()).then_some(value)
        })
    };
    let Some(algorithm) = field("X-Amz-Algorithm") else { return Err(missing()) };
    if algorithm != ALGORITHM {
        return Err(unsupported(algorithm));
    }
    for name in ["X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"] {
        if field(name).is_none() {
            return Err(incomplete(format!("AWS query-string parameters must include '{name}'.")));
        }
    }
    match field("X-Amz-Credential") {
        Some(credential) => credential_claim(&credential.replace("%2F", "/").replace("%2f", "/"), default_region),
        None => Err(incomplete("AWS query-string parameters must include 'X-Amz-Credential'.".to_owned())),
    }
}

/// `AKID/20201231/us-east-1/states/aws4_request`
fn credential_claim(credential: &str, default_region: &Text) -> Result<Claim, Fault> {
    let mut parts = credential.split('/');
    let mut next = || parts.next().unwrap_or_default();
    let (id, date, region, service, end) = (next(), next(), next(), next(), next());
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let shaped = !id.is_empty()
        && plain(id)
        && date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
        && plain(region)
        && !service.is_empty()
        && plain(service)
        && end == SCOPE_END
        && parts.next().is_none();
    if !shaped {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/{SCOPE_END}."
        )));
    }
    let region = if region.is_empty() { default_region.clone() } else { region.into() };
    Ok(Claim { access_key_id: id.into(), region, service: service.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names() {
        let cases = [
            ("localhost", true),
            ("LocalHost:4566", true),
            ("127.0.0.1:4566", true),
            ("127.1.2.3", true),
            ("[::1]:4566", true),
            ("[::1]", true),
            ("sync-localhost:4566", true),
            ("sync-127.0.0.1:4566", true),
            ("states.us-east-1.localhost:4566", true),
            ("sync-states.localhost", true),
            (".localhost", false),
            ("localhost.evil.example", false),
            ("evillocalhost", false),
            ("evil.example:4566", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("0.0.0.0:4566", false),
            ("localhost:4566:1", false),
            ("localhost:99999", false),
            ("[::1", false),
            ("[::1]x", false),
            ("[::2]", false),
            ("", false),
        ];
        for (host, expected) in cases {
            assert_eq!(is_loopback_name(host), expected, "{host}");
        }
    }

    #[test]
    fn claims() {
        let good = "AWS4-HMAC-SHA256 Credential=test/20201231/eu-west-1/states/aws4_request, \
                    SignedHeaders=host;x-amz-date, Signature=00";
        let claim = header_claim(good, &"us-east-1".into()).unwrap();
        assert_eq!((&*claim.access_key_id, &*claim.region, &*claim.service), ("test", "eu-west-1", "states"));
        let cases = [
            ("", "MissingAuthenticationTokenException"),
            ("Bearer abc", "IncompleteSignatureException"),
            ("AWS4-HMAC-SHA256", "IncompleteSignatureException"),
            (
                "AWS4-HMAC-SHA256 Credential=a/20201231/r/states/aws4_request, Signature=0",
                "IncompleteSignatureException",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/2020/r/states/aws4_request, SignedHeaders=host, Signature=0",
                "IncompleteSignatureException",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/20201231/r/states/aws4_request/x, SignedHeaders=host, Signature=0",
                "IncompleteSignatureException",
            ),
        ];
        for (header, code) in cases {
            let fault = header_claim(header, &"us-east-1".into()).unwrap_err();
            assert_eq!((fault.code.as_str(), fault.status), (code, 403), "{header}");
            assert!(!fault.message.contains("abc"), "{header}");
        }
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20201231%2Feu-west-1%2Fsts%2Faws4_request\
                     &X-Amz-Date=20201231T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
        assert_eq!(&*query_claim(query, &"us-east-1".into()).unwrap().service, "sts");
        assert_eq!(query_claim("a=b", &"us-east-1".into()).unwrap_err().code, "MissingAuthenticationTokenException");
    }
}
