//! Schedules.

use windlass_outbox::Entry;
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_schedule_expression::{ScheduleExpression, Zone};
use windlass_store::{Batch, IndexScan, Scan};
use windlass_value::{Timestamp, Value, object};

use crate::faults;
use crate::fire;
use crate::group::{self, DEFAULT_GROUP};
use crate::once::{Begun, Once};
use crate::page::page;
use crate::place::Place;
use crate::random;
use crate::request::Request;
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::tables::{BY_NAME, GROUPS, SCHEDULES, group_key, schedule_key};
use crate::target;
use crate::work::entry_id;

/// How long ago a schedule may say that it starts.
const START_AGE_MS_MAX: i64 = 5 * 60_000;

/// The group and name that a request names.
fn named<'a>(request: Request<'a>) -> Result<(&'a str, &'a str), Fault> {
    Ok((request.text("GroupName")?.unwrap_or(DEFAULT_GROUP), request.required("Name")?))
}

fn find(scheduler: &Scheduler, place: &Place, group: &str, name: &str) -> Result<Option<(Schedule, u64)>, Fault> {
    let key = schedule_key(place, group, name);
    let row = scheduler.store.get(&SCHEDULES, &key).map_err(|error| faults::of_store(&error))?;
    row.map(|row| Ok((Schedule::read(&row.value)?, row.version))).transpose()
}

fn required(scheduler: &Scheduler, request: Request<'_>) -> Result<(Schedule, u64), Fault> {
    let (group, name) = named(request)?;
    find(scheduler, &request.place(), group, name)?.ok_or_else(|| faults::schedule_not_found(name))
}

/// What a request says of a schedule, checked; the rest is as for a new one.
fn read(scheduler: &Scheduler, request: Request<'_>) -> Result<Schedule, Fault> {
    let (group, name) = named(request)?;
    let expression = request.required("ScheduleExpression")?;
    let parsed = ScheduleExpression::parse(expression);
    let invalid = |error: &dyn std::fmt::Display| {
        Fault::validation(format!("Invalid Schedule Expression {expression}.")).explained(error.to_string())
    };
    parsed.map_err(|error| invalid(&error))?;
    let zone = request.text("ScheduleExpressionTimezone")?.unwrap_or("UTC");
    if Zone::named(zone).is_none() {
        return Err(Fault::validation(format!("Invalid ScheduleExpressionTimezone {zone}.")));
    }
    let now = scheduler.now();
    let (start_ms, end_ms) = (request.instant_ms("StartDate")?, request.instant_ms("EndDate")?);
    if start_ms.is_some_and(|start_ms| start_ms < now.as_ms() - START_AGE_MS_MAX) {
        return Err(Fault::validation("The StartDate you specify cannot be earlier than 5 minutes ago."));
    }
    if end_ms.is_some_and(|end_ms| end_ms < now.as_ms()) {
        return Err(Fault::validation("The EndDate you specify must be in the future."));
    }
    if let (Some(start_ms), Some(end_ms)) = (start_ms, end_ms)
        && start_ms >= end_ms
    {
        return Err(Fault::validation("The StartDate you specify must come before the EndDate."));
    }
    let target = request.member("Target").ok_or_else(|| faults::not_null("Target"))?;
    target::check(target)?;
    Ok(Schedule {
        place: request.place(),
        group: group.to_owned(),
        name: name.to_owned(),
        expression: expression.to_owned(),
        zone: zone.to_owned(),
        start_ms,
        end_ms,
        description: request.text("Description")?.map(str::to_owned),
        is_enabled: state(request)?,
        kms_key: request.text("KmsKeyArn")?.map(str::to_owned),
        target: target.to_text(),
        window_minutes: window(request)?,
        deletes_itself: request.text("ActionAfterCompletion")? == Some("DELETE"),
        revision: random::uuid()?,
        anchor_ms: start_ms.unwrap_or(now.as_ms()),
        created_ms: now.as_ms(),
        modified_ms: now.as_ms(),
    })
}

fn state(request: Request<'_>) -> Result<bool, Fault> {
    match request.text("State")? {
        None | Some("ENABLED") => Ok(true),
        Some("DISABLED") => Ok(false),
        Some(_) => Err(faults::wrong_type("State", "ENABLED or DISABLED")),
    }
}

/// `FlexibleTimeWindow` in minutes, 0 when it is off.
fn window(request: Request<'_>) -> Result<u32, Fault> {
    const MINUTES_MAX: i64 = 1440;
    let window = request.member("FlexibleTimeWindow").ok_or_else(|| faults::not_null("FlexibleTimeWindow"))?;
    let minutes = window["MaximumWindowInMinutes"].as_i64();
    match (window["Mode"].as_str(), minutes) {
        (Some("OFF"), None) => Ok(0),
        (Some("OFF"), Some(_)) => {
            Err(Fault::validation("MaximumWindowInMinutes must not be provided when the flexible time window is OFF."))
        }
        (Some("FLEXIBLE"), Some(minutes)) if (1..=MINUTES_MAX).contains(&minutes) => Ok(minutes as u32),
        (Some("FLEXIBLE"), _) => Err(Fault::validation(
            "MaximumWindowInMinutes must be provided, from 1 to 1440, when the flexible time window is FLEXIBLE.",
        )),
        _ => Err(faults::not_null("Mode")),
    }
}

