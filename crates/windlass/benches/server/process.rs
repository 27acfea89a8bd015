//! A server process that is measured: started, signed for, looked at, killed.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use windlass_identity::{Credentials, SigningKeys, sign};
use windlass_value::Timestamp;

use crate::Failure;
use crate::load::{Request, exchange};

const ACCESS_KEY: &str = "WINDLASSBENCH0000001";
const SECRET_KEY: &str = "bench-secret-key-bench-secret-key-bench";
const REGION: &str = "us-east-1";
const READY_MAX: Duration = Duration::from_secs(30);

/// A process that is measured.
pub(crate) struct Server {
    process: Child,
    /// What it is called in the tables.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From its start to its first answer.
    pub(crate) ready_after: Duration,
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

/// Where `make bench-peers` puts other servers: `peers` in the target folder.
fn peers_folder() -> Option<PathBuf> {
    std::env::current_exe().ok()?.ancestors().nth(3).map(|target| target.join("peers"))
}

impl Server {
    /// Bare hyper that answers every request with `bytes` bytes.
    pub(crate) fn hello(bytes: usize) -> Result<Server, Failure> {
        let port = free_port()?;
        let process =
            Command::new(std::env::current_exe()?).args(["--hello", &port.to_string(), &bytes.to_string()]).spawn()?;
        Server::when_open("bare hyper", process, port, "/")
    }

    /// Windlass with its data in that folder.
    pub(crate) fn windlass(data: &Path) -> Result<Server, Failure> {
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
        Server::when_open("Windlass", process, port, "/_windlass/ready")
    }

    /// Another server, if `make bench-peers` installed it.
    pub(crate) fn peer(name: &'static str, folder: &Path) -> Result<Option<Server>, Failure> {
        let program = match name {
            "ministack" => "ministack/bin/ministack",
            "moto" => "moto/bin/moto_server",
            other => return Err(format!("no peer is called {other}").into()),
        };
        let Some(program) = peers_folder().map(|peers| peers.join(program)).filter(|program| program.exists()) else {
            return Ok(None);
        };
        let port = free_port()?;
        let mut command = Command::new(program);
        if name == "moto" {
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        }
        let process = command
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("LOG_LEVEL", "ERROR")
            .env("TMPDIR", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Server::when_open(name, process, port, "/").map(Some)
    }

    fn when_open(name: &'static str, process: Child, port: u16, path: &str) -> Result<Server, Failure> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let began = Instant::now();
        let mut server = Server { process, name, address, ready_after: Duration::ZERO };
        while !server.get(path).is_ok_and(|(status, _)| status != 503) {
            if let Some(status) = server.process.try_wait()? {
                return Err(format!("{name} ended with {status}").into());
            }
            if began.elapsed() > READY_MAX {
                return Err(format!("{name} does not come up").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.ready_after = began.elapsed();
        Ok(server)
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Duration {
        const TICKS_PER_SECOND: u64 = 100;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
    }

    /// Memory held now.
    pub(crate) fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default();
        kib / 1024.0
    }

    /// The first series of that name among Windlass's metrics.
    pub(crate) fn metric(&self, name: &str) -> Result<f64, Failure> {
        let (_, body) = self.get("/_windlass/metrics")?;
        let body = String::from_utf8(body)?;
        let line = body.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        Ok(value.ok_or_else(|| format!("no metric {name}"))?)
    }

    /// An unsigned GET: the status and the body.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, Vec<u8>), Failure> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        exchange(self.address, &Request { head: head.into_bytes(), body: Bytes::new(), tail: Bytes::new() })
    }

    /// What signs for this server; keeps the day's keys.
    pub(crate) fn signer(&self) -> Signer {
        Signer { host: self.address.to_string(), credentials: credentials(), keys: SigningKeys::default() }
    }

    /// One request that is not measured: its body.
    ///
    /// # Errors
    /// The answer is not 200.
    pub(crate) fn call(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        let (status, answer) = exchange(self.address, request)?;
        if status == 200 {
            return Ok(answer);
        }
        let began = String::from_utf8_lossy(&request.body[..request.body.len().min(200)]).into_owned();
        Err(format!("{}: {status} {} to {began}", self.name, String::from_utf8_lossy(&answer)).into())
    }
}

fn credentials() -> Credentials {
    Credentials {
        access_key_id: ACCESS_KEY.into(),
        secret_access_key: SECRET_KEY.into(),
        session_token: None,
        account: "000000000000".into(),
        arn: "arn:aws:iam::000000000000:root".into(),
        expires: None,
    }
}

/// Makes signed requests, good for the five minutes a signature lives.
pub(crate) struct Signer {
    host: String,
    credentials: Credentials,
    keys: SigningKeys,
}

impl Signer {
    /// A call of a JSON protocol; `target` is `Prefix.Operation`.
    pub(crate) fn json(&self, service: &str, target: &str, body: String) -> Request {
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
        self.request(service, Method::POST, "/", &headers, body.into(), Bytes::new())
    }

    /// A call of the query protocol.
    pub(crate) fn query(&self, service: &str, fields: &[(&str, &str)]) -> Request {
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.request(service, Method::POST, "/", &headers, pairs.join("&").into(), Bytes::new())
    }

    /// A request of S3 whose body, with its tail, has that SHA-256 (hexadecimal).
    pub(crate) fn object(&self, method: Method, path: &str, body: &Bytes, tail: Bytes, sha256: &str) -> Request {
        self.request("s3", method, path, &[("x-amz-content-sha256", sha256)], body.clone(), tail)
    }

    /// A request of S3 without a body.
    pub(crate) fn bare(&self, method: Method, path: &str) -> Request {
        const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        self.object(method, path, &Bytes::new(), Bytes::new(), SHA256_OF_NOTHING)
    }

    fn request(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        tail: Bytes,
    ) -> Request {
        let mut request = http::Request::builder()
            .method(&method)
            .uri(path)
            .header("host", &self.host)
            .header("content-length", body.len() + tail.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("the benchmark names valid headers and paths").into_parts();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(now.as_millis() as i64);
        // S3's requests state their hash: large bodies are not hashed again for each.
        let hashed: &[u8] = if service == "s3" { &[] } else { &body };
        sign(&mut parts, hashed, &self.credentials, REGION, service, now, &self.keys).expect("the request has a host");
        let mut head = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        for (name, value) in &parts.headers {
            head.extend(name.as_str().as_bytes());
            head.extend(b": ");
            head.extend(value.as_bytes());
            head.extend(b"\r\n");
        }
        head.extend(b"\r\n");
        Request { head, body, tail }
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
