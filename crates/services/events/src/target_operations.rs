//! Targets of rules.

use windlass_protocol::{Fault, Outcome, Reply};
use windlass_value::{Value, object};

use crate::events::Events;
use crate::faults;
use crate::page::page;
use crate::request::Request;
use crate::rule_operations::{change, find};
use crate::target::Target;

/// Targets of a rule, as AWS bounds them at first.
const TARGETS_MAX: usize = 5;

pub(crate) async fn put(events: &Events, request: Request<'_>) -> Outcome {
    let documents = request.array("Targets")?;
    if documents.is_empty() {
        return Err(faults::not_null("Targets"));
    }
    let targets = documents.iter().map(Target::read).collect::<Result<Vec<_>, Fault>>()?;
    let (_, bus_name) = request.bus("EventBusName")?;
    let lock = events.catalogue.lock(&bus_name).await;
    let rule = find(events, request, "Rule")?;
    let mut record = rule.record.clone();
    for target in targets {
        record.targets.insert(target.id, target.document.to_text());
    }
    if record.targets.len() > TARGETS_MAX {
        return Err(faults::limit_exceeded());
    }
    let output = none_failed();
    change(events, request, &output, lock, Some(rule), record).await?;
    Ok(Reply::from(output))
}

pub(crate) async fn remove(events: &Events, request: Request<'_>) -> Outcome {
    let ids = request.texts("Ids")?;
    let (_, bus_name) = request.bus("EventBusName")?;
    let lock = events.catalogue.lock(&bus_name).await;
    let rule = find(events, request, "Rule")?;
    let mut record = rule.record.clone();
    record.targets.retain(|id, _| !ids.contains(&id.as_str()));
    let output = none_failed();
    change(events, request, &output, lock, Some(rule), record).await?;
    Ok(Reply::from(output))
}

pub(crate) fn list(events: &Events, request: Request<'_>) -> Outcome {
    let rule = find(events, request, "Rule")?;
    let mut targets: Vec<&Target> = rule.targets.iter().collect();
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    let named = targets.iter().map(|target| (target.id.as_str(), &target.document));
    page(request, "Targets", &[&rule.arn], named, Value::clone).map(Reply::from)
}

fn none_failed() -> Value {
    object! { "FailedEntryCount" => 0, "FailedEntries" => Value::array(Vec::new()) }
}
