//! API destinations: HTTP endpoints as targets.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_store::{Batch, Table};
use windlass_value::{Arn, Object, Value};

use crate::connection;
use crate::events::Events;
use crate::faults;
use crate::once;
use crate::page::page;
use crate::place::Place;
use crate::random;
use crate::request::{Request, seconds};
use crate::tables::{self, API_DESTINATIONS, Record};

/// Requests a second without another word, and at most.
const RATE_MAX: i64 = 300;

/// What is stored of an API destination.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ApiDestination {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) connection_arn: String,
    /// With `*` for path parameters.
    pub(crate) endpoint: String,
    pub(crate) method: String,
    /// Requests a second, at least 1.
    pub(crate) rate_max: u32,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
}

impl Record for ApiDestination {
    const TABLE: &'static Table = &API_DESTINATIONS;
    fn place(&self) -> &Place {
        &self.place
    }
    fn name(&self) -> &str {
        &self.name
    }
}

impl ApiDestination {
    pub(crate) fn arn(&self) -> String {
        self.place.api_destination_arn(&self.name, &self.id)
    }
}

pub(crate) async fn create(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let place = request.place();
    let lock = events.catalogue.lock(name).await;
    if events.catalogue.read(&place, |shelf| shelf.api_destinations.contains_key(name)) {
        return Err(faults::already_exists(format!("An api-destination '{name}' already exists.")));
    }
    let now_ms = events.now().as_ms();
    let mut destination = ApiDestination {
        place: place.clone(),
        name: name.to_owned(),
        id: random::uuid()?,
        description: None,
        connection_arn: request.required("ConnectionArn")?.to_owned(),
        endpoint: request.required("InvocationEndpoint")?.to_owned(),
        method: request.required("HttpMethod")?.to_owned(),
        rate_max: RATE_MAX as u32,
        created_ms: now_ms,
        modified_ms: now_ms,
    };
    fill(events, request, &mut destination)?;
    let output = Value::from(short(&destination));
    put(events, request, &output, lock, destination).await?;
    Ok(Reply::from(output))
}

pub(crate) async fn update(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let lock = events.catalogue.lock(name).await;
    let mut destination = ApiDestination::clone(&*find(events, request)?);
    for (member, field) in [
        ("ConnectionArn", &mut destination.connection_arn),
        ("InvocationEndpoint", &mut destination.endpoint),
        ("HttpMethod", &mut destination.method),
    ] {
        if let Some(given) = request.owned(member)? {
            *field = given;
        }
    }
    destination.modified_ms = events.now().as_ms();
    fill(events, request, &mut destination)?;
    let output = Value::from(short(&destination));
    put(events, request, &output, lock, destination).await?;
    Ok(Reply::from(output))
}

/// Takes what is optional, and checks the whole.
fn fill(events: &Events, request: Request<'_>, destination: &mut ApiDestination) -> Result<(), Fault> {
    if let Some(description) = request.owned("Description")? {
        destination.description = Some(description);
    }
    if let Some(rate) = request.integer("InvocationRateLimitPerSecond")? {
        let rate = Some(rate).filter(|rate| (1..=RATE_MAX).contains(rate));
        let rate = rate.ok_or_else(|| faults::parameter("InvocationRateLimitPerSecond", "It is out of bounds."))?;
        destination.rate_max = rate as u32;
    }
    if connection::of_arn(events, &destination.connection_arn).is_none() {
        return Err(faults::not_found(format!("Connection '{}' does not exist.", destination.connection_arn)));
    }
    let is_address = destination.endpoint.starts_with("https://") || destination.endpoint.starts_with("http://");
    match is_address {
        true => Ok(()),
        false => Err(faults::parameter("InvocationEndpoint", "It must be an address that begins with https://.")),
    }
}

pub(crate) async fn delete(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let lock = events.catalogue.lock(name).await;
    let destination = find(events, request)?;
    let mut batch = Batch::default();
    tables::delete(&mut batch, &*destination);
    once::keep(events, request.call, &Value::empty_object(), &mut batch);
    let name = name.to_owned();
    events
        .catalogue
        .commit(lock, batch, &request.place(), move |shelf| {
            shelf.api_destinations.remove(&name);
        })
        .await?;
    Ok(Reply::from(Value::empty_object()))
}

pub(crate) fn describe(events: &Events, request: Request<'_>) -> Outcome {
    let destination = find(events, request)?;
    let mut output = summary(events, &destination);
    if let Some(description) = &destination.description {
        output.insert("Description", description.as_str());
    }
    Ok(Reply::from(Value::from(output)))
}

pub(crate) fn list(events: &Events, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let connection = request.text("ConnectionArn")?;
    let destinations = events.catalogue.read(&request.place(), |shelf| shelf.api_destinations.clone());
    let named = destinations
        .iter()
        .filter(|(name, one)| {
            name.starts_with(prefix) && connection.is_none_or(|connection| connection == one.connection_arn)
        })
        .map(|(name, one)| (name.as_str(), one));
    page(request, "ApiDestinations", &[prefix, connection.unwrap_or_default()], named, |destination| {
        summary(events, destination).into()
    })
    .map(Reply::from)
}

/// The API destination of that ARN.
pub(crate) fn of_arn(events: &Events, text: &str) -> Option<Arc<ApiDestination>> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "events")?;
    let (name, id) = arn.resource.strip_prefix("api-destination/")?.split_once('/')?;
    let place = Place { account: arn.account.as_str().into(), region: arn.region.as_str().into() };
    let destination = events.catalogue.read(&place, |shelf| shelf.api_destinations.get(name).cloned());
    destination.filter(|destination| destination.id == id)
}

fn find(events: &Events, request: Request<'_>) -> Result<Arc<ApiDestination>, Fault> {
    let name = request.required("Name")?;
    let destination = events.catalogue.read(&request.place(), |shelf| shelf.api_destinations.get(name).cloned());
    destination.ok_or_else(|| {
        faults::not_found(format!(
            "Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
        ))
    })
}

async fn put(
    events: &Events,
    request: Request<'_>,
    output: &Value,
    lock: tokio::sync::OwnedMutexGuard<()>,
    destination: ApiDestination,
) -> Result<(), Fault> {
    let mut batch = Batch::default();
    once::keep(events, request.call, output, &mut batch);
    tables::put(&mut batch, &destination)?;
    let place = destination.place.clone();
    let shown = Arc::new(destination);
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            shelf.api_destinations.insert(shown.name.clone(), shown);
        })
        .await
}

fn short(destination: &ApiDestination) -> Object {
    let mut output = Object::new();
    output.insert("ApiDestinationArn", destination.arn());
    output.insert("ApiDestinationState", "ACTIVE");
    output.insert("CreationTime", seconds(destination.created_ms));
    output.insert("LastModifiedTime", seconds(destination.modified_ms));
    output
}

fn summary(events: &Events, destination: &ApiDestination) -> Object {
    let is_active = connection::of_arn(events, &destination.connection_arn)
        .is_some_and(|connection| connection.state == "AUTHORIZED");
    let mut output = short(destination);
    output.insert("Name", destination.name.as_str());
    output.insert("ApiDestinationState", if is_active { "ACTIVE" } else { "INACTIVE" });
    output.insert("ConnectionArn", destination.connection_arn.as_str());
    output.insert("InvocationEndpoint", destination.endpoint.as_str());
    output.insert("HttpMethod", destination.method.as_str());
    output.insert("InvocationRateLimitPerSecond", destination.rate_max);
    output
}
