//! Which service, protocol and operation a request means.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::request::Parts;

use crate::fault::Fault;
use crate::model::{Kind, Location, Operation, ServiceModel, Wire};
use crate::models::{Entry, Models};
use crate::s3_address::{is_s3_host, s3_address, without_port};
use crate::uri::{GivenPath, Labels, form_pairs};

const TARGET: &str = "x-amz-target";
const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// What a request means.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The service it is for.
    pub service: &'static ServiceModel,
    /// The operation it asks for.
    pub operation: &'static Operation,
    /// How it speaks: the service's wire, or the query protocol SQS spoke before.
    pub wire: Wire,
    /// Whether the caller does not wait for the outcome (Lambda's `Event` invocations).
    pub asynchronous: bool,
    pub(crate) labels: Labels,
}

impl Models {
    /// The service a request without an `Authorization` header is for: presigned, anonymous, or
    /// unsigned in open mode. By the credential or the old signature in the query, the
    /// `X-Amz-Target`, the host (`s3.…`, `b.s3.…`, `b.localhost`, `sqs.…`), else by its path: a
    /// path that is no operation of a JSON service is taken for a bucket's. `None` where nothing
    /// tells, as for query services, whose operation names are in the body.
    pub fn claimed_service(&self, parts: &Parts) -> Option<&'static str> {
        self.said_service(parts).or_else(|| {
            let takes_form = is_form(parts) || is_query_get(parts);
            let has_target = parts.headers.contains_key(TARGET);
            let bucket_like = parts.uri.path() != "/" && !takes_form && !has_target && !is_json(&parts.headers);
            let is_bucket = bucket_like && self.resolve(parts, None).is_err();
            self.named(is_bucket.then_some("s3")).map(|entry| entry.name)
        })
    }

    /// The same by what the request says, not by what its path looks like.
    fn said_service(&self, parts: &Parts) -> Option<&'static str> {
        let query: Vec<(String, String)> = form_pairs(parts.uri.query().unwrap_or("")).collect();
        let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let by_name = |name: Option<&str>| self.named(name).map(|entry| entry.name);
        if let Some(credential) = value("X-Amz-Credential") {
            return by_name(credential.rsplit('/').nth(1));
        }
        if value("AWSAccessKeyId").is_some() && value("Signature").is_some() && value("Action").is_none() {
            return by_name(Some("s3"));
        }
        if let Some(target) = parts.headers.get(TARGET) {
            let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
            let prefix = target.rsplit_once('.').map_or("", |(prefix, _)| prefix);
            return self.services.iter().find(|entry| entry.target_prefix == Some(prefix)).map(|entry| entry.name);
        }
        self.service_of_host(&host(parts))
    }

    fn service_of_host(&self, host: &str) -> Option<&'static str> {
        if is_s3_host(host) {
            return self.named(Some("s3")).map(|entry| entry.name);
        }
        let name = without_port(host).to_ascii_lowercase();
        let (first, rest) = name.split_once('.')?;
        let first = first.strip_prefix("sync-").unwrap_or(first);
        match self.named(Some(first)) {
            Some(entry) => Some(entry.name),
            None if rest == "localhost" => self.named(Some("s3")).map(|entry| entry.name),
            None => None,
        }
    }

    /// Which operation a request asks for: by `X-Amz-Target`, else by method and path. The service
    /// in the signature's credential scope, where there is one (else [`Models::claimed_service`]),
    /// chooses among services that share paths; S3 is found only if it is named. The `Host` says
    /// no more than S3's bucket, so `sync-` prefixes and foreign names do no harm. Operations of
    /// query services stand in the body; see [`Models::resolve_query`].
    ///
    /// # Errors
    /// `UnknownOperationException`; for S3 `MethodNotAllowed`.
    pub fn resolve(&self, parts: &Parts, credential_scope_service: Option<&str>) -> Result<Resolved, Fault> {
        if let Some(target) = parts.headers.get(TARGET) {
            return self.resolve_target(&String::from_utf8_lossy(target.as_bytes()));
        }
        let path = parts.uri.path();
        let found = match self.named(credential_scope_service) {
            Some(entry) if entry.wire == Wire::RestXml => {
                let path = s3_address(&host(parts), path).into_owned();
                return resolve_path(entry.model, parts, &path).ok_or_else(|| {
                    let method = parts.method.as_str().to_owned();
                    Fault::new("MethodNotAllowed", "The specified method is not allowed against this resource.")
                        .with_status(405)
                        .with_member("Method", method)
                        .with_member("ResourceType", "SERVICE")
                });
            }
            Some(entry) if entry.wire == Wire::RestJson => resolve_path(entry.model, parts, path),
            Some(_) => None,
            None => self
                .services
                .iter()
                .filter(|entry| entry.wire == Wire::RestJson)
                .find_map(|entry| resolve_path(entry.model, parts, path)),
        };
        found.ok_or_else(|| unknown_operation(404, format!("no operation for {} {path}", parts.method)))
    }

    /// Which operation a form asks for, which is the body or, of a GET, the query string; for
    /// requests that [`Models::wire`] calls [`Wire::Query`].
    ///
    /// # Errors
    /// `MissingAction` without an `Action`, `InvalidAction` where no service knows it.
    pub fn resolve_query(
        &self,
        parts: &Parts,
        body: &[u8],
        credential_scope_service: Option<&str>,
    ) -> Result<Resolved, Fault> {
        let text = String::from_utf8_lossy(body);
        let in_uri = parts.uri.query().unwrap_or("");
        let value = |name: &str| {
            form_pairs(&text).chain(form_pairs(in_uri)).find(|(key, _)| key == name).map(|(_, value)| value)
        };
        let Some(action) = value("Action") else {
            return Err(Fault::new("MissingAction", "The request must contain the parameter Action."));
        };
        let version = value("Version").unwrap_or_default();
        let named = self.named(credential_scope_service);
        self.services
            .iter()
            .filter(|entry| entry.takes_forms() && named.is_none_or(|named| std::ptr::eq(named, *entry)))
            .map(|entry| &**entry.model)
            // A service that is named knows its older versions by the same shapes.
            .filter(|service| named.is_some() || version.is_empty() || service.api_version == version)
            .find_map(|service| {
                let operation = service.operation(&action)?;
                Some(Resolved { service, operation, wire: Wire::Query, asynchronous: false, labels: Labels::new() })
            })
            .ok_or_else(|| {
                Fault::new("InvalidAction", format!("Could not find operation {action} for version {version}"))
            })
    }

    /// How a request speaks, to answer it even if it means nothing.
    pub fn wire(&self, parts: &Parts, credential_scope_service: Option<&str>) -> Wire {
        if parts.headers.contains_key(TARGET) {
            let is_1_1 = content_type_starts(&parts.headers, "application/x-amz-json-1.1");
            return if is_1_1 { Wire::AwsJson11 } else { Wire::AwsJson10 };
        }
        let takes_form = is_form(parts) || is_query_get(parts);
        match self.named(credential_scope_service.or_else(|| self.said_service(parts))) {
            Some(entry) if takes_form && entry.takes_forms() => return Wire::Query,
            Some(entry) => return entry.wire,
            None => {}
        }
        if content_type_starts(&parts.headers, "application/x-amz-json-1.1") {
            Wire::AwsJson11
        } else if content_type_starts(&parts.headers, "application/x-amz-json") {
            Wire::AwsJson10
        } else if takes_form && (parts.uri.path() == "/" || is_queue_path(parts.uri.path())) {
            Wire::Query
        } else {
            Wire::RestJson
        }
    }

    fn resolve_target(&self, target: &str) -> Result<Resolved, Fault> {
        let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
        self.services
            .iter()
            .find(|entry| entry.target_prefix == Some(prefix))
            .and_then(|entry: &Entry| {
                let service = &**entry.model;
                let operation = service.operation(name)?;
                Some(Resolved { service, operation, wire: service.wire, asynchronous: false, labels: Labels::new() })
            })
            .ok_or_else(|| unknown_operation(400, format!("no service here knows the target '{target}'")))
    }
}

