//! From an HTTP request to an operation's input.

use base64::Engine;
use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use windlass_value::{Object, Value, parse};

use crate::body::Body;
use crate::constraint;
use crate::document::{SERIALIZATION, read_structure, read_text, serialization};
use crate::fault::Fault;
use crate::limits::RequestBounds;
use crate::model::{Kind, Location, Member, ServiceModel, Structure, Wire};
use crate::query;
use crate::resolve::{Resolved, host};
use crate::uri::form_pairs;
use crate::{s3_request, xml_document};

/// Reads and checks a request: the input document by member name, and the raw payload of
/// operations whose input has a blob payload (else empty).
///
/// Unknown members and nulls are left out; blobs stay base64, timestamps become epoch seconds.
///
/// # Errors
/// `SerializationException` where the body is no document of the operation's shape, then
/// `ValidationException` naming every constraint it breaks. S3 says `MalformedXML`,
/// `InvalidArgument`, `InvalidDigest` or `BadDigest`; the query services that check constraints
/// by framework `ValidationError`.
pub fn decode(resolved: &Resolved, parts: &Parts, body: Body) -> Result<(Value, Body), Fault> {
    decode_within(resolved, parts, body, &RequestBounds::default())
}

/// As [`decode`], with other bounds than AWS's.
///
/// # Errors
/// As of [`decode`].
pub fn decode_within(
    resolved: &Resolved,
    parts: &Parts,
    body: Body,
    bounds: &RequestBounds,
) -> Result<(Value, Body), Fault> {
    let service = resolved.service;
    let Some(structure) = input_structure(resolved) else {
        return Ok((Value::empty_object(), body));
    };
    let mut payload = Body::empty();
    let input = match resolved.wire {
        Wire::AwsJson10 | Wire::AwsJson11 => {
            read_structure(service, structure, &awsjson_document(&document_bytes(&body)?)?, |_| true)?
        }
        Wire::Query => form(service, structure, parts, &document_bytes(&body)?)?,
        Wire::RestJson => {
            let mut input = bound_members(resolved, structure, parts)?;
            match structure.payload().map(|member| (member, &service.shape(member.shape).kind)) {
                Some((member, Kind::Structure(inner))) => {
                    if !body.is_empty() {
                        let document = json(&document_bytes(&body)?)?;
                        input.insert(member.name.as_str(), read_structure(service, inner, &document, |_| true)?);
                    }
                }
                Some((member, Kind::String)) => insert_text(&mut input, member, &document_bytes(&body)?)?,
                Some(_) => payload = body,
                None if body.is_empty() => {}
                None => {
                    let in_body = |member: &Member| member.location == Location::Body;
                    input.extend(read_structure(service, structure, &json(&document_bytes(&body)?)?, in_body)?);
                }
            }
            input
        }
        Wire::RestXml => {
            s3_request::check_digest(parts, &body)?;
            let mut input = bound_members(resolved, structure, parts)?;
            match structure.payload().map(|member| (member, &service.shape(member.shape).kind)) {
                Some((member, Kind::Structure(inner))) => {
                    let bytes = document_bytes(&body)?;
                    if !bytes.is_empty() {
                        let root = s3_request::document(&bytes)?;
                        let read = xml_document::read_structure(service, Wire::RestXml, inner, &root, |_| true);
                        input
                            .insert(member.name.as_str(), read.map_err(|fault| s3_request::malformed(&fault.message))?);
                    } else if member.required {
                        return Err(Fault::new("MissingRequestBodyError", "Request Body is empty"));
                    }
                }
                Some((member, Kind::String)) => insert_text(&mut input, member, &document_bytes(&body)?)?,
                Some(_) => payload = body,
                None => {
                    let in_body = |member: &Member| member.location == Location::Body;
                    let bytes = document_bytes(&body)?;
                    if !bytes.is_empty() && structure.members.iter().any(in_body) {
                        let root = s3_request::document(&bytes)?;
                        let read = xml_document::read_structure(service, Wire::RestXml, structure, &root, in_body);
                        input.extend(read.map_err(|fault| s3_request::malformed(&fault.message))?);
                    }
                }
            }
            input
        }
        Wire::Ec2 | Wire::RpcV2Cbor => return Err(Fault::not_built("requests of this protocol")),
    };
    if !service.unchecked {
        constraint::check(service, structure, &input, bounds)?;
    }
    Ok((input.into(), payload))
}

/// A payload that is text: a bucket's policy.
fn insert_text(input: &mut Object, member: &Member, bytes: &[u8]) -> Result<(), Fault> {
    if !bytes.is_empty() {
        let text = std::str::from_utf8(bytes).map_err(|error| serialization("").explained(error.to_string()))?;
        input.insert(member.name.as_str(), text);
    }
    Ok(())
}

/// A form; SQS's may be sent to the queue's own address, which then is the queue's URL.
fn form(service: &ServiceModel, structure: &Structure, parts: &Parts, body: &[u8]) -> Result<Object, Fault> {
    let mut input = query::read(service, structure, parts.uri.query().unwrap_or(""), body)?;
    let path = parts.uri.path();
    let takes_url = structure.members.iter().any(|member| member.name == QUEUE_URL);
    if path.len() > 1 && takes_url && !input.contains_key(QUEUE_URL) {
        let scheme = parts.uri.scheme_str().unwrap_or("http");
        input.insert(QUEUE_URL, format!("{scheme}://{}{path}", host(parts)));
    }
    Ok(input)
}

