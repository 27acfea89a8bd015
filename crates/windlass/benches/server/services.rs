//! Queues, objects and topics: the same requests to Windlass and to other
//! servers in one run. Every answer is checked: its status and what it must
//! hold, and after each load what is then in the queues.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use md5::{Digest, Md5};
use sha2::Sha256;
use windlass_value::{Value, object};

use crate::Failure;
use crate::load::{Connection, Load, Request, load, summary};
use crate::process::{Server, Signer};

/// Windlass is first: what the others are measured beside.
pub(crate) const PEERS: [&str; 2] = ["ministack", "moto"];
const CLIENTS: [usize; 3] = [1, 16, 50];
const MESSAGE_BYTES: usize = 1 << 10;
/// Messages of a batch, the most that AWS takes.
const BATCH: usize = 10;
/// Queues that subscribe to the topic.
const SUBSCRIPTIONS: usize = 10;
/// The most messages a queue is filled with before it is emptied.
const FILLED_MAX: u64 = 50_000;
const SMALL_BYTES: usize = 4 << 10;
const LARGE_BYTES: usize = 4 << 20;
/// The end of a body, which tells it from others.
const TAIL_BYTES: usize = 16;
const DELIVERED_MAX: Duration = Duration::from_secs(60);

/// What was carried a second in one run, by operation, server and clients.
#[derive(Default)]
pub(crate) struct Rates(Vec<(&'static str, &'static str, usize, f64)>);

impl Rates {
    /// Messages, deliveries, KiB or MiB a second.
    pub(crate) fn get(&self, what: &str, server: &str, clients: usize) -> Option<f64> {
        self.0.iter().find(|row| (row.0, row.1, row.2) == (what, server, clients)).map(|row| row.3)
    }
}

pub(crate) const SEND: &str = "SQS SendMessage, 1 KiB";
pub(crate) const SEND_BATCH: &str = "SQS SendMessageBatch, 10 of 1 KiB";
pub(crate) const RECEIVE: &str = "SQS ReceiveMessage of 1, DeleteMessage";
pub(crate) const RECEIVE_BATCH: &str = "SQS ReceiveMessage of 10, DeleteMessageBatch";
pub(crate) const PUT_SMALL: &str = "S3 PutObject, 4 KiB";
pub(crate) const GET_SMALL: &str = "S3 GetObject, 4 KiB";
pub(crate) const PUT_LARGE: &str = "S3 PutObject, 4 MiB";
pub(crate) const GET_LARGE: &str = "S3 GetObject, 4 MiB";
pub(crate) const PUBLISH_RAW: &str = "SNS Publish to 10 queues, raw";
pub(crate) const PUBLISH: &str = "SNS Publish to 10 queues, signed envelope";

/// Every operation in the order of its rows.
pub(crate) const ALL: [&str; 10] =
    [SEND, SEND_BATCH, RECEIVE, RECEIVE_BATCH, PUT_SMALL, GET_SMALL, PUT_LARGE, GET_LARGE, PUBLISH_RAW, PUBLISH];

