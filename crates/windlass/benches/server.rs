//! The server measured from outside, beside the limits of the machine, in one
//! run: `make bench`. Prints a table; judges nothing.
//!
//! Rates are requests per second over the whole run; CPU is the server's own
//! user and system time by operation. The client runs on the same cores.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Request;
use windlass_identity::{Credentials, SigningKeys, sign};
use windlass_value::Timestamp;

const CLIENTS: [usize; 4] = [1, 16, 50, 256];
const ACCESS_KEY: &str = "WINDLASSBENCH0000001";
const SECRET_KEY: &str = "bench-secret-key-bench-secret-key-bench";
const ROLE: &str = "arn:aws:iam::000000000000:role/bench";

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|argument| argument == "--hello") {
        return hello(arguments.get(2).ok_or("no port")?.parse()?);
    }
    let seconds: u64 = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let length = Duration::from_secs(seconds);
    let folder = std::env::temp_dir().join(format!("windlass-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = run(&folder, length);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn run(folder: &Path, length: Duration) -> Result<(), Failure> {
    println!("| what | clients | per second | p50 ms | p99 ms | server CPU µs |");
    println!("|---|---|---|---|---|---|");
    for (label, bytes) in
        [("append 4 KiB + fdatasync, one writer", 4 << 10), ("append 64 KiB + fdatasync, one writer", 64 << 10)]
    {
        let (rate, p50, p99) = raw_sync(folder, bytes, length.min(Duration::from_secs(3)))?;
        println!("| {label} | 1 | {rate:.0} | {p50:.2} | {p99:.2} | |");
    }
    let hello = Server::hello()?;
    for clients in [1, 50] {
        let request = plain_request(hello.address);
        report("bare hyper, 100 bytes of JSON", &hello, clients, &[request], length)?;
    }
    drop(hello);

    let data = folder.join("data");
    let server = Server::windlass(&data)?;
    println!("| start to ready, empty store | | | {:.1} | | |", server.ready_after.as_secs_f64() * 1e3);
    println!("| memory when idle, MiB | | {:.1} | | | |", server.resident_mib());
    let pass = |index: usize| format!(r#""S{index}":{{"Type":"Pass","Next":"S{}"}}"#, index + 1);
    let states: Vec<String> = (1..5).map(pass).collect();
    let definition =
        format!(r#"{{"StartAt":"S1","States":{{{},"S5":{{"Type":"Pass","End":true}}}}}}"#, states.join(","));
    let standard = server.create("bench-standard", "STANDARD", &definition)?;
    let express = server.create("bench-express", "EXPRESS", &definition)?;
    let start = format!(r#"{{"stateMachineArn":"{standard}","input":"{{\"order\":17,\"items\":[1,2,3]}}"}}"#);
    for clients in CLIENTS {
        let request = server.signed("StartExecution", &start);
        report("Standard, 5 states, synced before the answer", &server, clients, &[request], length)?;
    }
    let named = server.call("StartExecution", &start)?;
    let execution = text_member(&named, "executionArn")?;
    let describe = format!(r#"{{"executionArn":"{execution}"}}"#);
    let pair = [server.signed("StartExecution", &start), server.signed("DescribeExecution", &describe)];
    report("Standard, 5 states, start and describe (2 requests)", &server, 50, &pair, length)?;
    let start = format!(r#"{{"stateMachineArn":"{express}","input":"{{\"order\":17,\"items\":[1,2,3]}}"}}"#);
    for clients in CLIENTS {
        let request = server.signed("StartSyncExecution", &start);
        report("Express sync, 5 states, SigV4 checked", &server, clients, &[request], length)?;
    }
    map_of_ten_thousand(&server)?;
    println!("| memory after the load, MiB | | {:.1} | | | |", server.resident_mib());
    Ok(())
}

/// A Map of 10,000 Pass items: bytes the store was handed by item, and the time.
fn map_of_ten_thousand(server: &Server) -> Result<(), Failure> {
    const ITEMS: usize = 10_000;
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":40,"ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Pass","End":true}}},"End":true}}}"#;
    let arn = server.create("bench-map", "STANDARD", definition)?;
    let items: Vec<String> = (0..ITEMS).map(|index| index.to_string()).collect();
    let start = format!(r#"{{"stateMachineArn":"{arn}","input":"[{}]"}}"#, items.join(","));
    let before = server.metric("windlass_store_bytes")?;
    let began = Instant::now();
    let started = server.call("StartExecution", &start)?;
    let execution = text_member(&started, "executionArn")?;
    loop {
        let described = server.call("DescribeExecution", &format!(r#"{{"executionArn":"{execution}"}}"#))?;
        match text_member(&described, "status")?.as_str() {
            "RUNNING" => std::thread::sleep(Duration::from_millis(5)),
            "SUCCEEDED" => break,
            other => return Err(format!("the Map ended as {other}").into()),
        }
    }
    let took = began.elapsed();
    let bytes = server.metric("windlass_store_bytes")? - before;
    println!(
        "| Map of 10,000 items: bytes stored an item | | {:.0} | {:.1} (whole) | | |",
        bytes / ITEMS as f64,
        took.as_secs_f64() * 1e3
    );
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

fn summary(mut times: Vec<Duration>, took: Duration) -> (f64, f64, f64) {
    times.sort_unstable();
    let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    (times.len() as f64 / took.as_secs_f64(), ms(at(0.5)), ms(at(0.99)))
}

fn report(label: &str, server: &Server, clients: usize, requests: &[Vec<u8>], length: Duration) -> Result<(), Failure> {
    // A short warm-up fills caches and connections.
    load(server.address, clients, requests, Duration::from_millis(500))?;
    let cpu = server.cpu();
    let began = Instant::now();
    let times = load(server.address, clients, requests, length)?;
    let cpu = (server.cpu() - cpu).as_secs_f64() * 1e6 / times.len().max(1) as f64;
    let (rate, p50, p99) = summary(times, began.elapsed());
    println!("| {label} | {clients} | {rate:.0} | {p50:.2} | {p99:.2} | {cpu:.1} |");
    Ok(())
}

/// Closed-loop clients, each with its own connection; answers the time of every
/// round of `requests`.
fn load(address: SocketAddr, clients: usize, requests: &[Vec<u8>], length: Duration) -> Result<Vec<Duration>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let until = Instant::now() + length;
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..clients {
            let requests = requests.to_vec();
            running.spawn(async move { client(address, &requests, until).await });
        }
        let mut times = Vec::new();
        while let Some(finished) = running.join_next().await {
            times.extend(finished??);
        }
        Ok(times)
    })
}

async fn client(address: SocketAddr, requests: &[Vec<u8>], until: Instant) -> Result<Vec<Duration>, Failure> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while Instant::now() < until {
        let at = Instant::now();
        for request in requests {
            stream.write_all(request).await?;
            let mut filled = 0;
            let mut whole = None;
            while whole.is_none_or(|whole| filled < whole) {
                let read = stream.read(&mut buffer[filled..]).await?;
                if read == 0 {
                    return Err("the server closed the connection".into());
                }
                filled += read;
                whole = response_length(&buffer[..filled])?;
            }
        }
        times.push(at.elapsed());
    }
    Ok(times)
}

/// The length of a response once its head is there.
fn response_length(bytes: &[u8]) -> Result<Option<usize>, Failure> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("unexpected answer: {}", String::from_utf8_lossy(bytes)).into());
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Ok(Some(end + 4 + length.ok_or("no content-length")?))
}

/// A process that is measured.
struct Server {
    process: Child,
    address: SocketAddr,
    ready_after: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Server {
    fn hello() -> Result<Server, Failure> {
        let port = free_port()?;
        let process = Command::new(std::env::current_exe()?).args(["--hello", &port.to_string()]).spawn()?;
        Server::when_open(process, port, |address| TcpStream::connect(address).is_ok())
    }

    fn windlass(data: &Path) -> Result<Server, Failure> {
        let port = free_port()?;
        let binary: PathBuf = env!("CARGO_BIN_EXE_windlass").into();
        let process = Command::new(binary)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .env("WINDLASS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("WINDLASS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("WINDLASS_ACCESS_LOG", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Server::when_open(process, port, |address| {
            get(address, "/_windlass/ready").is_ok_and(|(status, _)| status == 200)
        })
    }

    fn when_open(process: Child, port: u16, open: impl Fn(SocketAddr) -> bool) -> Result<Server, Failure> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let began = Instant::now();
        while !open(address) {
            if began.elapsed() > Duration::from_secs(30) {
                return Err("the server does not come up".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Server { process, address, ready_after: began.elapsed() })
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        const TICKS_PER_SECOND: u64 = 100;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
    }

    fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default();
        kib / 1024.0
    }

    fn metric(&self, name: &str) -> Result<f64, Failure> {
        let (_, body) = get(self.address, "/_windlass/metrics")?;
        let line = body.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        Ok(value.ok_or_else(|| format!("no metric {name}"))?)
    }

    /// A signed request as bytes, good for the five minutes a signature lives.
    fn signed(&self, operation: &str, body: &str) -> Vec<u8> {
        let host = self.address.to_string();
        let request = Request::post("/")
            .header("host", &host)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-length", body.len())
            .body(())
            .expect("the head is fixed text");
        let (mut parts, ()) = request.into_parts();
        let credentials = Credentials {
            access_key_id: ACCESS_KEY.into(),
            secret_access_key: SECRET_KEY.into(),
            session_token: None,
            account: "000000000000".into(),
            arn: "arn:aws:iam::000000000000:root".into(),
            expires: None,
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(now.as_millis() as i64);
        sign(&mut parts, body.as_bytes(), &credentials, "us-east-1", "states", now, &SigningKeys::default())
            .expect("the request has a host");
        let mut out = b"POST / HTTP/1.1\r\n".to_vec();
        for (name, value) in &parts.headers {
            out.extend(name.as_str().as_bytes());
            out.extend(b": ");
            out.extend(value.as_bytes());
            out.extend(b"\r\n");
        }
        out.extend(b"\r\n");
        out.extend(body.as_bytes());
        out
    }

    fn call(&self, operation: &str, body: &str) -> Result<String, Failure> {
        let (status, answer) = exchange(self.address, &self.signed(operation, body))?;
        if status == 200 { Ok(answer) } else { Err(format!("{operation}: {status} {answer}").into()) }
    }

    fn create(&self, name: &str, kind: &str, definition: &str) -> Result<String, Failure> {
        let definition = windlass_value::Value::from(definition).to_text();
        let body = format!(r#"{{"name":"{name}","type":"{kind}","roleArn":"{ROLE}","definition":{definition}}}"#);
        text_member(&self.call("CreateStateMachine", &body)?, "stateMachineArn")
    }
}

fn text_member(json: &str, name: &str) -> Result<String, Failure> {
    let value = windlass_value::parse(json)?;
    Ok(value[name].as_str().ok_or_else(|| format!("no {name} in {json}"))?.to_owned())
}

fn plain_request(address: SocketAddr) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nhost: {address}\r\ncontent-length: 2\r\n\r\n{{}}").into_bytes()
}

fn get(address: SocketAddr, path: &str) -> Result<(u16, String), Failure> {
    exchange(address, format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
}

fn exchange(address: SocketAddr, request: &[u8]) -> Result<(u16, String), Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let read = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            if read == 0 {
                return Err("no answer".into());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if read == 0 || length.is_some_and(|length| bytes.len() >= end + 4 + length) {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
            return Ok((status, String::from_utf8_lossy(&bytes[end + 4..]).into_owned()));
        }
    }
}

/// The bare server: hyper with nothing behind it.
fn hello(port: u16) -> Result<(), Failure> {
    use http_body_util::Full;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let body = bytes::Bytes::from(format!("{{\"hello\":\"{}\"}}", "x".repeat(86)));
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
