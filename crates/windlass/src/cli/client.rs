//! Signed calls to a server, for the commands that ask one.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clap::Args;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, Uri};
use windlass_identity::{Credentials, SigningKeys, sign};
use windlass_outgoing::{Guard, Outgoing, SendLimits};
use windlass_protocol::{Body, Fault, Models, decode_response, encode_request};
use windlass_value::{Text, Timestamp, Value, parse};

use super::Failure;
use super::aws_profile::Profiles;

/// Where a server listens when nothing is said.
const ENDPOINT_DEFAULT: &str = "http://127.0.0.1:4566";
const REGION_DEFAULT: &str = "us-east-1";
/// What calls are signed with where nobody has keys: in open mode any will do.
const OPEN_KEY: &str = "test";
const TIMEOUT: Duration = Duration::from_secs(60);
const RESPONSE_BYTES_MAX: usize = 64 << 20;

/// What every command that asks a server says of it in its help.
pub(super) const CONNECTION_HELP: &str = r#"SERVER
  The endpoint is --endpoint, else AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL, what the profile says
  (services, endpoint_url), else http://127.0.0.1:4566. Credentials and region are found as the
  AWS CLI finds them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
  AWS_DEFAULT_REGION, and the profile (--profile, AWS_PROFILE) in ~/.aws/config and
  ~/.aws/credentials. Without any, calls to this machine are signed with the key "test", which a
  server in open mode takes. AWS_CA_BUNDLE names certificates to trust."#;

/// Which server is asked, and as whom.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Connection {
    /// Where the server listens [default: as the AWS CLI, else http://127.0.0.1:4566]
    #[arg(long, value_name = "URL", global = true)]
    pub(super) endpoint: Option<String>,
    /// The region [default: as the AWS CLI, else us-east-1]
    #[arg(long, value_name = "REGION", global = true)]
    pub(super) region: Option<String>,
    /// The profile in ~/.aws/config and ~/.aws/credentials
    #[arg(long, value_name = "NAME", global = true)]
    pub(super) profile: Option<String>,
}

/// Where an endpoint or credentials came from, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) from: String,
}

/// Why a call was not answered as it should.
#[derive(Debug)]
pub(super) enum CallError {
    /// Nobody answered.
    Unreachable(String),
    /// The server refused.
    Refused(Fault),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CallError::Unreachable(text) => f.write_str(text),
            CallError::Refused(fault) => write!(f, "{}: {}", fault.code, fault.message),
        }
    }
}

impl CallError {
    /// Whether the server refused with this error, by AWS's name.
    pub(super) fn is(&self, code: &str) -> bool {
        matches!(self, CallError::Refused(fault) if fault.code == code)
    }
}

/// One server and one caller. Clones share connections.
#[derive(Clone)]
pub(super) struct Client {
    outgoing: Outgoing,
    pub(super) endpoint: Found<String>,
    pub(super) region: String,
    /// Where the credentials came from.
    pub(super) identity: String,
    credentials: Credentials,
    uri: Uri,
}

impl Client {
    /// Finds endpoint, region and credentials.
    ///
    /// # Errors
    /// A profile that is named and absent, credentials that are nowhere, an endpoint that is none.
    pub(super) fn new(connection: &Connection) -> Result<Client, Failure> {
        let profiles = Profiles::load(connection.profile.as_deref(), &variable)?;
        let endpoint = endpoint(connection, &profiles);
        let region = connection
            .region
            .clone()
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .or_else(|| profiles.setting("region"))
            .unwrap_or_else(|| REGION_DEFAULT.to_owned());
        let uri: Uri = endpoint.value.parse().map_err(|error| not_an_endpoint(&endpoint, &error))?;
        if uri.scheme().is_none() || uri.host().is_none() {
            return Err(not_an_endpoint(&endpoint, &"it needs a scheme and a host"));
        }
        let Found { value: credentials, from } = credentials(connection, &profiles, &uri)?;
        let authorities = match variable("AWS_CA_BUNDLE").map(PathBuf::from) {
            Some(path) => {
                Some(std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
            }
            None => None,
        };
        let outgoing = Outgoing::new(Guard::trusting(), authorities.as_deref())?;
        Ok(Client { outgoing, endpoint, region, identity: from, credentials, uri })
    }

    /// A client of a server in this process.
    ///
    /// # Errors
    /// No certificates can be read.
    pub(super) fn of_own_server(endpoint: String, region: String, key: &str, secret: &str) -> Result<Client, Failure> {
        let uri: Uri = endpoint.parse().map_err(|error| format!("{endpoint} is no endpoint: {error}"))?;
        let outgoing = Outgoing::new(Guard::trusting(), None)?;
        let endpoint = Found { value: endpoint, from: "this process".to_owned() };
        Ok(Client {
            outgoing,
            endpoint,
            region,
            identity: "its own".to_owned(),
            credentials: of(key, secret, None),
            uri,
        })
    }

    /// Calls an operation of Step Functions.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(super) async fn states(&self, operation: &str, input: impl Into<Value>) -> Result<Value, CallError> {
        self.call("states", operation, input).await
    }

