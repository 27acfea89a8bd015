//! Archives: what they keep of a bus's events, and for how long.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_event_pattern::Pattern;
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_store::{Batch, Key, KeyRange, Scan, Table, shard_of};
use windlass_value::{Object, Timestamp, Value};

use crate::event::Event;
use crate::events::Events;
use crate::faults;
use crate::heads::Heads;
use crate::once;
use crate::page::page;
use crate::place::Place;
use crate::request::{Request, bus, seconds};
use crate::rule;
use crate::tables::{self, ARCHIVED_EVENTS, ARCHIVES, PAGE_ROWS, Record};

const DAY_MS: i64 = 86_400_000;
/// Rows that one batch removes of an archive.
const REMOVED_ROWS: usize = 500;

/// What is stored of an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ArchiveRecord {
    pub(crate) place: Place,
    pub(crate) name: String,
    /// Of the same place.
    pub(crate) bus: String,
    pub(crate) description: Option<String>,
    pub(crate) pattern: Option<String>,
    pub(crate) kms_key: Option<String>,
    /// 0: for ever.
    pub(crate) retention_days: u32,
    pub(crate) created_ms: i64,
}

impl Record for ArchiveRecord {
    const TABLE: &'static Table = &ARCHIVES;
    fn place(&self) -> &Place {
        &self.place
    }
    fn name(&self) -> &str {
        &self.name
    }
}

/// An archive ready to match.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    pub(crate) record: ArchiveRecord,
    pub(crate) arn: String,
    pattern: Option<Pattern>,
    /// Which events the pattern may take at all.
    pub(crate) heads: Heads,
}

impl Archive {
    /// Compiles what is stored.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub(crate) fn compile(record: ArchiveRecord) -> Result<Archive, Fault> {
        let pattern = record.pattern.as_deref().map(rule::pattern).transpose()?;
        let heads = Heads::of(record.pattern.as_deref());
        Ok(Archive { arn: record.place.archive_arn(&record.name), record, pattern, heads })
    }

    /// Whether it keeps an event. What a replay puts is in an archive already.
    pub(crate) fn takes(&self, event: &Event) -> bool {
        event.value.get("replay-name").is_none()
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(&event.value))
    }
}

/// The events of an archive in the order of their instants.
pub(crate) fn events_key(record: &ArchiveRecord) -> Key {
    Key::new(shard_of(&record.name), &record.place.account, &record.place.region)
        .text(&record.name)
        // An archive of the same name that is made later has its own events.
        .number(record.created_ms.unsigned_abs())
}

/// Puts an event into the batch that keeps it.
pub(crate) fn keep(archive: &Archive, event: &Event, batch: &mut Batch) {
    let key = events_key(&archive.record).number(event.time.as_ms().max(0).unsigned_abs()).text(&event.id);
    batch.put(&ARCHIVED_EVENTS, key, Vec::new(), event.text.as_bytes().to_vec());
}

/// From an instant (inclusive) to another (exclusive).
pub(crate) fn events_between(record: &ArchiveRecord, from_ms: i64, to_ms: i64) -> KeyRange {
    let at = |ms: i64| events_key(record).number(ms.max(0).unsigned_abs());
    KeyRange { start: Some(at(from_ms)), end: Some(at(to_ms)) }
}

pub(crate) async fn create(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("ArchiveName")?;
    let place = request.place();
    let source = request.required("EventSourceArn")?;
    if !source.starts_with("arn:") {
        return Err(faults::parameter("EventSourceArn", "Must contain an event bus ARN."));
    }
    let (bus_place, bus_name) = bus(place.clone(), Some(source))?;
    if bus_place != place || events.catalogue.bus(&place, &bus_name).is_none() {
        return Err(faults::bus_not_found(&bus_name));
    }
    let pattern = request.text_not_empty("EventPattern")?;
    let lock = events.catalogue.lock(name).await;
    if events.catalogue.read(&place, |shelf| shelf.archives.contains_key(name)) {
        return Err(faults::already_exists(format!("Archive {name} already exists.")));
    }
    let record = ArchiveRecord {
        place: place.clone(),
        name: name.to_owned(),
        bus: bus_name,
        description: request.owned("Description")?,
        pattern: pattern.map(str::to_owned),
        kms_key: request.owned("KmsKeyIdentifier")?,
        retention_days: retention(request)?.unwrap_or(0),
        created_ms: events.now().as_ms(),
    };
    let archive = Arc::new(Archive::compile(record)?);
    let output = Value::from(short(&archive));
    put(events, request, &output, lock, archive).await?;
    Ok(Reply::from(output))
}

