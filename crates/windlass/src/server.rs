//! A listening server: its accept loop, its connections and its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::RwLock;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use windlass_protocol::{Dispatcher, Models};

use crate::access_log::AccessLog;
use crate::authentication::Authentication;
use crate::body::BodyBudget;
use crate::config::Config;
use crate::front::{self, Front, Peer};
use crate::gate::HEAD_BYTES_MAX;
use crate::hosted::{Close, Hosted};
use crate::lifecycle::{Lifecycle, Phase};
use crate::meters::Meters;
use crate::tls;
use crate::webhook::Webhooks;

/// How long a client may take over a request's head, an idle connection
/// between two requests too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// What a connection's read buffer may hold: a whole head and a piece of body.
const READ_BUFFER_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// After this silence an HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a client may take to say that it is.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after the system has no more sockets for us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the last answers may take to be written, once no call runs.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often observations are folded into the metrics' buckets.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);

/// Why a server did not start. The text says what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {error}\n{next}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's answer.
        error: io::Error,
        /// What to do.
        next: &'static str,
    },
    /// The certificate or key cannot be used.
    #[error("{0}")]
    Tls(String),
    /// What an earlier run left could not be taken up.
    #[error("{0}")]
    Recovery(String),
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Calls that were still running when the time was up, and were dropped.
    pub calls_dropped: usize,
}

/// A server that listens. Dropping it without [`Server::drain`] cuts everything off.
pub struct Server {
    front: Arc<Front>,
    address: SocketAddr,
    connections: Arc<Semaphore>,
    connections_max: u32,
    accepting: JoinHandle<()>,
    folding: JoinHandle<()>,
    close: Option<Close>,
}

impl Server {
    /// Listens. Until [`Server::host`] is done every call is answered
    /// `ServiceUnavailableException` and only health and readiness are served.
    ///
    /// # Errors
    /// The address or the TLS files cannot be used.
    pub async fn listen(config: &Config, meters: Arc<Meters>, access_log: AccessLog) -> Result<Server, StartError> {
        let tls = config.tls.as_ref().map(tls::acceptor).transpose().map_err(StartError::Tls)?;
        let refused = |error| listen_error(config.listen, error);
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let front = Arc::new(Front {
            models: Models::embedded(),
            bounds: config.request_bounds(),
            authentication: Authentication::new(config),
            dispatcher: Dispatcher::new(),
            webhooks: Webhooks::new(config.webhooks.clone(), &config.account_id, &config.region, config.is_open()),
            lifecycle: Lifecycle::new(),
            in_flight: Arc::default(),
            bodies: Arc::<BodyBudget>::default(),
            meters,
            access_log,
            region: config.region.clone(),
            metrics_public: config.metrics_public,
            authorization: OnceLock::new(),
            uploads: OnceLock::new(),
            certificate: OnceLock::new(),
            cors: OnceLock::new(),
            measure: RwLock::new(None),
            unfit: RwLock::new(None),
        });
        let connections_max = u32::try_from(config.connections_max).unwrap_or(u32::MAX);
        let connections = Arc::new(Semaphore::new(connections_max as usize));
        let accepting = tokio::spawn(accept(listener, tls, front.clone(), connections.clone()));
        let folding = tokio::spawn(fold(front.meters.clone()));
        Ok(Server { front, address, connections, connections_max, accepting, folding, close: None })
    }

    /// Where it listens; the port is known even when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What services call each other through.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.front.dispatcher
    }

    /// Sets the services, takes up what an earlier run left, and from then on
    /// takes calls.
    ///
    /// # Errors
    /// The recovery's.
    pub async fn host(&mut self, hosted: Hosted) -> Result<(), StartError> {
        // Tables are compiled when first looked at; no caller should wait for that.
        for service in &hosted.wiring.services {
            self.front.models.service(service.name());
        }
        self.front.dispatcher.wire(hosted.wiring);
        if let Some(access) = hosted.access {
            self.front.authentication.admit(access.identities);
            if let Some(authorization) = access.authorization {
                // Set once: a server hosts once.
                let _ = self.front.authorization.set(authorization);
            }
        }
        if let Some(uploads) = hosted.uploads {
            // Set once: a server hosts once.
            let _ = self.front.uploads.set(uploads);
        }
        if let Some(certificate) = hosted.certificate {
            let _ = self.front.certificate.set(certificate);
        }
        if let Some(cors) = hosted.cors {
            let _ = self.front.cors.set(cors);
        }
        *self.front.measure.write() = Some(hosted.measure);
        *self.front.unfit.write() = Some(hosted.unfit);
        self.close = Some(hosted.close);
        hosted.recover.await.map_err(StartError::Recovery)?;
        self.front.lifecycle.advance(Phase::Ready);
        Ok(())
    }

    /// Stops: from now on new calls are refused and not ready is said; running
    /// calls may finish for `drain_ms`; then connections and services close.
    ///
    /// The port stays open until the last call is done, so that whoever asks
    /// for readiness is told why, instead of finding nobody.
    ///
    /// # Errors
    /// What the services say about closing.
    pub async fn drain(mut self, drain_ms: u64) -> Result<Drained, String> {
        let lifecycle = &self.front.lifecycle;
        lifecycle.advance(Phase::Draining);
        let end = Instant::now() + Duration::from_millis(drain_ms);
        let calls_dropped = match tokio::time::timeout_at(end, self.front.in_flight.none()).await {
            Ok(()) => 0,
            Err(_) => self.front.in_flight.count(),
        };
        self.accepting.abort();
        lifecycle.advance(Phase::Closing);
        // Where calls are cut off, nobody waits for their answers.
        let patience = if calls_dropped == 0 { CLOSE_TIMEOUT } else { Duration::ZERO };
        let all_closed = self.connections.acquire_many(self.connections_max);
        if !matches!(tokio::time::timeout(patience, all_closed).await, Ok(Ok(_))) {
            tracing::debug!("connections are still open and will be cut off");
        }
        lifecycle.advance(Phase::Stopped);
        self.folding.abort();
        if let Some(close) = self.close.take() {
            close(end).await?;
        }
        Ok(Drained { calls_dropped })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.folding.abort();
        self.front.lifecycle.advance(Phase::Stopped);
    }
}

