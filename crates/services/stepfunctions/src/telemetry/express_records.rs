//! Which Express executions there were. AWS shows them only in logs; here the last
//! ones are kept: in memory, and in groups in the store, so that a restart knows them.
//!
//! It is a record for people, not a promise: under load more executions end than
//! are written, and what is left out of the store is counted.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use windlass_store::{Batch, Column, ColumnKind, ColumnValue, Key, Scan, Store, Table};
use windlass_value::{Arn, Object, Payload, Text, Timestamp, Value, object, parse};
use windlass_workflow::{HistoryEvent, Status, epoch_seconds};

use super::express_ends::{ExpressEnd, ExpressEnds, ExpressMachine};
use super::meters::{ExpressMeters, METERED_ARNS_MAX, Meters, OTHER};
use crate::environment::Environment;

/// Ended Express executions, many in a row.
pub(super) static EXPRESS_EXECUTIONS: Table = Table {
    name: "express_executions",
    columns: &[
        Column { name: "count", kind: ColumnKind::Integer },
        Column { name: "last_at", kind: ColumnKind::Integer },
    ],
    indexes: &[],
};

const FORMAT: i64 = 1;
/// Executions kept when nothing is said.
const EXPRESS_RETENTION_DEFAULT: usize = 10_000;
/// How long they are kept when nothing is said.
const EXPRESS_RETENTION_MS_DEFAULT: i64 = 24 * 3_600_000;
/// What the events of all kept executions take at most.
const EVENTS_BYTES_MAX: usize = 64 << 20;
/// How often what ended is counted and listed.
const TAKE_UP_EVERY_MS: u64 = 100;
/// How often what ended is written.
const WRITE_EVERY_MS: u64 = 500;
/// Executions that one write takes; further ones of that time are only in memory.
const WRITE_MAX: usize = 1_000;
/// Events of one execution that are written, as JSON; more are only in memory.
const WRITE_EVENTS_BYTES_MAX: usize = 64 << 10;
/// Events of one write.
const WRITE_BYTES_MAX: usize = 4 << 20;
/// Executions on one page at most.
const PAGE_MAX: usize = 1_000;

/// How many Express executions are kept, how long, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpressRetention {
    /// The last so many; 0 keeps none.
    pub count: usize,
    /// Not longer than this, in milliseconds.
    pub age_ms: i64,
    /// Whether the events of every execution are made and kept, not only of those
    /// whose machine logs. That costs each execution time.
    pub events: bool,
}

impl Default for ExpressRetention {
    fn default() -> ExpressRetention {
        ExpressRetention { count: EXPRESS_RETENTION_DEFAULT, age_ms: EXPRESS_RETENTION_MS_DEFAULT, events: false }
    }
}

/// An Express execution as it is listed.
#[derive(Clone, Debug)]
pub(super) struct ExpressRecord {
    pub(super) arn: Text,
    pub(super) name: Text,
    pub(super) machine_arn: Text,
    pub(super) status: Status,
    pub(super) started_at: Timestamp,
    pub(super) stopped_at: Timestamp,
    pub(super) error: Option<Text>,
    pub(super) cause: Option<Text>,
    pub(super) events: Events,
}

/// What is kept of an execution's events.
#[derive(Clone, Debug, Default)]
pub(super) enum Events {
    #[default]
    None,
    Live(Vec<HistoryEvent>),
    /// As they are shown, read from the store.
    Shown(Value),
}

/// Which Express executions to show, the last ended first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpressQuery {
    /// Of this account and region.
    pub place: Option<(Text, Text)>,
    /// Of this machine.
    pub machine_arn: Option<Text>,
    /// With this status, in AWS's word.
    pub status: Option<Text>,
    /// After this position of an earlier page.
    pub after: Option<u64>,
    /// At most so many, and never more than 1,000.
    pub limit: usize,
}

/// A page of Express executions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpressPage {
    /// Each with executionArn, stateMachineArn, name, status, startDate, stopDate (epoch
    /// seconds), error, cause and whether events are kept.
    pub executions: Vec<Value>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

