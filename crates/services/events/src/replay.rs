//! Replays: archived events put once more, to all rules of the bus or chosen ones.
//! A replay is one entry of the outbox that takes a page of events each time; the
//! deliveries of a page and the place to go on from are one batch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_outbox::{Entry, Verdict};
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_store::{Batch, Key, Position, Scan, Table};
use windlass_value::{Arn, Object, Timestamp, Value, object};

use crate::archive::{Archive, events_between};
use crate::event::Event;
use crate::events::Events;
use crate::faults;
use crate::once;
use crate::page::page;
use crate::place::Place;
use crate::publish::{Origin, Publication, matches, plan_targets};
use crate::request::{Request, bus, seconds};
use crate::tables::{self, ARCHIVED_EVENTS, REPLAYS, Record};
use crate::work::Work;

/// Events of one batch.
const PAGE_EVENTS: usize = 50;
/// How long a page that could not be put waits.
const RETRY_MS: i64 = 1_000;

/// What is stored of a replay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplayRecord {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) archive: String,
    pub(crate) state: State,
    /// `Destination` as it came, as JSON text.
    pub(crate) destination: String,
    pub(crate) bus: String,
    /// ARNs of rules; empty: all.
    pub(crate) filter: Vec<String>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// The key of the last event that was put.
    pub(crate) after: Option<Vec<u8>>,
    pub(crate) last_ms: Option<i64>,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: Option<i64>,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Starting,
    Running,
    Cancelling,
    Completed,
    Cancelled,
    Failed,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Starting => "STARTING",
            State::Running => "RUNNING",
            State::Cancelling => "CANCELLING",
            State::Completed => "COMPLETED",
            State::Cancelled => "CANCELLED",
            State::Failed => "FAILED",
        }
    }

    fn is_over(self) -> bool {
        matches!(self, State::Completed | State::Cancelled | State::Failed)
    }
}

impl Record for ReplayRecord {
    const TABLE: &'static Table = &REPLAYS;
    fn place(&self) -> &Place {
        &self.place
    }
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) async fn start(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("ReplayName")?;
    let place = request.place();
    let archive = source(events, request, &place)?;
    let destination = request.member("Destination").ok_or_else(|| faults::not_null("Destination"))?;
    let arn = destination["Arn"].as_str().ok_or_else(|| faults::not_null("Arn"))?;
    if !arn.starts_with("arn:") {
        return Err(faults::parameter("Destination.Arn", "Must contain an event bus ARN."));
    }
    let (bus_place, bus_name) = bus(place.clone(), Some(arn))
        .map_err(|_| faults::parameter("Destination.Arn", "Must contain an event bus ARN."))?;
    if bus_place != place || events.catalogue.bus(&place, &bus_name).is_none() {
        return Err(faults::bus_not_found(&bus_name));
    }
    if bus_name != archive.record.bus {
        return Err(faults::parameter("Destination.Arn", "Cross event bus replay is not permitted."));
    }
    let filter = match &destination["FilterArns"] {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let instant = |name: &str| request.instant_ms(name)?.ok_or_else(|| faults::not_null(name));
    let (from_ms, to_ms) = (instant("EventStartTime")?, instant("EventEndTime")?);
    if from_ms >= to_ms {
        return Err(faults::parameter("EventEndTime", "EventStartTime must be before EventEndTime."));
    }
    let lock = events.catalogue.lock(name).await;
    if events.catalogue.read(&place, |shelf| shelf.replays.contains_key(name)) {
        return Err(faults::already_exists(format!("Replay {name} already exists.")));
    }
    let now = events.now();
    let record = ReplayRecord {
        place: place.clone(),
        name: name.to_owned(),
        description: request.owned("Description")?,
        archive: archive.record.name.clone(),
        state: State::Starting,
        destination: destination.to_text(),
        bus: bus_name,
        filter,
        from_ms,
        to_ms,
        after: None,
        last_ms: None,
        started_ms: now.as_ms(),
        ended_ms: None,
    };
    let entry = step_entry(&record, now);
    let mut batch = Batch::default();
    tables::put(&mut batch, &record)?;
    events.outbox.add(&mut batch, &place.account, &place.region, &entry);
    let output = object! {
        "ReplayArn" => place.replay_arn(name),
        "State" => record.state.as_str(),
        "ReplayStartTime" => seconds(record.started_ms),
    };
    once::keep(events, request.call, &output, &mut batch);
    let shown = Arc::new(record);
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            shelf.replays.insert(shown.name.clone(), shown);
        })
        .await?;
    events.outbox.committed(&[entry]);
    Ok(Reply::from(output))
}

