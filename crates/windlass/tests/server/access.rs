use super::harness::{START, TestServer, call, exchange};

#[tokio::test]
async fn answers_and_errors_come_as_the_protocol_says() {
    let server = TestServer::open().await;
    let mut stream = server.connect().await;
    let cases = [
        ("ListStateMachines", "{}", 200, ""),
        (
            "StopExecution",
            r#"{"executionArn":"arn:aws:states:eu-west-1:000000000000:execution:m:x"}"#,
            400,
            "ExecutionDoesNotExist",
        ),
        ("ListActivities", "{}", 500, "InternalFailure"),
        ("NoSuchOperation", "{}", 400, "UnknownOperationException"),
        ("ListStateMachines", "{", 400, "SerializationException"),
        ("ListStateMachines", r#"{"maxResults":100000}"#, 400, "ValidationException"),
        ("ListStateMachines", "{}", 200, ""),
    ];
    // All on one connection: no error of a call, not even its panic, ends it.
    for (operation, body, status, error) in cases {
        let answer = exchange(&mut stream, call(operation, body).as_bytes()).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, error), "{operation} {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
        assert!(answer.header("x-amzn-requestid").is_some());
        assert!(!answer.body.contains("as told"), "the panic's text is ours alone");
    }
}

#[tokio::test]
async fn every_request_has_one_line_without_payload() {
    let server = TestServer::open().await;
    server.puppet.released.add_permits(1);
    let answer = server.send(&call("StartExecution", START)).await;
    let refused = server.send("POST / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    assert_eq!((answer.status, refused.status), (200, 403));
    server.get("/_windlass/health").await;
    let lines = server.access_lines();
    let said = |line: usize, name: &str| lines[line].get(name).map(|value| value.to_text());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(said(0, "operation").as_deref(), Some("\"StartExecution\""));
    assert_eq!(said(0, "status").as_deref(), Some("200"));
    assert_eq!(lines[0].get("request_id").and_then(|id| id.as_str()), answer.header("x-amzn-requestid"));
    assert!(said(0, "duration_us").is_some());
    assert_eq!(said(1, "error").as_deref(), Some("\"AccessDeniedException\""));
    let raw = server.raw_lines();
    assert!(!raw.contains("planted") && !raw.contains("Signature"), "{raw}");
}

#[tokio::test]
async fn metrics_count_by_operation_and_status() {
    let server = TestServer::open().await;
    for _ in 0..3 {
        server.send(&call("ListStateMachines", "{}")).await;
    }
    server.send(&call("ListStateMachines", "{")).await;
    server.send(&call("MadeUpByAStranger", "{}")).await;
    let answer = server.get("/_windlass/metrics").await;
    assert!(answer.header("content-type").unwrap_or_default().starts_with("text/plain; version=0.0.4"));
    let expected = [
        r#"windlass_requests_total{service="states",operation="ListStateMachines",status="200"} 3"#,
        r#"windlass_requests_total{service="states",operation="ListStateMachines",status="400"} 1"#,
        r#"windlass_request_duration_seconds_count{service="states",operation="ListStateMachines",status="200"} 3"#,
        "windlass_requests_refused_total 1",
        "windlass_calls_in_flight 0",
        "windlass_ready 1",
        "windlass_test_rows 7",
    ];
    for line in expected {
        assert!(answer.body.lines().any(|said| said == line), "{line} is missing in\n{}", answer.body);
    }
    assert!(!answer.body.contains("MadeUp"), "a stranger's words are no label");
}