#[derive(Default)]
struct Kept {
    /// With its number, the oldest first.
    records: VecDeque<(u64, Arc<ExpressRecord>)>,
    next: u64,
    events_bytes: usize,
    /// Not written yet.
    unwritten: Vec<Arc<ExpressRecord>>,
}

/// Rows that are written: their keys, how many executions each holds, its last end.
#[derive(Default)]
struct Written(VecDeque<(u64, usize, i64)>);

/// The last Express executions.
pub(super) struct ExpressRecords {
    store: Store,
    environment: Environment,
    retention: ExpressRetention,
    kept: Mutex<Kept>,
    written: Mutex<Written>,
    wake: Notify,
    ended: Notify,
    stopping: AtomicBool,
    running: AtomicBool,
    unwritten: AtomicU64,
    ends: Arc<ExpressEnds>,
    unlisted: Arc<AtomicUsize>,
    machines: RwLock<Machines>,
}

/// The machines of executions, by ARN and by number.
#[derive(Default)]
struct Machines {
    by_arn: HashMap<Text, Arc<ExpressMachine>, foldhash::fast::RandomState>,
    by_number: Vec<Arc<ExpressMachine>>,
}

impl ExpressRecords {
    /// Reads what an earlier run left.
    pub(super) fn open(
        store: Store,
        environment: Environment,
        retention: ExpressRetention,
    ) -> Result<ExpressRecords, String> {
        let records = ExpressRecords {
            store,
            environment,
            retention,
            kept: Mutex::default(),
            written: Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
            stopping: AtomicBool::new(false),
            running: AtomicBool::new(false),
            unwritten: AtomicU64::new(0),
            ends: Arc::default(),
            unlisted: Arc::default(),
            machines: RwLock::default(),
        };
        records.read()?;
        Ok(records)
    }

    /// Whether executions are kept at all.
    pub(super) fn keeps(&self) -> bool {
        self.retention.count > 0
    }

    /// Whether the events of every execution are kept.
    pub(super) fn wants_events(&self) -> bool {
        self.keeps() && self.retention.events
    }

    /// Executions kept, those that were never written, and those not even listed,
    /// since the start.
    pub(super) fn counts(&self) -> (usize, u64, usize) {
        let kept = self.kept.lock().records.len();
        (kept, self.unwritten.load(Ordering::Relaxed), self.unlisted.load(Ordering::Relaxed))
    }

    /// The machine of an execution that starts.
    pub(super) fn machine(&self, meters: &Meters, arn: &Text) -> Arc<ExpressMachine> {
        if let Some(machine) = self.machines.read().by_arn.get(arn) {
            return machine.clone();
        }
        let mut machines = self.machines.write();
        let is_other = machines.by_number.len() >= METERED_ARNS_MAX;
        let key: Text = if is_other { OTHER.into() } else { arn.clone() };
        if let Some(machine) = machines.by_arn.get(&key) {
            return machine.clone();
        }
        let of_machine = meters.machine(arn);
        let machine = Arc::new(ExpressMachine {
            number: machines.by_number.len(),
            arn: key.clone(),
            is_other,
            express: ExpressMeters::new(of_machine.arn.clone()),
            machine: of_machine,
            ends: self.ends.clone(),
            unlisted: self.unlisted.clone(),
        });
        machines.by_number.push(machine.clone());
        machines.by_arn.insert(key, machine.clone());
        machine
    }

    /// Counts and lists what has ended since the last time.
    pub(super) fn take_up(&self) {
        let notes = self.ends.take();
        if notes.is_empty() {
            return;
        }
        let machines = self.machines.read();
        let mut kept = self.kept.lock();
        for notes in notes {
            for alike in notes.chunk_by(ExpressEnd::counts_like) {
                if let Some(first) = alike.first()
                    && let Some(machine) = machines.by_number.get(first.machine)
                {
                    machine.count(first, alike.len());
                }
            }
            // Those that the others would push out need not come in.
            let needless = notes.len().saturating_sub(self.retention.count);
            for end in notes.into_iter().skip(needless) {
                let Some(machine) = machines.by_number.get(end.machine) else { continue };
                let machine_arn = end.machine_arn.clone().unwrap_or_else(|| machine.arn.clone());
                self.keep(&mut kept, ExpressRecord::of(end, machine_arn));
            }
        }
        kept.forget(&self.retention, self.environment.now());
    }

