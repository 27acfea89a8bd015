//! How log records reach their group: from a bounded queue in memory, many at once.
//! As on AWS they are delivered as well as can be, and never hold an execution up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use windlass_journal::Qualifiers;
use windlass_protocol::{Body, Call, Dispatcher, Fault, Principal};
use windlass_value::{Arn, Payload, Text, Timestamp, Value, object};
use windlass_workflow::HistoryEvent;

use super::log_level::LogLevel;
use super::log_record::{About, record};
use crate::environment::Environment;

/// Events that wait; further ones are dropped and counted.
pub(super) const EVENTS_MAX: usize = 100_000;
/// Data of the events that wait.
const BYTES_MAX: usize = 64 << 20;
/// How long events are gathered before they are sent.
const GATHER_MS: u64 = 100;
/// Events of one round.
const ROUND_EVENTS_MAX: usize = 10_000;
/// Records of one call, as the service bounds them.
const CALL_RECORDS_MAX: usize = 10_000;
const CALL_BYTES_MAX: usize = 1_000_000;
/// What the service counts beside a message.
const RECORD_OVERHEAD_BYTES: usize = 26;
/// A stream is written to this long; then another one begins.
const STREAM_MS: i64 = 3_600_000;
/// Streams that are known to be there.
const STREAMS_MAX: usize = 10_000;
const ATTEMPTS_MAX: u32 = 4;
const PAUSE_MS: u64 = 200;

/// Where the records of a machine go, and which.
#[derive(Debug)]
pub(super) struct LogTarget {
    pub(super) level: LogLevel,
    pub(super) include_data: bool,
    account: Text,
    region: Text,
    group: Text,
    machine_name: Text,
}

impl LogTarget {
    /// Of a machine's `loggingConfiguration`; `None` where nothing is logged.
    pub(super) fn of(configuration: &Value, machine_arn: &str, machine_name: &Text) -> Option<LogTarget> {
        let level = LogLevel::parse(configuration["level"].as_str()?)?;
        let destination = configuration["destinations"].at(0)?;
        let arn = Arn::parse(destination["cloudWatchLogsLogGroup"]["logGroupArn"].as_str()?)?;
        let group = arn.resource.strip_prefix("log-group:")?;
        // As on AWS the group is of the machine's own account and region.
        let machine = Arn::parse(machine_arn)?;
        Some(LogTarget {
            level,
            include_data: configuration["includeExecutionData"].as_bool().unwrap_or(false),
            account: machine.account.into(),
            region: machine.region.into(),
            group: group.strip_suffix(":*").unwrap_or(group).into(),
            machine_name: machine_name.clone(),
        })
    }

    fn stream_key(&self) -> StreamKey {
        (self.account.clone(), self.region.clone(), self.group.clone(), self.machine_name.clone())
    }
}

type StreamKey = (Text, Text, Text, Text);

/// Events of one execution on their way to a log.
pub(super) struct LogEvents {
    pub(super) target: Arc<LogTarget>,
    pub(super) execution_arn: Text,
    pub(super) qualifiers: Arc<Qualifiers>,
    pub(super) redrive_count: u32,
    pub(super) events: Vec<HistoryEvent>,
}

impl LogEvents {
    fn bytes(&self) -> usize {
        const EVENT_BYTES: usize = 300;
        let data = self.events.iter().flat_map(|event| event.details.payloads()).map(Payload::bytes_len);
        self.events.len() * EVENT_BYTES + if self.target.include_data { data.sum() } else { 0 }
    }
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(LogEvents, usize)>,
    events: usize,
    bytes: usize,
}

/// A stream that is written to.
struct Stream {
    name: Text,
    since: Timestamp,
}

