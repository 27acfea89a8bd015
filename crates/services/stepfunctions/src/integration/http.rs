//! `http:invoke`: a request to any HTTPS API, with the authorization of an EventBridge
//! connection.

use ::http::header::{CONTENT_TYPE, HeaderMap};
use ::http::{Method, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use windlass_outgoing::SendError;
use windlass_protocol::{Fault, TraceContext};
use windlass_value::{Object, Payload, Value, object};
use windlass_workflow::TaskCall;

use super::failure::Failure;
use super::models::cannot_start;
use super::request::{
    ArrayFormat, add_header, content_type, form_pairs, percent_encode, query_string, result, status_text, text_of,
    texts_of,
};
use super::task_call::TaskCaller;

const TRACE_PARENT: &str = "traceparent";
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];
const FIELDS: &[&str] = &[
    "ApiEndpoint",
    "Method",
    "Authentication",
    "InvocationConfig",
    "Headers",
    "QueryParameters",
    "RequestBody",
    "Transform",
];
/// Headers a definition may not set, in lower case.
const FORBIDDEN_HEADERS: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];
const FORBIDDEN_PREFIXES: &[&str] = &["x-forwarded-", "x-amz-", "x-amzn-"];
/// Answers of these types are no text.
const BINARY_PREFIXES: &[&str] = &["image/", "video/", "audio/"];

/// Why these parameters cannot start the task; `None` when they can.
pub(super) fn refusal(parameters: &Value) -> Option<String> {
    let Value::Object(given) = parameters else {
        return Some(cannot_start(parameters, &["The parameters must be an object".to_owned()]));
    };
    let mut problems: Vec<String> = Vec::new();
    for name in ["ApiEndpoint", "Method"] {
        if given.get(name).is_none_or(Value::is_null) {
            problems.push(format!("The field '{name}' is required but was missing"));
        }
    }
    if connection(given).is_none() {
        problems.push("The field 'Authentication' is required but was missing".to_owned());
    }
    let mut invalid = |name: &str| problems.push(format!("The value of the field '{name}' has an invalid format"));
    if given.get("ApiEndpoint").is_some_and(|value| value.as_str().is_none()) {
        invalid("ApiEndpoint");
    }
    if given.get("Method").is_some_and(|value| !value.as_str().is_some_and(|method| METHODS.contains(&method))) {
        invalid("Method");
    }
    match given.get("Headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(headers)) if headers.values().all(is_header_value) => {}
        Some(_) => invalid("Headers"),
    }
    match given.get("QueryParameters") {
        None | Some(Value::Null | Value::Object(_) | Value::String(_) | Value::Array(_)) => {}
        Some(_) => invalid("QueryParameters"),
    }
    if encoding(given).is_none() {
        invalid("Transform");
    }
    if let Some(Value::Object(headers)) = given.get("Headers") {
        for name in headers.keys() {
            let lower = name.to_ascii_lowercase();
            let is_forbidden = FORBIDDEN_HEADERS.contains(&&*lower)
                || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
            if is_forbidden {
                problems.push(format!("The header '{name}' is not supported by Step Functions"));
            }
        }
    }
    for name in given.keys().filter(|name| !FIELDS.contains(&&***name)) {
        problems.push(format!("The field '{name}' is not supported by Step Functions"));
    }
    (!problems.is_empty()).then(|| cannot_start(parameters, &problems))
}

fn is_header_value(value: &Value) -> bool {
    let is_text = |value: &Value| !matches!(value, Value::Object(_) | Value::Array(_) | Value::Null);
    match value {
        Value::Array(items) => items.iter().all(is_text),
        value => is_text(value) || value.is_null(),
    }
}

fn connection(given: &Object) -> Option<&str> {
    let of = |field: &str| given.get(field)?.get("ConnectionArn")?.as_str();
    of("InvocationConfig").or_else(|| of("Authentication"))
}

/// The encoding of the body: a form, or JSON (`Some(None)`); `None` for what is no
/// transformation.
fn encoding(given: &Object) -> Option<Option<ArrayFormat>> {
    let transform = match given.get("Transform") {
        None | Some(Value::Null) => return Some(None),
        Some(Value::Object(transform)) => transform,
        Some(_) => return None,
    };
    let arrays = match transform.get("RequestEncodingOptions").and_then(|options| options.get("ArrayFormat")) {
        None | Some(Value::Null) => ArrayFormat::Indices,
        Some(value) => ArrayFormat::parse(value.as_str()?)?,
    };
    match transform.get("RequestBodyEncoding").map(Value::as_str) {
        None | Some(Some("NONE")) => Some(None),
        Some(Some("URL_ENCODED")) => Some(Some(arrays)),
        Some(_) => None,
    }
}

