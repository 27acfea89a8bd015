//! Who calls: in open mode what a signature claims, with keys what it proves.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HOST, ORIGIN};
use http::{HeaderValue, StatusCode, request::Parts};
use subtle::ConstantTimeEq;
use windlass_iam::Identities;
use windlass_identity::{
    Body, ChunkedBody, Claim, ClaimKind, Credentials, PayloadSigning, PresignedV2, SignatureError, SigningKeys,
};
use windlass_protocol::{Fault, Principal};
use windlass_value::{Text, Timestamp};

use crate::config::Config;
use crate::console::Sessions;
use crate::credential::Credential;
use crate::reception::PayloadProof;

/// Characters of a region's name.
const REGION_CHARACTERS_MAX: usize = 64;

const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// The header of the console's calls: `SERVICE/REGION`. A page of another site
/// cannot send it without being asked for leave, which it is not given.
const CONSOLE: &str = "x-windlass-console";
/// The access key id of the console's calls in open mode.
const CONSOLE_KEY: &str = "CONSOLE";

/// What somebody who signs in gives.
pub(crate) struct SignIn<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a str,
    pub(crate) session_token: Option<&'a str>,
}

/// How callers are known.
pub(crate) struct Authentication {
    mode: Mode,
    account: Text,
    scheme: &'static str,
    sessions: Sessions,
}

enum Mode {
    /// Credentials are not checked, but only this machine's programs may call.
    Open(Principal),
    /// Every signature is checked.
    Keys {
        /// Of the configuration.
        credentials: HashMap<Text, Credentials>,
        /// Of IAM's users and sessions, once the services are made.
        identities: OnceLock<Identities>,
        signing_keys: SigningKeys,
    },
}

impl Authentication {
    pub(crate) fn new(config: &Config) -> Authentication {
        let mode = if config.is_open() {
            Mode::Open(Principal {
                arn: root_arn(&config.account_id),
                account: config.account_id.as_str().into(),
                access_key_id: None,
            })
        } else {
            let credentials = config.credentials.iter().map(known).map(|known| (known.access_key_id.clone(), known));
            Mode::Keys {
                credentials: credentials.collect(),
                identities: OnceLock::new(),
                signing_keys: SigningKeys::new(),
            }
        };
        Authentication {
            mode,
            account: config.account_id.as_str().into(),
            scheme: config.scheme(),
            sessions: Sessions::default(),
        }
    }

    /// In open mode any program on this machine may call, but no web page: a
    /// page can send requests to loopback, and by a name that resolves to it
    /// (DNS rebinding) even read the answers. A page is known by its `Origin`
    /// or, where a browser sends none (an image, a link), by `Sec-Fetch-Site`;
    /// a rebound name by `Host`.
    ///
    /// # Errors
    /// `AccessDeniedException` (403).
    pub(crate) fn check_local(&self, parts: &Parts) -> Result<(), Fault> {
        let Mode::Open(_) = self.mode else { return Ok(()) };
        let host = host(parts);
        if !is_loopback_name(host) {
            return Err(denied(
                "Without access keys the server answers to loopback names only: localhost, 127.0.0.1, [::1], \
                 *.localhost.",
            ));
        }
        if !self.is_of_own_page(parts) {
            return Err(denied("Without access keys the server answers no web page of another origin."));
        }
        Ok(())
    }

