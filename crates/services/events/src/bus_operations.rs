//! Event buses and their policies.

use std::sync::Arc;

use windlass_protocol::{Fault, Outcome, Reply};
use windlass_store::Batch;
use windlass_value::{Object, Value, object};

use crate::bus::{Bus, BusRecord};
use crate::events::Events;
use crate::faults;
use crate::once;
use crate::page::page;
use crate::place::DEFAULT_BUS;
use crate::request::{Request, seconds};
use crate::{tables, tags};

/// AWS's bound on the policy of a bus.
const POLICY_BYTES_MAX: usize = 10_240;
/// Buses of an account in a region, as AWS bounds them at first.
const BUSES_MAX: usize = 100;

pub(crate) async fn create(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let place = request.place();
    if request.text_not_empty("EventSourceName")?.is_some() {
        return Err(Fault::not_built("event buses of partner event sources"));
    }
    if name.contains('/') {
        return Err(Fault::validation("Event bus name must not contain '/'."));
    }
    let tags = tags::checked(request.tags()?)?;
    let lock = events.catalogue.lock(name).await;
    if events.catalogue.bus(&place, name).is_some() {
        return Err(faults::already_exists(format!("Event bus {name} already exists.")));
    }
    if events.catalogue.read(&place, |shelf| shelf.buses.len()) >= BUSES_MAX {
        return Err(faults::limit_exceeded());
    }
    let now = events.now();
    let record = BusRecord {
        place: place.clone(),
        name: name.to_owned(),
        description: request.owned("Description")?,
        kms_key: request.owned("KmsKeyIdentifier")?,
        dead_letter_config: document(request, "DeadLetterConfig"),
        log_config: document(request, "LogConfig"),
        policy: None,
        tags,
        created_ms: Some(now.as_ms()),
        modified_ms: Some(now.as_ms()),
    };
    let mut batch = Batch::default();
    tables::put(&mut batch, &record)?;
    let bus = Arc::new(Bus::new(record));
    let mut output = Object::new();
    output.insert("EventBusArn", bus.arn.as_str());
    settings(&bus.record, &mut output);
    let output = Value::from(output);
    once::keep(events, request.call, &output, &mut batch);
    let shown = bus.clone();
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            shelf.buses.insert(shown.record.name.clone(), shown);
        })
        .await?;
    Ok(Reply::from(output))
}

pub(crate) async fn update(events: &Events, request: Request<'_>) -> Outcome {
    let (place, name) = request.bus("Name")?;
    let lock = events.catalogue.lock(&name).await;
    let bus = events.catalogue.bus(&place, &name).ok_or_else(|| faults::bus_not_found(&name))?;
    let mut record = bus.record.clone();
    record.description = request.owned("Description")?;
    record.kms_key = request.owned("KmsKeyIdentifier")?;
    record.dead_letter_config = document(request, "DeadLetterConfig");
    record.log_config = document(request, "LogConfig");
    record.modified_ms = Some(events.now().as_ms());
    let mut output = Object::new();
    output.insert("Arn", bus.arn.as_str());
    output.insert("Name", name.as_str());
    settings(&record, &mut output);
    let output = Value::from(output);
    put(events, request, &output, lock, record).await?;
    Ok(Reply::from(output))
}

pub(crate) fn describe(events: &Events, request: Request<'_>) -> Outcome {
    let (place, name) = request.bus("Name")?;
    let bus = events.catalogue.bus(&place, &name).ok_or_else(|| faults::bus_not_found(&name))?;
    let mut output = summary(&bus);
    settings(&bus.record, &mut output);
    Ok(Reply::from(Value::from(output)))
}

pub(crate) fn list(events: &Events, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let place = request.place();
    let mut buses = events.catalogue.read(&place, |shelf| shelf.buses.clone());
    buses.entry(DEFAULT_BUS.to_owned()).or_insert_with(|| Arc::new(Bus::default_of(&place)));
    let named = buses.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, bus)| (name.as_str(), bus));
    page(request, "EventBuses", &[prefix], named, |bus| summary(bus).into()).map(Reply::from)
}

pub(crate) async fn delete(events: &Events, request: Request<'_>) -> Outcome {
    let (place, name) = request.bus("Name")?;
    if name == DEFAULT_BUS {
        return Err(Fault::validation("Cannot delete event bus default."));
    }
    let lock = events.catalogue.lock(&name).await;
    // One that is not there is no error.
    let Some(bus) = events.catalogue.bus(&place, &name) else { return Ok(Reply::from(Value::empty_object())) };
    if !bus.rules.is_empty() {
        return Err(Fault::validation("Event bus can't be deleted since it has rules."));
    }
    let mut batch = Batch::default();
    tables::delete(&mut batch, &bus.record);
    once::keep(events, request.call, &Value::empty_object(), &mut batch);
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            shelf.buses.remove(&name);
        })
        .await?;
    Ok(Reply::from(Value::empty_object()))
}

