//! From an event on a bus to the archives and deliveries it causes.

use windlass_outbox::Entry;
use windlass_protocol::Fault;
use windlass_store::Batch;
use windlass_value::Text;

use crate::bus::Bus;
use crate::event::Event;
use crate::events::Events;
use crate::rule::Rule;
use crate::target::Target;
use crate::target_input::payload;
use crate::work::{ToTarget, Work};
use crate::{archive, random};

/// What one batch does for some events.
#[derive(Default)]
pub(crate) struct Publication {
    pub(crate) batch: Batch,
    pub(crate) entries: Vec<Entry>,
}

/// Where events come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// How many calls lie behind them.
    pub(crate) depth: u8,
    pub(crate) trace: Option<String>,
}

/// Plans what an event on a bus causes: archived rows, and a delivery for every
/// target of every rule that matches.
///
/// # Errors
/// No randomness for ids.
pub(crate) fn plan(
    events: &Events,
    bus: &Bus,
    event: &Event,
    origin: &Origin,
    publication: &mut Publication,
) -> Result<(), Fault> {
    for archive in bus.archives.values() {
        if archive.takes(event) {
            archive::keep(archive, event, &mut publication.batch);
        }
    }
    for rule in bus.rules.values() {
        if matches(rule, event) {
            plan_targets(events, rule, event, origin, publication)?;
        }
    }
    Ok(())
}

/// Whether a rule takes an event.
pub(crate) fn matches(rule: &Rule, event: &Event) -> bool {
    rule.is_enabled() && rule.pattern.as_ref().is_some_and(|pattern| pattern.matches(&event.value))
}

/// Plans the deliveries to every target of a rule.
///
/// # Errors
/// No randomness for ids.
pub(crate) fn plan_targets(
    events: &Events,
    rule: &Rule,
    event: &Event,
    origin: &Origin,
    publication: &mut Publication,
) -> Result<(), Fault> {
    for target in &rule.targets {
        // Names the execution that a state machine starts, so it must be short.
        let id: Text = format!("{}_{}", event.id, random::uuid()?).into();
        let payload = payload(target, rule, event);
        let work = Work::Target(Box::new(to_target(rule, target, event, &payload, origin)));
        let entry = Entry { id, lane: None, due: event.ingested, body: work.encode(&payload) };
        let place = &rule.record.place;
        events.outbox.add(&mut publication.batch, &place.account, &place.region, &entry);
        publication.entries.push(entry);
    }
    Ok(())
}

fn to_target(rule: &Rule, target: &Target, event: &Event, payload: &Text, origin: &Origin) -> ToTarget {
    let keeps_event = target.dead_letter.is_some() && *payload != event.text;
    ToTarget {
        place: rule.record.place.clone(),
        rule_arn: rule.arn.clone(),
        rule_name: rule.record.name.clone(),
        target_arn: target.arn.to_string(),
        role_arn: target.role_arn.clone(),
        message_group_id: target.message_group_id.clone(),
        http: target.http.as_ref().map(windlass_value::Value::to_text),
        attempts_max: target.retry.attempts_max,
        age_seconds_max: target.retry.age_seconds_max,
        dead_letter: target.dead_letter.clone(),
        event: keeps_event.then(|| event.text.to_string()),
        event_time_ms: event.time.as_ms(),
        accepted_ms: event.ingested.as_ms(),
        attempts_before: 0,
        depth: origin.depth,
        trace: origin.trace.clone(),
    }
}
