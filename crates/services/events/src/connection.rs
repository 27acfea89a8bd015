//! Connections: how to be let in elsewhere. Their secrets are sealed before they
//! are stored, and never shown.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_store::{Batch, Table};
use windlass_value::{Arn, Object, Value};

use crate::events::Events;
use crate::faults;
use crate::once;
use crate::page::page;
use crate::place::Place;
use crate::random;
use crate::request::{Request, seconds};
use crate::tables::{self, CONNECTIONS, Record};

/// What is stored of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) kind: Kind,
    /// The name of the secret, as AWS shows it.
    pub(crate) secret_arn: String,
    /// `AuthParameters` as it came, as JSON text, sealed, in base64.
    pub(crate) sealed: String,
    /// `AUTHORIZED`, `DEAUTHORIZED`
    pub(crate) state: String,
    pub(crate) state_reason: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) authorized_ms: Option<i64>,
    /// Counts changes of the parameters: tokens of earlier ones are not used.
    pub(crate) revision: u64,
}

/// `AuthorizationType`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "BASIC")]
    Basic,
    #[serde(rename = "API_KEY")]
    ApiKey,
    #[serde(rename = "OAUTH_CLIENT_CREDENTIALS")]
    OAuth,
}

impl Kind {
    fn parse(text: &str) -> Result<Kind, Fault> {
        match text {
            "BASIC" => Ok(Kind::Basic),
            "API_KEY" => Ok(Kind::ApiKey),
            "OAUTH_CLIENT_CREDENTIALS" => Ok(Kind::OAuth),
            _ => Err(faults::parameter("AuthorizationType", "It is not a known type.")),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Kind::Basic => "BASIC",
            Kind::ApiKey => "API_KEY",
            Kind::OAuth => "OAUTH_CLIENT_CREDENTIALS",
        }
    }

    /// The member of `AuthParameters` that holds its own.
    pub(crate) fn member(self) -> &'static str {
        match self {
            Kind::Basic => "BasicAuthParameters",
            Kind::ApiKey => "ApiKeyAuthParameters",
            Kind::OAuth => "OAuthParameters",
        }
    }
}

impl Record for Connection {
    const TABLE: &'static Table = &CONNECTIONS;
    fn place(&self) -> &Place {
        &self.place
    }
    fn name(&self) -> &str {
        &self.name
    }
}

impl Connection {
    pub(crate) fn arn(&self) -> String {
        self.place.connection_arn(&self.name, &self.id)
    }

    /// `AuthParameters`, with its secrets.
    ///
    /// # Errors
    /// They cannot be opened with the keys at hand.
    pub(crate) fn parameters(&self, events: &Events) -> Result<Value, Fault> {
        let sealed = STANDARD.decode(&self.sealed).map_err(|error| faults::internal(error.to_string()))?;
        let plain =
            events.keyring.open_sealed(&self.arn(), &sealed).map_err(|error| faults::internal(error.to_string()))?;
        let text = str::from_utf8(&plain).map_err(|error| faults::internal(error.to_string()))?;
        windlass_value::parse(text).map_err(|error| faults::internal(format!("{error:?}")))
    }

    fn seal(&mut self, events: &Events, parameters: &Value) -> Result<(), Fault> {
        let sealed = events
            .keyring
            .seal(&self.arn(), parameters.to_text().as_bytes())
            .map_err(|error| faults::internal(error.to_string()))?;
        self.sealed = STANDARD.encode(sealed);
        Ok(())
    }
}

pub(crate) async fn create(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let place = request.place();
    refuse_private(request)?;
    let kind = Kind::parse(request.required("AuthorizationType")?)?;
    let parameters = request.member("AuthParameters").ok_or_else(|| faults::not_null("AuthParameters"))?;
    check(kind, parameters)?;
    let lock = events.catalogue.lock(name).await;
    if events.catalogue.read(&place, |shelf| shelf.connections.contains_key(name)) {
        return Err(faults::already_exists(format!("Connection {name} already exists.")));
    }
    let now_ms = events.now().as_ms();
    let id = random::uuid()?;
    let mut connection = Connection {
        secret_arn: format!(
            "arn:aws:secretsmanager:{}:{}:secret:events!connection/{name}/{id}-{}",
            place.region,
            place.account,
            &random::uuid()?[..6]
        ),
        place: place.clone(),
        name: name.to_owned(),
        id,
        description: request.owned("Description")?,
        kms_key: request.owned("KmsKeyIdentifier")?,
        kind,
        sealed: String::new(),
        state: "AUTHORIZED".to_owned(),
        state_reason: None,
        created_ms: now_ms,
        modified_ms: now_ms,
        authorized_ms: Some(now_ms),
        revision: 1,
    };
    connection.seal(events, parameters)?;
    let output = Value::from(short(&connection, false));
    put(events, request, &output, lock, connection).await?;
    Ok(Reply::from(output))
}