fn source(events: &Events, request: Request<'_>, place: &Place) -> Result<Arc<Archive>, Fault> {
    let text = request.required("EventSourceArn")?;
    let arn = Arn::parse(text).filter(|arn| arn.service == "events");
    let name = arn.as_ref().and_then(|arn| arn.resource.strip_prefix("archive/"));
    let name = name.ok_or_else(|| faults::parameter("EventSourceArn", "Must contain an archive ARN."))?;
    let archive = events.catalogue.read(place, |shelf| shelf.archives.get(name).cloned());
    archive.ok_or_else(|| faults::parameter("EventSourceArn", &format!("Archive {name} does not exist.")))
}

fn step_entry(record: &ReplayRecord, due: Timestamp) -> Entry {
    let id = format!("replay:{}", record.place.replay_arn(&record.name)).into();
    let work = Work::Replay { place: record.place.clone(), name: record.name.clone() };
    Entry { id, lane: None, due, body: work.encode("") }
}

/// Puts the next page of a replay.
pub(crate) fn step(events: &Events, place: &Place, name: &str) -> Verdict {
    match plan_step(events, place, name) {
        Ok(batch) => Verdict::Done(batch),
        Err(fault) => {
            tracing::error!(replay = name, %fault, "a replay could not go on; it is tried again");
            Verdict::Retry { at: events.now().plus_ms(RETRY_MS) }
        }
    }
}

fn plan_step(events: &Events, place: &Place, name: &str) -> Result<Batch, Fault> {
    let Some((mut record, version)) = stored(events, place, name)? else { return Ok(Batch::default()) };
    if record.state.is_over() {
        return Ok(Batch::default());
    }
    let now = events.now();
    let mut publication = Publication::default();
    publication.batch.expect_version(&REPLAYS, record.key(), version);
    let archive = events.catalogue.read(place, |shelf| shelf.archives.get(&record.archive).cloned());
    let bus = events.catalogue.bus(place, &record.bus);
    let end = |record: &mut ReplayRecord, state| {
        record.state = state;
        record.ended_ms = Some(now.as_ms());
    };
    match (archive, bus) {
        _ if record.state == State::Cancelling => end(&mut record, State::Cancelled),
        (Some(archive), Some(bus)) => {
            record.state = State::Running;
            // The end is inclusive, in whole seconds as events have them.
            let range = events_between(&archive.record, record.from_ms, record.to_ms + 1);
            let mut scan = Scan::range(range, PAGE_EVENTS);
            scan.after = record.after.take().map(|key| Position { columns: Vec::new(), key: Key::from_bytes(key) });
            let rows = events.store.scan(&ARCHIVED_EVENTS, scan).map_err(|error| faults::of_store(&error))?;
            for row in &rows {
                record.after = Some(row.key.as_bytes().to_vec());
                let text = str::from_utf8(&row.value).map_err(|error| faults::internal(error.to_string()))?;
                let value = windlass_value::parse(text).map_err(|error| faults::internal(format!("{error:?}")))?;
                let Some(event) = Event::replayed(&value, &record.name, now) else { continue };
                record.last_ms = Some(event.time.as_ms());
                for rule in bus.rules.values() {
                    let is_chosen = record.filter.is_empty() || record.filter.contains(&rule.arn);
                    if is_chosen && matches(rule, &event) {
                        plan_targets(events, rule, &event, &Origin::default(), &mut publication)?;
                    }
                }
            }
            if rows.len() < PAGE_EVENTS {
                end(&mut record, State::Completed);
            }
        }
        _ => end(&mut record, State::Failed),
    }
    tables::put(&mut publication.batch, &record)?;
    if !record.state.is_over() {
        let entry = step_entry(&record, now);
        events.outbox.add(&mut publication.batch, &place.account, &place.region, &entry);
    }
    Ok(publication.batch)
}