    /// Whether a request comes from a page of this server, or from no page at all.
    pub(crate) fn is_of_own_page(&self, parts: &Parts) -> bool {
        let host = host(parts);
        let own_origin = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix(self.scheme)?.strip_prefix("://"));
            origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        };
        let own_site = |site: &HeaderValue| site == "none" || site == "same-origin";
        parts.headers.get_all(ORIGIN).iter().all(own_origin)
            && parts.headers.get_all("sec-fetch-site").iter().all(own_site)
    }

    /// What a request of the console claims: its header names service and region,
    /// its cookie the session. A web page can send neither the header nor, from
    /// another site, the cookie.
    fn claim_of_console(&self, parts: &Parts, wanted: &HeaderValue) -> Result<Claim, Fault> {
        if !self.is_of_own_page(parts) {
            return Err(denied("The console's calls come from the console's own pages."));
        }
        let (service, region) = wanted
            .to_str()
            .ok()
            .and_then(|wanted| wanted.split_once('/'))
            .ok_or_else(|| Fault::validation(format!("{CONSOLE} is SERVICE/REGION, such as states/us-east-1")))?;
        let access_key_id = match &self.mode {
            Mode::Open(_) => CONSOLE_KEY.into(),
            Mode::Keys { .. } => self.sessions.access_key_id(parts, now()).ok_or_else(not_signed_in)?,
        };
        Ok(Claim::of_session(&access_key_id, region, service, now()))
    }

    /// Opens a session for whoever knows a key's secret, and answers its cookie.
    ///
    /// # Errors
    /// `UnrecognizedClientException` (403), the same whether the key or the secret
    /// is wrong; `ThrottlingException` after too many wrong ones.
    pub(crate) fn sign_in(&self, asked: &SignIn<'_>, parts: &Parts) -> Result<(Principal, HeaderValue), Fault> {
        if !self.is_of_own_page(parts) {
            return Err(denied("The console's calls come from the console's own pages."));
        }
        let now = now();
        self.sessions.admit_attempt(now)?;
        let known = self.key_of(asked.access_key_id)?.map(|(known, _)| known).filter(|known| {
            let same = |ours: &str, theirs: &str| bool::from(ours.as_bytes().ct_eq(theirs.as_bytes()));
            let token = match (&known.session_token, asked.session_token) {
                (None, None) => true,
                (Some(ours), Some(theirs)) => same(ours, theirs),
                _ => false,
            };
            token && same(&known.secret_access_key, asked.secret_access_key) && !is_expired(known, now)
        });
        let Some(known) = known else {
            self.sessions.note_wrong(now);
            return Err(fault(SignatureError::unrecognized()));
        };
        let cookie = self.sessions.open(&known.access_key_id, now, self.scheme == "https")?;
        Ok((caller(&known), cookie))
    }

    /// Ends the session of a request.
    pub(crate) fn sign_out(&self, parts: &Parts) -> HeaderValue {
        self.sessions.close(parts);
        self.sessions.no_cookie()
    }

    /// Whether callers have to show that they are who they say.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.mode, Mode::Open(_))
    }

    /// Refuses web pages of another origin, with access keys too.
    ///
    /// # Errors
    /// `AccessDeniedException` (403).
    pub(crate) fn check_origin(&self, parts: &Parts) -> Result<(), Fault> {
        if self.is_of_own_page(parts) {
            return Ok(());
        }
        Err(denied("This endpoint answers no web page of another origin."))
    }

    /// The account of what belongs to nobody else, 12 digits.
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// Reads what the request's signature claims, before its body is received.
    /// With keys, a key that nobody has is refused right here.
    ///
    /// # Errors
    /// `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
    /// `UnrecognizedClientException` and their like (403); a region that is no
    /// name, for it becomes part of ARNs and of what is kept under them.
    pub(crate) fn claim(&self, parts: &Parts) -> Result<Claim, Fault> {
        let claim = match parts.headers.get(CONSOLE) {
            Some(wanted) => self.claim_of_console(parts, wanted)?,
            None => windlass_identity::claim(parts)
                .and_then(|claim| claim.ok_or_else(SignatureError::missing_token))
                .map_err(fault)?,
        };
        if !is_region(&claim.region) {
            return Err(invalid("Credential should be scoped to a valid region."));
        }
        self.known_key(&claim)?;
        Ok(claim)
    }

    /// The caller of an S3 request, from its head alone, and what its body must be.
    ///
    /// # Errors
    /// What is wrong with the signature, or that the body's hash is not stated.
    pub(crate) fn principal_of_head(&self, parts: &Parts, claim: &Claim) -> Result<(Principal, PayloadProof), Fault> {
        let Some((known, signing_keys)) = self.known_key(claim)? else {
            return Ok((self.principal(parts, b"", claim)?, stated_payload(parts)));
        };
        let known = &known;
        if claim.kind == ClaimKind::Session {
            return Ok((in_session(known)?, stated_payload(parts)));
        }
        let stated = parts.headers.get(CONTENT_SHA256).map(|stated| String::from_utf8_lossy(stated.as_bytes()));
        if stated.is_none() && claim.kind == ClaimKind::Header {
            return Err(Fault::new("InvalidRequest", "Missing required header for this request: x-amz-content-sha256"));
        }
        let stated = stated.unwrap_or_default();
        let signing =
            windlass_identity::verify(parts, Body::Sha256Hex(stated.trim()), claim, known, now(), signing_keys);
        let proof = match signing.map_err(|error| fault(worded(quiet(error, claim), &claim.service)))? {
            PayloadSigning::Signed => PayloadProof::Sha256(stated.trim().to_owned()),
            PayloadSigning::Unsigned => PayloadProof::Anything,
            PayloadSigning::Chunked { scheme, .. } => PayloadProof::Chunks(Box::new(match scheme.as_str() {
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
                    ChunkedBody::signed(claim, known, signing_keys)
                }
                "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => ChunkedBody::unsigned(),
                _ => return Err(Fault::not_built(&format!("bodies signed as {scheme}"))),
            })),
        };
        Ok((caller(known), proof))
    }

    /// The caller by a URL presigned with version 2, which only S3 takes.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub(crate) fn principal_of_v2(&self, parts: &Parts, presigned: &PresignedV2) -> Result<Principal, Fault> {
        match &self.mode {
            Mode::Open(principal) => {
                Ok(Principal { access_key_id: Some(presigned.access_key_id.as_str().into()), ..principal.clone() })
            }
            Mode::Keys { .. } => {
                let of_s3 = |error| fault(worded(error, "s3"));
                let known = self.key_of(&presigned.access_key_id)?.map(|(known, _)| known);
                let known = known.ok_or_else(|| of_s3(SignatureError::unrecognized()))?;
                let resource = windlass_protocol::s3_address(host(parts), parts.uri.path());
                presigned.verify(parts, &resource, &known, now()).map_err(of_s3)?;
                Ok(caller(&known))
            }
        }
    }

    /// The caller, once the body is known too.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub(crate) fn principal(&self, parts: &Parts, body: &[u8], claim: &Claim) -> Result<Principal, Fault> {
        match &self.mode {
            Mode::Open(principal) => {
                Ok(Principal { access_key_id: Some(claim.access_key_id.as_str().into()), ..principal.clone() })
            }
            Mode::Keys { .. } => match self.known_key(claim)? {
                Some((known, _)) if claim.kind == ClaimKind::Session => in_session(&known),
                Some((known, signing_keys)) => {
                    prove(parts, body, claim, &known, signing_keys)?;
                    Ok(caller(&known))
                }
                None => Err(fault(worded(SignatureError::unrecognized(), &claim.service))),
            },
        }
    }

    /// Lets the keys of IAM's users and of sessions in too.
    pub(crate) fn admit(&self, admitted: Identities) {
        if let Mode::Keys { identities, .. } = &self.mode {
            // Set once: a server hosts once.
            let _ = identities.set(admitted);
        }
    }

    /// Whose the claimed key is; `None` in open mode.
    ///
    /// # Errors
    /// Nobody has it.
    fn known_key(&self, claim: &Claim) -> Result<Option<(Credentials, &SigningKeys)>, Fault> {
        if let Mode::Open(_) = self.mode {
            return Ok(None);
        }
        let known = self.key_of(&claim.access_key_id)?;
        known.map(Some).ok_or_else(|| fault(worded(SignatureError::unrecognized(), &claim.service)))
    }

    /// Whose a key is; `None` where nobody has it. The configuration's keys come
    /// before IAM's.
    fn key_of(&self, id: &str) -> Result<Option<(Credentials, &SigningKeys)>, Fault> {
        let Mode::Keys { credentials, identities, signing_keys } = &self.mode else { return Ok(None) };
        let known = match (credentials.get(id), identities.get()) {
            (Some(known), _) => Some(known.clone()),
            (None, Some(identities)) => identities.find(id)?,
            (None, None) => None,
        };
        Ok(known.map(|known| (known, signing_keys)))
    }
}

