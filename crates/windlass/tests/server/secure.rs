//! TLS and HTTP/2.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::harness::{AUTHORIZATION, TestServer, call, exchange};

/// A certificate for `localhost` made for these tests, trusted by nobody else.
fn files() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/tls");
    format!("[tls]\ncert = {:?}\nkey = {:?}\n", folder.join("cert.pem"), folder.join("key.pem"))
}

async fn connect(server: &TestServer, protocol: &str) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let certificate = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/tls/cert.pem");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = server.connect().await;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

/// (status, body) of a call over HTTP/2.
async fn call_h2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    uri: &str,
    host: Option<&str>,
) -> (u16, String) {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::post(uri).header("x-amz-target", "AWSStepFunctions.ListStateMachines");
    for line in AUTHORIZATION.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from("{}"))).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn tls_serves_both_versions() {
    let server = TestServer::with(&files()).await;
    let mut stream = connect(&server, "http/1.1").await;
    assert_eq!(exchange(&mut stream, call("ListStateMachines", "{}").as_bytes()).await.status, 200);
    let (status, body) = call_h2(connect(&server, "h2").await, "https://localhost/", None).await;
    assert_eq!((status, body.as_str()), (200, r#"{"stateMachines":[]}"#));
    let plain = server.send(&call("ListStateMachines", "{}")).await;
    assert_eq!(plain.status, 0, "plain HTTP is not spoken here");
}

#[tokio::test]
async fn the_gate_stands_before_http2_too() {
    let server = TestServer::open().await;
    let cases = [
        ("http://localhost/", None, 200),
        ("http://localhost/", Some("localhost"), 200),
        ("http://localhost/", Some("127.0.0.1"), 400),
        ("http://evil.example/", None, 403),
        ("http://localhost/a/%2e%2e/b", None, 400),
    ];
    for (uri, host, expected) in cases {
        let (status, body) = call_h2(server.connect().await, uri, host).await;
        assert_eq!(status, expected, "{uri} {host:?} {body}");
    }
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let folder = super::harness::Folder::new();
    folder.file("cert.pem", "nothing");
    folder.file("key.pem", "nothing");
    let config = super::harness::config_of(&folder, "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n");
    let meters = Arc::new(windlass::meters::Meters::new().unwrap());
    let log = windlass::access_log::AccessLog::off();
    let Err(error) = windlass::Server::listen(&config, meters, log).await else { panic!("it must not start") };
    assert!(error.to_string().contains("cert.pem"), "{error}");
}
