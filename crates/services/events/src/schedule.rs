//! Rules with a schedule. The next instant of each is one entry of the outbox;
//! firing is one batch that delivers, and sets the instant after it.

use windlass_event_target::{AGE_SECONDS_MAX, EventEntry};
use windlass_outbox::{Entry, Verdict};
use windlass_protocol::Fault;
use windlass_schedule_expression::{ScheduleExpression, Zone};
use windlass_store::Batch;
use windlass_value::{Timestamp, Value};

use crate::event::Event;
use crate::events::{Events, MissedSchedules};
use crate::faults;
use crate::publish::{Origin, Publication, plan_targets};
use crate::random;
use crate::rule::{Rule, RuleRecord, key_of};
use crate::work::{Schedule, Work};

/// Later than that, an instant was missed: the server was down.
const LATE_MS: i64 = 60_000;

/// Puts into a batch what a change of a rule means for its schedule. The entries
/// are to be handed over once the batch is committed.
///
/// # Errors
/// An expression that cannot be read.
pub(crate) fn changed(
    events: &Events,
    before: Option<&Rule>,
    record: &mut RuleRecord,
    batch: &mut Batch,
) -> Result<Vec<Entry>, Fault> {
    let active = |record: &RuleRecord| record.schedule.clone().filter(|_| record.state != "DISABLED");
    let was = before.and_then(|before| active(&before.record));
    let is = active(record);
    if was == is {
        return Ok(Vec::new());
    }
    if let Some(before) = before {
        removed(events, &before.record, batch);
    }
    record.schedule_revision += 1;
    record.schedule_anchor_ms = events.now().as_ms();
    let Some(expression) = is else { return Ok(Vec::new()) };
    // Unlike a schedule's, a rule's first interval has to pass.
    let now = Timestamp(record.schedule_anchor_ms);
    let Some(entry) = next_entry(record, &expression, now)? else { return Ok(Vec::new()) };
    events.outbox.add(batch, &record.place.account, &record.place.region, &entry);
    Ok(vec![entry])
}

/// Puts into a batch that a rule's schedule goes away.
pub(crate) fn removed(events: &Events, record: &RuleRecord, batch: &mut Batch) {
    if record.schedule.is_some() {
        events.outbox.remove(batch, &record.place.account, &record.place.region, &entry_id(record));
    }
}

fn entry_id(record: &RuleRecord) -> String {
    format!("schedule:{}:{}", record.place.rule_arn(&record.bus, &record.name), record.schedule_revision)
}

fn next_entry(record: &RuleRecord, expression: &str, after: Timestamp) -> Result<Option<Entry>, Fault> {
    let expression = ScheduleExpression::parse(expression)
        .map_err(|error| Fault::internal(format!("a stored schedule cannot be read: {error}")))?;
    let Some(due) = expression.next(&Zone::utc(), after, Timestamp(record.schedule_anchor_ms)) else { return Ok(None) };
    let work = Work::Schedule(Schedule {
        place: record.place.clone(),
        bus: record.bus.clone(),
        rule: record.name.clone(),
        revision: record.schedule_revision,
        due_ms: due.as_ms(),
    });
    Ok(Some(Entry { id: entry_id(record).into(), lane: None, due, body: work.encode("") }))
}

/// Fires a schedule: one event for its rule's targets, and the next instant.
pub(crate) fn fire(events: &Events, schedule: &Schedule) -> Verdict {
    match plan_fire(events, schedule) {
        Ok(batch) => Verdict::Done(batch),
        Err(fault) => {
            tracing::error!(rule = schedule.rule, %fault, "a schedule could not fire; it is tried again");
            Verdict::Retry { at: events.now().plus_ms(LATE_MS) }
        }
    }
}

fn plan_fire(events: &Events, schedule: &Schedule) -> Result<Batch, Fault> {
    let key = key_of(&schedule.place, &schedule.bus, &schedule.rule);
    // The store decides, not memory: the batch holds only if the rule is still this one.
    let row = events.store.get(&crate::tables::RULES, &key).map_err(|error| faults::of_store(&error))?;
    let Some(row) = row else { return Ok(Batch::default()) };
    let record: RuleRecord = serde_json::from_slice(&row.value).map_err(|error| faults::internal(error.to_string()))?;
    let rule = Rule::compile(record)?;
    let Some(expression) = rule.record.schedule.clone() else { return Ok(Batch::default()) };
    if rule.record.schedule_revision != schedule.revision || !rule.is_enabled() {
        return Ok(Batch::default());
    }
    let (now, due) = (events.now(), Timestamp(schedule.due_ms));
    let mut publication = Publication::default();
    publication.batch.expect_version(&crate::tables::RULES, key, row.version);
    let late_ms = now.as_ms() - due.as_ms();
    let fires = late_ms <= LATE_MS
        || (events.options.missed_schedules == MissedSchedules::Once && late_ms <= i64::from(AGE_SECONDS_MAX) * 1000);
    if fires {
        let entry = EventEntry {
            source: "aws.events".into(),
            detail_type: "Scheduled Event".into(),
            detail: "{}".into(),
            resources: vec![rule.arn.as_str().into()],
            time_s: Some(due.as_ms().div_euclid(1000)),
        };
        let event = Event::new(random::uuid()?, &entry, Value::empty_object(), &schedule.place, now);
        plan_targets(events, &rule, &event, &Origin::default(), &mut publication)?;
    } else {
        tracing::warn!(rule = rule.arn, due = %due, "a schedule's instant was missed and is left out");
    }
    // What was missed is not made up for instant by instant: one event says it, never a flood.
    let after = if late_ms <= LATE_MS { due } else { now };
    if let Some(entry) = next_entry(&rule.record, &expression, after)? {
        events.outbox.add(&mut publication.batch, &schedule.place.account, &schedule.place.region, &entry);
    }
    Ok(publication.batch)
}