pub(crate) async fn create(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let once = match Once::begin(scheduler, request)? {
        Begun::New(once) => once,
        Begun::Answered(reply) => return Ok(reply),
    };
    let schedule = read(scheduler, request)?;
    let (place, group_name) = (&schedule.place, &schedule.group);
    let group = group::find(scheduler, place, group_name)?;
    let (group, group_version) = group.ok_or_else(|| faults::group_not_found(group_name))?;
    if group.is_deleting {
        return Err(faults::conflict(format!("Schedule group {group_name} is being deleted.")));
    }
    if find(scheduler, place, group_name, &schedule.name)?.is_some() {
        return Err(faults::conflict(format!("Schedule {} already exists.", schedule.name)));
    }
    let mut batch = Batch::default();
    batch.expect_absent(&SCHEDULES, schedule.key());
    if group_version > 0 {
        // A group that is deleted meanwhile must not get a schedule that nobody deletes.
        batch.expect_version(&GROUPS, group_key(place, group_name), group_version);
    }
    schedule.put(&mut batch)?;
    let entries = begin(scheduler, &schedule, &mut batch)?;
    once.commit(scheduler, batch, &entries, object! { "ScheduleArn" => schedule.arn() }).await
}

pub(crate) async fn update(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let once = match Once::begin(scheduler, request)? {
        Begun::New(once) => once,
        Begun::Answered(reply) => return Ok(reply),
    };
    let mut schedule = read(scheduler, request)?;
    let (before, version) = required(scheduler, request)?;
    schedule.created_ms = before.created_ms;
    let is_same_rhythm = schedule.expression == before.expression
        && schedule.zone == before.zone
        && (schedule.start_ms, schedule.end_ms) == (before.start_ms, before.end_ms)
        && schedule.is_enabled == before.is_enabled
        && schedule.window_minutes == before.window_minutes;
    let mut batch = Batch::default();
    batch.expect_version(&SCHEDULES, schedule.key(), version);
    let entries = if is_same_rhythm {
        // What is to fire next stays as it is: none is missed, and a rate does not begin anew.
        schedule.anchor_ms = before.anchor_ms;
        schedule.revision = before.revision;
        Vec::new()
    } else {
        scheduler.outbox.remove(&mut batch, &schedule.place.account, &schedule.place.region, &entry_id(&before));
        begin(scheduler, &schedule, &mut batch)?
    };
    schedule.put(&mut batch)?;
    once.commit(scheduler, batch, &entries, object! { "ScheduleArn" => schedule.arn() }).await
}

/// Adds the first instant of a schedule to a batch.
fn begin(scheduler: &Scheduler, schedule: &Schedule, batch: &mut Batch) -> Result<Vec<Entry>, Fault> {
    if !schedule.is_enabled {
        return Ok(Vec::new());
    }
    // The moment it was made or changed, which a rate begins with, not a later one.
    let Some(first) = schedule.first(Timestamp(schedule.modified_ms))? else { return Ok(Vec::new()) };
    let entry = fire::entry(schedule, first);
    scheduler.outbox.add(batch, &schedule.place.account, &schedule.place.region, &entry);
    Ok(vec![entry])
}

pub(crate) fn get(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let (schedule, _) = required(scheduler, request)?;
    Ok(Reply::from(schedule.to_value()))
}

pub(crate) async fn delete(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let once = match Once::begin(scheduler, request)? {
        Begun::New(once) => once,
        Begun::Answered(reply) => return Ok(reply),
    };
    let (schedule, version) = required(scheduler, request)?;
    let mut batch = Batch::default();
    batch.expect_version(&SCHEDULES, schedule.key(), version);
    batch.delete(&SCHEDULES, schedule.key());
    scheduler.outbox.remove(&mut batch, &schedule.place.account, &schedule.place.region, &entry_id(&schedule));
    once.commit(scheduler, batch, &[], Value::empty_object()).await
}

pub(crate) fn list(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let group = request.text("GroupName")?;
    let state = request.text("State")?;
    let place = request.place();
    let mut index = IndexScan::new(BY_NAME).equal(&*place.account).equal(&*place.region);
    if let Some(group_name) = group {
        if group::find(scheduler, &place, group_name)?.is_none() {
            return Err(faults::group_not_found(group_name));
        }
        index = index.equal(group_name).at_least(prefix);
    }
    let arguments = [prefix, group.unwrap_or_default(), state.unwrap_or_default()];
    page(request, "Schedules", &arguments, &scheduler.store, &SCHEDULES, Scan::index(index, 0), |row| {
        let schedule = Schedule::read(&row.value)?;
        let is_asked_for = schedule.name.starts_with(prefix) && state.is_none_or(|state| state == schedule.state());
        Ok(is_asked_for.then(|| schedule.to_summary()))
    })
    .map(Reply::from)
}
