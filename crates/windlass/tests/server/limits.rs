use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{START, TestServer, call, exchange, is_closed, one, read_answer};

#[tokio::test]
async fn a_body_larger_than_its_operation_takes_is_refused_before_it_is_read() {
    let server = TestServer::open().await;
    let bytes_max = 1024 * 1024;
    let padded = |bytes: usize| format!("{{\"maxResults\":1{}}}", " ".repeat(bytes - 16));
    let answer = server.send(&call("ListStateMachines", &padded(bytes_max))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let head = call("ListStateMachines", &padded(bytes_max + 1));
    let head = &head[..head.find("\r\n\r\n").unwrap() + 4];
    let mut stream = server.connect().await;
    let answer = exchange(&mut stream, head.as_bytes()).await;
    assert_eq!((answer.status, answer.error().as_str()), (413, "RequestEntityTooLargeException"));
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn a_chunked_body_is_counted_as_it_comes() {
    let server = TestServer::open().await;
    let head = call("ListStateMachines", "").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..17 {
        // The server hangs up at some point; the answer is what counts.
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = exchange(&mut stream, b"").await;
    assert!(matches!(answer.status, 413 | 0), "{answer:?}");
    assert_eq!(server.puppet.calls.load(std::sync::atomic::Ordering::SeqCst), 0);
    let line = &server.access_lines()[0];
    assert_eq!(line.get("status").and_then(|status| status.as_i64()), Some(413));
}

/// The most address space this process ever had.
#[cfg(target_os = "linux")]
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_declared_length_alone_takes_no_memory() {
    const CLIENTS: usize = 64;
    const DECLARED_BYTES: usize = 60_000_000;
    let server = TestServer::open().await;
    let head = format!(
        "POST /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {DECLARED_BYTES}\r\n\r\n",
        super::harness::AUTHORIZATION.replace("/states/", "/lambda/")
    );
    let before = peak_bytes();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = server.connect().await;
        client.write_all(head.as_bytes()).await.unwrap();
        // More than one read, so that the server gathers.
        client.write_all(&vec![b' '; 256 * 1024]).await.unwrap();
        clients.push(client);
    }
    for mut client in clients {
        client.shutdown().await.unwrap();
        assert!(matches!(read_answer(&mut client).await.status, 400 | 0));
    }
    let grown = peak_bytes() - before;
    assert!(grown < CLIENTS * DECLARED_BYTES / 2, "{grown} bytes for {CLIENTS} clients that sent next to nothing");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait() {
    let server = TestServer::with("connections_max = 1").await;
    let mut first = server.connect().await;
    assert_eq!(exchange(&mut first, call("ListStateMachines", "{}").as_bytes()).await.status, 200);
    let mut second = server.connect().await;
    second.write_all(call("ListStateMachines", "{}").as_bytes()).await.unwrap();
    // The first is served again although the second asked before.
    assert_eq!(exchange(&mut first, call("ListStateMachines", "{}").as_bytes()).await.status, 200);
    assert_eq!(server.puppet.calls.load(std::sync::atomic::Ordering::SeqCst), 2);
    drop(first);
    assert_eq!(exchange(&mut second, b"").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_cut_off() {
    let server = TestServer::open().await;
    for start in ["", "P", "POST / HTTP/1.1\r\nHost: loc", "PRI * HTTP/2.0\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        assert!(is_closed(&mut stream).await, "{start:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_drops_reads_and_not_writes() {
    let server = TestServer::open().await;
    let mut polling = server.connect().await;
    polling.write_all(call("GetActivityTask", super::harness::POLL).as_bytes()).await.unwrap();
    one(&server.puppet.entered).await;
    drop(polling);
    one(&server.puppet.dropped).await;

    let mut starting = server.connect().await;
    starting.write_all(call("StartExecution", START).as_bytes()).await.unwrap();
    one(&server.puppet.entered).await;
    drop(starting);
    server.puppet.released.add_permits(1);
    one(&server.puppet.finished).await;
}

/// What the metrics say all bodies take.
async fn bodies_bytes(server: &TestServer) -> usize {
    let metrics = server.get("/_windlass/metrics").await.body;
    metrics.lines().find_map(|line| line.strip_prefix("windlass_bodies_bytes ")).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_call_that_goes_on_alone_keeps_its_share_of_memory() {
    let server = TestServer::open().await;
    let mut starting = server.connect().await;
    starting.write_all(call("StartExecution", START).as_bytes()).await.unwrap();
    one(&server.puppet.entered).await;
    assert_eq!(bodies_bytes(&server).await, START.len());
    drop(starting);
    while server.access_lines().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bodies_bytes(&server).await, START.len(), "the client is gone, its call is not");
    server.puppet.released.add_permits(1);
    one(&server.puppet.finished).await;
    while bodies_bytes(&server).await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::open().await;
    let stop = call("StopExecution", r#"{"executionArn":"arn:aws:states:eu-west-1:000000000000:execution:m:x"}"#);
    let list = call("ListStateMachines", "{}");
    let mut stream = server.connect().await;
    stream.write_all(format!("{list}{stop}{list}").as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while received.windows(9).filter(|window| window == b"HTTP/1.1 ").count() < 3 || !received.ends_with(b"}") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0);
        received.extend_from_slice(&buffer[..read]);
    }
    let text = String::from_utf8(received).unwrap();
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "400", "200"]);
}

#[tokio::test]
async fn a_body_that_will_be_refused_is_not_asked_for() {
    let server = TestServer::open().await;
    let head =
        call("ListStateMachines", "").replace("Content-Length: 0", "Expect: 100-continue\r\nContent-Length: 1048577");
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
}