/// Delivers log records.
pub(super) struct LogDelivery {
    dispatcher: Dispatcher,
    environment: Environment,
    queue: Mutex<Queue>,
    streams: Mutex<HashMap<StreamKey, Stream>>,
    wake: Notify,
    ended: Notify,
    stopping: AtomicBool,
    running: AtomicBool,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

impl LogDelivery {
    pub(super) fn new(dispatcher: Dispatcher, environment: Environment) -> LogDelivery {
        LogDelivery {
            dispatcher,
            environment,
            queue: Mutex::default(),
            streams: Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
            stopping: AtomicBool::new(false),
            running: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Records delivered and dropped since the start, and events that wait.
    pub(super) fn counts(&self) -> (u64, u64, usize) {
        let waiting = self.queue.lock().events;
        (self.delivered.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed), waiting)
    }

    /// Takes events to deliver, or drops them where too many wait. Never waits.
    pub(super) fn add(&self, events: LogEvents) {
        let bytes = events.bytes();
        let mut queue = self.queue.lock();
        if queue.events + events.events.len() > EVENTS_MAX || queue.bytes + bytes > BYTES_MAX {
            drop(queue);
            self.drop_records(events.events.len());
            return;
        }
        queue.events += events.events.len();
        queue.bytes += bytes;
        queue.waiting.push((events, bytes));
        drop(queue);
        self.wake.notify_one();
    }

    fn drop_records(&self, count: usize) {
        if self.dropped.fetch_add(count as u64, Ordering::Relaxed) == 0 {
            tracing::warn!(
                count,
                "log records of executions are dropped; windlass_states_log_records_dropped counts them"
            );
        }
    }

    /// Begins to deliver. Call within a runtime.
    pub(super) fn start(self: &Arc<LogDelivery>) {
        self.running.store(true, Ordering::Release);
        let delivery = self.clone();
        tokio::spawn(async move {
            delivery.deliver().await;
            delivery.running.store(false, Ordering::Release);
            delivery.ended.notify_waiters();
        });
    }

    /// Delivers what waits, and ends.
    pub(super) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        loop {
            let ended = self.ended.notified();
            self.wake.notify_one();
            if !self.running.load(Ordering::Acquire) {
                return;
            }
            ended.await;
        }
    }

    async fn deliver(self: &Arc<LogDelivery>) {
        loop {
            let round = self.take_round();
            if round.is_empty() {
                if self.stopping.load(Ordering::Acquire) {
                    return;
                }
                self.wake.notified().await;
                if !self.stopping.load(Ordering::Acquire) {
                    tokio::time::sleep(Duration::from_millis(GATHER_MS)).await;
                }
                continue;
            }
            // Records of one stream stand together, those of others go at the same time.
            let mut by_stream: HashMap<StreamKey, Vec<LogEvents>> = HashMap::new();
            for events in round {
                by_stream.entry(events.target.stream_key()).or_default().push(events);
            }
            let mut calls = JoinSet::new();
            for (key, events) in by_stream {
                let delivery = self.clone();
                calls.spawn(async move { delivery.write_stream(key, events).await });
            }
            while calls.join_next().await.is_some() {}
        }
    }

    fn take_round(&self) -> Vec<LogEvents> {
        let mut queue = self.queue.lock();
        let mut count = 0;
        let upto = queue.waiting.iter().take_while(|(events, _)| {
            let before = count;
            count += events.events.len();
            before < ROUND_EVENTS_MAX
        });
        let upto = upto.count();
        let round: Vec<(LogEvents, usize)> = queue.waiting.drain(..upto).collect();
        for (events, bytes) in &round {
            queue.events -= events.events.len();
            queue.bytes -= bytes;
        }
        round.into_iter().map(|(events, _)| events).collect()
    }

    async fn write_stream(&self, key: StreamKey, gathered: Vec<LogEvents>) {
        let mut records: Vec<(i64, String)> = Vec::new();
        for LogEvents { target, execution_arn, qualifiers, redrive_count, events } in &gathered {
            let include_data = target.include_data;
            let about = About { execution_arn, qualifiers, redrive_count: *redrive_count, include_data };
            records.extend(events.iter().map(|event| (event.at.as_ms(), record(event, about))));
        }
        // The service wants them in order of time; those of one instant keep theirs.
        records.sort_by_key(|(at, _)| *at);
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let (mut call, mut bytes) = (Vec::new(), 0);
            while let Some((_, text)) = records.peek() {
                let more = text.len() + RECORD_OVERHEAD_BYTES;
                if !call.is_empty() && (call.len() >= CALL_RECORDS_MAX || bytes + more > CALL_BYTES_MAX) {
                    break;
                }
                bytes += more;
                call.extend(records.next().map(|(at, text)| object! { "timestamp" => at, "message" => text }));
            }
            let count = call.len();
            match self.put(&key, Value::array(call)).await {
                Ok(()) => {
                    self.delivered.fetch_add(count as u64, Ordering::Relaxed);
                }
                Err(fault) => {
                    tracing::warn!(group = %key.2, %fault, count, "log records could not be delivered");
                    self.dropped.fetch_add(count as u64, Ordering::Relaxed);
                }
            }
        }
    }

