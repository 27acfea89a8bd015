//! The server measured from outside, beside the limits of the machine and, for
//! queues, objects and topics, beside other servers, in one run: `make bench`.
//! Prints tables; judges nothing.
//!
//! Rates are rounds per second over the whole run; CPU is the server's own user
//! and system time by round. The client runs on the same cores.
//! `BENCH_SECONDS` is the length of a row; `BENCH_PART` is `executions` or
//! `services`, by default both.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

mod executions;
mod load;
mod process;
mod services;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::load::{Connection, Request, load, summary};
use crate::process::Server;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|argument| argument == "--hello") {
        let number = |index: usize| arguments.get(index).ok_or("hello takes a port and a number of bytes");
        return hello(number(2)?.parse()?, number(3)?.parse()?);
    }
    let seconds: f64 = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5.0);
    let length = Duration::try_from_secs_f64(seconds)?;
    let part = std::env::var("BENCH_PART").ok();
    let folder = std::env::temp_dir().join(format!("windlass-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = run(&folder, length, part.as_deref());
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn run(folder: &Path, length: Duration, part: Option<&str>) -> Result<(), Failure> {
    println!("| what | clients | per second | p50 ms | p99 ms | server CPU µs |");
    println!("|---|---|---|---|---|---|");
    let mut syncs = Vec::new();
    for (label, bytes) in [("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("4 MiB", 4 << 20)] {
        let (rate, p50, p99) = raw_sync(folder, bytes, length.min(Duration::from_secs(3)))?;
        println!("| append {label} + fdatasync, one writer | 1 | {rate:.0} | {p50:.2} | {p99:.2} | |");
        syncs.push(rate);
    }
    let mut bare = Vec::new();
    for (label, bytes, clients) in [
        ("bare hyper, 100 bytes of JSON", 100, 1),
        ("bare hyper, 100 bytes of JSON", 100, 50),
        ("bare hyper, 4 MiB", 4 << 20, 50),
    ] {
        let server = Server::hello(bytes)?;
        let head = format!("POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: 2\r\n\r\n", server.address);
        let request = Request { head: head.into_bytes(), body: Bytes::from_static(b"{}"), tail: Bytes::new() };
        bare.push(report(label, &server, clients, &[request], length)?);
    }
    if part != Some("services") {
        executions::run(folder, length)?;
    }
    if part == Some("executions") {
        return Ok(());
    }
    let rates = services::run(folder, length)?;
    println!("\n| ratio, same run | |\n|---|---|");
    let with_50 = |what: &str| rates.get(what, "Windlass", 50).unwrap_or_default();
    // Objects are counted in KiB or MiB: four to one.
    for (label, rate, limit) in [
        ("SendMessage with 50 clients to 4 KiB syncs of one writer", with_50(services::SEND), syncs[0]),
        (
            "PutObject of 4 KiB with 50 clients to 4 KiB syncs of one writer",
            with_50(services::PUT_SMALL) / 4.0,
            syncs[0],
        ),
        (
            "PutObject of 4 MiB with 50 clients to 4 MiB syncs of one writer",
            with_50(services::PUT_LARGE) / 4.0,
            syncs[2],
        ),
        ("GetObject of 4 KiB to bare hyper, 50 clients", with_50(services::GET_SMALL) / 4.0, bare[1]),
        ("GetObject of 4 MiB to bare hyper, 50 clients", with_50(services::GET_LARGE) / 4.0, bare[2]),
    ] {
        println!("| {label} | {:.2} |", rate / limit);
    }
    for what in services::ALL {
        for peer in services::PEERS {
            if let Some(rate) = rates.get(what, peer, 50) {
                println!("| {what}, carried with 50 clients: Windlass to {peer} | {:.1} |", with_50(what) / rate);
            }
        }
    }
    Ok(())
}

/// Appends and syncs in a loop: what the disk gives one writer.
fn raw_sync(folder: &Path, bytes: usize, length: Duration) -> Result<(f64, f64, f64), Failure> {
    let path = folder.join("raw");
    let mut file: File = OpenOptions::new().create(true).append(true).open(&path)?;
    let block = vec![0x5a; bytes];
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < length {
        let at = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(at.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(summary(times, began.elapsed()))
}

/// Prints a load's row; answers its rate.
fn report(
    label: &str,
    server: &Server,
    clients: usize,
    requests: &[Request],
    length: Duration,
) -> Result<f64, Failure> {
    let client = |_| {
        let requests = requests.to_vec();
        async move |connection: &mut Connection| {
            for request in &requests {
                connection.exchange(request).await?.ok()?;
            }
            Ok(Some(1))
        }
    };
    // A short warm-up fills caches and connections.
    load(server.address, clients, Duration::from_millis(500), client)?;
    let cpu = server.cpu();
    let load = load(server.address, clients, length, client)?;
    let cpu = (server.cpu() - cpu).as_secs_f64() * 1e6 / load.times.len().max(1) as f64;
    let (rate, p50, p99) = summary(load.times, load.took);
    println!("| {label} | {clients} | {rate:.0} | {p50:.2} | {p99:.2} | {cpu:.1} |");
    Ok(rate)
}

/// The bare server: hyper with nothing behind it.
fn hello(port: u16, bytes: usize) -> Result<(), Failure> {
    use http_body_util::Full;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let body = bytes::Bytes::from(format!("{{\"hello\":\"{}\"}}", "x".repeat(bytes.saturating_sub(14))));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let body = body.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |_| {
                    let body = body.clone();
                    async move { Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(body))) }
                });
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                // A client that goes away ends its connection with an error; that is its right.
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    })
}
