//! What a connection adds to a request, with a token where it needs one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use windlass_outgoing::SendLimits;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Timestamp, Value, object};

use crate::connection::{self, Connection, Kind};
use crate::events::Events;
use crate::faults;
use crate::http_text::{form, with_query};

/// The operation by which our own services ask for a connection's authorization.
pub(crate) const OPERATION: &str = "windlass:ConnectionAuthorization";

const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// A token is fetched anew that long before it expires.
const TOKEN_MARGIN_MS: i64 = 60_000;
/// How long a token is taken for good whose answer does not say.
const TOKEN_LIFETIME_SECONDS: i64 = 3600;
/// Tokens in memory; beyond that, all are fetched anew.
const TOKENS_MAX: usize = 10_000;

/// Parameters to add to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Authorization {
    pub(crate) headers: Object,
    pub(crate) query: Object,
    pub(crate) body: Object,
}

/// A token and when it ends; held locked while it is fetched, so that one request
/// fetches it for all that wait.
type Slot = Arc<tokio::sync::Mutex<Option<(String, Timestamp)>>>;

/// The tokens of connections, by ARN and revision. In memory only: after a restart
/// they are fetched anew.
#[derive(Default)]
pub(crate) struct Tokens {
    slots: Mutex<HashMap<(String, u64), Slot>>,
}

impl Tokens {
    fn slot(&self, connection: &Connection) -> Slot {
        let mut slots = self.slots.lock();
        if slots.len() >= TOKENS_MAX {
            slots.clear();
        }
        slots.entry((connection.arn(), connection.revision)).or_default().clone()
    }
}

/// Answers [`OPERATION`], to our own services only: it hands out secrets.
pub(crate) async fn answer(events: &Events, call: &Call) -> Outcome {
    if call.depth == 0 {
        return Err(Fault::new("UnknownOperationException", format!("The operation {OPERATION} is not known.")));
    }
    let arn = call.input["ConnectionArn"].as_str().ok_or_else(|| faults::not_null("ConnectionArn"))?;
    let connection = connection::of_arn(events, arn)
        .ok_or_else(|| faults::not_found(format!("Connection '{arn}' does not exist.")))?;
    let is_stale = call.input["Refresh"].as_bool().unwrap_or(false);
    let Authorization { headers, query, body } = of(events, &connection, is_stale).await?;
    Ok(Reply::from(object! { "Headers" => headers, "QueryParameters" => query, "BodyParameters" => body }))
}

/// What a connection adds to a request. `is_stale` fetches a token anew.
///
/// # Errors
/// The connection is not authorized, or its token cannot be had.
pub(crate) async fn of(events: &Events, connection: &Connection, is_stale: bool) -> Result<Authorization, Fault> {
    if connection.state != "AUTHORIZED" {
        return Err(Fault::new(
            "InvalidStateException",
            format!("Connection '{}' is not authorized: its state is {}.", connection.name, connection.state),
        ));
    }
    let parameters = connection.parameters(events)?;
    let own = &parameters[connection.kind.member()];
    let mut authorization = Authorization::default();
    add(&parameters["InvocationHttpParameters"], &mut authorization);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match connection.kind {
        Kind::Basic => {
            let credentials = STANDARD.encode(format!("{}:{}", text(&own["Username"]), text(&own["Password"])));
            authorization.headers.insert("Authorization", format!("Basic {credentials}"));
        }
        Kind::ApiKey => {
            authorization.headers.insert(text(&own["ApiKeyName"]), text(&own["ApiKeyValue"]));
        }
        Kind::OAuth => {
            let token = token(events, connection, own, is_stale).await?;
            authorization.headers.insert("Authorization", format!("Bearer {token}"));
        }
    }
    Ok(authorization)
}

/// Adds the parameters of a connection's lists.
fn add(parameters: &Value, authorization: &mut Authorization) {
    let lists = [
        ("HeaderParameters", &mut authorization.headers),
        ("QueryStringParameters", &mut authorization.query),
        ("BodyParameters", &mut authorization.body),
    ];
    for (name, target) in lists {
        let Value::Array(items) = &parameters[name] else { continue };
        for item in items.iter() {
            if let Some(key) = item["Key"].as_str() {
                target.insert(key, item["Value"].as_str().unwrap_or_default());
            }
        }
    }
}

async fn token(events: &Events, connection: &Connection, own: &Value, is_stale: bool) -> Result<String, Fault> {
    let slot = events.tokens.slot(connection);
    let mut held = slot.lock().await;
    let now = events.now();
    if let Some((token, ends)) = &*held
        && !is_stale
        && now.plus_ms(TOKEN_MARGIN_MS) < *ends
    {
        return Ok(token.clone());
    }
    *held = None;
    let (token, lifetime_seconds) = fetch(events, connection, own).await?;
    *held = Some((token.clone(), now.plus_ms(lifetime_seconds.saturating_mul(1000))));
    Ok(token)
}

/// Asks for a token by client credentials (RFC 6749, section 4.4).
async fn fetch(events: &Events, connection: &Connection, own: &Value) -> Result<(String, i64), Fault> {
    let failed = |why: String| {
        let message = format!("The token of the connection '{}' could not be fetched: {why}", connection.name);
        Fault::new("ConnectionAuthorizationException", message).with_status(502)
    };
    let mut extra = Authorization::default();
    add(&own["OAuthHttpParameters"], &mut extra);
    let mut fields = Object::new();
    fields.insert("grant_type", "client_credentials");
    fields.insert("client_id", &own["ClientParameters"]["ClientID"]);
    fields.insert("client_secret", &own["ClientParameters"]["ClientSecret"]);
    fields.extend(extra.body);
    let endpoint = own["AuthorizationEndpoint"].as_str().unwrap_or_default();
    let method = own["HttpMethod"].as_str().unwrap_or("POST");
    let (address, body) = match method {
        "GET" => {
            let mut query = fields;
            query.extend(extra.query);
            (with_query(endpoint, &query), Bytes::new())
        }
        _ => (with_query(endpoint, &extra.query), Bytes::from(form(&fields))),
    };
    let mut request = http::Request::builder().method(method).uri(address).header("accept", "application/json");
    if !body.is_empty() {
        request = request.header("content-type", "application/x-www-form-urlencoded");
    }
    for (name, value) in extra.headers.iter() {
        request = request.header(&**name, value.as_str().unwrap_or_default());
    }
    let request = request.body(body).map_err(|error| failed(error.to_string()))?;
    let limits = SendLimits { timeout: TOKEN_TIMEOUT, response_bytes_max: TOKEN_BYTES_MAX, redirects_max: 0 };
    let response = events.outgoing.send(request, &limits).await.map_err(|error| failed(error.to_string()))?;
    if !response.status().is_success() {
        return Err(failed(format!("the authorization endpoint answered {}", response.status())));
    }
    let answer = str::from_utf8(response.body()).ok().and_then(|text| windlass_value::parse(text).ok());
    let answer = answer.ok_or_else(|| failed("the authorization endpoint did not answer JSON".to_owned()))?;
    let token = answer["access_token"].as_str().filter(|token| is_header_text(token));
    let token = token.ok_or_else(|| failed("the answer has no access_token".to_owned()))?;
    let lifetime = match &answer["expires_in"] {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64().map(|seconds| seconds as i64),
    };
    Ok((token.to_owned(), lifetime.unwrap_or(TOKEN_LIFETIME_SECONDS)))
}

fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}