fn caller(known: &Credentials) -> Principal {
    Principal {
        arn: known.arn.clone(),
        account: known.account.clone(),
        access_key_id: Some(known.access_key_id.clone()),
    }
}

/// The caller of a session whose key is still good.
fn in_session(known: &Credentials) -> Result<Principal, Fault> {
    if is_expired(known, now()) {
        return Err(not_signed_in());
    }
    Ok(caller(known))
}

fn is_expired(known: &Credentials, now: Timestamp) -> bool {
    known.expires.is_some_and(|expires| expires <= now)
}

fn not_signed_in() -> Fault {
    Fault::new("NotSignedInException", "Sign in to the console first.").with_status(StatusCode::UNAUTHORIZED.as_u16())
}

/// What the head of an S3 request says its body is, without a check of the head.
pub(crate) fn stated_payload(parts: &Parts) -> PayloadProof {
    let stated = parts.headers.get(CONTENT_SHA256).and_then(|stated| stated.to_str().ok()).unwrap_or_default();
    match stated {
        stated if stated.starts_with("STREAMING-") => PayloadProof::Chunks(Box::new(ChunkedBody::unsigned())),
        stated if is_sha256(stated) => PayloadProof::Sha256(stated.to_owned()),
        _ => PayloadProof::Anything,
    }
}