pub(crate) async fn update(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("ArchiveName")?;
    let lock = events.catalogue.lock(name).await;
    let mut record = find(events, request)?.record.clone();
    if let Some(description) = request.owned("Description")? {
        record.description = Some(description);
    }
    if let Some(pattern) = request.text_not_empty("EventPattern")? {
        record.pattern = Some(pattern.to_owned());
    }
    if let Some(key) = request.owned("KmsKeyIdentifier")? {
        record.kms_key = Some(key);
    }
    if let Some(days) = retention(request)? {
        record.retention_days = days;
    }
    let archive = Arc::new(Archive::compile(record)?);
    let output = Value::from(short(&archive));
    put(events, request, &output, lock, archive).await?;
    Ok(Reply::from(output))
}

async fn put(
    events: &Events,
    request: Request<'_>,
    output: &Value,
    lock: tokio::sync::OwnedMutexGuard<()>,
    archive: Arc<Archive>,
) -> Result<(), Fault> {
    let mut batch = Batch::default();
    once::keep(events, request.call, output, &mut batch);
    tables::put(&mut batch, &archive.record)?;
    let place = archive.record.place.clone();
    let shown = place.clone();
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            let name = archive.record.name.clone();
            shelf.change_bus(&shown, &archive.record.bus, |bus| {
                bus.archives.insert(name.clone(), archive.clone());
            });
            shelf.archives.insert(name, archive);
        })
        .await
}

fn retention(request: Request<'_>) -> Result<Option<u32>, Fault> {
    let Some(days) = request.integer("RetentionDays")? else { return Ok(None) };
    let days = u32::try_from(days).map_err(|_| faults::parameter("RetentionDays", "It is out of bounds."))?;
    Ok(Some(days))
}

fn find(events: &Events, request: Request<'_>) -> Result<Arc<Archive>, Fault> {
    let name = request.required("ArchiveName")?;
    let archive = events.catalogue.read(&request.place(), |shelf| shelf.archives.get(name).cloned());
    archive.ok_or_else(|| faults::not_found(format!("Archive {name} does not exist.")))
}

pub(crate) async fn describe(events: &Events, request: Request<'_>) -> Outcome {
    let archive = find(events, request)?;
    let contents = contents(events, &archive).await?;
    let record = &archive.record;
    let mut output = Object::new();
    output.insert("ArchiveArn", archive.arn.as_str());
    output.extend(summary(&archive, contents));
    for (name, value) in
        [("Description", &record.description), ("EventPattern", &record.pattern), ("KmsKeyIdentifier", &record.kms_key)]
    {
        if let Some(value) = value {
            output.insert(name, value.as_str());
        }
    }
    Ok(Reply::from(Value::from(output)))
}

pub(crate) async fn list(events: &Events, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let source = request.text("EventSourceArn")?;
    let state = request.text("State")?;
    let archives = events.catalogue.read(&request.place(), |shelf| shelf.archives.clone());
    let mut found = Vec::new();
    for (name, archive) in &archives {
        let bus_arn = archive.record.place.bus_arn(&archive.record.bus);
        let is_asked_for = name.starts_with(prefix)
            && source.is_none_or(|source| source == bus_arn)
            && state.is_none_or(|state| state == "ENABLED");
        if is_asked_for {
            found.push((name.as_str(), summary(archive, contents(events, archive).await?)));
        }
    }
    let arguments = [prefix, source.unwrap_or_default(), state.unwrap_or_default()];
    page(request, "Archives", &arguments, found.into_iter(), Value::from).map(Reply::from)
}