pub(crate) async fn update(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    refuse_private(request)?;
    let lock = events.catalogue.lock(name).await;
    let mut connection = Connection::clone(&*find(events, request)?);
    if let Some(description) = request.owned("Description")? {
        connection.description = Some(description);
    }
    if let Some(key) = request.owned("KmsKeyIdentifier")? {
        connection.kms_key = Some(key);
    }
    let kind = request.text("AuthorizationType")?.map_or(Ok(connection.kind), Kind::parse)?;
    if let Some(given) = request.member("AuthParameters") {
        let parameters = match kind == connection.kind {
            true => merged(&connection.parameters(events)?, given),
            false => given.clone(),
        };
        check(kind, &parameters)?;
        connection.seal(events, &parameters)?;
    } else if kind != connection.kind {
        return Err(faults::not_null("AuthParameters"));
    }
    connection.kind = kind;
    connection.revision += 1;
    connection.state = "AUTHORIZED".to_owned();
    connection.state_reason = None;
    connection.modified_ms = events.now().as_ms();
    connection.authorized_ms = Some(connection.modified_ms);
    let output = Value::from(short(&connection, true));
    put(events, request, &output, lock, connection).await?;
    Ok(Reply::from(output))
}

pub(crate) async fn deauthorize(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let lock = events.catalogue.lock(name).await;
    let mut connection = Connection::clone(&*find(events, request)?);
    // What is taken away is gone: only an update brings new secrets.
    let kept = shown(connection.kind, &connection.parameters(events)?);
    connection.seal(events, &kept)?;
    connection.state = "DEAUTHORIZED".to_owned();
    connection.revision += 1;
    connection.modified_ms = events.now().as_ms();
    let mut output = short(&connection, true);
    output.insert("ConnectionState", "DEAUTHORIZING");
    let output = Value::from(output);
    put(events, request, &output, lock, connection).await?;
    Ok(Reply::from(output))
}

pub(crate) async fn delete(events: &Events, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let lock = events.catalogue.lock(name).await;
    let connection = find(events, request)?;
    let mut batch = Batch::default();
    tables::delete(&mut batch, &*connection);
    let mut output = short(&connection, true);
    output.insert("ConnectionState", "DELETING");
    let output = Value::from(output);
    once::keep(events, request.call, &output, &mut batch);
    let name = name.to_owned();
    events
        .catalogue
        .commit(lock, batch, &request.place(), move |shelf| {
            shelf.connections.remove(&name);
        })
        .await?;
    Ok(Reply::from(output))
}

pub(crate) fn describe(events: &Events, request: Request<'_>) -> Outcome {
    let connection = find(events, request)?;
    let mut output = short(&connection, true);
    output.insert("Name", connection.name.as_str());
    for (name, value) in [
        ("Description", &connection.description),
        ("StateReason", &connection.state_reason),
        ("KmsKeyIdentifier", &connection.kms_key),
    ] {
        if let Some(value) = value {
            output.insert(name, value.as_str());
        }
    }
    output.insert("AuthorizationType", connection.kind.as_str());
    output.insert("SecretArn", connection.secret_arn.as_str());
    output.insert("AuthParameters", shown(connection.kind, &connection.parameters(events)?));
    Ok(Reply::from(Value::from(output)))
}

pub(crate) fn list(events: &Events, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let state = request.text("ConnectionState")?;
    let connections = events.catalogue.read(&request.place(), |shelf| shelf.connections.clone());
    let named = connections
        .iter()
        .filter(|(name, one)| name.starts_with(prefix) && state.is_none_or(|state| state == one.state))
        .map(|(name, one)| (name.as_str(), one));
    page(request, "Connections", &[prefix, state.unwrap_or_default()], named, |connection| {
        let mut output = short(connection, true);
        output.insert("Name", connection.name.as_str());
        output.insert("AuthorizationType", connection.kind.as_str());
        if let Some(reason) = &connection.state_reason {
            output.insert("StateReason", reason.as_str());
        }
        output.into()
    })
    .map(Reply::from)
}

/// The connection of that ARN.
pub(crate) fn of_arn(events: &Events, text: &str) -> Option<Arc<Connection>> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "events")?;
    let (name, id) = arn.resource.strip_prefix("connection/")?.split_once('/')?;
    let place = Place { account: arn.account.as_str().into(), region: arn.region.as_str().into() };
    let connection = events.catalogue.read(&place, |shelf| shelf.connections.get(name).cloned());
    connection.filter(|connection| connection.id == id)
}

fn find(events: &Events, request: Request<'_>) -> Result<Arc<Connection>, Fault> {
    let name = request.required("Name")?;
    let connection = events.catalogue.read(&request.place(), |shelf| shelf.connections.get(name).cloned());
    connection.ok_or_else(|| {
        faults::not_found(format!("Failed to describe the connection(s). Connection '{name}' does not exist."))
    })
}

