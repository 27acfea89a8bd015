//! How status changes reach the bus: a small row in the batch of the turn that made
//! them, a sender that takes many at once, and a second batch that removes the rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use windlass_journal::{ExecutionKey, Journal, Observed, Qualifiers, Record};
use windlass_protocol::{Body, Call, Dispatcher, Fault, Principal};
use windlass_store::{Batch, Key, Row, Scan, Store, Table};
use windlass_value::{Object, Payload, Text, Timestamp, Value, object, parse};
use windlass_workflow::{EventType, HistoryEvent, Status};

use super::status_event::{DETAIL_TYPE, SOURCE, StatusChange, add_data, detail, event_id};
use crate::environment::Environment;

/// Status changes that no bus has taken yet.
pub(super) static STATUS_EVENTS: Table = Table { name: "status_events", columns: &[], indexes: &[] };

const FORMAT: i64 = 1;
/// Who tells the bus.
const PRINCIPAL: &str = "states.amazonaws.com";
/// Senders; one execution's changes go to one of them, so that they keep their order.
const LANES: usize = 4;
/// Entries that one call takes.
const CALL_ENTRIES_MAX: usize = 10;
/// Data that one call takes, reckoned before it is escaped; the bus takes 1 MiB.
const CALL_BYTES_MAX: usize = 384 << 10;
/// Changes a lane holds in memory; further ones are read from their rows.
const WAITING_MAX: usize = 4_096;
/// Their data.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// Rows read at once.
const PAGE_ROWS: usize = 500;
/// How often a refused entry is tried before it is given up.
const REFUSALS_MAX: u32 = 5;
const PAUSE_MS: u64 = 100;
const PAUSE_MS_MAX: u64 = 10_000;

/// One change on its way to the bus.
#[derive(Debug)]
pub(super) struct Waiting {
    key: Key,
    id: String,
    account: Text,
    region: Text,
    execution_arn: Text,
    at: Timestamp,
    detail: Object,
    input: Payload,
    output: Option<Payload>,
    /// Its data is told to nobody.
    is_sealed: bool,
    refusals: u32,
}

impl Waiting {
    fn bytes(&self) -> usize {
        const OVERHEAD: usize = 1_024;
        OVERHEAD + self.input.bytes_len() + self.output.as_ref().map_or(0, Payload::bytes_len)
    }

    fn entry(&self) -> Value {
        let mut detail = self.detail.clone();
        let output = self.output.as_ref().map(|output| &**output.text());
        if self.is_sealed {
            // As on AWS: what a customer's key seals is told to no bus.
            detail.insert("inputDetails", object! { "included" => false });
        } else {
            add_data(&mut detail, self.input.text(), output);
        }
        object! {
            "Id" => self.id.as_str(),
            "Source" => SOURCE,
            "DetailType" => DETAIL_TYPE,
            "Detail" => Value::from(detail).to_text(),
            "Resources" => vec![Value::from(&self.execution_arn)],
            "Time" => self.at.as_ms().div_euclid(1000),
        }
    }
}

#[derive(Default)]
struct Lane {
    queue: Mutex<Queue>,
    wake: Notify,
    idle: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// A call is under way.
    busy: bool,
    /// Some changes are only in their rows.
    overflowed: bool,
}

/// Tells the default buses what becomes of Standard executions.
pub(super) struct StatusEvents {
    store: Store,
    journal: Journal,
    dispatcher: Dispatcher,
    environment: Environment,
    lanes: [Lane; LANES],
    stopping: AtomicBool,
    sent: AtomicU64,
    given_up: AtomicU64,
}

impl StatusEvents {
    pub(super) fn new(
        store: Store,
        journal: Journal,
        dispatcher: Dispatcher,
        environment: Environment,
    ) -> StatusEvents {
        StatusEvents {
            store,
            journal,
            dispatcher,
            environment,
            lanes: Default::default(),
            stopping: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
        }
    }

    /// Changes told and given up since the start, and those that wait in memory.
    pub(super) fn counts(&self) -> (u64, u64, usize) {
        let waiting = self.lanes.iter().map(|lane| lane.queue.lock().waiting.len()).sum();
        (self.sent.load(Ordering::Relaxed), self.given_up.load(Ordering::Relaxed), waiting)
    }

