use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::runtime_api::RESPONSE_BYTES_MAX;

/// Where a function lives that is only a web address. Plain HTTP: it is meant
/// for servers of this machine or its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    host: String,
    port: u16,
    path: String,
}

/// What an address answered.
#[derive(Debug)]
pub(crate) enum UrlAnswer {
    /// 2xx with this body.
    Response(Bytes),
    /// Anything else, in words: error type and message.
    Failed(&'static str, String),
}

impl Target {
    /// Reads `http://host[:port][/path]`; `None` for anything else.
    pub(crate) fn read(url: &str) -> Option<Target> {
        let uri: http::Uri = url.parse().ok()?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Target { host, port: uri.port_u16().unwrap_or(80), path })
    }

    /// Posts a payload there. Dropping the future closes the connection.
    pub(crate) async fn invoke(&self, payload: Bytes, headers: &[(&str, String)]) -> UrlAnswer {
        match self.post(payload, headers).await {
            Ok(answer) => answer,
            Err(reason) => UrlAnswer::Failed(
                "Runtime.ConnectionError",
                format!("http://{}:{}{}: {reason}", self.host, self.port, self.path),
            ),
        }
    }

    async fn post(&self, payload: Bytes, headers: &[(&str, String)]) -> Result<UrlAnswer, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let mut request = Request::post(&self.path)
            .header("Host", format!("{}:{}", self.host, self.port))
            .header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        let request = request.body(Full::new(payload)).map_err(|error| error.to_string())?;
        let exchange = async move {
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body = Limited::new(response.into_body(), RESPONSE_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| error.to_string())?
                .to_bytes();
            Ok::<_, String>((status, body))
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        let (status, body) = tokio::select! {
            biased;
            exchanged = &mut exchange => exchanged?,
            // The connection's future ends with the peer's close, which may come
            // before the answer's last bytes are taken.
            ended = &mut connection => match ended {
                Ok(()) => exchange.await?,
                Err(error) => return Err(error.to_string()),
            },
        };
        if status.is_success() {
            return Ok(UrlAnswer::Response(body));
        }
        let text = String::from_utf8_lossy(&body);
        Ok(UrlAnswer::Failed("Runtime.HttpError", format!("The function's address answered {status}: {text}")))
    }
}