const QUEUE_URL: &str = "QueueUrl";

/// The body of an operation that takes a document, which the listener never spools.
fn document_bytes(body: &Body) -> Result<Bytes, Fault> {
    body.in_memory().cloned().ok_or_else(|| Fault::internal("a document was received into a file"))
}

fn input_structure(resolved: &Resolved) -> Option<&'static Structure> {
    match &resolved.service.shape(resolved.operation.input?).kind {
        Kind::Structure(structure) => Some(structure),
        _ => None,
    }
}

fn json(body: &[u8]) -> Result<Value, Fault> {
    // AWS's framework says no more than the name; the reason goes to our log.
    let refused = |why: String| Fault::new(SERIALIZATION, "").explained(why);
    let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
    parse(text).map_err(|error| refused(error.to_string()))
}

/// awsJson bodies are objects; without a body there is no document.
fn awsjson_document(body: &[u8]) -> Result<Value, Fault> {
    match json(body)? {
        document @ (Value::Object(_) | Value::Array(_)) => Ok(document),
        other => Err(serialization("").explained(format!("the body is a {}, not an object", other.kind()))),
    }
}

/// The members that travel in path, query string and headers.
fn bound_members(resolved: &Resolved, structure: &Structure, parts: &Parts) -> Result<Object, Fault> {
    let service = resolved.service;
    let query: Vec<(String, String)> = form_pairs(parts.uri.query().unwrap_or("")).collect();
    let mut input = Object::new();
    for member in &structure.members {
        let found = match member.location {
            Location::Uri => resolved
                .labels
                .iter()
                .find(|(name, _)| *name == member.wire_name)
                .map(|(_, text)| bound_text(service, member, member, text))
                .transpose()?
                .flatten(),
            Location::Query => query_member(service, member, &query)?,
            Location::Header => header_member(service, member, &parts.headers)?,
            Location::Headers => prefixed_headers(&parts.headers, &member.wire_name),
            Location::Body | Location::StatusCode => None,
        };
        if let Some(value) = found {
            input.insert(member.name.as_str(), value);
        }
    }
    Ok(input)
}

/// A text outside the body. S3 has a word of its own for what fits no type, and does not mind
/// dates it cannot read.
fn bound_text(service: &ServiceModel, member: &Member, element: &Member, text: &str) -> Result<Option<Value>, Fault> {
    match read_text(service, element, text) {
        Ok(value) => Ok(Some(value)),
        Err(_) if service.wire == Wire::RestXml => match service.shape(element.shape).kind {
            Kind::Timestamp => Ok(None),
            _ => Err(s3_request::invalid_argument(&member.wire_name, text)),
        },
        Err(fault) => Err(fault),
    }
}

fn query_member(service: &ServiceModel, member: &Member, query: &[(String, String)]) -> Result<Option<Value>, Fault> {
    let mut values = query.iter().filter(|(name, _)| *name == member.wire_name).map(|(_, value)| value);
    match &service.shape(member.shape).kind {
        Kind::List(element) => {
            let items = values
                .filter_map(|text| bound_text(service, member, element, text).transpose())
                .collect::<Result<Vec<Value>, Fault>>()?;
            Ok((!items.is_empty()).then(|| Value::array(items)))
        }
        _ => match values.next() {
            Some(text) => bound_text(service, member, member, text),
            None => Ok(None),
        },
    }
}

/// A member that travels in a header; lists have commas between their items.
pub(crate) fn header_member(
    service: &ServiceModel,
    member: &Member,
    headers: &HeaderMap,
) -> Result<Option<Value>, Fault> {
    let texts = headers.get_all(member.wire_name.as_str());
    let mut texts = texts.iter().map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    match &service.shape(member.shape).kind {
        Kind::List(element) => {
            let mut items = Vec::new();
            for text in texts {
                for item in list_items(&text, &service.shape(element.shape).kind) {
                    items.extend(bound_text(service, member, element, item)?);
                }
            }
            Ok((!items.is_empty()).then(|| Value::array(items)))
        }
        _ => match texts.next() {
            Some(text) if member.json => Ok(Some(json_header(&text))),
            Some(text) => bound_text(service, member, member, &text),
            None => Ok(None),
        },
    }
}

/// HTTP dates have a comma of their own.
fn list_items<'a>(text: &'a str, kind: &Kind) -> Vec<&'a str> {
    if text.is_empty() {
        return Vec::new();
    }
    if !matches!(kind, Kind::Timestamp) {
        return text.split(',').map(str::trim).collect();
    }
    let commas: Vec<usize> = text.match_indices(',').map(|(at, _)| at).skip(1).step_by(2).collect();
    let mut start = 0;
    let mut items = Vec::new();
    for comma in commas {
        items.push(text[start..comma].trim());
        start = comma + 1;
    }
    items.push(text[start..].trim());
    items
}

/// JSON text travels in headers as base64.
fn json_header(text: &str) -> Value {
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok();
    Value::string(decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned()))
}

/// A map spread over headers with a prefix.
pub(crate) fn prefixed_headers(headers: &HeaderMap, prefix: &str) -> Option<Value> {
    let prefix = prefix.to_ascii_lowercase();
    let mut found = Object::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(&prefix) else { continue };
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        // A header that comes twice is one with a comma.
        let text = match found.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before},{text}"),
            None => text,
        };
        found.insert(name, text);
    }
    (!found.is_empty()).then(|| found.into())
}