/// AWS answers without a text.
fn unknown_operation(status: u16, explanation: String) -> Fault {
    Fault::new("UnknownOperationException", "").with_status(status).explained(explanation)
}

/// The name the request was sent to.
pub(crate) fn host(parts: &Parts) -> String {
    let header = parts.headers.get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    header.or_else(|| parts.uri.authority().map(ToString::to_string)).unwrap_or_default()
}

fn content_type_starts(headers: &HeaderMap, prefix: &str) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|text| text.starts_with(prefix.as_bytes()))
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type_starts(headers, "application/x-amz-json") || content_type_starts(headers, "application/json")
}

fn is_form(parts: &Parts) -> bool {
    content_type_starts(&parts.headers, "application/x-www-form-urlencoded")
}

/// `GET /?Action=GetCallerIdentity`
fn is_query_get(parts: &Parts) -> bool {
    let reads = parts.method == http::Method::GET || parts.method == http::Method::HEAD;
    reads && parts.uri.query().is_some_and(|query| form_pairs(query).any(|(key, _)| key == "Action"))
}

/// `/123456789012/name`, where SQS's forms may be sent.
fn is_queue_path(path: &str) -> bool {
    let Some((account, name)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else { return false };
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() && !name.contains('/')
}

/// Of the operations that fit, the one that spells out most of the path and query; among S3's
/// that spell out the same, the one whose required members are there, and most of them
/// (`PutObject` and `CopyObject` differ in a header).
fn resolve_path(service: &'static ServiceModel, parts: &Parts, path: &str) -> Option<Resolved> {
    let given = GivenPath::new(path, parts.uri.query().unwrap_or(""));
    let (operation, labels) = service
        .operations
        .values()
        .filter(|operation| operation.method == parts.method && !operation.shadowed)
        .filter_map(|operation| Some((operation, operation.uri.matches(&given)?)))
        .max_by_key(|(operation, _)| {
            let (found, missing) = required_outside_body(service, operation, parts, &given);
            (operation.uri.literals(), std::cmp::Reverse(missing), found, std::cmp::Reverse(&operation.name))
        })?;
    let asynchronous = parts.headers.get(INVOCATION_TYPE).is_some_and(|value| value == "Event");
    Some(Resolved { service, operation, wire: service.wire, asynchronous, labels })
}

/// How many of the required members in query and headers are there, and how many are not.
fn required_outside_body(
    service: &ServiceModel,
    operation: &Operation,
    parts: &Parts,
    given: &GivenPath<'_>,
) -> (usize, usize) {
    let Some(Kind::Structure(structure)) = operation.input.map(|id| &service.shape(id).kind) else { return (0, 0) };
    let (mut found, mut missing) = (0, 0);
    for member in structure.members.iter().filter(|member| member.required) {
        let is_there = match member.location {
            Location::Query => given.has_query(&member.wire_name),
            Location::Header => parts.headers.contains_key(member.wire_name.as_str()),
            _ => continue,
        };
        if is_there {
            found += 1;
        } else {
            missing += 1;
        }
    }
    (found, missing)
}
