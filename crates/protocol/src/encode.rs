//! From a reply or fault to an HTTP response.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use windlass_value::{Object, Value};

use crate::body::Body;
use crate::call::Reply;
use crate::constraint;
use crate::document::SERIALIZATION;
use crate::fault::Fault;
use crate::fault_name::{OnWire, on_wire, query_error};
use crate::model::{Kind, Location, Member, Operation, ServiceModel, Structure, TimestampFormat, Wire};
use crate::resolve::Resolved;
use crate::xml::escape_into;
use crate::{query, timestamp, xml_document};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
/// What S3 calls its request ids: the request's, and the host's.
const S3_REQUEST_IDS: [HeaderName; 2] =
    [HeaderName::from_static("x-amz-request-id"), HeaderName::from_static("x-amz-id-2")];

/// Bytes that nothing more is known of.
const OCTETS: HeaderValue = HeaderValue::from_static("binary/octet-stream");
const XML_DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The framework's own errors on awsJson 1.0 stand under this namespace.
const FRAMEWORK_NAMESPACE: &str = "com.amazon.coral.service";
/// Broken constraints under this.
const CONSTRAINT_NAMESPACE: &str = "com.amazon.coral.validate";

/// Writes a success. Answers with a `Content-Range` have the status 206.
pub fn encode(resolved: &Resolved, request_id: &str, reply: Reply) -> Response<Body> {
    let (service, operation) = (resolved.service, resolved.operation);
    let structure = output_structure(service, operation);
    let mut headers = HeaderMap::new();
    let mut status = operation.status;
    let body = match (resolved.wire, structure) {
        // CBOR is never received.
        (Wire::AwsJson10 | Wire::AwsJson11 | Wire::RpcV2Cbor, structure) => {
            let document =
                structure.map_or_else(Object::new, |structure| written(service, structure, &reply.output, |_| true));
            Some(Value::from(document).to_text().into())
        }
        (Wire::Query | Wire::Ec2, _) => Some(query::write(service, operation, request_id, &reply.output).into()),
        (Wire::RestJson | Wire::RestXml, None) => None,
        (Wire::RestJson, Some(structure)) => {
            bind(service, structure, &reply.output, &mut headers, &mut status);
            rest_body(service, structure, reply)
        }
        (Wire::RestXml, Some(structure)) => {
            bind(service, structure, &reply.output, &mut headers, &mut status);
            if operation.method == Method::HEAD {
                // Its `Content-Length` is that of the body a GET would have.
                return response(resolved.wire, status, request_id, headers, Body::empty());
            }
            headers.remove(CONTENT_LENGTH);
            if headers.contains_key(CONTENT_RANGE) && status == 200 {
                status = 206;
            }
            xml_body(service, operation, structure, reply, &mut headers)
        }
    };
    if body.is_some() {
        headers.entry(CONTENT_TYPE).or_insert(content_type(resolved.wire));
    }
    response(resolved.wire, status, request_id, headers, body.unwrap_or_default())
}

fn output_structure<'a>(service: &'a ServiceModel, operation: &Operation) -> Option<&'a Structure> {
    operation.output.and_then(|id| match &service.shape(id).kind {
        Kind::Structure(structure) => Some(structure),
        _ => None,
    })
}

/// The body of a restXml success; `None` where everything travels elsewhere.
fn xml_body(
    service: &ServiceModel,
    operation: &Operation,
    structure: &Structure,
    reply: Reply,
    headers: &mut HeaderMap,
) -> Option<Body> {
    let mut out = XML_DECLARATION.to_owned();
    let namespace = service.xml_namespace.as_deref().unwrap_or_default();
    if let Some(member) = structure.payload() {
        let shape = service.shape(member.shape);
        let value = &reply.output[member.name.as_str()];
        return match (&shape.kind, value) {
            (Kind::Structure(inner), _) if !shape.event_stream => {
                open(&member.wire_name, namespace, &mut out);
                xml_document::write_structure(service, Wire::RestXml, inner, value, |_| true, &mut out);
                close(&member.wire_name, &mut out);
                Some(out.into())
            }
            (Kind::String, Value::String(text)) => {
                headers.entry(CONTENT_TYPE).or_insert(content_type(Wire::RestJson));
                Some(text.to_string().into())
            }
            _ => {
                headers.entry(CONTENT_TYPE).or_insert(OCTETS);
                Some(reply.body)
            }
        };
    }
    let in_body = |member: &Member| member.location == Location::Body;
    let first = structure.members.iter().find(|member| in_body(member))?;
    let root = operation.output_name.clone().unwrap_or_else(|| format!("{}Result", operation.name));
    open(&root, namespace, &mut out);
    if operation.unwrapped_output {
        let value = &reply.output[first.name.as_str()];
        if !value.is_null() {
            xml_document::write_value(service, Wire::RestXml, first, value, &mut out);
        }
    } else {
        xml_document::write_structure(service, Wire::RestXml, structure, &reply.output, in_body, &mut out);
    }
    close(&root, &mut out);
    Some(out.into())
}