    fn keep(&self, kept: &mut Kept, record: ExpressRecord) {
        let record = Arc::new(record);
        if kept.unwritten.len() < WRITE_MAX {
            kept.unwritten.push(record.clone());
        } else {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
        }
        kept.add(record);
        while kept.records.len() > self.retention.count {
            kept.pop();
        }
    }

    /// A page of those kept.
    pub(super) fn list(&self, query: &ExpressQuery) -> ExpressPage {
        self.take_up();
        let mut kept = self.kept.lock();
        kept.forget(&self.retention, self.environment.now());
        let limit = query.limit.clamp(1, PAGE_MAX);
        let mut page = ExpressPage::default();
        let mut last = None;
        for (number, record) in kept.records.iter().rev() {
            if query.after.is_some_and(|after| *number >= after) || !query.takes(record) {
                continue;
            }
            if page.executions.len() == limit {
                page.next = last;
                break;
            }
            page.executions.push(record.shown());
            last = Some(*number);
        }
        page
    }

    /// One of those kept, with its events as `GetExecutionHistory` shows them.
    pub(super) fn find(&self, arn: &str) -> Option<Value> {
        self.take_up();
        let kept = self.kept.lock();
        let record =
            kept.records.iter().rev().find(|(_, record)| *record.arn == *arn).map(|(_, record)| record.clone());
        drop(kept);
        let record = record?;
        let mut shown = record.shown().as_object().map_or_else(Object::new, |members| Object::clone(members));
        shown.insert("events", record.events.shown());
        Some(shown.into())
    }

    /// Begins to write. Call within a runtime.
    pub(super) fn start(self: &Arc<ExpressRecords>) {
        self.running.store(true, Ordering::Release);
        let records = self.clone();
        tokio::spawn(async move {
            let mut rounds = 0_u64;
            while !records.stopping.load(Ordering::Acquire) {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(TAKE_UP_EVERY_MS)) => {}
                    () = records.wake.notified() => {}
                }
                records.take_up();
                rounds += 1;
                if rounds.is_multiple_of(WRITE_EVERY_MS / TAKE_UP_EVERY_MS) {
                    records.write().await;
                }
            }
            records.take_up();
            records.write().await;
            records.running.store(false, Ordering::Release);
            records.ended.notify_waiters();
        });
    }

    /// Writes what is not written, and ends.
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

    /// One row with all that ended since the last one; rows that are too old go.
    async fn write(&self) {
        let unwritten = std::mem::take(&mut self.kept.lock().unwritten);
        let now = self.environment.now();
        let mut batch = Batch::default();
        let mut added = None;
        if !unwritten.is_empty() {
            let mut bytes = 0;
            let documents: Vec<Value> = unwritten.iter().map(|record| record.document(&mut bytes)).collect();
            let last_at = unwritten.iter().map(|record| record.stopped_at.as_ms()).max().unwrap_or_default();
            let number = {
                let written = self.written.lock();
                written.0.back().map_or(1, |(number, ..)| number + 1)
            };
            let count = documents.len();
            let document = object! { "format" => FORMAT, "executions" => Value::array(documents) };
            let columns = vec![ColumnValue::Integer(count as i64), ColumnValue::Integer(last_at)];
            batch.put(&EXPRESS_EXECUTIONS, row_key(number), columns, document.to_text());
            added = Some((number, count, last_at));
        }
        let gone = self.written.lock().too_many(&self.retention, now, added.map_or(0, |(_, count, _)| count));
        gone.iter().for_each(|number| batch.delete(&EXPRESS_EXECUTIONS, row_key(*number)));
        if batch.is_empty() {
            return;
        }
        match self.store.commit(batch).await {
            Ok(()) => {
                let mut written = self.written.lock();
                written.0.retain(|(number, ..)| !gone.contains(number));
                written.0.extend(added);
            }
            Err(error) => {
                let count = added.map_or(0, |(_, count, _)| count);
                self.unwritten.fetch_add(count as u64, Ordering::Relaxed);
                tracing::warn!(%error, count, "ended Express executions could not be written down");
            }
        }
    }

    fn read(&self) -> Result<(), String> {
        const PAGE_ROWS: usize = 100;
        let mut scan = Scan { limit: PAGE_ROWS, ..Scan::default() };
        let (mut kept, mut written) = (self.kept.lock(), self.written.lock());
        loop {
            let rows = self.store.scan(&EXPRESS_EXECUTIONS, scan.clone()).map_err(|error| error.to_string())?;
            for row in &rows {
                let integer = |index: usize| match row.columns.get(index) {
                    Some(ColumnValue::Integer(value)) => *value,
                    _ => 0,
                };
                let Some(number) = number_of(&row.key) else { continue };
                written.0.push_back((number, usize::try_from(integer(0)).unwrap_or_default(), integer(1)));
                let document =
                    std::str::from_utf8(&row.value).ok().and_then(|text| parse(text).ok()).unwrap_or_default();
                if document["format"].as_i64() != Some(FORMAT) {
                    tracing::warn!(number, "a group of ended Express executions cannot be read and is left alone");
                    continue;
                }
                let executions = document["executions"].as_array();
                for record in executions.into_iter().flat_map(|items| items.iter()).filter_map(ExpressRecord::read) {
                    kept.add(Arc::new(record));
                }
                kept.forget(&self.retention, self.environment.now());
            }
            match rows.last().filter(|_| rows.len() == PAGE_ROWS) {
                Some(last) => scan = scan.clone().after(scan.position(&EXPRESS_EXECUTIONS, last)),
                None => return Ok(()),
            }
        }
    }
}