    /// Writes records to the machine's stream, which is made when it is not there.
    async fn put(&self, key: &StreamKey, records: Value) -> Result<(), Fault> {
        let mut attempt = 1;
        loop {
            let (stream, is_new) = self.stream(key);
            let outcome = match is_new {
                true => self.create_stream(key, &stream).await,
                false => Ok(()),
            };
            let outcome = match outcome {
                Ok(()) => {
                    let input = object! {
                        "logGroupName" => &key.2,
                        "logStreamName" => &stream,
                        "logEvents" => records.clone(),
                    };
                    self.call(key, "PutLogEvents", input).await
                }
                Err(fault) => Err(fault),
            };
            let Err(fault) = outcome else { return Ok(()) };
            self.streams.lock().remove(key);
            let missing = fault.code == "ResourceNotFoundException";
            let passes = fault.status >= 500 || fault.status == 429 || missing;
            if !passes || attempt >= ATTEMPTS_MAX || (missing && is_new) {
                return Err(fault);
            }
            if !missing {
                tokio::time::sleep(Duration::from_millis(PAUSE_MS << attempt)).await;
            }
            attempt += 1;
        }
    }

    async fn create_stream(&self, key: &StreamKey, stream: &Text) -> Result<(), Fault> {
        let input = object! { "logGroupName" => &key.2, "logStreamName" => stream };
        match self.call(key, "CreateLogStream", input).await {
            Err(fault) if fault.code != "ResourceAlreadyExistsException" => Err(fault),
            _ => {
                let mut streams = self.streams.lock();
                if streams.len() >= STREAMS_MAX {
                    streams.clear();
                }
                streams.insert(key.clone(), Stream { name: stream.clone(), since: self.environment.now() });
                Ok(())
            }
        }
    }

    /// The stream that is written to now, or the name of a new one.
    fn stream(&self, key: &StreamKey) -> (Text, bool) {
        let now = self.environment.now();
        if let Some(stream) = self.streams.lock().get(key)
            && now.as_ms() - stream.since.as_ms() < STREAM_MS
        {
            return (stream.name.clone(), false);
        }
        (stream_name(&key.3, now, &self.environment.uuid()).into(), true)
    }

    async fn call(&self, key: &StreamKey, operation: &str, input: Value) -> Result<(), Fault> {
        let (account, region, group, _) = key;
        let call = Call {
            account: account.clone(),
            region: region.clone(),
            service: "logs".into(),
            operation: operation.into(),
            input,
            body: Body::empty(),
            // The server itself: whoever gave the machine its log group was allowed to.
            principal: Principal {
                arn: format!("arn:aws:iam::{account}:root").into(),
                account: account.clone(),
                access_key_id: None,
            },
            source_arn: Some(format!("arn:aws:logs:{region}:{account}:log-group:{group}").into()),
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 1,
            request_id: self.environment.uuid(),
        };
        self.dispatcher.call(call).await.map(|_| ())
    }
}

/// `states/<machine>/<minute>/<id>`
fn stream_name(machine_name: &str, now: Timestamp, uuid: &str) -> String {
    const ID_CHARS: usize = 8;
    let minute: String =
        now.to_rfc3339().chars().take(16).map(|c| if c == 'T' || c == ':' { '-' } else { c }).collect();
    format!("states/{machine_name}/{minute}/{}", &uuid[..ID_CHARS.min(uuid.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_machine_and_minute() {
        let name = stream_name("m", Timestamp(1_700_000_000_000), "0123456789abcdef");
        assert_eq!(name, "states/m/2023-11-14-22-13/01234567");
    }

    #[test]
    fn a_target_is_of_the_machines_own_place() {
        let configuration = |level: &str| {
            object! {
                "level" => level,
                "includeExecutionData" => true,
                "destinations" => vec![object! { "cloudWatchLogsLogGroup" => object! {
                    "logGroupArn" => "arn:aws:logs:us-east-1:999999999999:log-group:/aws/vendedlogs/states/x:*"
                } }],
            }
        };
        let machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:m";
        let target = LogTarget::of(&configuration("ERROR"), machine, &"m".into()).expect("a target");
        assert_eq!(target.level, LogLevel::Error);
        assert_eq!(
            (&*target.account, &*target.region, &*target.group),
            ("123456789012", "eu-west-1", "/aws/vendedlogs/states/x")
        );
        assert!(LogTarget::of(&configuration("OFF"), machine, &"m".into()).is_none());
        assert!(LogTarget::of(&object! { "level" => "ALL" }, machine, &"m".into()).is_none());
    }
}