pub(crate) async fn delete(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("ArchiveName")?;
    let lock = events.catalogue.lock(name).await;
    let archive = find(events, request)?;
    let mut batch = Batch::default();
    tables::delete(&mut batch, &archive.record);
    once::keep(events, request.call, &Value::empty_object(), &mut batch);
    let (place, name, removed) = (request.place(), name.to_owned(), archive.clone());
    let shown = place.clone();
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            shelf.change_bus(&shown, &removed.record.bus, |bus| {
                bus.archives.remove(&name);
            });
            shelf.archives.remove(&name);
        })
        .await?;
    // Its events are out of sight now; what a crash leaves of them is only room.
    remove_before(events, &archive.record, None).await?;
    Ok(Reply::from(Value::empty_object()))
}

/// Removes what is older than the retention of each archive.
pub(crate) async fn sweep(events: &Events) {
    for archive in events.catalogue.archives_with_retention() {
        let kept_from = events.now().plus_ms(-i64::from(archive.record.retention_days) * DAY_MS);
        if let Err(fault) = remove_before(events, &archive.record, Some(kept_from)).await {
            tracing::warn!(archive = archive.arn, %fault, "old events of an archive could not be removed");
        }
    }
}

async fn remove_before(events: &Events, record: &ArchiveRecord, until: Option<Timestamp>) -> Result<(), Fault> {
    let range = match until {
        Some(until) => events_between(record, 0, until.as_ms()),
        None => KeyRange::prefix(&events_key(record)),
    };
    loop {
        let scan = Scan::range(range.clone(), REMOVED_ROWS);
        let rows = events.store.scan(&ARCHIVED_EVENTS, scan).map_err(|error| faults::of_store(&error))?;
        let is_last = rows.len() < REMOVED_ROWS;
        let mut batch = Batch::default();
        for row in rows {
            batch.delete(&ARCHIVED_EVENTS, row.key);
        }
        if !batch.is_empty() {
            events.store.commit(batch).await.map_err(|error| faults::of_commit(&error))?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// How many events an archive has, and their bytes.
async fn contents(events: &Events, archive: &Archive) -> Result<(usize, usize), Fault> {
    let (store, prefix) = (events.store.clone(), events_key(&archive.record));
    let counted = tokio::task::spawn_blocking(move || {
        let mut scan = Scan::prefix(&prefix, PAGE_ROWS);
        let (mut count, mut bytes) = (0, 0);
        loop {
            let rows = store.scan(&ARCHIVED_EVENTS, scan.clone()).map_err(|error| faults::of_store(&error))?;
            count += rows.len();
            bytes += rows.iter().map(|row| row.value.len()).sum::<usize>();
            match rows.last() {
                Some(last) if rows.len() == PAGE_ROWS => scan.after = Some(scan.position(&ARCHIVED_EVENTS, last)),
                _ => return Ok((count, bytes)),
            }
        }
    });
    counted.await.map_err(|error| faults::internal(error.to_string()))?
}

fn short(archive: &Archive) -> Object {
    let mut output = Object::new();
    output.insert("ArchiveArn", archive.arn.as_str());
    output.insert("State", "ENABLED");
    output.insert("CreationTime", seconds(archive.record.created_ms));
    output
}

fn summary(archive: &Archive, (count, bytes): (usize, usize)) -> Object {
    let record = &archive.record;
    let mut output = Object::new();
    output.insert("ArchiveName", record.name.as_str());
    output.insert("EventSourceArn", record.place.bus_arn(&record.bus));
    output.insert("State", "ENABLED");
    output.insert("RetentionDays", record.retention_days);
    output.insert("SizeBytes", bytes);
    output.insert("EventCount", count);
    output.insert("CreationTime", seconds(record.created_ms));
    output
}
