use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// AWS's bound on what a function answers.
pub(crate) const RESPONSE_BYTES_MAX: usize = 6_291_556;
/// A process has one connection, some clients a few; more is an attack or a leak.
const CONNECTIONS_MAX: usize = 32;
const VERSION_PATH: &str = "/2018-06-01/runtime/";
/// Where our own shims carry the environment's token.
const TOKEN_HEADER: &str = "windlass-runtime-token";
/// What browsers put on every request of a page, and pages cannot take off.
const FETCH_SITE_HEADER: &str = "sec-fetch-site";

/// One invocation on its way to a process.
pub(crate) struct Work {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) deadline_ms: i64,
    pub(crate) function_arn: String,
    pub(crate) trace: String,
    /// JSON text of printable ASCII.
    pub(crate) client_context: Option<String>,
    /// Set once a process has asked for it: from then on it may have had an effect.
    pub(crate) taken: Arc<AtomicBool>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What a process makes of an invocation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Its result.
    Response(Bytes),
    /// Its error document.
    Error(Bytes),
    /// A result of more than [`RESPONSE_BYTES_MAX`].
    TooLarge,
}

/// The state that a process's Runtime API serves.
pub(crate) struct Bridge {
    work: tokio::sync::Mutex<mpsc::Receiver<Work>>,
    current: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
    /// True once the process has asked for its first work.
    ready: watch::Sender<bool>,
    init_error: Mutex<Option<Bytes>>,
    /// `127.0.0.1:port`, the only `Host` that is answered.
    host: String,
    /// What only the process knows; `None` for runtimes that cannot carry one.
    token: Option<String>,
}

impl Bridge {
    pub(crate) fn new(work: mpsc::Receiver<Work>, host: String, token: Option<String>) -> Bridge {
        Bridge {
            host,
            token,
            work: tokio::sync::Mutex::new(work),
            current: Mutex::new(None),
            ready: watch::Sender::new(false),
            init_error: Mutex::new(None),
        }
    }

    /// Turns true when the process has asked for its first work.
    pub(crate) fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// The document of an error during initialisation, if there was one.
    pub(crate) fn init_error(&self) -> Option<Bytes> {
        self.init_error.lock().clone()
    }

    /// Whether a request may be the process's own. The port can be reached by
    /// whatever runs on the machine, web pages in a browser too.
    fn is_admitted(&self, headers: &HeaderMap) -> bool {
        let is_host = headers.get(HOST).is_some_and(|host| host.as_bytes() == self.host.as_bytes());
        let is_page = headers.contains_key(ORIGIN) || headers.contains_key(FETCH_SITE_HEADER);
        let has_token = self.token.as_ref().is_none_or(|token| {
            headers.get(TOKEN_HEADER).is_some_and(|sent| is_equal(sent.as_bytes(), token.as_bytes()))
        });
        is_host && !is_page && has_token
    }

    async fn answer(self: Arc<Bridge>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        if !self.is_admitted(request.headers()) {
            return Ok(error(StatusCode::FORBIDDEN, "Forbidden", "Only the environment's own process is answered."));
        }
        let path = request.uri().path().to_owned();
        let Some(route) = path.strip_prefix(VERSION_PATH) else { return Ok(not_found(&path)) };
        let response = match (request.method(), route.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.finish(id, request, Answer::Response).await,
            (&Method::POST, ["invocation", id, "error"]) => self.finish(id, request, Answer::Error).await,
            (&Method::POST, ["init", "error"]) => match read(request).await {
                Ok(document) => {
                    *self.init_error.lock() = Some(document);
                    accepted()
                }
                Err(refusal) => refusal,
            },
            _ => not_found(&path),
        };
        Ok(response)
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.ready.send_replace(true);
        let Some(work) = self.work.lock().await.recv().await else {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "Container.Shutdown", "The environment ends.");
        };
        work.taken.store(true, Ordering::Release);
        let mut builder = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", &work.request_id)
            .header("Lambda-Runtime-Deadline-Ms", work.deadline_ms)
            .header("Lambda-Runtime-Invoked-Function-Arn", &work.function_arn)
            .header("Lambda-Runtime-Trace-Id", &work.trace);
        if let Some(context) = &work.client_context {
            builder = builder.header("Lambda-Runtime-Client-Context", context);
        }
        *self.current.lock() = Some((work.request_id, work.answer));
        builder
            .body(Full::new(work.payload))
            .unwrap_or_else(|refused| error(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", &refused.to_string()))
    }

    async fn finish(
        &self,
        request_id: &str,
        request: Request<Incoming>,
        make: fn(Bytes) -> Answer,
    ) -> Response<Full<Bytes>> {
        let is_current = || self.current.lock().as_ref().is_some_and(|(current, _)| current == request_id);
        if !is_current() {
            return error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        }
        let content = match read(request).await {
            Ok(content) => Ok(content),
            Err(refusal) if refusal.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(refusal),
            // The rest never came: the process may send it again, or ends.
            Err(refusal) => return refusal,
        };
        let held = self.current.lock().take_if(|(current, _)| current == request_id);
        let Some((_, answer)) = held else {
            return error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        };
        let (sent, response) = match content {
            Ok(content) => (make(content), accepted()),
            Err(refusal) => (Answer::TooLarge, refusal),
        };
        // Whoever waited may have given up: the process learns nothing of that.
        let _nobody_waits = answer.send(sent);
        response
    }
}

/// Compares in a time that tells nothing of where the two differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

async fn read(request: Request<Incoming>) -> Result<Bytes, Response<Full<Bytes>>> {
    match Limited::new(request.into_body(), RESPONSE_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(failed) if !failed.is::<LengthLimitError>() => {
            Err(error(StatusCode::BAD_REQUEST, "InvalidRequest", &failed.to_string()))
        }
        Err(_) => Err(error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."),
        )),
    }
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}")));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn not_found(path: &str) -> Response<Full<Bytes>> {
    error(StatusCode::NOT_FOUND, "NotFound", &format!("The Runtime API has no {path}"))
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    let document = serde_json::json!({ "errorMessage": message, "errorType": kind });
    let mut response = Response::new(Full::new(Bytes::from(document.to_string())));
    *response.status_mut() = status;
    response
}

/// A port of its own on the loopback for one environment; the process gets the
/// port's address and knows no other. A request counts only with that address
/// as its host, from our own shims with the environment's token, and an answer
/// with the id of the invocation under way, which cannot be guessed.
///
/// # Errors
/// No port is free.
pub(crate) async fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Serves an environment's Runtime API until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, bridge: Arc<Bridge>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => stream,
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, "the Runtime API cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let bridge = bridge.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| bridge.clone().answer(request));
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(None)
                .title_case_headers(true)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a Runtime API connection ended");
            }
        });
    }
}
