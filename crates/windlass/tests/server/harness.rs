//! A server in this process on a port of its own, with a service that does what
//! a test tells it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use windlass::access_log::{AccessLog, LogFormat};
use windlass::config::{Config, Flags};
use windlass::log_sink::LogSink;
use windlass::meters::{Measurement, Meters};
use windlass::{Hosted, Server};
use windlass_protocol::{Call, Fault, Outcome, Reply, Service};
use windlass_value::{Value, parse};

/// Only there so that a broken server fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a signed request carries; open mode looks at its shape only.
pub(crate) const AUTHORIZATION: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test/20201231/eu-west-1/states/\
                                        aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n\
                                        X-Amz-Date: 20201231T000000Z\r\n";

/// A folder of its own, removed in the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("windlass-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A service named `states`.
pub(crate) struct Puppet {
    pub(crate) entered: Semaphore,
    pub(crate) released: Semaphore,
    pub(crate) finished: Semaphore,
    pub(crate) dropped: Semaphore,
    pub(crate) calls: AtomicUsize,
    pub(crate) last: Mutex<Option<Call>>,
}

struct CountsDrop<'a>(&'a Semaphore);

impl Drop for CountsDrop<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

impl Service for Puppet {
    fn name(&self) -> &'static str {
        "states"
    }

    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap() = Some(call.clone());
        Box::pin(async move {
            match &*call.operation {
                "ListStateMachines" => Ok(Reply::from(parse(r#"{"stateMachines":[]}"#).unwrap())),
                "ListActivities" => panic!("as told"),
                "StopExecution" => Err(Fault::new("ExecutionDoesNotExist", "Execution Does Not Exist: 'x'")),
                "StartExecution" => {
                    self.entered.add_permits(1);
                    self.released.acquire().await.unwrap().forget();
                    self.finished.add_permits(1);
                    Ok(Reply::from(parse(r#"{"executionArn":"arn:x","startDate":1.5}"#).unwrap()))
                }
                "GetActivityTask" => {
                    let _counted = CountsDrop(&self.dropped);
                    self.entered.add_permits(1);
                    std::future::pending().await
                }
                other => Err(Fault::not_built(other)),
            }
        })
    }
}

impl Puppet {
    pub(crate) fn new() -> Arc<Puppet> {
        Arc::new(Puppet {
            entered: Semaphore::new(0),
            released: Semaphore::new(0),
            finished: Semaphore::new(0),
            dropped: Semaphore::new(0),
            calls: AtomicUsize::new(0),
            last: Mutex::new(None),
        })
    }
}

/// Waits for one more of what a semaphore counts.
pub(crate) async fn one(semaphore: &Semaphore) {
    tokio::time::timeout(PATIENCE, semaphore.acquire()).await.expect("it happens in time").unwrap().forget();
}

/// What log lines are written to.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) puppet: Arc<Puppet>,
    sink: LogSink,
    lines: Lines,
    pub(crate) folder: Folder,
}

/// The configuration a file's text gives, on a free port.
pub(crate) fn config_of(folder: &Folder, text: &str) -> Config {
    let file = folder.file("windlass.toml", text);
    let flags = Flags {
        listen: Some("127.0.0.1:0".to_owned()),
        data: Some(folder.0.join("data")),
        config: Some(file),
        ..Flags::default()
    };
    Config::resolve(&flags, &|_| None, &[], Path::new("/nowhere")).unwrap()
}

impl TestServer {
    /// A ready server in open mode.
    pub(crate) async fn open() -> TestServer {
        TestServer::with("").await
    }

    /// A ready server of that configuration.
    pub(crate) async fn with(config: &str) -> TestServer {
        let mut server = TestServer::starting(config).await;
        server.host().await;
        server
    }

    /// One that listens and hosts nothing yet.
    pub(crate) async fn starting(config: &str) -> TestServer {
        let folder = Folder::new();
        let config = config_of(&folder, config);
        let lines = Lines::default();
        let sink = LogSink::spawn(lines.clone()).unwrap();
        let access_log = AccessLog::new(sink.clone(), LogFormat::Json);
        let server = Server::listen(&config, Arc::new(Meters::new().unwrap()), access_log).await.unwrap();
        TestServer { server, puppet: Puppet::new(), sink, lines, folder }
    }

    pub(crate) async fn host(&mut self) {
        let mut hosted = Hosted::stateless(vec![self.puppet.clone() as Arc<dyn Service>]);
        let measurement = Measurement { name: "windlass_test_rows", help: "Rows", value: 7.0 };
        hosted.measure = Box::new(move || vec![measurement]);
        self.server.host(hosted).await.unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The access lines so far.
    pub(crate) fn access_lines(&self) -> Vec<Value> {
        while !self.sink.flush() {}
        let bytes = self.lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| parse(line).unwrap()).collect()
    }

    pub(crate) fn raw_lines(&self) -> String {
        while !self.sink.flush() {}
        self.lines.text()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, request: &str) -> Answer {
        exchange(&mut self.connect().await, request.as_bytes()).await
    }

    /// A GET of one of our own endpoints.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }
}

/// A well-formed call in open mode.
pub(crate) fn call(operation: &str, body: &str) -> String {
    call_with(operation, "", body)
}

/// The same with more header lines, each ending in CRLF.
pub(crate) fn call_with(operation: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\n{AUTHORIZATION}Content-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: AWSStepFunctions.{operation}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

pub(crate) const START: &str =
    r#"{"stateMachineArn":"arn:aws:states:eu-west-1:000000000000:stateMachine:m","input":"{\"planted\":\"payload\"}"}"#;
pub(crate) const POLL: &str = r#"{"activityArn":"arn:aws:states:eu-west-1:000000000000:activity:a"}"#;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The error's name without a namespace.
    pub(crate) fn error(&self) -> String {
        let body = parse(&self.body).unwrap_or_default();
        let name = body.get("__type").and_then(|name| name.as_str()).unwrap_or_default();
        name.rsplit('#').next().unwrap_or_default().to_owned()
    }
}

/// Sends raw bytes and reads one answer; status 0 when the server hangs up
/// without one.
pub(crate) async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) -> Answer {
    // The server may answer and hang up before it has read everything.
    let _ = stream.write_all(request).await;
    tokio::time::timeout(PATIENCE, read_answer(stream)).await.expect("the server answers in time")
}

pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> Answer {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            let mut answer = Answer { status, head, body: String::new() };
            let length: usize = answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if status == 100 {
                bytes.drain(..end + 4);
                continue;
            }
            if bytes.len() >= end + 4 + length {
                answer.body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
                return answer;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return Answer { status: 0, head: String::new(), body: String::new() },
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Whether the server has hung up (nothing more comes).
pub(crate) async fn is_closed(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut buffer = [0; 16];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("the server hangs up in time");
    matches!(read, Ok(0) | Err(_))
}