fn is_sha256(text: &str) -> bool {
    const DIGITS: usize = 64;
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn prove(
    parts: &Parts,
    body: &[u8],
    claim: &Claim,
    known: &Credentials,
    signing_keys: &SigningKeys,
) -> Result<(), Fault> {
    let signing = windlass_identity::verify(parts, Body::Bytes(body), claim, known, now(), signing_keys);
    match signing.map_err(|error| quiet(error, claim)) {
        Ok(PayloadSigning::Signed) => Ok(()),
        // Only S3 takes a body that its sender did not vouch for.
        Ok(PayloadSigning::Unsigned | PayloadSigning::Chunked { .. }) => {
            let message =
                format!("The request's body must be under the signature for the service '{}'.", claim.service);
            Err(invalid(message))
        }
        Err(error) => Err(fault(worded(error, &claim.service))),
    }
}

/// The explanation quotes the signed headers, and a session token is one.
fn quiet(error: SignatureError, claim: &Claim) -> SignatureError {
    match claim.session_token {
        Some(_) => SignatureError { explanation: None, ..error },
        None => error,
    }
}

/// The error as the claimed service words it: each protocol has its own names.
fn worded(mut error: SignatureError, service: &str) -> SignatureError {
    let (code, message) = match (service, error.code) {
        ("s3", "InvalidSignatureException") if error.message.starts_with("Signature expired") => (
            "RequestTimeTooSkewed",
            Some("The difference between the request time and the server's time is too large."),
        ),
        ("s3", "InvalidSignatureException") if error.message.starts_with("The request signature") => (
            "SignatureDoesNotMatch",
            Some(
                "The request signature we calculated does not match the signature you provided. Check your key and \
                 signing method.",
            ),
        ),
        ("s3", "UnrecognizedClientException") => {
            ("InvalidAccessKeyId", Some("The AWS Access Key Id you provided does not exist in our records."))
        }
        ("s3", "ExpiredTokenException") => ("ExpiredToken", Some("The provided token has expired.")),
        ("s3", "IncompleteSignatureException") => ("AuthorizationHeaderMalformed", None),
        ("iam" | "sts" | "sns", "InvalidSignatureException") => ("SignatureDoesNotMatch", None),
        ("iam" | "sts" | "sns", "UnrecognizedClientException") => ("InvalidClientTokenId", None),
        ("iam" | "sts" | "sns", "ExpiredTokenException") => ("ExpiredToken", None),
        ("iam" | "sts" | "sns", "IncompleteSignatureException") => ("IncompleteSignature", None),
        _ => return error,
    };
    error.code = code;
    if let Some(message) = message {
        error.message = message.to_owned();
    }
    error
}

fn fault(error: SignatureError) -> Fault {
    let fault = Fault::new(error.code, error.message).with_status(error.status);
    match error.explanation {
        Some(explanation) => fault.explained(explanation),
        None => fault,
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidSignatureException", message).with_status(StatusCode::FORBIDDEN.as_u16())
}

fn is_region(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=REGION_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

fn known(credential: &Credential) -> Credentials {
    let account = credential.account_id.as_str();
    let arn = match &credential.user {
        Some(user) => format!("arn:aws:iam::{account}:user/{user}").into(),
        None => root_arn(account),
    };
    Credentials {
        access_key_id: credential.access_key_id.as_str().into(),
        secret_access_key: credential.secret_access_key.reveal().into(),
        session_token: None,
        account: account.into(),
        arn,
        expires: None,
    }
}

fn root_arn(account: &str) -> Text {
    format!("arn:aws:iam::{account}:root").into()
}

fn denied(message: &str) -> Fault {
    Fault::new("AccessDeniedException", message).with_status(StatusCode::FORBIDDEN.as_u16())
}

fn host(parts: &Parts) -> &str {
    parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Whether a request calls the server by a name that only means this machine.
pub(crate) fn has_loopback_host(parts: &Parts) -> bool {
    is_loopback_name(host(parts))
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
}