fn open(name: &str, namespace: &str, out: &mut String) {
    out.push('<');
    out.push_str(name);
    if !namespace.is_empty() {
        out.push_str(" xmlns=\"");
        escape_into(namespace, out);
        out.push('"');
    }
    out.push('>');
}

fn close(name: &str, out: &mut String) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
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
        Kind::String if reply.body.is_empty() => {
            Some(reply.output[member.name.as_str()].as_str().unwrap_or_default().to_owned().into())
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
        (Kind::Timestamp, Value::Number(seconds)) => match member.format.or(service.shape(member.shape).format) {
            None | Some(TimestampFormat::EpochSeconds) => value.clone(),
            Some(format) => timestamp::write(seconds, format).into(),
        },
        _ => value.clone(),
    }
}

/// Lists and maps of scalars are handed on as they are.
fn is_nested(service: &ServiceModel, member: &Member) -> bool {
    let shape = service.shape(member.shape);
    match shape.kind {
        Kind::Structure(_) | Kind::List(_) | Kind::Map(..) => true,
        Kind::Timestamp => member.format.or(shape.format).is_some(),
        _ => false,
    }
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
    match (&shape.kind, value) {
        (Kind::List(element), Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| header_text(service, element, item)).collect();
            items.join(",")
        }
        (Kind::Timestamp, Value::Number(seconds)) => {
            timestamp::write(seconds, member.format.or(shape.format).unwrap_or(TimestampFormat::HttpDate))
        }
        (_, Value::String(text)) if member.json => STANDARD.encode(text.as_bytes()),
        (_, Value::String(text)) => text.to_string(),
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

/// Writes an error of an operation. Each wire says it in its own words: a service answers
/// its model's name (`QueueDoesNotExist`, `NoSuchEntityException`) and JSON's common names
/// (`AccessDeniedException`), with a status where it is not the model's.
///
/// On restXml, members that the operation's output binds to headers (`ETag`, `VersionId`,
/// `DeleteMarker`) are headers here too; members in lower case (`content-range`) are
/// headers and not part of the document. The status 304 has no body, nor has an answer to HEAD.
pub fn encode_fault(resolved: &Resolved, request_id: &str, fault: &Fault) -> Response<Body> {
    fault_response(resolved.wire, Some((resolved.service, resolved.operation)), request_id, fault)
}

/// Writes an error of a request that means no operation; [`crate::Models::wire`] says how it speaks.
pub fn encode_unresolved_fault(wire: Wire, request_id: &str, fault: &Fault) -> Response<Body> {
    fault_response(wire, None, request_id, fault)
}

fn fault_response(
    wire: Wire,
    resolved: Option<(&ServiceModel, &Operation)>,
    request_id: &str,
    fault: &Fault,
) -> Response<Body> {
    let service = resolved.map(|(service, _)| service);
    let OnWire { code, status, modelled } = on_wire(wire, service, fault);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type(wire));
    let (status, body) = match wire {
        Wire::AwsJson10 | Wire::AwsJson11 => {
            let message_key = if fault.code == SERIALIZATION { "Message" } else { "message" };
            let mut document = Object::new();
            document.insert("__type", error_type(wire, service, modelled.is_some(), code, &fault.message));
            insert_text(&mut document, message_key, &fault.message);
            extend(&mut document, &fault.members);
            set(&mut headers, ERROR_TYPE.as_str(), code);
            if let Some(service) = service.filter(|service| service.query_compatible) {
                set(&mut headers, QUERY_ERROR.as_str(), &query_error(service, fault));
            }
            // awsJson knows client and server errors, not their kinds.
            let status = if status >= 500 || status == 413 { status } else { 400 };
            (status, Value::from(document).to_text())
        }
        Wire::RestJson | Wire::RpcV2Cbor => {
            set(&mut headers, ERROR_TYPE.as_str(), code);
            let (status, document) = rest_fault(modelled.map(|(shape, error)| (&shape.kind, error.status)), fault);
            (status, Value::from(document).to_text())
        }
        Wire::Query | Wire::Ec2 => {
            let namespace = service.and_then(|service| service.xml_namespace.as_deref()).unwrap_or_default();
            (status, query::write_fault(namespace, request_id, code, status, fault))
        }
        Wire::RestXml => {
            if let Some(structure) = resolved.and_then(|(service, operation)| output_structure(service, operation))
                && let Some(service) = service
            {
                bind(service, structure, &fault.members.clone().into(), &mut headers, &mut 0);
            }
            for (name, value) in fault.members.iter().filter(|(name, _)| is_header(name)) {
                set(&mut headers, name, value.as_str().unwrap_or_default());
            }
            let bare = status == 304 || resolved.is_some_and(|(_, operation)| operation.method == Method::HEAD);
            if bare {
                headers.remove(CONTENT_TYPE);
            }
            headers.remove(CONTENT_LENGTH);
            (status, if bare { String::new() } else { xml_fault(request_id, code, fault) })
        }
    };
    response(wire, status, request_id, headers, body.into())
}