impl Kept {
    fn add(&mut self, record: Arc<ExpressRecord>) {
        self.events_bytes += record.events.bytes();
        self.records.push_back((self.next, record));
        self.next += 1;
    }

    /// Lets go of what is too much or too old.
    fn forget(&mut self, retention: &ExpressRetention, now: Timestamp) {
        let oldest = now.as_ms().saturating_sub(retention.age_ms);
        while let Some((_, first)) = self.records.front()
            && (self.records.len() > retention.count
                || first.stopped_at.as_ms() < oldest
                || self.events_bytes > EVENTS_BYTES_MAX)
        {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, first)) = self.records.pop_front() {
            self.events_bytes -= first.events.bytes();
        }
    }
}

impl Written {
    /// Rows whose executions nobody would be shown.
    fn too_many(&self, retention: &ExpressRetention, now: Timestamp, added: usize) -> Vec<u64> {
        let mut count: usize = added + self.0.iter().map(|(_, count, _)| count).sum::<usize>();
        let oldest = now.as_ms().saturating_sub(retention.age_ms);
        let mut gone = Vec::new();
        for (number, holds, last_at) in &self.0 {
            if count - holds < retention.count && *last_at >= oldest {
                break;
            }
            count -= holds;
            gone.push(*number);
        }
        gone
    }
}

impl ExpressQuery {
    fn takes(&self, record: &ExpressRecord) -> bool {
        self.machine_arn.as_ref().is_none_or(|machine| *machine == record.machine_arn)
            && self.status.as_deref().is_none_or(|status| status == record.status.as_str())
            && self.place.as_ref().is_none_or(|(account, region)| {
                Arn::parse(&record.arn).is_some_and(|arn| *arn.account == **account && *arn.region == **region)
            })
    }
}

impl ExpressRecord {
    fn of(end: ExpressEnd, machine_arn: Text) -> ExpressRecord {
        ExpressRecord {
            arn: end.arn,
            name: end.name,
            machine_arn,
            status: end.status,
            started_at: end.started_at,
            stopped_at: end.stopped_at,
            error: end.error,
            cause: end.cause,
            events: if end.events.is_empty() { Events::None } else { Events::Live(end.events) },
        }
    }