    /// Adds rows for the changes of a turn, if the bus has anybody who may want them.
    /// Of an execution whose data is sealed none is told.
    pub(super) fn prepare(
        &self,
        turn: &Observed<'_>,
        qualifiers: &Qualifiers,
        is_sealed: bool,
        batch: &mut Batch,
    ) -> Vec<Waiting> {
        let changes = changes(turn);
        if changes.is_empty() {
            return Vec::new();
        }
        let Some(key) = ExecutionKey::from_arn(&turn.identity.arn) else { return Vec::new() };
        let (account, region) = (key.account(), key.region());
        if !self.dispatcher.awaits_event(account, region, SOURCE, DETAIL_TYPE) {
            return Vec::new();
        }
        let mut waiting = Vec::new();
        for Change { event_id: number, at, status } in changes {
            let is_end = status != Status::Running;
            let change = StatusChange {
                execution_arn: &turn.identity.arn,
                machine_arn: &turn.identity.machine_arn,
                name: &turn.identity.name,
                qualifiers,
                status: status.as_str(),
                started_at: turn.identity.started_at,
                stopped_at: turn.stopped_at.filter(|_| is_end),
                error: turn.error.filter(|_| is_end && !is_sealed),
                cause: turn.cause.filter(|_| is_end && !is_sealed),
                redrive_count: turn.redrive_count,
                redriven_at: turn.redriven_at,
            };
            let detail = detail(change);
            let row = key.row().number(number);
            let document = object! {
                "format" => FORMAT,
                "arn" => &turn.identity.arn,
                "event" => number,
                "at" => at.as_ms(),
                "detail" => Value::from(detail.clone()),
            };
            batch.put(&STATUS_EVENTS, row.clone(), Vec::new(), document.to_text());
            waiting.push(Waiting {
                key: row,
                id: event_id(&turn.identity.arn, number),
                account: account.clone(),
                region: region.clone(),
                execution_arn: turn.identity.arn.clone(),
                at,
                detail,
                input: turn.identity.input.clone(),
                output: turn.output.filter(|_| status == Status::Succeeded).cloned(),
                is_sealed,
                refusals: 0,
            });
        }
        waiting
    }

    /// Takes changes whose rows are durable.
    pub(super) fn committed(&self, waiting: Vec<Waiting>) {
        let Some(first) = waiting.first() else { return };
        let lane = &self.lanes[lane_of(&first.execution_arn)];
        let mut queue = lane.queue.lock();
        for one in waiting {
            queue.add(one);
        }
        drop(queue);
        lane.wake.notify_one();
    }

    /// Begins to send, with what an earlier run left. Call within a runtime.
    pub(super) fn start(self: &Arc<StatusEvents>) {
        for (number, lane) in self.lanes.iter().enumerate() {
            lane.queue.lock().overflowed = true;
            let events = self.clone();
            tokio::spawn(async move { events.send_lane(number).await });
        }
    }