/// Measures Windlass for `length` a row and the other servers for half of it.
///
/// # Errors
/// An answer that is not as it must be, or a server that fails.
pub(crate) fn run(folder: &Path, length: Duration) -> Result<Rates, Failure> {
    println!();
    println!(
        "| what | server | clients | per second | carried a second | p50 ms | p99 ms | server CPU µs | memory MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut rates = Rates::default();
    measure(&Server::windlass(&folder.join("data-services"))?, length, &mut rates)?;
    for name in PEERS {
        let place = folder.join(name);
        std::fs::create_dir_all(&place)?;
        match Server::peer(name, &place)? {
            Some(server) => measure(&server, length / 2, &mut rates)?,
            None => println!("| | {name} | | skipped: not installed | | | | | |"),
        }
    }
    Ok(rates)
}

fn measure(server: &Server, length: Duration, rates: &mut Rates) -> Result<(), Failure> {
    println!("| idle | {} | | | | | | | {:.0} |", server.name, server.resident_mib());
    let bench = Bench { server, signer: Rc::new(server.signer()), length };
    for what in ALL {
        for clients in CLIENTS {
            let measured = match bench.row(what, clients) {
                Ok(measured) => measured,
                // Windlass must answer; what another server cannot do is its row's result.
                Err(failure) if server.name != "Windlass" => {
                    let text = failure.to_string().replace(['|', '\n'], " ");
                    println!("| {what} | {} | {clients} | failed: {text} | | | | | |", server.name);
                    continue;
                }
                Err(failure) => return Err(format!("{what}, {clients} clients: {failure}").into()),
            };
            let Measured { load, cpu, unit, carried_in } = measured;
            let carried = load.carried as f64 / carried_in.as_secs_f64();
            let cpu = cpu.as_secs_f64() * 1e6 / load.times.len().max(1) as f64;
            let (rate, p50, p99) = summary(load.times, load.took);
            println!(
                "| {what} | {} | {clients} | {rate:.0} | {carried:.0} {unit} | {p50:.2} | {p99:.2} | {cpu:.0} | {:.0} |",
                server.name,
                server.resident_mib()
            );
            rates.0.push((what, server.name, clients, carried));
        }
    }
    Ok(())
}

/// A load with what it cost.
struct Measured {
    load: Load,
    cpu: Duration,
    /// What `load.carried` counts.
    unit: &'static str,
    /// The time in which it was carried.
    carried_in: Duration,
}

struct Bench<'a> {
    server: &'a Server,
    signer: Rc<Signer>,
    length: Duration,
}

