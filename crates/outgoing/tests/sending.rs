//! Requests to a real server on this machine.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use windlass_outgoing::{Allow, Guard, Outgoing, SendError, SendLimits};

const LIMITS: SendLimits = SendLimits { timeout: Duration::from_secs(20), response_bytes_max: 1000, redirects_max: 0 };

/// Answers every connection's first request by its path, and hands back the port.
async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let answer = match path.as_str() {
                    "/echo" => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len()),
                    "/large" => format!("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n{}", "x".repeat(1001)),
                    "/again" => "HTTP/1.1 302 Found\r\nlocation: /echo\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    "/loop" => "HTTP/1.1 302 Found\r\nlocation: loop\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    "/inside" => {
                        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:1/\r\ncontent-length: 0\r\n\r\n".to_owned()
                    }
                    "/never" => return std::future::pending().await,
                    _ => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbroken".to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

fn allowing(port: u16) -> Outgoing {
    let allow = Allow::parse(&format!("127.0.0.1:{port}")).expect("an address");
    Outgoing::new(Guard::new(vec![allow]), None).expect("a client")
}

async fn get(outgoing: &Outgoing, url: &str, limits: &SendLimits) -> Result<String, SendError> {
    let request = Request::get(url).header("authorization", "secret").body(Bytes::new()).expect("a request");
    let answer = outgoing.send(request, limits).await?;
    Ok(format!("{} {}", answer.status().as_u16(), String::from_utf8_lossy(answer.body())))
}

#[tokio::test]
async fn an_allowed_address_answers() {
    let port = serve().await;
    let outgoing = allowing(port);
    for host in ["127.0.0.1", "localhost"] {
        let answer = get(&outgoing, &format!("http://{host}:{port}/echo"), &LIMITS).await.expect("an answer");
        assert!(answer.contains(&format!("host: {host}:{port}")), "{answer}");
    }
}

#[tokio::test]
async fn every_failure_has_its_name() {
    let port = serve().await;
    let outgoing = allowing(port);
    let base = format!("http://127.0.0.1:{port}");
    assert_eq!(get(&outgoing, &format!("{base}/large"), &LIMITS).await, Err(SendError::TooLarge(1000)));
    assert!(matches!(get(&outgoing, &format!("{base}/broken"), &LIMITS).await, Err(SendError::Broken(_))));
    let hasty = SendLimits { timeout: Duration::from_millis(50), ..LIMITS };
    assert_eq!(get(&outgoing, &format!("{base}/never"), &hasty).await, Err(SendError::Timeout(50)));
    for url in
        ["http://127.0.0.1:1/", "http://[::1]:1/", "http://169.254.169.254/latest/meta-data/", "http://0.0.0.0:1/"]
    {
        assert!(matches!(get(&outgoing, url, &LIMITS).await, Err(SendError::Refused(_))), "{url}");
    }
    for url in ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "/relative"] {
        assert!(matches!(get(&outgoing, url, &LIMITS).await, Err(SendError::Address(_))), "{url}");
    }
    let unresolved = get(&outgoing, "http://no-such-host.invalid/", &LIMITS).await;
    assert!(matches!(unresolved, Err(SendError::Resolve(_))), "{unresolved:?}");
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_asked_and_never_into_forbidden_places() {
    let port = serve().await;
    let outgoing = allowing(port);
    let base = format!("http://127.0.0.1:{port}");
    let following = SendLimits { redirects_max: 3, ..LIMITS };
    assert!(get(&outgoing, &format!("{base}/again"), &LIMITS).await.expect("an answer").starts_with("302"));
    assert!(get(&outgoing, &format!("{base}/again"), &following).await.expect("an answer").starts_with("200"));
    assert_eq!(get(&outgoing, &format!("{base}/loop"), &following).await, Err(SendError::Redirects(3)));
    assert!(matches!(get(&outgoing, &format!("{base}/inside"), &following).await, Err(SendError::Refused(_))));
}
