//! `apigateway:invoke`: a request to an API's stage.

use ::http::header::{CONTENT_TYPE, HeaderMap};
use ::http::{Method, Request, Uri};
use bytes::Bytes;
use windlass_outgoing::SendError;
use windlass_value::{Arn, Object, Payload, Value, object};
use windlass_workflow::TaskCall;

use super::failure::Failure;
use super::http::of_send;
use super::models::cannot_start;
use super::request::{add_header, percent_encode, query_string, result, texts_of};
use super::task_call::TaskCaller;

const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
const AUTH_TYPES: &[&str] = &["NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY"];
const FIELDS: &[&str] = &[
    "ApiEndpoint",
    "Method",
    "Headers",
    "Stage",
    "Path",
    "QueryParameters",
    "RequestBody",
    "AllowNullValues",
    "AuthType",
];
/// Headers a definition may not set, in lower case.
const FORBIDDEN_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-md5",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "transfer-encoding",
    "trailer",
    "upgrade",
    "via",
    "www-authenticate",
];
const FORBIDDEN_PREFIXES: &[&str] = &["x-forwarded", "x-amz", "x-amzn"];

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
    let is_text = |name: &str| matches!(given.get(name), None | Some(Value::Null | Value::String(_)));
    let is_one_of = |name: &str, values: &[&str]| match given.get(name) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str().is_some_and(|text| values.contains(&text)),
    };
    // Each value is an array of texts.
    let is_lists = |name: &str| match given.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::Object(pairs)) => pairs.values().all(|value| value.as_array().is_some()),
        Some(_) => false,
    };
    let checks = [
        ("ApiEndpoint", is_text("ApiEndpoint")),
        ("Method", is_one_of("Method", METHODS)),
        ("Headers", is_lists("Headers")),
        ("Stage", is_text("Stage")),
        ("Path", is_text("Path")),
        ("QueryParameters", is_lists("QueryParameters")),
        ("AuthType", is_one_of("AuthType", AUTH_TYPES)),
    ];
    for (name, is_valid) in checks {
        if !is_valid {
            problems.push(format!("The value of the field '{name}' has an invalid format"));
        }
    }
    if let Some(Value::Object(headers)) = given.get("Headers") {
        for name in headers.keys() {
            let lower = name.to_ascii_lowercase();
            if FORBIDDEN_HEADERS.contains(&&*lower) || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
            {
                problems.push(format!("The header '{name}' is not supported by Step Functions"));
            }
        }
    }
    for name in given.keys().filter(|name| !FIELDS.contains(&&***name)) {
        problems.push(format!("The field '{name}' is not supported by Step Functions"));
    }
    (!problems.is_empty()).then(|| cannot_start(parameters, &problems))
}

/// Makes the request.
pub(super) async fn invoke(caller: TaskCaller<'_>, task: &TaskCall) -> Result<Payload, Failure> {
    let parameters = task.parameters.value();
    let given = parameters.as_object().map_or_else(Object::new, |given| Object::clone(given));
    let mut request = request(&given)?;
    if request.uri().scheme_str() != Some("https") && !caller.outside.plain_http {
        let endpoint = given.get("ApiEndpoint").and_then(Value::as_str).unwrap_or_default();
        return Err(Failure::runtime(format!(
            "The value '{endpoint}' of the field 'ApiEndpoint' cannot be called: tasks call https:// only. The setting plain_http of [outgoing] allows http:// too."
        )));
    }
    add_header(request.headers_mut(), "user-agent", &["Amazon|StepFunctions|APIGateway".to_owned()]);
    match given.get("AuthType").and_then(Value::as_str) {
        Some("IAM_ROLE") => {
            authorize(caller, task, &request).await?;
            sign(caller, &mut request)?;
        }
        Some("RESOURCE_POLICY") => {
            add_header(request.headers_mut(), "x-amz-source-arn", &[caller.identity.machine_arn.to_string()]);
            let account = Arn::parse(&caller.identity.machine_arn).map(|arn| arn.account);
            add_header(request.headers_mut(), "x-amz-source-account", &[account.unwrap_or_default()]);
            // Stricter than AWS, which leaves it to the API's policy: the signature is the
            // operator's, not the machine's.
            authorize(caller, task, &request).await?;
            sign(caller, &mut request)?;
        }
        _ => {}
    }
    let sent = caller.outside.send(request).await;
    let response = sent.map_err(|error| match error {
        SendError::Refused(_) | SendError::Address(_) | SendError::TooLarge(_) => of_send(&error, "apigateway"),
        error => Failure::new("ApiGateway.SdkClientException", format!("Unable to execute HTTP request: {error}")),
    })?;
    let answer = result(&response).ok_or_else(|| {
        Failure::runtime(
            "The response of the API cannot be read as text, which Step Functions does not support.".to_owned(),
        )
    })?;
    if response.status().is_success() {
        return Ok(Payload::from_value(answer));
    }
    let error = format!("ApiGateway.{}", response.status().as_u16());
    Err(Failure::new(&error, String::from_utf8_lossy(response.body()).into_owned()))
}