impl Bench<'_> {
    fn row(&self, what: &str, clients: usize) -> Result<Measured, Failure> {
        match what {
            SEND => self.send(clients),
            SEND_BATCH => self.send_batch(clients),
            RECEIVE => self.consume(&format!("receive-{clients}"), clients, 1),
            RECEIVE_BATCH => self.consume(&format!("receive-batch-{clients}"), clients, BATCH),
            PUT_SMALL => self.put(clients, SMALL_BYTES),
            GET_SMALL => self.read(clients, SMALL_BYTES),
            PUT_LARGE => self.put(clients, LARGE_BYTES),
            GET_LARGE => self.read(clients, LARGE_BYTES),
            PUBLISH_RAW => self.publish(clients, true),
            PUBLISH => self.publish(clients, false),
            other => Err(format!("no operation is called {other}").into()),
        }
    }

    /// A short warm-up, then the load; answers it with what the warm-up carried.
    fn measured<Round>(
        &self,
        clients: usize,
        unit: &'static str,
        client: impl Fn(usize) -> Round,
    ) -> Result<(Measured, u64), Failure>
    where
        Round: AsyncFnMut(&mut Connection) -> Result<Option<u64>, Failure> + 'static,
    {
        let warm = load(self.server.address, clients, self.length / 8, &client)?;
        let cpu = self.server.cpu();
        let load = load(self.server.address, clients, self.length, &client)?;
        let cpu = self.server.cpu() - cpu;
        let carried_in = load.took;
        Ok((Measured { load, cpu, unit, carried_in }, warm.carried))
    }

    fn sqs(&self, operation: &str, input: Value) -> Request {
        self.signer.json("sqs", &format!("AmazonSQS.{operation}"), input.to_text())
    }

    fn sqs_answer(&self, operation: &str, input: Value) -> Result<Value, Failure> {
        Ok(windlass_value::parse(std::str::from_utf8(&self.server.call(&self.sqs(operation, input))?)?)?)
    }

    fn create_queue(&self, name: &str) -> Result<String, Failure> {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}]}"#;
        let attributes = object! { "Policy" => policy };
        let created = self.sqs_answer("CreateQueue", object! { "QueueName" => name, "Attributes" => attributes })?;
        Ok(created["QueueUrl"].as_str().ok_or("no QueueUrl")?.to_owned())
    }

    /// Messages in a queue, received ones included.
    fn messages(&self, url: &str) -> Result<u64, Failure> {
        const NAMES: [&str; 2] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let names = NAMES.iter().map(|name| Value::from(*name)).collect();
        let answer = self
            .sqs_answer("GetQueueAttributes", object! { "QueueUrl" => url, "AttributeNames" => Value::array(names) })?;
        let mut sum = 0;
        for name in NAMES {
            sum += answer["Attributes"][name].as_str().ok_or("no count")?.parse::<u64>()?;
        }
        Ok(sum)
    }

    fn send(&self, clients: usize) -> Result<Measured, Failure> {
        let url = self.create_queue(&format!("send-{clients}"))?;
        let body = text(MESSAGE_BYTES);
        let request = self.sqs("SendMessage", object! { "QueueUrl" => url.as_str(), "MessageBody" => body.as_str() });
        let (measured, before) =
            self.measured(clients, "messages", |_| sender(request.clone(), hex(&Md5::digest(&body)), 1))?;
        self.expect_messages(&url, before + measured.load.carried)?;
        Ok(measured)
    }

    fn send_batch(&self, clients: usize) -> Result<Measured, Failure> {
        let url = self.create_queue(&format!("batch-{clients}"))?;
        let (request, md5) = self.batch(&url);
        let (measured, before) = self.measured(clients, "messages", |_| sender(request.clone(), md5.clone(), BATCH))?;
        self.expect_messages(&url, before + measured.load.carried)?;
        Ok(measured)
    }

    fn batch(&self, url: &str) -> (Request, String) {
        let body = text(MESSAGE_BYTES);
        let entries = (0..BATCH)
            .map(|index| {
                object! { "Id" => index.to_string().as_str(), "MessageBody" => body.as_str() }
            })
            .collect();
        let input = object! { "QueueUrl" => url, "Entries" => Value::array(entries) };
        (self.sqs("SendMessageBatch", input), hex(&Md5::digest(&body)))
    }

    fn expect_messages(&self, url: &str, expected: u64) -> Result<(), Failure> {
        let found = self.messages(url)?;
        if found == expected { Ok(()) } else { Err(format!("{found} messages in {url}, not {expected}").into()) }
    }

    /// A queue with messages for a run: as many as batches bring in the same time.
    fn filled(&self, name: &str) -> Result<(String, u64), Failure> {
        let url = self.create_queue(name)?;
        let (request, md5) = self.batch(&url);
        let left = Rc::new(Cell::new(FILLED_MAX / BATCH as u64));
        let filled = load(self.server.address, 16, self.length, |_| {
            let (mut send, left) = (sender(request.clone(), md5.clone(), BATCH), Rc::clone(&left));
            async move |connection: &mut Connection| {
                let Some(fewer) = left.get().checked_sub(1) else { return Ok(None) };
                left.set(fewer);
                send(connection).await
            }
        })?;
        Ok((url, filled.carried))
    }

    fn consume(&self, name: &str, clients: usize, messages: usize) -> Result<Measured, Failure> {
        let (url, filled) = self.filled(name)?;
        let input = object! { "QueueUrl" => url.as_str(), "MaxNumberOfMessages" => Value::int(messages as i64) };
        let request = self.sqs("ReceiveMessage", input);
        let md5 = hex(&Md5::digest(text(MESSAGE_BYTES)));
        let (measured, before) = self.measured(clients, "messages", |_| {
            let (request, md5, url, signer) = (request.clone(), md5.clone(), url.clone(), Rc::clone(&self.signer));
            async move |connection: &mut Connection| {
                let received = windlass_value::parse(connection.exchange(&request).await?.ok()?.text()?)?;
                let Some(found) = received["Messages"].as_array().filter(|found| !found.is_empty()) else {
                    return Ok(None);
                };
                if found.len() > messages || found.iter().any(|message| message["MD5OfBody"].as_str() != Some(&md5)) {
                    return Err("what was received is not what was sent".into());
                }
                let count = found.len() as u64;
                let delete = deletion(&signer, &url, found, messages == 1);
                let answer = connection.exchange(&delete).await?.ok()?;
                if messages > 1 {
                    let deleted = windlass_value::parse(answer.text()?)?;
                    if deleted["Successful"].as_array().map(|ids| ids.len() as u64) != Some(count) {
                        return Err(format!("not all of a batch was deleted: {deleted:?}").into());
                    }
                }
                Ok(Some(count))
            }
        })?;
        let gone = before + measured.load.carried;
        self.expect_messages(&url, filled.checked_sub(gone).ok_or("more was deleted than there was")?)?;
        Ok(measured)
    }

    fn bucket(&self) -> Result<(), Failure> {
        self.server.call(&self.signer.bare(Method::PUT, "/bench-objects"))?;
        Ok(())
    }

    /// Every client writes keys of its own in turn, over and over. No two bodies are the
    /// same, for a content that is there already need not be written.
    fn put(&self, clients: usize, bytes: usize) -> Result<Measured, Failure> {
        const KEYS: usize = 16;
        self.bucket()?;
        let body = Bytes::from(text(bytes - TAIL_BYTES));
        let (sha256, md5) = (Sha256::new_with_prefix(&body), Md5::new_with_prefix(&body));
        let bodies = Rc::new(Cell::new(0_u64));
        let (measured, _) = self.measured(clients, unit_of(bytes), |client| {
            let (body, sha256, md5) = (body.clone(), sha256.clone(), md5.clone());
            let (signer, bodies, mut key) = (Rc::clone(&self.signer), Rc::clone(&bodies), 0);
            async move |connection: &mut Connection| {
                bodies.set(bodies.get() + 1);
                let tail = Bytes::from(format!("{:0TAIL_BYTES$}", bodies.get()));
                let md5 = hex(&md5.clone().chain_update(&tail).finalize());
                let sha256 = hex(&sha256.clone().chain_update(&tail).finalize());
                let path = format!("/bench-objects/{bytes}/{client}/{key}");
                key = (key + 1) % KEYS;
                let request = signer.object(Method::PUT, &path, &body, tail, &sha256);
                let answer = connection.exchange(&request).await?.ok()?;
                if answer.header("etag").is_none_or(|tag| tag.trim_matches('"') != md5) {
                    return Err("the ETag is not the body's MD5".into());
                }
                Ok(Some(carried(bytes)))
            }
        })?;
        let stored = self.server.call(&self.signer.bare(Method::GET, &format!("/bench-objects/{bytes}/0/0")))?;
        if stored.len() == bytes && stored.starts_with(&body) {
            return Ok(measured);
        }
        Err("an object is not as it was put".into())
    }

    /// Every client reads the same few objects in turn.
    fn read(&self, clients: usize, bytes: usize) -> Result<Measured, Failure> {
        const KEYS: usize = 8;
        self.bucket()?;
        let body = Bytes::from(text(bytes));
        let sha256 = hex(&Sha256::digest(&body));
        let path = |key: usize| format!("/bench-objects/read/{bytes}/{key}");
        for key in 0..KEYS {
            self.server.call(&self.signer.object(Method::PUT, &path(key), &body, Bytes::new(), &sha256))?;
        }
        let requests: Vec<Request> = (0..KEYS).map(|key| self.signer.bare(Method::GET, &path(key))).collect();
        let (measured, _) = self.measured(clients, unit_of(bytes), |client| {
            let (requests, body) = (requests.clone(), body.clone());
            let (mut turn, mut compared) = (client, false);
            async move |connection: &mut Connection| {
                turn = (turn + 1) % KEYS;
                let answer = connection.exchange(&requests[turn]).await?.ok()?;
                // Comparing every large body would measure this process.
                let same = if compared && bytes == LARGE_BYTES {
                    answer.body.len() == body.len()
                } else {
                    answer.body == body
                };
                compared = true;
                if same { Ok(Some(carried(bytes))) } else { Err("an object is not as it was put".into()) }
            }
        })?;
        Ok(measured)
    }

    /// Publishes to a topic of ten queues. What is carried are deliveries, and the time and
    /// the CPU run until all queues have all.
    fn publish(&self, clients: usize, raw: bool) -> Result<Measured, Failure> {
        let name = format!("publish-{raw}-{clients}");
        let topic = self.sns(&[("Action", "CreateTopic"), ("Name", &name)], "TopicArn")?;
        let mut queues = Vec::new();
        for index in 0..SUBSCRIPTIONS {
            let queue = format!("{name}-{index}");
            queues.push(self.create_queue(&queue)?);
            let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
            let mut fields = vec![
                ("Action", "Subscribe"),
                ("TopicArn", topic.as_str()),
                ("Protocol", "sqs"),
                ("Endpoint", arn.as_str()),
            ];
            if raw {
                fields.extend([("Attributes.entry.1.key", "RawMessageDelivery"), ("Attributes.entry.1.value", "true")]);
            }
            self.sns(&fields, "SubscriptionArn")?;
        }
        let message = text(MESSAGE_BYTES);
        let request = self
            .signer
            .query("sns", &[("Action", "Publish"), ("Version", VERSION), ("TopicArn", &topic), ("Message", &message)]);
        let publish = |_| {
            let request = request.clone();
            async move |connection: &mut Connection| {
                let answer = connection.exchange(&request).await?.ok()?;
                if !answer.text()?.contains("<MessageId>") {
                    return Err("Publish answered without a MessageId".into());
                }
                Ok(Some(SUBSCRIPTIONS as u64))
            }
        };
        let warm = load(self.server.address, clients, self.length / 8, publish)?.carried;
        self.delivered(&queues, warm)?;
        let (cpu, began) = (self.server.cpu(), Instant::now());
        let load = load(self.server.address, clients, self.length, publish)?;
        self.delivered(&queues, warm + load.carried)?;
        let carried_in = began.elapsed();
        Ok(Measured { load, cpu: self.server.cpu() - cpu, unit: "deliveries", carried_in })
    }

    /// Waits until the queues hold that many messages altogether, and no more.
    fn delivered(&self, queues: &[String], expected: u64) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            let mut found = 0;
            for url in queues {
                found += self.messages(url)?;
            }
            if found == expected {
                return Ok(());
            }
            if found > expected || began.elapsed() > DELIVERED_MAX {
                return Err(format!("{found} deliveries, not {expected}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A call whose answer is in one element.
    fn sns(&self, fields: &[(&str, &str)], element: &str) -> Result<String, Failure> {
        let mut whole = vec![("Version", VERSION)];
        whole.extend(fields);
        let answer = String::from_utf8(self.server.call(&self.signer.query("sns", &whole))?)?;
        let (_, rest) =
            answer.split_once(&format!("<{element}>")).ok_or_else(|| format!("no {element} in {answer}"))?;
        Ok(rest.split('<').next().unwrap_or_default().to_owned())
    }
}

/// SNS's version of its interface, which query requests name.
const VERSION: &str = "2010-03-31";

/// A client that sends the same message, or batch of it, and looks for its MD5 in the answer.
fn sender(
    request: Request,
    md5: String,
    messages: usize,
) -> impl AsyncFnMut(&mut Connection) -> Result<Option<u64>, Failure> + 'static {
    async move |connection: &mut Connection| {
        let answer = connection.exchange(&request).await?.ok()?;
        let found = answer.text()?.matches(md5.as_str()).count();
        if found == messages {
            Ok(Some(messages as u64))
        } else {
            Err(format!("{found} of {messages} were sent").into())
        }
    }
}

fn deletion(signer: &Signer, url: &str, received: &[Value], single: bool) -> Request {
    if single {
        let input = object! { "QueueUrl" => url, "ReceiptHandle" => &received[0]["ReceiptHandle"] };
        return signer.json("sqs", "AmazonSQS.DeleteMessage", input.to_text());
    }
    let entries = received.iter().enumerate().map(
        |(index, message)| object! { "Id" => index.to_string().as_str(), "ReceiptHandle" => &message["ReceiptHandle"] },
    );
    let input = object! { "QueueUrl" => url, "Entries" => Value::array(entries.collect()) };
    signer.json("sqs", "AmazonSQS.DeleteMessageBatch", input.to_text())
}

fn unit_of(bytes: usize) -> &'static str {
    if bytes == LARGE_BYTES { "MiB" } else { "KiB" }
}

/// MiB of a large object, KiB of a small one.
fn carried(bytes: usize) -> u64 {
    (if bytes == LARGE_BYTES { bytes >> 20 } else { bytes >> 10 }) as u64
}

/// Letters that do not repeat soon, so that nothing is stored once for many.
fn text(bytes: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + (state % 26) as u8)
    };
    (0..bytes).map(|_| next()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
