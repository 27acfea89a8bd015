//! Rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_outbox::Entry;
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_schedule_expression::ScheduleExpression;
use windlass_store::Batch;
use windlass_value::{Object, Value, object};

use crate::bus::Bus;
use crate::events::Events;
use crate::faults;
use crate::once;
use crate::page::page;
use crate::place::{DEFAULT_BUS, Place};
use crate::request::Request;
use crate::rule::{self, Rule, RuleRecord};
use crate::{schedule, tables, tags};

/// Rules of a bus, as AWS bounds them at first.
const RULES_MAX: usize = 300;

pub(crate) async fn put(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let (place, bus_name) = request.bus("EventBusName")?;
    let pattern = request.text_not_empty("EventPattern")?;
    let schedule = request.text_not_empty("ScheduleExpression")?;
    if pattern.is_none() && schedule.is_none() {
        return Err(Fault::validation("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if let Some(pattern) = pattern {
        rule::pattern(pattern)?;
    }
    if let Some(expression) = schedule {
        if bus_name != DEFAULT_BUS {
            return Err(Fault::validation("ScheduleExpression is supported only on the default event bus."));
        }
        check_schedule(expression)?;
    }
    let state = request.text("State")?.unwrap_or("ENABLED");
    let tags = tags::checked(request.tags()?)?;
    let lock = events.catalogue.lock(&bus_name).await;
    let bus = bus(events, &place, &bus_name)?;
    let before = bus.rules.get(name);
    if before.is_none() && bus.rules.len() >= RULES_MAX {
        return Err(faults::limit_exceeded());
    }
    let mut record = RuleRecord {
        place: place.clone(),
        bus: bus_name,
        name: name.to_owned(),
        pattern: pattern.map(str::to_owned),
        schedule: schedule.map(str::to_owned),
        state: state.to_owned(),
        description: request.owned("Description")?,
        role_arn: request.owned("RoleArn")?,
        created_by: request.call.account.to_string(),
        tags,
        targets: BTreeMap::new(),
        schedule_revision: 0,
        schedule_anchor_ms: 0,
    };
    if let Some(before) = before {
        // Tags of a rule that is there are changed by TagResource only.
        record.tags = before.record.tags.clone();
        record.targets = before.record.targets.clone();
        record.created_by.clone_from(&before.record.created_by);
        record.schedule_revision = before.record.schedule_revision;
        record.schedule_anchor_ms = before.record.schedule_anchor_ms;
    }
    let output = object! { "RuleArn" => place.rule_arn(&record.bus, name) };
    change(events, request, &output, lock, before.cloned(), record).await?;
    Ok(Reply::from(output))
}

/// Stores and shows a rule; its schedule begins anew where it is another.
pub(crate) async fn change(
    events: &Events,
    request: Request<'_>,
    output: &Value,
    lock: tokio::sync::OwnedMutexGuard<()>,
    before: Option<Arc<Rule>>,
    mut record: RuleRecord,
) -> Result<(), Fault> {
    let mut batch = Batch::default();
    once::keep(events, request.call, output, &mut batch);
    let entries = schedule::changed(events, before.as_deref(), &mut record, &mut batch)?;
    tables::put(&mut batch, &record)?;
    let rule = Arc::new(Rule::compile(record)?);
    let (place, shown) = (rule.record.place.clone(), rule);
    let outcome = events.catalogue.commit(lock, batch, &place, move |shelf| {
        let (place, bus) = (shown.record.place.clone(), shown.record.bus.clone());
        shelf.change_bus(&place, &bus, |bus| {
            bus.rules.insert(shown.record.name.clone(), shown);
        });
    });
    handed_over(events, outcome.await, &entries)
}

fn handed_over(events: &Events, outcome: Result<(), Fault>, entries: &[Entry]) -> Result<(), Fault> {
    match outcome {
        Ok(()) => events.outbox.committed(entries),
        Err(_) => events.outbox.refused(entries),
    }
    outcome
}

fn check_schedule(expression: &str) -> Result<(), Fault> {
    let is_valid = match ScheduleExpression::parse(expression) {
        Ok(ScheduleExpression::Rate(rate)) => rate.is_grammatical(),
        Ok(ScheduleExpression::Cron(_)) => true,
        Ok(ScheduleExpression::At(_)) | Err(_) => false,
    };
    match is_valid {
        true => Ok(()),
        false => Err(Fault::validation("Parameter ScheduleExpression is not valid.")),
    }
}

pub(crate) fn bus(events: &Events, place: &Place, name: &str) -> Result<Arc<Bus>, Fault> {
    events.catalogue.bus(place, name).ok_or_else(|| faults::bus_not_found(name))
}

/// The bus and rule a request names.
pub(crate) fn find(events: &Events, request: Request<'_>, member: &str) -> Result<Arc<Rule>, Fault> {
    let name = request.required(member)?;
    let (place, bus_name) = request.bus("EventBusName")?;
    let bus = bus(events, &place, &bus_name)?;
    bus.rules.get(name).cloned().ok_or_else(|| faults::rule_not_found(name, &bus_name))
}

pub(crate) fn describe(events: &Events, request: Request<'_>) -> Outcome {
    let rule = find(events, request, "Name")?;
    let mut output = rule.to_value().as_object().map(|members| Object::clone(members)).unwrap_or_default();
    output.insert("CreatedBy", rule.record.created_by.as_str());
    Ok(Reply::from(Value::from(output)))
}

pub(crate) fn list(events: &Events, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let (place, bus_name) = request.bus("EventBusName")?;
    let bus = bus(events, &place, &bus_name)?;
    let named = bus.rules.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, rule)| (name.as_str(), rule));
    page(request, "Rules", &[prefix, &bus_name], named, |rule| rule.to_value()).map(Reply::from)
}

