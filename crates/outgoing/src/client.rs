use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::connector::Connector;
use crate::error::SendError;
use crate::guard::Guard;
use crate::redirect;

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Idle connections to one host.
const IDLE_CONNECTIONS_MAX: usize = 32;

/// Sends requests to the outside. Clones share connections.
#[derive(Clone)]
pub struct Outgoing {
    client: Client<Connector, Full<Bytes>>,
    guard: Guard,
}

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub struct SendLimits {
    /// From the first resolution to the last byte.
    pub timeout: Duration,
    /// Of the answer's body.
    pub response_bytes_max: usize,
    /// 0: redirects are answers like any other.
    pub redirects_max: u8,
}

impl Outgoing {
    /// A client behind a guard. `authorities` are certificates in PEM that count
    /// beside those the machine trusts.
    ///
    /// # Errors
    /// `authorities` holds no certificate that can be read.
    pub fn new(guard: Guard, authorities: Option<&[u8]>) -> Result<Outgoing, String> {
        let connector = Connector::new(guard.clone(), Arc::new(tls(authorities)?));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Outgoing { client, guard })
    }

    /// The guard, to add listeners to.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Sends a request and waits for the whole answer. Dropping the future
    /// closes the connection.
    ///
    /// # Errors
    /// See [`SendError`]; an answer of any status is no error.
    pub async fn send(&self, request: Request<Bytes>, limits: &SendLimits) -> Result<Response<Bytes>, SendError> {
        match tokio::time::timeout(limits.timeout, self.follow(request, limits)).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::Timeout(u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX))),
        }
    }

    async fn follow(&self, mut request: Request<Bytes>, limits: &SendLimits) -> Result<Response<Bytes>, SendError> {
        let mut redirects = 0;
        loop {
            let (parts, body) = self.once(&request, limits).await?.into_parts();
            let next = match limits.redirects_max {
                0 => None,
                _ => redirect::next(&request, parts.status, &parts.headers)?,
            };
            let Some(next) = next else { return Ok(Response::from_parts(parts, body)) };
            redirects += 1;
            if redirects > limits.redirects_max {
                return Err(SendError::Redirects(limits.redirects_max));
            }
            request = next;
        }
    }

    async fn once(&self, request: &Request<Bytes>, limits: &SendLimits) -> Result<Response<Bytes>, SendError> {
        let uri = request.uri();
        let valid =
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
        let authority = uri.authority().filter(|authority| valid && !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(|| SendError::Address(uri.to_string()))?;
        let mut sent = Request::new(Full::new(request.body().clone()));
        *sent.method_mut() = request.method().clone();
        *sent.uri_mut() = uri.clone();
        *sent.version_mut() = Version::HTTP_11;
        *sent.headers_mut() = request.headers().clone();
        if !sent.headers().contains_key(HOST) {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| SendError::Address(uri.to_string()))?;
            sent.headers_mut().insert(HOST, host);
        }
        let answer = self.client.request(sent).await.map_err(|error| failure(&error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, limits.response_bytes_max).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                SendError::TooLarge(limits.response_bytes_max)
            } else {
                SendError::Broken(innermost(&*error))
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

fn failure(error: &hyper_util::client::legacy::Error) -> SendError {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = at {
        if let Some(ours) = cause.downcast_ref::<SendError>() {
            return ours.clone();
        }
        at = cause.source();
    }
    if error.is_connect() { SendError::Connect(innermost(error)) } else { SendError::Broken(innermost(error)) }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    while let Some(cause) = at.source() {
        at = cause;
    }
    at.to_string()
}

/// The machine's own trust, where it has one, else Mozilla's list.
fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(pem) = authorities {
        use rustls_pki_types::pem::PemObject;
        let own: Result<Vec<_>, _> = rustls_pki_types::CertificateDer::pem_slice_iter(pem).collect();
        let own = own.map_err(|error| format!("no certificates in PEM: {error}"))?;
        if roots.add_parsable_certificates(own).0 == 0 {
            return Err("no certificate in it can be used".to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