    /// Calls an operation of any hosted service.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(super) async fn call(
        &self,
        service: &str,
        operation: &str,
        input: impl Into<Value>,
    ) -> Result<Value, CallError> {
        let Some(model) = Models::embedded().service(service) else {
            return Err(CallError::Refused(Fault::not_built(service)));
        };
        let Some(operation) = model.operation(operation) else {
            return Err(CallError::Refused(Fault::not_built(operation)));
        };
        let request = encode_request(model, operation, &self.uri, &input.into(), Body::empty());
        let (parts, body) = request.map_err(CallError::Refused)?.into_parts();
        let body = body.read(RESPONSE_BYTES_MAX as u64);
        let body = body.map_err(|error| CallError::Unreachable(format!("the request cannot be made: {error}")))?;
        let response = self.send(Request::from_parts(parts, body), &model.signing_name).await?;
        decode_response(model, operation, response.map(Body::from))
            .map(|reply| reply.output)
            .map_err(CallError::Refused)
    }

    /// Asks an endpoint of our own API (docs/api.md), `executions/…`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(super) async fn own(&self, path: &str, input: impl Into<Value>) -> Result<Value, CallError> {
        let body = Bytes::from(input.into().to_text());
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/_windlass/{path}", self.endpoint.value.trim_end_matches('/')))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        let request = request.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let response = self.send(request, "states").await?;
        self.document(&response)
    }

    /// Asks for a document of our own, signed for `service`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(super) async fn document_at(&self, path: &str, service: &str) -> Result<Value, CallError> {
        let request = Request::get(format!("{}{path}", self.endpoint.value.trim_end_matches('/'))).body(Bytes::new());
        let request = request.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let response = self.send(request, service).await?;
        self.document(&response)
    }

    fn document(&self, response: &Response<Bytes>) -> Result<Value, CallError> {
        let text = String::from_utf8_lossy(response.body());
        let endpoint = &self.endpoint.value;
        let told = parse(&text).map_err(|_| {
            let shown = super::terminal::cut(&super::terminal::printable(&text), 200);
            CallError::Unreachable(format!(
                "{endpoint} answered {}: {shown}\nIs it a windlass, and not an older one?",
                response.status()
            ))
        })?;
        if response.status().is_success() {
            return Ok(told);
        }
        let code = told["code"].as_str().unwrap_or("Error").to_owned();
        let message = told["message"].as_str().unwrap_or(&text).to_owned();
        Err(CallError::Refused(Fault::new(&code, message).with_status(response.status().as_u16())))
    }

    /// Signs and sends.
    async fn send(&self, request: Request<Bytes>, service: &str) -> Result<Response<Bytes>, CallError> {
        let (mut parts, body) = request.into_parts();
        // Keys of a day are cheap to derive, and a command makes few calls.
        sign(&mut parts, &body, &self.credentials, &self.region, service, now(), &SigningKeys::new())
            .map_err(|error| CallError::Unreachable(format!("the request cannot be signed: {}", error.message)))?;
        self.send_as_it_is(Request::from_parts(parts, body)).await
    }

    /// Sends a request that needs no signature.
    ///
    /// # Errors
    /// Nobody answers.
    pub(super) async fn send_as_it_is(&self, request: Request<Bytes>) -> Result<Response<Bytes>, CallError> {
        let limits = SendLimits { timeout: TIMEOUT, response_bytes_max: RESPONSE_BYTES_MAX, redirects_max: 0 };
        self.outgoing.send(request, &limits).await.map_err(|error| {
            let Found { value, from } = &self.endpoint;
            CallError::Unreachable(format!(
                "{value} ({from}) does not answer: {error}\n\
                 Is the server running there? Start it with `windlass serve`, or name it: --endpoint URL"
            ))
        })
    }
}

/// An environment variable that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The machine's time.
pub(super) fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

fn not_an_endpoint(endpoint: &Found<String>, error: &dyn std::fmt::Display) -> Failure {
    Failure(format!("{} ({}) is no endpoint: {error}\nWrite it as {ENDPOINT_DEFAULT}", endpoint.value, endpoint.from))
}

fn endpoint(connection: &Connection, profiles: &Profiles) -> Found<String> {
    let found = |value: String, from: &str| Found { value, from: from.to_owned() };
    if let Some(endpoint) = &connection.endpoint {
        return found(endpoint.clone(), "--endpoint");
    }
    let ignored = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value == "true")
        || profiles.setting("ignore_configured_endpoint_urls").is_some_and(|value| value == "true");
    if !ignored {
        for name in ["AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL"] {
            if let Some(endpoint) = variable(name) {
                return found(endpoint, name);
            }
        }
        if let Some(endpoint) = profiles.endpoint("sfn") {
            return found(endpoint, &format!("profile {}", profiles.name));
        }
    }
    found(ENDPOINT_DEFAULT.to_owned(), "the default")
}

fn credentials(connection: &Connection, profiles: &Profiles, uri: &Uri) -> Result<Found<Credentials>, Failure> {
    // A profile that is named in the command goes before the environment, as in the AWS CLI.
    if connection.profile.is_none()
        && let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
    {
        let token = variable("AWS_SESSION_TOKEN");
        return Ok(Found { value: of(&id, &secret, token.as_deref()), from: "AWS_ACCESS_KEY_ID".to_owned() });
    }
    if let (Some(id), Some(secret)) = (profiles.setting("aws_access_key_id"), profiles.setting("aws_secret_access_key"))
    {
        let token = profiles.setting("aws_session_token");
        return Ok(Found { value: of(&id, &secret, token.as_deref()), from: format!("profile {}", profiles.name) });
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if loopback && connection.profile.is_none() {
        return Ok(Found { value: of(OPEN_KEY, OPEN_KEY, None), from: "the key \"test\" of open mode".to_owned() });
    }
    Err(Failure::from(
        "there are no credentials\n\
         Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials, as for the AWS CLI.",
    ))
}

fn of(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: id.into(),
        secret_access_key: secret.into(),
        session_token: token.map(Text::from),
        account: "".into(),
        arn: "".into(),
        expires: None,
    }
}