    /// Begins no call any more, and waits for those under way. What waits is in its rows.
    pub(super) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for lane in &self.lanes {
            loop {
                let idle = lane.idle.notified();
                if !lane.queue.lock().busy {
                    break;
                }
                idle.await;
            }
            lane.wake.notify_one();
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    async fn send_lane(self: Arc<StatusEvents>, number: usize) {
        let lane = &self.lanes[number];
        let mut pause_ms = PAUSE_MS;
        while !self.is_stopping() {
            if let Err(error) = self.take_up_rows(number).await {
                tracing::warn!(error, "status changes could not be read");
                self.pause(&mut pause_ms).await;
                continue;
            }
            let group = lane.queue.lock().take_group();
            if group.is_empty() {
                lane.wake.notified().await;
                continue;
            }
            let again = match self.send(group).await {
                Ok(refused) => refused,
                Err((group, fault)) => {
                    tracing::warn!(%fault, "status changes could not be told the bus yet");
                    group
                }
            };
            let failed = !again.is_empty();
            lane.queue.lock().give_back(again);
            lane.idle.notify_waiters();
            if failed {
                self.pause(&mut pause_ms).await;
            } else {
                pause_ms = PAUSE_MS;
            }
        }
    }

    async fn pause(&self, pause_ms: &mut u64) {
        tokio::time::sleep(Duration::from_millis(*pause_ms)).await;
        *pause_ms = (*pause_ms * 2).min(PAUSE_MS_MAX);
    }

    /// Puts one group on its bus and removes its rows. Answers the entries that were
    /// refused and are to be tried again.
    async fn send(&self, mut group: Vec<Waiting>) -> Result<Vec<Waiting>, (Vec<Waiting>, Fault)> {
        let Some(first) = group.first() else { return Ok(group) };
        let entries: Vec<Value> = group.iter().map(Waiting::entry).collect();
        let call = Call {
            account: first.account.clone(),
            region: first.region.clone(),
            service: "events".into(),
            operation: "PutEvents".into(),
            input: object! { "Entries" => Value::array(entries) },
            body: Body::empty(),
            principal: Principal { arn: PRINCIPAL.into(), account: first.account.clone(), access_key_id: None },
            source_arn: Some(first.execution_arn.clone()),
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 1,
            request_id: self.environment.uuid(),
        };
        let reply = match self.dispatcher.call(call).await {
            Ok(reply) => reply,
            Err(fault) => return self.refused(group, fault).await,
        };
        let mut refused = Vec::new();
        let mut batch = Batch::default();
        let mut sent = 0;
        for (at, mut one) in group.drain(..).enumerate() {
            let result = reply.output["Entries"].at(at).cloned().unwrap_or_default();
            let Some(code) = result["ErrorCode"].as_str() else {
                sent += 1;
                batch.delete(&STATUS_EVENTS, one.key);
                continue;
            };
            one.refusals += 1;
            if one.refusals < REFUSALS_MAX {
                refused.push(one);
            } else {
                tracing::error!(execution = %one.execution_arn, code, "a status change is given up: the bus refuses it");
                self.given_up.fetch_add(1, Ordering::Relaxed);
                batch.delete(&STATUS_EVENTS, one.key);
            }
        }
        self.sent.fetch_add(sent, Ordering::Relaxed);
        self.remove(batch).await;
        Ok(refused)
    }

    /// The whole call was refused: it is tried again, unless it would be for ever.
    async fn refused(&self, mut group: Vec<Waiting>, fault: Fault) -> Result<Vec<Waiting>, (Vec<Waiting>, Fault)> {
        let passes = fault.status >= 500 || fault.status == 429 || fault.code == "ThrottlingException";
        if passes {
            return Err((group, fault));
        }
        group.iter_mut().for_each(|one| one.refusals += 1);
        let (gone, rest): (Vec<Waiting>, Vec<Waiting>) =
            group.into_iter().partition(|one| one.refusals >= REFUSALS_MAX);
        if !gone.is_empty() {
            tracing::error!(%fault, count = gone.len(), "status changes are given up: the bus refuses them");
            self.given_up.fetch_add(gone.len() as u64, Ordering::Relaxed);
            let mut batch = Batch::default();
            gone.into_iter().for_each(|one| batch.delete(&STATUS_EVENTS, one.key));
            self.remove(batch).await;
        }
        Err((rest, fault))
    }

    /// Rows that stay after all are sent once more at the next start.
    async fn remove(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        if let Err(error) = self.store.commit(batch).await {
            tracing::warn!(%error, "told status changes could not be removed; they will be told again");
        }
    }

    /// Reads what is only in rows, once nothing else waits.
    async fn take_up_rows(self: &Arc<StatusEvents>, number: usize) -> Result<(), String> {
        {
            let mut queue = self.lanes[number].queue.lock();
            if !queue.overflowed || !queue.waiting.is_empty() {
                return Ok(());
            }
            queue.overflowed = false;
        }
        let events = self.clone();
        let read = tokio::task::spawn_blocking(move || events.read_rows(number)).await;
        let read = read.map_err(|error| error.to_string()).and_then(|read| read);
        let mut queue = self.lanes[number].queue.lock();
        match read {
            Ok((rows, more)) => {
                // What was committed while the rows were read may be among them.
                let held: std::collections::HashSet<Key> = queue.waiting.iter().map(|one| one.key.clone()).collect();
                let newer = std::mem::take(&mut queue.waiting);
                queue.bytes = 0;
                queue.overflowed |= more;
                for one in rows.into_iter().filter(|one| !held.contains(&one.key)).chain(newer) {
                    queue.add(one);
                }
                Ok(())
            }
            Err(error) => {
                queue.overflowed = true;
                Err(error)
            }
        }
    }

    /// The changes of a lane that are in rows, and whether there may be more.
    fn read_rows(&self, number: usize) -> Result<(Vec<Waiting>, bool), String> {
        let mut found = Vec::new();
        let mut scan = Scan { limit: PAGE_ROWS, ..Scan::default() };
        loop {
            let rows = self.store.scan(&STATUS_EVENTS, scan.clone()).map_err(|error| error.to_string())?;
            for row in &rows {
                match self.read_row(row, number) {
                    Ok(Some(one)) => found.push(one),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(key = ?row.key, error, "a status change cannot be read and is left alone")
                    }
                }
            }
            if found.len() >= WAITING_MAX {
                return Ok((found, true));
            }
            match rows.last().filter(|_| rows.len() == PAGE_ROWS) {
                Some(last) => scan = scan.clone().after(scan.position(&STATUS_EVENTS, last)),
                None => return Ok((found, false)),
            }
        }
    }