    fn shown(&self) -> Value {
        let mut out = Object::with_capacity(9);
        out.insert("executionArn", &self.arn);
        out.insert("stateMachineArn", &self.machine_arn);
        out.insert("name", &self.name);
        out.insert("status", self.status.as_str());
        out.insert("startDate", epoch_seconds(self.started_at));
        out.insert("stopDate", epoch_seconds(self.stopped_at));
        for (name, text) in [("error", &self.error), ("cause", &self.cause)] {
            if let Some(text) = text {
                out.insert(name, text);
            }
        }
        out.insert("hasEvents", !matches!(self.events, Events::None));
        out.into()
    }

    /// As it is stored; `bytes` counts what the events of one write take.
    fn document(&self, bytes: &mut usize) -> Value {
        let mut out = Object::with_capacity(9);
        out.insert("arn", &self.arn);
        out.insert("name", &self.name);
        out.insert("machine", &self.machine_arn);
        out.insert("status", self.status.as_str());
        out.insert("started", self.started_at.as_ms());
        out.insert("stopped", self.stopped_at.as_ms());
        for (name, text) in [("error", &self.error), ("cause", &self.cause)] {
            if let Some(text) = text {
                out.insert(name, text);
            }
        }
        let more = self.events.bytes();
        if more > 0 && more <= WRITE_EVENTS_BYTES_MAX && *bytes + more <= WRITE_BYTES_MAX {
            *bytes += more;
            out.insert("events", self.events.shown());
        }
        out.into()
    }

    fn read(document: &Value) -> Option<ExpressRecord> {
        let text = |name: &str| document[name].as_str().map(Text::from);
        Some(ExpressRecord {
            arn: text("arn")?,
            name: text("name")?,
            machine_arn: text("machine")?,
            status: Status::parse(document["status"].as_str()?)?,
            started_at: Timestamp(document["started"].as_i64()?),
            stopped_at: Timestamp(document["stopped"].as_i64()?),
            error: text("error"),
            cause: text("cause"),
            events: match &document["events"] {
                events @ Value::Array(_) => Events::Shown(events.clone()),
                _ => Events::None,
            },
        })
    }
}

impl Events {
    /// About what they take.
    fn bytes(&self) -> usize {
        const EVENT_BYTES: usize = 200;
        match self {
            Events::None => 0,
            Events::Live(events) => {
                let data = events.iter().flat_map(|event| event.details.payloads()).map(Payload::bytes_len);
                events.len() * EVENT_BYTES + data.sum::<usize>()
            }
            Events::Shown(events) => events.as_array().map_or(0, |events| events.len() * EVENT_BYTES * 2),
        }
    }

    fn shown(&self) -> Value {
        match self {
            Events::None => Value::array(Vec::new()),
            Events::Live(events) => Value::array(events.iter().map(|event| event.to_value(true)).collect()),
            Events::Shown(events) => events.clone(),
        }
    }
}

fn row_key(number: u64) -> Key {
    Key::new(0, "", "").number(number)
}