/// What a connection adds to a request.
#[derive(Default, PartialEq)]
struct Authorization {
    headers: Object,
    query: Object,
    body: Object,
}

/// Makes the request.
pub(super) async fn invoke(caller: TaskCaller<'_>, task: &TaskCall) -> Result<Payload, Failure> {
    let parameters = task.parameters.value();
    let given = parameters.as_object().map_or_else(Object::new, |given| Object::clone(given));
    let connection_arn = connection(&given).unwrap_or_default().to_owned();
    let authorization = authorize(caller, task, &connection_arn, false).await?;
    let mut response = send(caller, task, &given, &authorization).await?;
    if response.status() == StatusCode::UNAUTHORIZED {
        // A token may have ended before its time; nothing was done with the first request.
        let fresh = authorize(caller, task, &connection_arn, true).await?;
        if fresh != authorization {
            response = send(caller, task, &given, &fresh).await?;
        }
    }
    if !response.status().is_success() {
        let error = format!("States.Http.StatusCode.{}", response.status().as_u16());
        // Measured by others: the body is not shown, only what the status is called.
        return Err(Failure::new(&error, status_text(response.status())));
    }
    let media = content_type(response.headers());
    let is_binary =
        media == "application/octet-stream" || BINARY_PREFIXES.iter().any(|prefix| media.starts_with(prefix));
    let found = if is_binary { None } else { result(&response) };
    found.map(Payload::from_value).ok_or_else(|| {
        Failure::runtime(format!(
            "The response of the content type '{media}' cannot be read as text, which HTTP tasks do not support."
        ))
    })
}

async fn send(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    given: &Object,
    authorization: &Authorization,
) -> Result<Response<Bytes>, Failure> {
    let arn = &caller.identity.arn;
    let mut sent = request(caller, given, authorization)?;
    // The definition's own header goes before ours.
    if let Some(parent) = trace_parent(caller, task).filter(|_| !sent.headers().contains_key(TRACE_PARENT)) {
        add_header(sent.headers_mut(), TRACE_PARENT, &[parent]);
    }
    let is_watched = caller.exchanges.is_watched(arn);
    if is_watched {
        let written = request(caller, given, &Authorization::default())?;
        caller.exchanges.note_request(arn, &sent, &written);
    }
    let response = caller.outside.send(sent).await.map_err(|error| of_send(&error, "http"))?;
    if is_watched {
        caller.exchanges.note_response(arn, &response);
    }
    Ok(response)
}

/// The place of an attempt in its trace, as W3C writes it.
fn trace_parent(caller: TaskCaller<'_>, task: &TaskCall) -> Option<String> {
    TraceContext::from_header(&caller.trace(task)?)?.to_traceparent()
}

/// What stood between us and an answer.
pub(super) fn of_send(error: &SendError, name: &str) -> Failure {
    match error {
        SendError::Refused(why) => Failure::task(why.clone()),
        SendError::Address(_) => Failure::runtime(error.to_string()),
        SendError::TooLarge(_) => Failure::new(
            "States.DataLimitExceeded",
            format!(
                "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
            ),
        ),
        _ => Failure::new("States.Http.Socket", error.to_string()),
    }
}

async fn authorize(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    connection_arn: &str,
    is_stale: bool,
) -> Result<Authorization, Failure> {
    const OPERATION: &str = "windlass:ConnectionAuthorization";
    let asked = task.parameters.value();
    // Endpoint and method are what the role's policy may speak of.
    let input = object! {
        "ConnectionArn" => connection_arn,
        "Refresh" => is_stale,
        "Endpoint" => asked.get("ApiEndpoint"),
        "Method" => asked.get("Method"),
        "StateMachineArn" => &caller.identity.machine_arn,
    };
    let call = caller.about().call(task, "events", OPERATION, input, Bytes::new());
    let reply = caller.dispatcher.call(call).await.map_err(|fault| of_connection(&fault))?;
    let pairs = |name: &str| match reply.output.get(name) {
        Some(Value::Object(pairs)) => Object::clone(pairs),
        _ => Object::new(),
    };
    Ok(Authorization { headers: pairs("Headers"), query: pairs("QueryParameters"), body: pairs("BodyParameters") })
}

fn of_connection(fault: &Fault) -> Failure {
    let name = match fault.code.as_str() {
        "NotImplementedException" | "NoBackendConfigured" => return Failure::task(fault.message.clone()),
        code if code.contains("NotFound") => "ResourceNotFound",
        code if code.contains("AccessDenied") => "AccessDenied",
        "AuthInProgress" | "AuthorizationInProgress" => "AuthInProgress",
        code if code.contains("ConcurrentModification") => "ConcurrentModification",
        "ConnectionAuthorizationException" => "InvalidConnectionState",
        code if code.contains("State") => "InvalidConnectionState",
        _ if fault.status >= 500 => "InternalError",
        _ => "InvalidConnectionState",
    };
    Failure::new(&format!("Events.ConnectionResource.{name}"), fault.message.clone())
}

