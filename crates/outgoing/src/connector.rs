use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::SendError;
use crate::guard::Guard;
use crate::stream::Stream;

/// Resolves, checks and connects.
#[derive(Clone)]
pub(crate) struct Connector {
    guard: Guard,
    tls: Arc<ClientConfig>,
}

impl Connector {
    pub(crate) fn new(guard: Guard, tls: Arc<ClientConfig>) -> Connector {
        Connector { guard, tls }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<Stream>, SendError> {
        let host = uri.host().ok_or_else(|| SendError::Address(uri.to_string()))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.reach(host, port).await?;
        // Requests are small and answers are waited for.
        let _ = stream.set_nodelay(true);
        if !secure {
            return Ok(TokioIo::new(Stream::Plain(stream)));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| SendError::Tls(error.to_string()))?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, stream)
            .await
            .map_err(|error| SendError::Tls(error.to_string()))?;
        Ok(TokioIo::new(Stream::Tls(Box::new(stream))))
    }

    /// Connects to the first address of a name that is allowed and answers.
    async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, SendError> {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> =
            found.map_err(|error| SendError::Resolve(format!("{host}: {error}")))?.collect();
        if addresses.is_empty() {
            return Err(SendError::Resolve(format!("{host}: no address")));
        }
        let mut last = None;
        for address in addresses {
            last = Some(match self.guard.check(host, address) {
                Err(reason) => SendError::Refused(reason),
                Ok(()) => match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => SendError::Connect(format!("{host}:{port}: {error}")),
                },
            });
        }
        Err(last.unwrap_or_else(|| SendError::Resolve(host.to_owned())))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, SendError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