fn number_of(key: &Key) -> Option<u64> {
    let bytes = key.as_bytes();
    bytes.get(bytes.len().checked_sub(8)?..)?.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicI64;
    use windlass_journal::Clock;
    use windlass_store::MemoryFaults;

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }

        fn seed(&self) -> u64 {
            7
        }
    }

    fn record(number: i64) -> ExpressRecord {
        let failed = number % 2 == 1;
        ExpressRecord {
            arn: format!("arn:aws:states:us-east-1:123456789012:express:m{}:e:{number}", number % 3).into(),
            name: "e".into(),
            machine_arn: format!("arn:aws:states:us-east-1:123456789012:stateMachine:m{}", number % 3).into(),
            status: if failed { Status::Failed } else { Status::Succeeded },
            started_at: Timestamp(number),
            stopped_at: Timestamp(number * 1000),
            error: failed.then(|| "E".into()),
            cause: None,
            events: Events::None,
        }
    }

    fn open(store: &Store, clock: &Arc<Hand>, count: usize) -> ExpressRecords {
        let retention = ExpressRetention { count, age_ms: 60_000, events: false };
        ExpressRecords::open(store.clone(), Environment::new(clock.clone()), retention).expect("it opens")
    }

    fn add(records: &ExpressRecords, record: ExpressRecord) {
        let mut kept = records.kept.lock();
        records.keep(&mut kept, record);
        kept.forget(&records.retention, records.environment.now());
    }

    fn ends(records: &ExpressRecords) -> Vec<i64> {
        let page = records.list(&ExpressQuery { limit: 1_000, ..ExpressQuery::default() });
        page.executions.iter().map(|one| one["stopDate"].as_f64().expect("a number") as i64).collect()
    }

    #[tokio::test]
    async fn the_last_ones_are_kept_also_over_a_restart() {
        let faults = MemoryFaults::new();
        let tables: &[&Table] = &[&EXPRESS_EXECUTIONS];
        let store = Store::memory(tables, faults.clone());
        let clock = Arc::new(Hand(AtomicI64::new(0)));
        let records = open(&store, &clock, 5);
        for number in 1..=8 {
            add(&records, record(number));
            if number % 2 == 0 {
                records.write().await;
            }
        }
        assert_eq!(ends(&records), [8, 7, 6, 5, 4]);
        assert_eq!(ends(&open(&store, &clock, 5)), [8, 7, 6, 5, 4]);
        let rows = store.scan(&EXPRESS_EXECUTIONS, Scan { limit: 100, ..Scan::default() }).expect("rows");
        assert_eq!(rows.len(), 3, "the oldest row has gone");
        clock.0.store(66_500, Ordering::Relaxed);
        assert_eq!(ends(&records), [8, 7]);
        assert_eq!(ends(&open(&store, &clock, 5)), [8, 7]);
        clock.0.store(1_000_000, Ordering::Relaxed);
        records.write().await;
        let rows = store.scan(&EXPRESS_EXECUTIONS, Scan { limit: 100, ..Scan::default() }).expect("rows");
        assert_eq!((ends(&records).len(), rows.len()), (0, 0));
    }

    #[tokio::test]
    async fn pages_and_filters() {
        let store = Store::memory(&[&EXPRESS_EXECUTIONS], MemoryFaults::new());
        let clock = Arc::new(Hand(AtomicI64::new(0)));
        let records = open(&store, &clock, 100);
        (1..=9).for_each(|number| add(&records, record(number)));
        let mut query = ExpressQuery { limit: 4, ..ExpressQuery::default() };
        let mut sizes = Vec::new();
        loop {
            let page = records.list(&query);
            sizes.push(page.executions.len());
            query.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [4, 4, 1]);
        let count = |query: ExpressQuery| records.list(&query).executions.len();
        let all = ExpressQuery { limit: 100, ..ExpressQuery::default() };
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m0";
        assert_eq!(count(ExpressQuery { machine_arn: Some(machine.into()), ..all.clone() }), 3);
        assert_eq!(count(ExpressQuery { status: Some("FAILED".into()), ..all.clone() }), 5);
        assert_eq!(count(ExpressQuery { place: Some(("123456789012".into(), "us-east-1".into())), ..all.clone() }), 9);
        assert_eq!(count(ExpressQuery { place: Some(("123456789012".into(), "eu-west-1".into())), ..all }), 0);
        let found = records.find(&record(3).arn).expect("the execution");
        assert_eq!((found["error"].as_str(), found["hasEvents"].as_bool()), (Some("E"), Some(false)));
        assert_eq!(records.find("other"), None);
    }

    #[tokio::test]
    async fn what_is_too_much_to_write_is_counted_and_kept_in_memory() {
        let store = Store::memory(&[&EXPRESS_EXECUTIONS], MemoryFaults::new());
        let clock = Arc::new(Hand(AtomicI64::new(0)));
        let records = open(&store, &clock, 5_000);
        (0..1_500).for_each(|_| add(&records, record(1)));
        records.write().await;
        assert_eq!(records.counts(), (1_500, 500, 0));
        assert_eq!(open(&store, &clock, 5_000).counts().0, 1_000);
    }
}