    /// `None` for what is another lane's.
    fn read_row(&self, row: &Row, number: usize) -> Result<Option<Waiting>, String> {
        let text = std::str::from_utf8(&row.value).map_err(|error| error.to_string())?;
        let document = parse(text).map_err(|error| error.to_string())?;
        let arn = document["arn"].as_str().unwrap_or_default();
        if lane_of(arn) != number {
            return Ok(None);
        }
        if document["format"].as_i64() != Some(FORMAT) {
            return Err("its format is not known to this release".to_owned());
        }
        let key = ExecutionKey::from_arn(arn).ok_or("it names no execution")?;
        let record = self.journal.record(arn).map_err(|error| error.to_string())?;
        let detail = document["detail"].as_object().ok_or("it has no detail")?;
        let ends_well = detail.get("status").and_then(Value::as_str) == Some(Status::Succeeded.as_str());
        // An execution that retention removed has no data any more.
        let is_sealed = record.as_ref().is_some_and(Record::is_sealed);
        let (input, output) = match record.filter(|_| !is_sealed) {
            Some(record) => self.journal.data(&record).map_err(|error| error.to_string())?,
            None => (Payload::from_valid_text("null"), None),
        };
        let id = document["event"].as_i64().unwrap_or_default();
        Ok(Some(Waiting {
            key: row.key.clone(),
            id: event_id(arn, id.unsigned_abs()),
            account: key.account().clone(),
            region: key.region().clone(),
            execution_arn: arn.into(),
            at: Timestamp(document["at"].as_i64().unwrap_or_default()),
            detail: Object::clone(detail),
            input,
            output: output.filter(|_| ends_well),
            is_sealed,
            refusals: 0,
        }))
    }
}

impl Queue {
    /// Takes a change, or leaves it to its row where too much waits.
    fn add(&mut self, one: Waiting) {
        let bytes = one.bytes();
        if self.overflowed || self.waiting.len() >= WAITING_MAX || self.bytes + bytes > WAITING_BYTES_MAX {
            self.overflowed = true;
            return;
        }
        self.bytes += bytes;
        self.waiting.push_back(one);
    }

    /// After a call: what it did not tell waits again, before all others.
    fn give_back(&mut self, group: Vec<Waiting>) {
        self.busy = false;
        for one in group.into_iter().rev() {
            self.bytes += one.bytes();
            self.waiting.push_front(one);
        }
    }

    /// The next changes of one place, as many as a call takes.
    fn take_group(&mut self) -> Vec<Waiting> {
        let mut group: Vec<Waiting> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.waiting.front() {
            let fits = group.first().is_none_or(|first| {
                (&first.account, &first.region) == (&next.account, &next.region)
                    && group.len() < CALL_ENTRIES_MAX
                    && bytes + next.bytes() <= CALL_BYTES_MAX
            });
            if !fits {
                break;
            }
            bytes += next.bytes();
            self.bytes = self.bytes.saturating_sub(next.bytes());
            group.extend(self.waiting.pop_front());
        }
        self.busy = !group.is_empty();
        group
    }
}

/// A change that a turn made.
struct Change {
    /// The event that says so; 0 for the start of a fork, whose first event is its origin's.
    event_id: u64,
    at: Timestamp,
    status: Status,
}

fn changes(turn: &Observed<'_>) -> Vec<Change> {
    let of_events = turn
        .events
        .iter()
        .filter_map(|event| Some(Change { event_id: event.id, at: event.at, status: status_of(event)? }));
    let is_fork = turn.begins && turn.events.first().is_none_or(|event| event.id != 1);
    let fork = is_fork.then_some(Change { event_id: 0, at: turn.identity.started_at, status: Status::Running });
    fork.into_iter().chain(of_events).collect()
}

/// The status that an event brings about.
fn status_of(event: &HistoryEvent) -> Option<Status> {
    match event.event_type {
        EventType::ExecutionStarted | EventType::ExecutionRedriven => Some(Status::Running),
        EventType::ExecutionSucceeded => Some(Status::Succeeded),
        EventType::ExecutionFailed => Some(Status::Failed),
        EventType::ExecutionTimedOut => Some(Status::TimedOut),
        EventType::ExecutionAborted => Some(Status::Aborted),
        _ => None,
    }
}

fn lane_of(execution_arn: &str) -> usize {
    usize::from(windlass_store::shard_of(execution_arn)) % LANES
}
