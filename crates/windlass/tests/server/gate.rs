use super::harness::{AUTHORIZATION, TestServer, call, call_with, exchange, is_closed};

/// (what it is, raw request, expected status). Statuses of hyper's own refusals
/// are in here too: whichever layer says no, nothing of this may become a call.
fn cases() -> Vec<(&'static str, String, u16)> {
    let post = |head: &str, body: &str| {
        format!(
            "{head}{AUTHORIZATION}Content-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AWSStepFunctions.ListStateMachines\r\n{body}"
        )
    };
    let plain = |head: &str| post(head, "Content-Length: 2\r\n\r\n{}");
    let chunked =
        |line: &str| post("POST / HTTP/1.1\r\nHost: localhost\r\n", &format!("{line}\r\n2\r\n{{}}\r\n0\r\n\r\n"));
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let many = |count: usize| (0..count).map(|i| format!("X-{i}: 1\r\n")).collect::<String>();
    vec![
        ("a plain call", call("ListStateMachines", "{}"), 200),
        ("host with a port", plain("POST / HTTP/1.1\r\nHost: localhost:4566\r\n"), 200),
        ("a chunked body", chunked("Transfer-Encoding: chunked\r\n"), 200),
        ("chunked in capitals", chunked("Transfer-Encoding: Chunked\r\n"), 200),
        ("gzip, chunked", chunked("Transfer-Encoding: gzip, chunked\r\n"), 400),
        ("chunked, identity", chunked("Transfer-Encoding: chunked, identity\r\n"), 400),
        ("chunked twice in a line", chunked("Transfer-Encoding: chunked, chunked\r\n"), 400),
        ("two fields of chunked", chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("identity and chunked", chunked("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("xchunked", chunked("Transfer-Encoding: xchunked\r\n"), 400),
        ("identity", chunked("Transfer-Encoding: identity\r\n"), 400),
        ("empty transfer encoding", chunked("Transfer-Encoding:\r\n"), 400),
        ("chunked with a parameter", chunked("Transfer-Encoding: chunked;q=1\r\n"), 400),
        ("space before the colon", chunked("Transfer-Encoding : chunked\r\n"), 400),
        ("vertical tab in the value", chunked("Transfer-Encoding: \x0bchunked\r\n"), 400),
        (
            "chunked on HTTP/1.0",
            chunked("").replace("HTTP/1.1", "HTTP/1.0").replace("\r\n\r\n2", "\r\nTransfer-Encoding: chunked\r\n\r\n2"),
            400,
        ),
        (
            "two lengths",
            post("POST / HTTP/1.1\r\nHost: localhost\r\n", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
            400,
        ),
        ("a signed length", post("POST / HTTP/1.1\r\nHost: localhost\r\n", "Content-Length: +2\r\n\r\n{}"), 400),
        ("a negative length", post("POST / HTTP/1.1\r\nHost: localhost\r\n", "Content-Length: -2\r\n\r\n{}"), 400),
        ("a list of lengths", post("POST / HTTP/1.1\r\nHost: localhost\r\n", "Content-Length: 2, 3\r\n\r\n{}"), 400),
        ("a folded header", call_with("ListStateMachines", "X-Folded: a\r\n b\r\n", "{}"), 400),
        (
            "a bad chunk size",
            post("POST / HTTP/1.1\r\nHost: localhost\r\n", "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        ("no host", plain("POST / HTTP/1.1\r\n"), 400),
        ("no host on HTTP/1.0", plain("POST / HTTP/1.0\r\n"), 400),
        ("two hosts", plain("POST / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n"), 400),
        ("an empty host", plain("POST / HTTP/1.1\r\nHost:\r\n"), 400),
        ("a host list", plain("POST / HTTP/1.1\r\nHost: localhost, evil.example\r\n"), 400),
        ("a host with a user", plain("POST / HTTP/1.1\r\nHost: a@localhost\r\n"), 400),
        ("a host with a path", plain("POST / HTTP/1.1\r\nHost: localhost/x\r\n"), 400),
        ("an absolute target of the same host", plain("POST http://localhost/ HTTP/1.1\r\nHost: LOCALHOST\r\n"), 200),
        ("an absolute target of another host", plain("POST http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n"), 400),
        (
            "an absolute target of another port",
            plain("POST http://localhost:1/ HTTP/1.1\r\nHost: localhost:2\r\n"),
            400,
        ),
        ("an absolute target without host", plain("POST http://localhost/ HTTP/1.1\r\n"), 400),
        ("CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n".to_owned(), 405),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("dots", get("/_windlass/../x"), 400),
        ("a single dot", get("/_windlass/./health"), 400),
        ("escaped dots", get("/_windlass/%2e%2e/x"), 400),
        ("capital escaped dots", get("/_windlass/%2E%2E/x"), 400),
        ("half escaped dots", get("/_windlass/.%2e/x"), 400),
        ("dots behind an escaped slash", get("/_windlass/x%2f..%2fy"), 400),
        ("dots behind a backslash", get("/_windlass/x%5c..%5cy"), 400),
        ("dots at the end", get("/_windlass/health/.."), 400),
        ("three dots are a name", get("/_windlass/..."), 404),
        ("dots inside a name", get("/_windlass/a..b"), 404),
        ("escaped twice is data", get("/_windlass/%252e%252e"), 404),
        ("an escaped NUL", get("/_windlass/health%00"), 400),
        ("an escaped line end", get("/_windlass/health%0d%0aX: 1"), 400),
        ("a broken escape", get("/_windlass/%zz"), 400),
        ("a cut escape", get("/_windlass/health%2"), 400),
        ("too many fields", call_with("ListStateMachines", &many(101), "{}"), 431),
        ("too long a field", call_with("ListStateMachines", &format!("X-Long: {}\r\n", "x".repeat(17_000)), "{}"), 431),
        ("too long a target", get(&format!("/_windlass/{}", "x".repeat(17_000))), 431),
        ("an endless head", get(&format!("/_windlass/{}", "x".repeat(200_000))), 431),
        ("HTTP/3.7", "GET / HTTP/3.7\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("no HTTP", "\x16\x03\x01 hello\r\n\r\n".to_owned(), 400),
        ("a NUL in a value", call_with("ListStateMachines", "X-Nul: a\0b\r\n", "{}"), 400),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_requests() {
    let server = TestServer::open().await;
    let mut wrong = Vec::new();
    for (what, request, expected) in cases() {
        let before = server.puppet.calls.load(std::sync::atomic::Ordering::SeqCst);
        let answer = server.send(&request).await;
        let called = server.puppet.calls.load(std::sync::atomic::Ordering::SeqCst) - before;
        if answer.status != expected || called != usize::from(expected == 200) {
            wrong.push(format!("{what}: {} instead of {expected}, {called} calls: {}", answer.status, answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_refusal_ends_the_connection() {
    let server = TestServer::open().await;
    let mut stream = server.connect().await;
    let smuggled =
        call_with("ListStateMachines", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    let answer = exchange(&mut stream, smuggled.replace("Content-Length: 23\r\n", "").as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(is_closed(&mut stream).await);
}
