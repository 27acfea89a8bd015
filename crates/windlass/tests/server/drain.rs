use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::AsyncWriteExt;
use windlass::Hosted;
use windlass::server::StartError;

use super::harness::{POLL, START, TestServer, call, exchange, one, read_answer};

#[tokio::test]
async fn until_recovery_is_done_nothing_but_health_is_served() {
    let mut server = TestServer::starting("").await;
    assert_eq!(server.get("/_windlass/health").await.status, 200);
    let ready = server.get("/_windlass/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "starting: recovering executions\n"));
    let answer = server.send(&call("ListStateMachines", "{}")).await;
    assert_eq!((answer.status, answer.error().as_str()), (503, "ServiceUnavailableException"));
    server.host().await;
    assert_eq!(server.get("/_windlass/ready").await.status, 200);
    assert_eq!(server.send(&call("ListStateMachines", "{}")).await.status, 200);
}

#[tokio::test]
async fn a_failed_recovery_is_no_ready_server() {
    let mut server = TestServer::starting("").await;
    let mut hosted = Hosted::stateless(Vec::new());
    hosted.recover = Box::pin(async { Err("the store is torn".to_owned()) });
    let error = server.server.host(hosted).await.unwrap_err();
    assert!(matches!(&error, StartError::Recovery(text) if text == "the store is torn"), "{error}");
    assert_eq!(server.get("/_windlass/ready").await.status, 503);
}

#[tokio::test]
async fn a_server_that_became_unfit_is_live_but_not_ready() {
    let mut server = TestServer::starting("").await;
    let mut hosted = Hosted::stateless(Vec::new());
    let broken = Arc::new(AtomicBool::new(false));
    let seen = broken.clone();
    hosted.unfit = Box::new(move || seen.load(Ordering::Relaxed).then(|| "the store stopped".to_owned()));
    server.server.host(hosted).await.unwrap();
    assert_eq!(server.get("/_windlass/ready").await.status, 200);
    broken.store(true, Ordering::Relaxed);
    let ready = server.get("/_windlass/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "the store stopped\n"));
    assert_eq!(server.get("/_windlass/health").await.status, 200);
}

#[tokio::test]
async fn draining_finishes_what_runs_and_refuses_what_comes() {
    let server = TestServer::open().await;
    let puppet = server.puppet.clone();
    let (mut running, mut polling, mut idle) = (server.connect().await, server.connect().await, server.connect().await);
    assert_eq!(exchange(&mut idle, call("ListStateMachines", "{}").as_bytes()).await.status, 200);
    running.write_all(call("StartExecution", START).as_bytes()).await.unwrap();
    one(&puppet.entered).await;
    polling.write_all(call("GetActivityTask", POLL).as_bytes()).await.unwrap();
    one(&puppet.entered).await;

    let TestServer { server, .. } = server;
    let address = server.address();
    let draining = tokio::spawn(server.drain(600_000));
    // The long poll ends by the drain, so the drain has begun after this.
    let polled = read_answer(&mut polling).await;
    assert_eq!((polled.status, polled.error().as_str()), (503, "ServiceUnavailableException"));
    let refused = exchange(&mut idle, call("StartExecution", START).as_bytes()).await;
    assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
    let mut probe = tokio::net::TcpStream::connect(address).await.unwrap();
    let ready = exchange(&mut probe, b"GET /_windlass/ready HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "draining: the server is stopping\n"));
    assert!(!draining.is_finished());

    puppet.released.add_permits(1);
    assert_eq!(read_answer(&mut running).await.status, 200);
    let drained = draining.await.unwrap().unwrap();
    assert_eq!(drained.calls_dropped, 0);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_drain_ends_in_time_and_closes_the_services_after_the_calls() {
    let mut server = TestServer::starting("").await;
    let puppet = server.puppet.clone();
    let (closed, was_closed) = tokio::sync::oneshot::channel();
    let mut hosted = Hosted::stateless(vec![puppet.clone()]);
    hosted.close = Box::new(|_| Box::pin(async move { closed.send(()).map_err(|()| "nobody waits".to_owned()) }));
    server.server.host(hosted).await.unwrap();
    let mut running = server.connect().await;
    running.write_all(call("StartExecution", START).as_bytes()).await.unwrap();
    one(&puppet.entered).await;
    let TestServer { server, folder: _folder, .. } = server;
    let drained = server.drain(1).await.unwrap();
    assert_eq!(drained.calls_dropped, 1);
    was_closed.await.unwrap();
    assert_eq!(read_answer(&mut running).await.status, 0);
}
