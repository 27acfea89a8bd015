//! Firing: the next instant of each schedule is one entry of the outbox. When it is
//! due, one batch adds the invocation and the instant after it, so that none is
//! missed or doubled over crashes.

use sha2::{Digest, Sha256};
use windlass_event_target::AGE_SECONDS_MAX;
use windlass_outbox::{Entry, Verdict};
use windlass_protocol::Fault;
use windlass_store::Batch;
use windlass_value::{Timestamp, uuid_v4};

use crate::faults;
use crate::group;
use crate::schedule::Schedule;
use crate::scheduler::{MissedSchedules, Scheduler};
use crate::tables::{SCHEDULES, schedule_key};
use crate::work::{Fire, ToTarget, Work, entry_id};

/// Later than that, an instant was missed: the server was down.
const LATE_MS: i64 = 60_000;
const MINUTE_MS: i64 = 60_000;

/// The entry for an instant of a schedule.
pub(crate) fn entry(schedule: &Schedule, instant: Timestamp) -> Entry {
    let window_ms = i64::from(schedule.window_minutes) * MINUTE_MS;
    // Where in the window follows from schedule and instant, not from when it is asked.
    let digest = digest(schedule, instant, "window");
    let part = (u128::from_be_bytes(digest) % 1_000_000) as i64;
    let due = instant.plus_ms(window_ms / 1_000_000 * part + window_ms % 1_000_000 * part / 1_000_000);
    let work = Work::Fire(Fire {
        place: schedule.place.clone(),
        group: schedule.group.clone(),
        name: schedule.name.clone(),
        revision: schedule.revision.clone(),
        instant_ms: instant.as_ms(),
        due_ms: due.as_ms(),
    });
    Entry { id: entry_id(schedule).into(), lane: None, due, body: work.encode("") }
}

/// Names the invocation of an instant: the same however often it is asked for.
fn execution_id(schedule: &Schedule, instant: Timestamp) -> String {
    uuid_v4(u128::from_be_bytes(digest(schedule, instant, "execution")))
}

fn digest(schedule: &Schedule, instant: Timestamp, purpose: &str) -> [u8; 16] {
    let text = format!("{purpose}\n{}\n{}\n{}", schedule.arn(), schedule.revision, instant.as_ms());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    bytes
}

/// Fires a schedule that is due.
pub(crate) fn fire(scheduler: &Scheduler, fire: &Fire) -> Verdict {
    match plan(scheduler, fire) {
        Ok(batch) => Verdict::Done(batch),
        Err(fault) => {
            tracing::error!(schedule = fire.name, group = fire.group, %fault, "a schedule could not fire; it is tried again");
            Verdict::Retry { at: scheduler.now().plus_ms(LATE_MS) }
        }
    }
}

fn plan(scheduler: &Scheduler, fire: &Fire) -> Result<Batch, Fault> {
    let place = &fire.place;
    let key = schedule_key(place, &fire.group, &fire.name);
    let row = scheduler.store.get(&SCHEDULES, &key).map_err(|error| faults::of_store(&error))?;
    let Some(row) = row else { return Ok(Batch::default()) };
    let schedule = Schedule::read(&row.value)?;
    let is_going = group::find(scheduler, place, &fire.group)?.is_none_or(|(group, _)| group.is_deleting);
    if schedule.revision != fire.revision || !schedule.is_enabled || is_going {
        return Ok(Batch::default());
    }
    let now = scheduler.now();
    let mut batch = Batch::default();
    batch.expect_version(&SCHEDULES, key.clone(), row.version);
    let retry = schedule.retry();
    let late_ms = now.as_ms() - fire.due_ms;
    let age_ms_max = i64::from(retry.age_seconds_max.min(AGE_SECONDS_MAX)) * 1000;
    let instant = Timestamp(fire.instant_ms);
    if late_ms <= LATE_MS || (scheduler.options.missed_schedules == MissedSchedules::Once && late_ms <= age_ms_max) {
        let target = schedule.target();
        let input = target["Input"].as_str();
        let work = Work::Target(Box::new(ToTarget {
            place: place.clone(),
            schedule_arn: schedule.arn(),
            target: schedule.target.clone(),
            has_input: input.is_some(),
            instant_ms: fire.instant_ms,
            fired_ms: now.as_ms(),
            attempts_max: retry.attempts_max,
            age_seconds_max: retry.age_seconds_max,
        }));
        let body = work.encode(input.unwrap_or_default());
        let entry = Entry { id: execution_id(&schedule, instant).into(), lane: None, due: now, body };
        scheduler.outbox.add(&mut batch, &place.account, &place.region, &entry);
        scheduler.counters.fired();
    } else {
        tracing::warn!(schedule = schedule.arn(), %instant, "a schedule's instant was missed and is left out");
    }
    // What was missed is not made up for instant by instant: one invocation stands for
    // all, never a flood. An instant whose window is still open is not missed.
    let window_ms = i64::from(schedule.window_minutes) * MINUTE_MS;
    let after = if late_ms <= LATE_MS { instant } else { instant.max(now.plus_ms(-window_ms)) };
    match schedule.next(after)? {
        Some(next) => {
            let entry = entry(&schedule, next);
            scheduler.outbox.add(&mut batch, &place.account, &place.region, &entry);
        }
        None if schedule.deletes_itself => batch.delete(&SCHEDULES, key),
        None => {}
    }
    Ok(batch)
}