/// Stores and shows a connection.
async fn put(
    events: &Events,
    request: Request<'_>,
    output: &Value,
    lock: tokio::sync::OwnedMutexGuard<()>,
    connection: Connection,
) -> Result<(), Fault> {
    let mut batch = Batch::default();
    once::keep(events, request.call, output, &mut batch);
    tables::put(&mut batch, &connection)?;
    let place = connection.place.clone();
    let shown = Arc::new(connection);
    events
        .catalogue
        .commit(lock, batch, &place, move |shelf| {
            shelf.connections.insert(shown.name.clone(), shown);
        })
        .await
}

fn refuse_private(request: Request<'_>) -> Result<(), Fault> {
    match request.member("InvocationConnectivityParameters") {
        Some(_) => Err(Fault::not_built("connections to private endpoints")),
        None => Ok(()),
    }
}

fn check(kind: Kind, parameters: &Value) -> Result<(), Fault> {
    let own = &parameters[kind.member()];
    let complete = match kind {
        Kind::Basic => own["Username"].as_str().is_some() && own["Password"].as_str().is_some(),
        Kind::ApiKey => own["ApiKeyName"].as_str().is_some() && own["ApiKeyValue"].as_str().is_some(),
        Kind::OAuth => {
            own["ClientParameters"]["ClientID"].as_str().is_some()
                && own["ClientParameters"]["ClientSecret"].as_str().is_some()
                && own["AuthorizationEndpoint"].as_str().is_some()
                && matches!(own["HttpMethod"].as_str(), Some("GET" | "POST" | "PUT"))
        }
    };
    if !complete {
        return Err(faults::parameter(
            "AuthParameters",
            &format!("{} must be specified for the authorization type {}.", kind.member(), kind.as_str()),
        ));
    }
    let others = [Kind::Basic, Kind::ApiKey, Kind::OAuth].into_iter().filter(|other| *other != kind);
    if others.into_iter().any(|other| !parameters[other.member()].is_null()) {
        return Err(faults::parameter("AuthParameters", "Only one kind of authorization parameters can be specified."));
    }
    Ok(())
}

/// Members that are given replace those that are there; lists are replaced whole.
fn merged(before: &Value, given: &Value) -> Value {
    match (before, given) {
        (Value::Object(before), Value::Object(given)) => {
            let mut all = Object::clone(before);
            for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let value = merged(before.get(name).unwrap_or(&Value::Null), value);
                all.insert(name.clone(), value);
            }
            all.into()
        }
        (_, given) => given.clone(),
    }
}

/// `AuthParameters` without what is secret.
fn shown(kind: Kind, parameters: &Value) -> Value {
    let own = &parameters[kind.member()];
    let mut inner = Object::new();
    match kind {
        Kind::Basic => {
            inner.insert("Username", &own["Username"]);
        }
        Kind::ApiKey => {
            inner.insert("ApiKeyName", &own["ApiKeyName"]);
        }
        Kind::OAuth => {
            let client = windlass_value::object! { "ClientID" => &own["ClientParameters"]["ClientID"] };
            inner.insert("ClientParameters", client);
            inner.insert("AuthorizationEndpoint", &own["AuthorizationEndpoint"]);
            inner.insert("HttpMethod", &own["HttpMethod"]);
            if !own["OAuthHttpParameters"].is_null() {
                inner.insert("OAuthHttpParameters", without_secrets(&own["OAuthHttpParameters"]));
            }
        }
    }
    let mut output = Object::new();
    output.insert(kind.member(), inner);
    let invocation = &parameters["InvocationHttpParameters"];
    if !invocation.is_null() {
        output.insert("InvocationHttpParameters", without_secrets(invocation));
    }
    output.into()
}

/// HTTP parameters without the values that are secret.
fn without_secrets(parameters: &Value) -> Value {
    let Value::Object(lists) = parameters else { return Value::empty_object() };
    let shown = lists.iter().map(|(name, list)| {
        let items = match list {
            Value::Array(items) => items.iter().map(without_secret).collect(),
            _ => Vec::new(),
        };
        (name.clone(), Value::array(items))
    });
    shown.collect::<Object>().into()
}

fn without_secret(parameter: &Value) -> Value {
    match parameter {
        Value::Object(members) if parameter["IsValueSecret"].as_bool() == Some(true) => {
            let mut members = Object::clone(members);
            members.remove("Value");
            members.into()
        }
        value => value.clone(),
    }
}

fn short(connection: &Connection, with_authorized: bool) -> Object {
    let mut output = Object::new();
    output.insert("ConnectionArn", connection.arn());
    output.insert("ConnectionState", connection.state.as_str());
    output.insert("CreationTime", seconds(connection.created_ms));
    output.insert("LastModifiedTime", seconds(connection.modified_ms));
    if let Some(authorized_ms) = connection.authorized_ms.filter(|_| with_authorized) {
        output.insert("LastAuthorizedTime", seconds(authorized_ms));
    }
    output
}
