//! From a reply or fault to an HTTP response.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use windlass_value::{Object, Value};

use crate::body::Body;
use crate::call::Reply;
use crate::constraint;
use crate::document::SERIALIZATION;
use crate::fault::Fault;
use crate::model::{Kind, Location, Member, ServiceModel, Structure, TimestampFormat, Wire};
use crate::models::Resolved;
use crate::{query, timestamp};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The framework's own errors on awsJson 1.0 stand under this namespace.
const FRAMEWORK_NAMESPACE: &str = "com.amazon.coral.service";
/// Broken constraints under this.
const CONSTRAINT_NAMESPACE: &str = "com.amazon.coral.validate";

/// Writes a success.
pub fn encode(resolved: &Resolved, request_id: &str, reply: Reply) -> Response<Body> {
    let (service, operation) = (resolved.service, resolved.operation);
    let structure = operation.output.and_then(|id| match &service.shape(id).kind {
        Kind::Structure(structure) => Some(structure),
        _ => None,
    });
    let mut headers = HeaderMap::new();
    let mut status = operation.status;
    let body = match (service.wire, structure) {
        (Wire::AwsJson10 | Wire::AwsJson11, structure) => {
            let document =
                structure.map_or_else(Object::new, |structure| written(service, structure, &reply.output, |_| true));
            Some(Value::from(document).to_text().into())
        }
        (Wire::RestXml | Wire::Ec2, _) => None,
        (Wire::Query, _) => Some(query::write(service, operation, request_id, &reply.output).into()),
        (Wire::RestJson, None) => None,
        (Wire::RestJson, Some(structure)) => {
            bind(service, structure, &reply.output, &mut headers, &mut status);
            rest_body(service, structure, reply)
        }
    };
    if body.is_some() {
        headers.entry(CONTENT_TYPE).or_insert(content_type(service.wire));
    }
    response(status, request_id, headers, body.unwrap_or_default())
}

/// The body of a restJson success; `None` where everything travels elsewhere.
fn rest_body(service: &ServiceModel, structure: &Structure, reply: Reply) -> Option<Body> {
    let Some(member) = structure.payload() else {
        let in_body = |member: &Member| member.location == Location::Body;
        if !structure.members.iter().any(in_body) && !structure.members.is_empty() {
            return None;
        }
        let document = written(service, structure, &reply.output, in_body);
        return Some(Value::from(document).to_text().into());
    };
    let shape = service.shape(member.shape);
    match &shape.kind {
        Kind::Structure(inner) if !shape.event_stream => {
            let document = written(service, inner, &reply.output[member.name.as_str()], |_| true);
            Some(Value::from(document).to_text().into())
        }
        _ => Some(reply.body),
    }
}

/// A document as the model knows it: members by wire name, nulls and unknown ones left out.
pub(crate) fn written(
    service: &ServiceModel,
    structure: &Structure,
    output: &Value,
    belongs: impl Fn(&Member) -> bool,
) -> Object {
    let Value::Object(given) = output else { return Object::new() };
    let mut out = Object::with_capacity(given.len());
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        match structure.members.iter().find(|member| *member.name == **name) {
            Some(member) if belongs(member) => {
                out.insert(member.wire_name.as_str(), written_value(service, member, value));
            }
            Some(_) => {}
            None => tracing::warn!(service = service.name, member = %name, "the model has no such output member"),
        }
    }
    out
}

fn written_value(service: &ServiceModel, member: &Member, value: &Value) -> Value {
    match (&service.shape(member.shape).kind, value) {
        (Kind::Structure(structure), Value::Object(_)) => written(service, structure, value, |_| true).into(),
        (Kind::List(element), Value::Array(items)) if is_nested(service, element) => {
            Value::array(items.iter().map(|item| written_value(service, element, item)).collect())
        }
        (Kind::Map(_, element), Value::Object(members)) if is_nested(service, element) => members
            .iter()
            .map(|(key, item)| (key.clone(), written_value(service, element, item)))
            .collect::<Object>()
            .into(),
        _ => value.clone(),
    }
}

/// Lists and maps of scalars are handed on as they are.
fn is_nested(service: &ServiceModel, member: &Member) -> bool {
    matches!(service.shape(member.shape).kind, Kind::Structure(_) | Kind::List(_) | Kind::Map(..))
}