fn listen_error(address: SocketAddr, error: io::Error) -> StartError {
    let next = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "Another program (or another windlass) has it. Stop that one, or choose another: --listen 127.0.0.1:4567"
        }
        io::ErrorKind::PermissionDenied => "Ports below 1024 need privileges. Choose another: --listen 127.0.0.1:4566",
        io::ErrorKind::AddrNotAvailable => {
            "This machine has no such address. For this machine only: --listen 127.0.0.1:4566"
        }
        _ => "Choose another address: --listen 127.0.0.1:4566",
    };
    StartError::Listen { address, error, next }
}

async fn fold(meters: Arc<Meters>) {
    let mut interval = tokio::time::interval(FOLD_INTERVAL);
    loop {
        interval.tick().await;
        meters.fold();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, front: Arc<Front>, connections: Arc<Semaphore>) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(READ_BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let builder = Arc::new(builder);
    loop {
        // Taken before accepting: what is beyond the bound waits in the
        // kernel's queue and costs us nothing.
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if is_short_of_resources(&error) {
                    tracing::warn!(%error, "cannot accept a connection; raise the limit of open files (ulimit -n)");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let (builder, front, tls) = (builder.clone(), front.clone(), tls.clone());
        tokio::spawn(async move {
            let _counted = Counted::new(front.meters.clone(), permit);
            let peer = Arc::new(Peer::new(address));
            connect(stream, tls, &builder, &front, peer).await;
        });
    }
}

/// An open connection; its place is free again when this is dropped, also by a panic.
struct Counted {
    meters: Arc<Meters>,
    _place: OwnedSemaphorePermit,
}

impl Counted {
    fn new(meters: Arc<Meters>, place: OwnedSemaphorePermit) -> Counted {
        meters.connection_opened();
        Counted { meters, _place: place }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meters.connection_closed();
    }
}

/// Other errors are of the one connection that went away before it was accepted.
fn is_short_of_resources(error: &io::Error) -> bool {
    // ENOMEM, ENFILE, EMFILE, and ENOBUFS on macOS and on Linux.
    const SHORT: [i32; 5] = [12, 23, 24, 55, 105];
    error.raw_os_error().is_some_and(|code| SHORT.contains(&code))
}

type Builder = auto::Builder<TokioExecutor>;

async fn connect(stream: TcpStream, tls: Option<TlsAcceptor>, builder: &Builder, front: &Arc<Front>, peer: Arc<Peer>) {
    // An answer is one write; waiting to fill a packet would only delay it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    match tls {
        None => converse(stream, builder, front, peer).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, builder, front, peer).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

/// Serves one connection until either side ends it.
async fn converse<S>(stream: S, builder: &Builder, front: &Arc<Front>, peer: Arc<Peer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let answer = front::serve(front.clone(), peer.clone(), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut phases = front.lifecycle.watch();
    // hyper's own limit on heads starts only when it knows the HTTP version, so
    // a client that never says a word would stay for ever.
    let mut silence = std::pin::pin!(tokio::time::sleep(HEAD_TIMEOUT));
    let (mut watches_silence, mut closing) = (true, false);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "a connection broke");
                }
                return;
            }
            changed = phases.wait_for(|phase| *phase >= Phase::Stopped || (*phase >= Phase::Closing && !closing)) => {
                match changed {
                    Ok(phase) if *phase < Phase::Stopped => {}
                    _ => return,
                }
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = silence.as_mut(), if watches_silence => {
                if !peer.was_heard() {
                    return;
                }
                watches_silence = false;
            }
        }
    }
}