pub(crate) fn names_by_target(events: &Events, request: Request<'_>) -> Outcome {
    let target = request.required("TargetArn")?;
    let (place, bus_name) = request.bus("EventBusName")?;
    let bus = bus(events, &place, &bus_name)?;
    let has = |rule: &Rule| rule.targets.iter().any(|one| &*one.arn == target);
    let named = bus.rules.iter().filter(|(_, rule)| has(rule)).map(|(name, _)| (name.as_str(), name));
    page(request, "RuleNames", &[target, &bus_name], named, Value::from).map(Reply::from)
}

pub(crate) async fn set_state(events: &Events, request: Request<'_>, state: &str) -> Outcome {
    let (_, bus_name) = request.bus("EventBusName")?;
    let lock = events.catalogue.lock(&bus_name).await;
    let rule = find(events, request, "Name")?;
    let record = RuleRecord { state: state.to_owned(), ..rule.record.clone() };
    change(events, request, &Value::empty_object(), lock, Some(rule), record).await?;
    Ok(Reply::from(Value::empty_object()))
}

pub(crate) async fn delete(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let (place, bus_name) = request.bus("EventBusName")?;
    let lock = events.catalogue.lock(&bus_name).await;
    let bus = bus(events, &place, &bus_name)?;
    // One that is not there is no error.
    let Some(rule) = bus.rules.get(name) else { return Ok(Reply::from(Value::empty_object())) };
    if !rule.targets.is_empty() {
        return Err(Fault::validation("Rule can't be deleted since it has targets."));
    }
    let mut batch = Batch::default();
    schedule::removed(events, &rule.record, &mut batch);
    tables::delete(&mut batch, &rule.record);
    once::keep(events, request.call, &Value::empty_object(), &mut batch);
    let (shown, name) = (place.clone(), name.to_owned());
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            shelf.change_bus(&shown, &bus_name, |bus| {
                bus.rules.remove(&name);
            });
        })
        .await?;
    Ok(Reply::from(Value::empty_object()))
}

pub(crate) fn test_pattern(request: Request<'_>) -> Outcome {
    const REQUIRED: &[&str] = &["id", "account", "source", "time", "region", "resources", "detail-type"];
    let pattern = rule::pattern(request.required("EventPattern")?)?;
    let event = windlass_value::parse(request.required("Event")?)
        .ok()
        .filter(|event| event.as_object().is_some())
        .ok_or_else(|| faults::parameter("Event", "It is not a JSON object."))?;
    if let Some(missing) = REQUIRED.iter().find(|name| event.get(name).is_none()) {
        return Err(faults::parameter("Event", &format!("The field '{missing}' is missing.")));
    }
    Ok(Reply::from(object! { "Result" => pattern.matches(&event) }))
}