pub(crate) async fn put_permission(events: &Events, request: Request<'_>) -> Outcome {
    let (place, name) = request.bus("EventBusName")?;
    let lock = events.catalogue.lock(&name).await;
    let bus = events.catalogue.bus(&place, &name).ok_or_else(|| faults::bus_not_found(&name))?;
    let given = match request.text_not_empty("Policy")? {
        Some(policy) => {
            let policy = windlass_value::parse(policy)
                .ok()
                .filter(|policy| policy["Statement"].as_array().is_some() || policy["Statement"].as_object().is_some());
            policy.ok_or_else(|| faults::parameter("Policy", "It is not a valid policy document."))?
        }
        None => with_statement(&bus, request)?,
    };
    let policy = given.to_text();
    if policy.len() > POLICY_BYTES_MAX {
        return Err(Fault::new(
            "PolicyLengthExceededException",
            "The size of the policy exceeds the maximum of 10240 characters.",
        ));
    }
    let mut record = bus.record.clone();
    record.policy = Some(policy);
    put(events, request, &Value::empty_object(), lock, record).await?;
    Ok(Reply::from(Value::empty_object()))
}

/// The policy of a bus with the statement that a request describes.
fn with_statement(bus: &Bus, request: Request<'_>) -> Result<Value, Fault> {
    let needed = |name: &'static str| {
        request
            .text_not_empty(name)?
            .ok_or_else(|| Fault::validation("Parameter(s) Action, Principal and StatementId must be specified."))
    };
    let (action, principal, id) = (needed("Action")?, needed("Principal")?, needed("StatementId")?);
    if action != "events:PutEvents" {
        return Err(Fault::validation("Provided value in parameter 'action' is not supported."));
    }
    let mut statement = Object::new();
    statement.insert("Sid", id);
    statement.insert("Effect", "Allow");
    match principal {
        "*" => statement.insert("Principal", "*"),
        account => statement.insert("Principal", object! { "AWS" => format!("arn:aws:iam::{account}:root") }),
    };
    statement.insert("Action", action);
    statement.insert("Resource", bus.arn.as_str());
    if let Some(condition) = request.member("Condition") {
        let text = |name: &str| condition[name].as_str().ok_or_else(|| faults::not_null(name));
        let inner = object! { text("Key")? => text("Value")? };
        statement.insert("Condition", object! { text("Type")? => inner });
    }
    let mut statements = statements(bus);
    statements.retain(|statement| statement["Sid"].as_str() != Some(id));
    statements.push(statement.into());
    Ok(policy(statements))
}

pub(crate) async fn remove_permission(events: &Events, request: Request<'_>) -> Outcome {
    let (place, name) = request.bus("EventBusName")?;
    let lock = events.catalogue.lock(&name).await;
    let bus = events.catalogue.bus(&place, &name).ok_or_else(|| faults::bus_not_found(&name))?;
    let mut record = bus.record.clone();
    if request.flag("RemoveAllPermissions")? {
        record.policy = None;
    } else {
        let id = request
            .text_not_empty("StatementId")?
            .ok_or_else(|| Fault::validation("Parameter StatementId must be specified."))?;
        if record.policy.is_none() {
            return Err(faults::not_found("EventBus does not have a policy."));
        }
        let mut statements = statements(&bus);
        let before = statements.len();
        statements.retain(|statement| statement["Sid"].as_str() != Some(id));
        if statements.len() == before {
            return Err(faults::not_found("Statement with the provided id does not exist."));
        }
        record.policy = (!statements.is_empty()).then(|| policy(statements).to_text());
    }
    put(events, request, &Value::empty_object(), lock, record).await?;
    Ok(Reply::from(Value::empty_object()))
}

/// Stores and shows a changed record.
pub(crate) async fn put(
    events: &Events,
    request: Request<'_>,
    output: &Value,
    lock: tokio::sync::OwnedMutexGuard<()>,
    record: BusRecord,
) -> Result<(), Fault> {
    let mut batch = Batch::default();
    once::keep(events, request.call, output, &mut batch);
    tables::put(&mut batch, &record)?;
    let place = record.place.clone();
    let shown = place.clone();
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            let name = record.name.clone();
            shelf.change_bus(&shown, &name, |bus| bus.record = record);
        })
        .await
}

fn statements(bus: &Bus) -> Vec<Value> {
    let policy = bus.record.policy.as_deref().and_then(|policy| windlass_value::parse(policy).ok());
    match policy.map(|policy| policy["Statement"].clone()) {
        Some(Value::Array(statements)) => statements.to_vec(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => Vec::new(),
    }
}

fn policy(statements: Vec<Value>) -> Value {
    object! { "Version" => "2012-10-17", "Statement" => Value::array(statements) }
}

fn summary(bus: &Bus) -> Object {
    let record = &bus.record;
    let mut output = Object::new();
    output.insert("Name", record.name.as_str());
    output.insert("Arn", bus.arn.as_str());
    if let Some(policy) = &record.policy {
        output.insert("Policy", policy.as_str());
    }
    if let Some(created_ms) = record.created_ms {
        output.insert("CreationTime", seconds(created_ms));
    }
    if let Some(modified_ms) = record.modified_ms {
        output.insert("LastModifiedTime", seconds(modified_ms));
    }
    if let Some(description) = &record.description {
        output.insert("Description", description.as_str());
    }
    output
}

fn settings(record: &BusRecord, output: &mut Object) {
    if let Some(description) = &record.description {
        output.insert("Description", description.as_str());
    }
    if let Some(key) = &record.kms_key {
        output.insert("KmsKeyIdentifier", key.as_str());
    }
    for (name, stored) in [("DeadLetterConfig", &record.dead_letter_config), ("LogConfig", &record.log_config)] {
        if let Some(value) = stored.as_deref().and_then(|text| windlass_value::parse(text).ok()) {
            output.insert(name, value);
        }
    }
}

fn document(request: Request<'_>, name: &str) -> Option<String> {
    request.member(name).map(Value::to_text)
}