/// Whether the task's role may have this request signed. A refusal reads as API
/// Gateway's own.
async fn authorize(caller: TaskCaller<'_>, task: &TaskCall, request: &Request<Bytes>) -> Result<(), Failure> {
    let mut call = caller.about().call(task, "execute-api", "Invoke", Value::Null, Bytes::new());
    let resource = resource_arn(request, &call.region, &call.account)?;
    call.input = object! { "ResourceArn" => resource };
    caller.dispatcher.authorize(&call).await.map_err(|fault| {
        if fault.status >= 500 {
            return Failure::task(fault.message);
        }
        Failure::new("ApiGateway.403", object! { "Message" => fault.message }.to_text())
    })
}

/// `arn:aws:execute-api:region:account:api/stage/METHOD/path`; the API is the first
/// label of its host, or the whole of a host that is none of AWS's.
fn resource_arn(request: &Request<Bytes>, region: &str, account: &str) -> Result<String, Failure> {
    let uri = request.uri();
    let path = uri.path().trim_start_matches('/');
    // What the policy is asked for must be what the API finds.
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(is_dots) {
        return Err(Failure::runtime(format!("The path '{path}' cannot be signed: it has a segment '.' or '..'.")));
    }
    let host = uri.host().unwrap_or_default();
    let api = match host.split_once('.') {
        Some((api, rest)) if rest.starts_with("execute-api.") => api,
        _ => host,
    };
    let (stage, path) = path.split_once('/').unwrap_or((path, ""));
    Ok(format!("arn:aws:execute-api:{region}:{account}:{api}/{stage}/{}/{path}", request.method()))
}

fn sign(caller: TaskCaller<'_>, request: &mut Request<Bytes>) -> Result<(), Failure> {
    let Some(signer) = &caller.outside.signer else {
        return Err(Failure::task("No credentials are configured to sign calls of API Gateway with.".to_owned()));
    };
    signer(request, &caller.identity.region, caller.environment.now()).map_err(Failure::task)
}

fn request(given: &Object) -> Result<Request<Bytes>, Failure> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    let endpoint = text("ApiEndpoint");
    let base = match endpoint.split_once("://") {
        Some(_) => endpoint.to_owned(),
        None => format!("https://{endpoint}"),
    };
    let mut address = base.trim_end_matches('/').to_owned();
    if !text("Stage").is_empty() {
        address.push_str(&format!("/{}", percent_encode(text("Stage"))));
    }
    if !text("Path").is_empty() {
        // A path may be encoded already; its slashes stay.
        let path = text("Path").trim_start_matches('/').replace(' ', "%20");
        address.push_str(&format!("/{path}"));
    }
    let mut query: Vec<(String, String)> = Vec::new();
    if let Some(Value::Object(pairs)) = given.get("QueryParameters") {
        for (name, value) in pairs.iter() {
            query.extend(texts_of(value).into_iter().map(|text| (name.to_string(), text)));
        }
    }
    if !query.is_empty() {
        address.push_str(&format!("?{}", query_string(&query)));
    }
    let uri: Uri =
        address.parse().map_err(|_| Failure::runtime(format!("The API cannot be called: '{address}' is no URL.")))?;
    let mut headers = HeaderMap::new();
    if let Some(Value::Object(given)) = given.get("Headers") {
        for (name, value) in given.iter() {
            if !add_header(&mut headers, name, &texts_of(value)) {
                return Err(Failure::runtime(format!(
                    "The header '{name}' cannot be sent: its name or value is not valid."
                )));
            }
        }
    }
    let allows_null = given.get("AllowNullValues").and_then(Value::as_bool).unwrap_or(false);
    let body = match given.get("RequestBody") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) => Bytes::copy_from_slice(text.as_bytes()),
        Some(document) if allows_null => Bytes::from(document.to_text()),
        Some(document) => Bytes::from(without_nulls(document).to_text()),
    };
    if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        add_header(&mut headers, "content-type", &["application/json".to_owned()]);
    }
    let method = Method::from_bytes(text("Method").as_bytes()).map_err(|error| Failure::runtime(error.to_string()))?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Members that are null are left out unless the task allows them.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect::<Object>().into()
        }
        Value::Array(items) => Value::array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_is_the_apis_method() {
        for (url, expected) in [
            ("https://a1.execute-api.us-east-1.amazonaws.com/prod/x/y?q=1", Some("a1/prod/POST/x/y")),
            ("https://a1.execute-api.us-east-1.amazonaws.com/prod", Some("a1/prod/POST/")),
            ("https://a1.execute-api.us-east-1.amazonaws.com", Some("a1//POST/")),
            ("https://a1@api.test:8443/prod/x", Some("api.test/prod/POST/x")),
            ("https://api.test/prod/public/../admin", None),
            ("https://api.test/prod/public/%2E./admin", None),
        ] {
            let mut request = Request::new(Bytes::new());
            *request.method_mut() = Method::POST;
            *request.uri_mut() = url.parse().expect("a URL");
            let found = resource_arn(&request, "us-east-1", "111122223333").ok();
            let expected = expected.map(|rest| format!("arn:aws:execute-api:us-east-1:111122223333:{rest}"));
            assert_eq!(found, expected, "{url}");
        }
    }
}
