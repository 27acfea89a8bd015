//! Tags of buses and rules.

use std::collections::BTreeMap;

use windlass_protocol::{Fault, Outcome, Reply};
use windlass_value::{Arn, Value, object};

use crate::events::Events;
use crate::faults;
use crate::place::Place;
use crate::request::Request;
use crate::rule_operations::change;
use crate::{bus_operations, rule};

const TAGS_MAX: usize = 50;

type Tags = BTreeMap<String, String>;

/// The same tags, if they are within AWS's bounds.
///
/// # Errors
/// In AWS's words.
pub(crate) fn checked(tags: Tags) -> Result<Tags, Fault> {
    if tags.len() > TAGS_MAX {
        return Err(faults::limit_exceeded());
    }
    match tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        Some(_) => Err(Fault::validation("System tags cannot be added/updated by requester.")),
        None => Ok(tags),
    }
}

/// What can have tags.
enum Tagged {
    Bus(Place, String),
    Rule(Place, String, String),
}

impl Tagged {
    fn read(request: Request<'_>) -> Result<Tagged, Fault> {
        let text = request.required("ResourceARN")?;
        let arn = Arn::parse(text).filter(|arn| arn.service == "events");
        let arn = arn.ok_or_else(|| faults::parameter("ResourceARN", "Provided Arn is not in correct format."))?;
        let place = Place { account: arn.account.as_str().into(), region: arn.region.as_str().into() };
        if let Some(bus) = arn.resource.strip_prefix("event-bus/") {
            return Ok(Tagged::Bus(place, bus.to_owned()));
        }
        match rule::of_arn(&arn.resource) {
            Some((bus, rule)) => Ok(Tagged::Rule(place, bus.to_owned(), rule.to_owned())),
            None => Err(faults::parameter("ResourceARN", "Only event buses and rules have tags.")),
        }
    }

    fn bus(&self) -> &str {
        match self {
            Tagged::Bus(_, bus) | Tagged::Rule(_, bus, _) => bus,
        }
    }

    fn tags(&self, events: &Events) -> Result<Tags, Fault> {
        match self {
            Tagged::Bus(place, name) => {
                let bus = events.catalogue.bus(place, name).ok_or_else(|| faults::bus_not_found(name))?;
                Ok(bus.record.tags.clone())
            }
            Tagged::Rule(place, bus_name, name) => {
                let bus = events.catalogue.bus(place, bus_name).ok_or_else(|| faults::bus_not_found(bus_name))?;
                let rule = bus.rules.get(name).ok_or_else(|| faults::rule_not_found(name, bus_name))?;
                Ok(rule.record.tags.clone())
            }
        }
    }
}

pub(crate) async fn tag(events: &Events, request: Request<'_>) -> Outcome {
    let tagged = Tagged::read(request)?;
    let added = checked(request.tags()?)?;
    change_tags(events, request, &tagged, |tags| tags.extend(added)).await
}

pub(crate) async fn untag(events: &Events, request: Request<'_>) -> Outcome {
    let tagged = Tagged::read(request)?;
    let keys = request.texts("TagKeys")?;
    change_tags(events, request, &tagged, |tags| tags.retain(|key, _| !keys.contains(&key.as_str()))).await
}

pub(crate) fn list(events: &Events, request: Request<'_>) -> Outcome {
    let tags = Tagged::read(request)?.tags(events)?;
    let tags = tags.iter().map(|(key, value)| object! { "Key" => key, "Value" => value }).collect();
    Ok(Reply::from(object! { "Tags" => Value::array(tags) }))
}

async fn change_tags(events: &Events, request: Request<'_>, tagged: &Tagged, by: impl FnOnce(&mut Tags)) -> Outcome {
    let lock = events.catalogue.lock(tagged.bus()).await;
    let mut tags = tagged.tags(events)?;
    by(&mut tags);
    let tags = checked(tags)?;
    let output = Value::empty_object();
    match tagged {
        Tagged::Bus(place, name) => {
            let bus = events.catalogue.bus(place, name).ok_or_else(|| faults::bus_not_found(name))?;
            let mut record = bus.record.clone();
            record.tags = tags;
            bus_operations::put(events, request, &output, lock, record).await?;
        }
        Tagged::Rule(place, bus_name, name) => {
            let bus = events.catalogue.bus(place, bus_name).ok_or_else(|| faults::bus_not_found(bus_name))?;
            let rule = bus.rules.get(name).ok_or_else(|| faults::rule_not_found(name, bus_name))?.clone();
            let mut record = rule.record.clone();
            record.tags = tags;
            change(events, request, &output, lock, Some(rule), record).await?;
        }
    }
    Ok(Reply::from(output))
}