/// Moves members to the status and the headers the model binds them to.
fn bind(service: &ServiceModel, structure: &Structure, output: &Value, headers: &mut HeaderMap, status: &mut u16) {
    for member in &structure.members {
        let value = &output[member.name.as_str()];
        match (member.location, value) {
            (_, Value::Null) => {}
            (Location::StatusCode, _) => {
                if let Some(code) = value.as_i64().and_then(|code| u16::try_from(code).ok()) {
                    *status = code;
                }
            }
            (Location::Header, _) => set(headers, &member.wire_name, &header_text(service, member, value)),
            (Location::Headers, Value::Object(members)) => {
                for (name, value) in members.iter() {
                    set(headers, &format!("{}{name}", member.wire_name), value.as_str().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
}

pub(crate) fn header_text(service: &ServiceModel, member: &Member, value: &Value) -> String {
    let shape = service.shape(member.shape);
    match value {
        Value::String(text) => text.to_string(),
        Value::Number(seconds) if matches!(shape.kind, Kind::Timestamp) => {
            timestamp::write(seconds, member.format.or(shape.format).unwrap_or(TimestampFormat::HttpDate))
        }
        _ => value.to_text(),
    }
}

pub(crate) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    match (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes())) {
        (Ok(name), Ok(value)) => {
            headers.insert(name, value);
        }
        _ => tracing::warn!(name, "an output member does not fit into a header"),
    }
}

/// Writes an error of an operation.
pub fn encode_fault(resolved: &Resolved, request_id: &str, fault: &Fault) -> Response<Body> {
    fault_response(resolved.service.wire, Some(resolved.service), request_id, fault)
}

/// Writes an error of a request that means no operation; [`crate::Models::wire`] says how it speaks.
pub fn encode_unresolved_fault(wire: Wire, request_id: &str, fault: &Fault) -> Response<Body> {
    fault_response(wire, None, request_id, fault)
}

fn fault_response(wire: Wire, service: Option<&ServiceModel>, request_id: &str, fault: &Fault) -> Response<Body> {
    let modelled = service.and_then(|service| service.error(&fault.code));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type(wire));
    set(&mut headers, ERROR_TYPE.as_str(), &fault.code);
    let (status, body) = match wire {
        Wire::AwsJson10 | Wire::AwsJson11 => {
            let message_key = if fault.code == SERIALIZATION { "Message" } else { "message" };
            let mut document = Object::new();
            document.insert("__type", error_type(wire, service, modelled.is_some(), fault));
            insert_text(&mut document, message_key, &fault.message);
            extend(&mut document, &fault.members);
            // awsJson knows client and server errors, not their kinds.
            let status = if fault.status >= 500 || fault.status == 413 { fault.status } else { 400 };
            (status, Value::from(document).to_text())
        }
        Wire::RestJson => {
            let (status, document) = rest_fault(modelled.map(|(shape, error)| (&shape.kind, error.status)), fault);
            (status, Value::from(document).to_text())
        }
        Wire::Query | Wire::RestXml | Wire::Ec2 => {
            let namespace = service.and_then(|service| service.xml_namespace.as_deref()).unwrap_or_default();
            (fault.status, query::write_fault(namespace, request_id, fault))
        }
    };
    response(status, request_id, headers, body.into())
}

/// The status and body of a restJson error. Modelled errors use the members of their
/// shape (Lambda's say `Message` or `message`, and `Type`).
fn rest_fault(modelled: Option<(&Kind, u16)>, fault: &Fault) -> (u16, Object) {
    let mut document = Object::new();
    let Some((Kind::Structure(structure), status)) = modelled else {
        insert_text(&mut document, "message", &fault.message);
        extend(&mut document, &fault.members);
        return (fault.status, document);
    };
    if structure.members.iter().any(|member| member.name == "Type") {
        document.insert("Type", if status >= 500 { "Service" } else { "User" });
    }
    let message = structure.members.iter().find(|member| member.name.eq_ignore_ascii_case("message"));
    insert_text(&mut document, message.map_or("message", |member| &member.wire_name), &fault.message);
    extend(&mut document, &fault.members);
    (status, document)
}

/// AWS leaves the message out where there is none.
fn insert_text(document: &mut Object, key: &str, text: &str) {
    if !text.is_empty() {
        document.insert(key, text);
    }
}

fn extend(document: &mut Object, members: &Object) {
    for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        document.insert(key.clone(), value);
    }
}

/// `__type`: awsJson 1.0 writes a namespace before the name, 1.1 the bare name.
fn error_type(wire: Wire, service: Option<&ServiceModel>, modelled: bool, fault: &Fault) -> String {
    let code = &fault.code;
    if wire == Wire::AwsJson11 {
        return code.clone();
    }
    let namespace = if code == "ValidationException" && (!modelled || constraint::is_constraint_text(&fault.message)) {
        Some(CONSTRAINT_NAMESPACE)
    } else if modelled {
        service.and_then(|service| service.error_namespace.as_deref())
    } else {
        Some(FRAMEWORK_NAMESPACE)
    };
    namespace.map_or_else(|| code.clone(), |namespace| format!("{namespace}#{code}"))
}

pub(crate) fn content_type(wire: Wire) -> HeaderValue {
    HeaderValue::from_static(match wire {
        Wire::AwsJson10 => "application/x-amz-json-1.0",
        Wire::AwsJson11 => "application/x-amz-json-1.1",
        Wire::RestJson => "application/json",
        Wire::Query | Wire::Ec2 => "text/xml",
        Wire::RestXml => "application/xml",
    })
}

fn response(status: u16, request_id: &str, mut headers: HeaderMap, body: Body) -> Response<Body> {
    set(&mut headers, REQUEST_ID.as_str(), request_id);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}
