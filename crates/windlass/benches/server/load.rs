//! The load: closed-loop clients in this process, each with a connection of
//! its own that is kept while the server keeps it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

const READ_BYTES: usize = 64 << 10;

/// A request as it goes over the wire; bodies are shared.
#[derive(Clone)]
pub(crate) struct Request {
    /// The request line and the headers, with the empty line.
    pub(crate) head: Vec<u8>,
    /// The body, or all of it but its end.
    pub(crate) body: Bytes,
    /// Its end, where bodies differ in that only; else empty.
    pub(crate) tail: Bytes,
}

/// A whole answer.
pub(crate) struct Answer<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    head: &'a str,
    /// The body, without transfer coding.
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The body as text.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub(crate) fn text(&self) -> Result<&'a str, Failure> {
        Ok(std::str::from_utf8(self.body)?)
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// This answer if its status is 200.
    ///
    /// # Errors
    /// Another status, with the body.
    pub(crate) fn ok(self) -> Result<Answer<'a>, Failure> {
        if self.status == 200 {
            return Ok(self);
        }
        Err(format!("unexpected answer: {} {}", self.status, String::from_utf8_lossy(self.body)).into())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Where a body ends.
enum Framing {
    Length(usize),
    Chunked,
    Close,
}

/// A client's connection; opened again after the server closed it.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// A connection that opens with the first exchange.
    pub(crate) fn new(address: SocketAddr) -> Connection {
        Connection { address, stream: None, buffer: vec![0; READ_BYTES] }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// The connection fails, or the answer is no HTTP/1.1.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Result<Answer<'_>, Failure> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        if request.body.len() <= READ_BYTES {
            let whole = [&request.head[..], &request.body[..], &request.tail[..]].concat();
            stream.write_all(&whole).await?;
        } else {
            stream.write_all(&request.head).await?;
            stream.write_all(&request.body).await?;
            stream.write_all(&request.tail).await?;
        }
        let (head_end, body_end, filled, keep) = self.receive(&mut stream).await?;
        if keep && filled == body_end {
            self.stream = Some(stream);
        }
        if matches!(framing(std::str::from_utf8(&self.buffer[..head_end])?), Framing::Chunked) {
            let body = dechunked(&self.buffer[head_end..body_end])?;
            self.buffer[head_end..head_end + body.len()].copy_from_slice(&body);
            return answer(&self.buffer[..head_end + body.len()], head_end);
        }
        answer(&self.buffer[..body_end], head_end)
    }

    /// Where the head and the body end, what is filled, and whether the connection stays.
    async fn receive(&mut self, stream: &mut TcpStream) -> Result<(usize, usize, usize, bool), Failure> {
        let mut filled = 0;
        let mut head: Option<(usize, Framing, bool)> = None;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = stream.read(&mut self.buffer[filled..]).await?;
            filled += read;
            if head.is_none()
                && let Some(end) = self.buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n")
            {
                let text = std::str::from_utf8(&self.buffer[..end])?;
                let close = header(text, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                let framing = framing(text);
                if let Framing::Length(length) = framing {
                    let whole = end + 4 + length;
                    if self.buffer.len() < whole {
                        self.buffer.resize(whole, 0);
                    }
                }
                head = Some((end + 4, framing, !close));
            }
            if let Some((end, framing, keep)) = &head {
                let whole = match framing {
                    Framing::Length(length) => (filled >= end + length).then_some(end + length),
                    Framing::Chunked => self.buffer[*end..filled].ends_with(b"0\r\n\r\n").then_some(filled),
                    Framing::Close => (read == 0).then_some(filled),
                };
                if let Some(whole) = whole {
                    return Ok((*end, whole, filled, *keep && !matches!(framing, Framing::Close)));
                }
            }
            if read == 0 {
                return Err("the server closed the connection before the answer was whole".into());
            }
        }
    }
}

fn framing(head: &str) -> Framing {
    if let Some(length) = header(head, "content-length").and_then(|value| value.parse().ok()) {
        Framing::Length(length)
    } else if header(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        Framing::Chunked
    } else {
        Framing::Close
    }
}

fn dechunked(mut bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(bytes.len());
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n").ok_or("a chunk without its size")?;
        let digits = std::str::from_utf8(&bytes[..line])?.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits.trim(), 16)?;
        if size == 0 {
            return Ok(out);
        }
        out.extend_from_slice(bytes.get(line + 2..line + 2 + size).ok_or("a chunk is cut off")?);
        bytes = bytes.get(line + 2 + size + 2..).ok_or("a chunk is cut off")?;
    }
}

fn answer(bytes: &[u8], head_end: usize) -> Result<Answer<'_>, Failure> {
    let head = std::str::from_utf8(&bytes[..head_end])?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
    Ok(Answer { status, head, body: &bytes[head_end..] })
}

/// What the clients of one run did.
pub(crate) struct Load {
    /// Of every round.
    pub(crate) times: Vec<Duration>,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// What the rounds carried: messages, bytes, or just the rounds.
    pub(crate) carried: u64,
}

/// Runs `clients` clients for `length`. `client` makes the round of the client with that
/// index; a round answers what it carried, or nothing where there was nothing left to do,
/// which ends the run.
///
/// # Errors
/// The first failure of a round.
pub(crate) fn load<Round>(
    address: SocketAddr,
    clients: usize,
    length: Duration,
    client: impl Fn(usize) -> Round,
) -> Result<Load, Failure>
where
    Round: AsyncFnMut(&mut Connection) -> Result<Option<u64>, Failure> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let began = Instant::now();
        let over = Rc::new(Cell::new(false));
        let mut running = tokio::task::JoinSet::new();
        for index in 0..clients {
            let (mut round, over) = (client(index), Rc::clone(&over));
            running.spawn_local(async move {
                let mut connection = Connection::new(address);
                let (mut times, mut carried) = (Vec::new(), 0);
                while !over.get() && began.elapsed() < length {
                    let at = Instant::now();
                    let Some(units) = round(&mut connection).await? else {
                        over.set(true);
                        break;
                    };
                    times.push(at.elapsed());
                    carried += units;
                }
                Ok::<_, Failure>((times, carried))
            });
        }
        let mut load = Load { times: Vec::new(), took: Duration::ZERO, carried: 0 };
        while let Some(finished) = running.join_next().await {
            let (times, carried) = finished??;
            load.times.extend(times);
            load.carried += carried;
        }
        load.took = began.elapsed();
        Ok(load)
    })
}

/// One exchange, for what is not measured: the status and the body.
///
/// # Errors
/// As [`Connection::exchange`].
pub(crate) fn exchange(address: SocketAddr, request: &Request) -> Result<(u16, Vec<u8>), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::new(address);
        let answer = connection.exchange(request).await?;
        Ok((answer.status, answer.body.to_vec()))
    })
}

/// Rate, median and 99th percentile (ms).
pub(crate) fn summary(mut times: Vec<Duration>, took: Duration) -> (f64, f64, f64) {
    times.sort_unstable();
    let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    (times.len() as f64 / took.as_secs_f64(), ms(at(0.5)), ms(at(0.99)))
}