/// Whether a member of a fault is a header and nothing else: elements begin with a capital.
fn is_header(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// S3's errors have no namespace and say more about the request than others do.
fn xml_fault(request_id: &str, code: &str, fault: &Fault) -> String {
    let mut out = format!("{XML_DECLARATION}<Error>");
    let mut element = |name: &str, text: &str| {
        out.push_str(&format!("<{name}>"));
        escape_into(text, &mut out);
        out.push_str(&format!("</{name}>"));
    };
    element("Code", code);
    element("Message", &fault.message);
    for (name, value) in fault.members.iter().filter(|(name, value)| !value.is_null() && !is_header(name)) {
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            match value {
                Value::String(text) => element(name, text),
                _ => element(name, &value.to_text()),
            }
        }
    }
    element("RequestId", request_id);
    element("HostId", &host_id(request_id));
    out.push_str("</Error>");
    out
}

/// S3's second id. There is one host here, so it says nothing more.
fn host_id(request_id: &str) -> String {
    STANDARD.encode(request_id)
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
fn error_type(wire: Wire, service: Option<&ServiceModel>, modelled: bool, code: &str, message: &str) -> String {
    if wire == Wire::AwsJson11 {
        return code.to_owned();
    }
    let namespace = if code == "ValidationException" && (!modelled || constraint::is_constraint_text(message)) {
        Some(CONSTRAINT_NAMESPACE)
    } else if modelled {
        service.and_then(|service| service.error_namespace.as_deref())
    } else {
        Some(FRAMEWORK_NAMESPACE)
    };
    namespace.map_or_else(|| code.to_owned(), |namespace| format!("{namespace}#{code}"))
}

pub(crate) fn content_type(wire: Wire) -> HeaderValue {
    HeaderValue::from_static(match wire {
        Wire::AwsJson10 => "application/x-amz-json-1.0",
        Wire::AwsJson11 => "application/x-amz-json-1.1",
        Wire::RestJson => "application/json",
        Wire::Query | Wire::Ec2 => "text/xml",
        Wire::RestXml => "application/xml",
        Wire::RpcV2Cbor => "application/cbor",
    })
}

fn response(wire: Wire, status: u16, request_id: &str, mut headers: HeaderMap, body: Body) -> Response<Body> {
    set(&mut headers, REQUEST_ID.as_str(), request_id);
    if wire == Wire::RestXml {
        set(&mut headers, S3_REQUEST_IDS[0].as_str(), request_id);
        set(&mut headers, S3_REQUEST_IDS[1].as_str(), &host_id(request_id));
    }
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}