fn request(caller: TaskCaller<'_>, given: &Object, authorization: &Authorization) -> Result<Request<Bytes>, Failure> {
    let uri = address(given, authorization, caller.outside.plain_http)?;
    let method = given.get("Method").and_then(Value::as_str).unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| Failure::runtime(error.to_string()))?;
    let mut headers = HeaderMap::new();
    let in_definition = given.get("Headers").and_then(Value::as_object).map(|headers| Object::clone(headers));
    for (name, value) in in_definition.iter().flat_map(Object::iter).chain(authorization.headers.iter()) {
        if !value.is_null() && !add_header(&mut headers, name, &texts_of(value)) {
            return Err(Failure::runtime(format!(
                "The header '{name}' cannot be sent: its name or value is not valid."
            )));
        }
    }
    let body = body(given, authorization)?;
    let form = encoding(given).flatten();
    let body = match (body, form) {
        (Value::Null, _) => Bytes::new(),
        (Value::String(text), _) => Bytes::copy_from_slice(text.as_bytes()),
        (document, Some(arrays)) => Bytes::from(query_string(&form_pairs(&document, arrays))),
        (document, None) => Bytes::from(document.to_text()),
    };
    if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        let media =
            if form.is_some() { "application/x-www-form-urlencoded" } else { "application/json; charset=UTF-8" };
        add_header(&mut headers, "content-type", &[media.to_owned()]);
    }
    let agent = format!("Amazon|StepFunctions|HttpInvoke|{}", caller.identity.region);
    add_header(&mut headers, "user-agent", &[agent]);
    let last_byte = caller.outside.response_bytes_max.saturating_sub(1);
    add_header(&mut headers, "range", &[format!("bytes=0-{last_byte}")]);
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The endpoint with the query parameters of definition and connection.
fn address(given: &Object, authorization: &Authorization, plain_http: bool) -> Result<Uri, Failure> {
    let endpoint = given.get("ApiEndpoint").and_then(Value::as_str).unwrap_or_default();
    let invalid = |why: &str| {
        Failure::runtime(format!("The value '{endpoint}' of the field 'ApiEndpoint' cannot be called: {why}."))
    };
    let (endpoint_path, own_query) = match endpoint.split_once('?') {
        Some((path, query)) => (path, query),
        None => (endpoint, ""),
    };
    let mut query: Vec<String> = Vec::new();
    if !own_query.is_empty() {
        query.push(own_query.to_owned());
    }
    let mut named: Vec<(String, String)> = Vec::new();
    let of_connection = |name: &str| authorization.query.contains_key(name);
    match given.get("QueryParameters") {
        Some(Value::String(text)) if !text.is_empty() => query.push(text.trim_start_matches('?').to_owned()),
        Some(Value::Object(pairs)) => {
            for (name, value) in pairs.iter().filter(|(name, _)| !of_connection(name)) {
                named.extend(texts_of(value).into_iter().map(|text| (name.to_string(), text)));
            }
        }
        Some(Value::Array(items)) => query.extend(items.iter().map(|item| match item {
            Value::Object(_) => query_string(&form_pairs(item, ArrayFormat::Repeat)),
            item => percent_encode(&text_of(item)),
        })),
        _ => {}
    }
    for (name, value) in authorization.query.iter() {
        named.extend(texts_of(value).into_iter().map(|text| (name.to_string(), text)));
    }
    if !named.is_empty() {
        query.push(query_string(&named));
    }
    let whole =
        if query.is_empty() { endpoint_path.to_owned() } else { format!("{endpoint_path}?{}", query.join("&")) };
    let uri: Uri = whole.parse().map_err(|_| invalid("it is no URL"))?;
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if plain_http => Ok(uri),
        _ => Err(invalid("HTTP tasks call https:// only")),
    }
}

/// The body with the parameters of the connection.
fn body(given: &Object, authorization: &Authorization) -> Result<Value, Failure> {
    let body = given.get("RequestBody").cloned().unwrap_or_default();
    if authorization.body.is_empty() {
        return Ok(body);
    }
    match body {
        Value::Null => Ok(authorization.body.clone().into()),
        Value::Object(members) => {
            let mut merged = Object::clone(&members);
            merged.extend(authorization.body.clone());
            Ok(merged.into())
        }
        _ => Err(Failure::runtime(
            "The request body must be a JSON object, because the connection adds parameters to it.".to_owned(),
        )),
    }
}