/// The row as it is now: replays move on by themselves, so memory may be behind.
fn stored(events: &Events, place: &Place, name: &str) -> Result<Option<(ReplayRecord, u64)>, Fault> {
    let row = events.store.get(&REPLAYS, &tables::key_of(place, name)).map_err(|error| faults::of_store(&error))?;
    let Some(row) = row else { return Ok(None) };
    let record = serde_json::from_slice(&row.value).map_err(|error| faults::internal(error.to_string()))?;
    Ok(Some((record, row.version)))
}

fn find(events: &Events, request: Request<'_>) -> Result<(ReplayRecord, u64), Fault> {
    let name = request.required("ReplayName")?;
    stored(events, &request.place(), name)?.ok_or_else(|| faults::not_found(format!("Replay {name} does not exist.")))
}

pub(crate) fn describe(events: &Events, request: Request<'_>) -> Outcome {
    let (record, _) = find(events, request)?;
    let mut output = Object::new();
    output.insert("ReplayArn", record.place.replay_arn(&record.name));
    output.extend(summary(&record));
    if let Some(description) = &record.description {
        output.insert("Description", description.as_str());
    }
    if let Ok(destination) = windlass_value::parse(&record.destination) {
        output.insert("Destination", destination);
    }
    Ok(Reply::from(Value::from(output)))
}

pub(crate) fn list(events: &Events, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let state = request.text("State")?;
    let source = request.text("EventSourceArn")?;
    let place = request.place();
    let names: Vec<String> = events.catalogue.read(&place, |shelf| shelf.replays.keys().cloned().collect());
    let mut found = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(prefix)) {
        let Some((record, _)) = stored(events, &place, name)? else { continue };
        let is_asked_for = state.is_none_or(|state| state == record.state.as_str())
            && source.is_none_or(|source| source == place.archive_arn(&record.archive));
        if is_asked_for {
            found.push((name.as_str(), summary(&record)));
        }
    }
    let arguments = [prefix, state.unwrap_or_default(), source.unwrap_or_default()];
    page(request, "Replays", &arguments, found.into_iter(), Value::from).map(Reply::from)
}

pub(crate) async fn cancel(events: &Events, request: Request<'_>) -> Outcome {
    /// The replay itself may write its row meanwhile.
    const ATTEMPTS_MAX: usize = 16;
    for _ in 0..ATTEMPTS_MAX {
        let (mut record, version) = find(events, request)?;
        if record.state.is_over() || record.state == State::Cancelling {
            return Err(faults::illegal_status(format!(
                "Replay {} is not in a valid state for this operation.",
                record.name
            )));
        }
        record.state = State::Cancelling;
        let mut batch = Batch::default();
        batch.expect_version(&REPLAYS, record.key(), version);
        tables::put(&mut batch, &record)?;
        let output = object! {
            "ReplayArn" => record.place.replay_arn(&record.name),
            "State" => record.state.as_str(),
        };
        once::keep(events, request.call, &output, &mut batch);
        match events.store.commit(batch).await {
            Ok(()) => return Ok(Reply::from(output)),
            Err(windlass_store::CommitError::Expectation { .. }) => {}
            Err(error) => return Err(faults::of_commit(&error)),
        }
    }
    Err(faults::of_commit(&windlass_store::CommitError::Expectation { index: 0 }))
}

fn summary(record: &ReplayRecord) -> Object {
    let mut output = Object::new();
    output.insert("ReplayName", record.name.as_str());
    output.insert("EventSourceArn", record.place.archive_arn(&record.archive));
    output.insert("State", record.state.as_str());
    output.insert("EventStartTime", seconds(record.from_ms));
    output.insert("EventEndTime", seconds(record.to_ms));
    output.insert("ReplayStartTime", seconds(record.started_ms));
    if let Some(last_ms) = record.last_ms {
        output.insert("EventLastReplayedTime", seconds(last_ms));
    }
    if let Some(ended_ms) = record.ended_ms {
        output.insert("ReplayEndTime", seconds(ended_ms));
    }
    output
}
