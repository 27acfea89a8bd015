use super::harness::{AUTHORIZATION, TestServer, call, call_with};

#[tokio::test]
async fn open_mode_believes_local_programs_only() {
    let server = TestServer::open().await;
    let host = |host: &str| call("ListStateMachines", "{}").replace("Host: localhost", &format!("Host: {host}"));
    let origin = |origin: &str| call_with("ListStateMachines", &format!("Origin: {origin}\r\n"), "{}");
    let cases = [
        (host("localhost:4566"), 200),
        (host("127.0.0.1:4566"), 200),
        (host("[::1]:4566"), 200),
        (host("sync-localhost:4566"), 200),
        (host("sync-127.0.0.1:4566"), 200),
        (host("states.eu-west-1.localhost:4566"), 200),
        (host("rebound.example:4566"), 403),
        (host("states.eu-west-1.amazonaws.com"), 403),
        (host("192.168.0.1:4566"), 403),
        (origin("http://localhost"), 200),
        (origin("http://evil.example"), 403),
        (origin("http://localhost:3000"), 403),
        (origin("https://localhost"), 403),
        (origin("null"), 403),
        (origin("http://localhost\r\nOrigin: http://evil.example"), 403),
        ("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n".to_owned(), 403),
        ("GET /_windlass/metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n".to_owned(), 403),
    ];
    for (request, expected) in cases {
        let answer = server.send(&request).await;
        assert_eq!(answer.status, expected, "{request}\n{answer:?}");
        if expected == 403 {
            assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"), "{request}");
        }
    }
}

#[tokio::test]
async fn a_call_needs_the_shape_of_a_signature() {
    let server = TestServer::open().await;
    let bare = call("ListStateMachines", "{}").replace(AUTHORIZATION, "");
    let with = |line: &str| bare.replace("Content-Type", &format!("{line}\r\nContent-Type"));
    let query = |query: &str| bare.replace("POST / ", &format!("POST /?{query} "));
    let presigned = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20201231%2Feu-west-1%2Fstates%2Faws4_request\
                     &X-Amz-Date=20201231T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    let cases = [
        (bare.clone(), 403, "MissingAuthenticationTokenException"),
        (with("Authorization: Bearer planted-secret"), 403, "IncompleteSignatureException"),
        (with("Authorization: AWS4-HMAC-SHA256 Credential=test"), 403, "IncompleteSignatureException"),
        (with(AUTHORIZATION.trim_end()).replace("/states/", "/lambda/"), 403, "InvalidSignatureException"),
        (query(presigned), 200, ""),
        (query(&presigned.replace("&X-Amz-Signature=00", "")), 403, "IncompleteSignatureException"),
    ];
    for (request, status, error) in cases {
        let answer = server.send(&request).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, error), "{request}\n{answer:?}");
    }
    assert!(!server.raw_lines().contains("planted"), "{}", server.raw_lines());
}

#[tokio::test]
async fn the_call_says_who_and_where() {
    let server = TestServer::with("account_id = \"123456789012\"").await;
    let answer = server.send(&call("ListStateMachines", "{}")).await;
    let call = server.puppet.last.lock().unwrap().take().unwrap();
    assert_eq!((&*call.account, &*call.region), ("123456789012", "eu-west-1"));
    assert_eq!(&*call.principal.arn, "arn:aws:iam::123456789012:root");
    assert_eq!(call.principal.access_key_id.as_deref(), Some("test"));
    assert_eq!(answer.header("x-amzn-requestid"), Some(&*call.request_id));
}
