//! From an HTTP request to an operation's input.

use bytes::Bytes;
use http::request::Parts;
use windlass_value::{Object, Value, parse};

use crate::body::Body;
use crate::constraint;
use crate::document::{SERIALIZATION, read_structure, read_text, serialization};
use crate::fault::Fault;
use crate::model::{Kind, Location, Member, ServiceModel, Structure, Wire};
use crate::models::Resolved;
use crate::query;
use crate::uri::form_pairs;

/// Reads and checks a request: the input document by member name, and the raw payload of
/// operations whose input has a blob payload (else empty).
///
/// Unknown members and nulls are left out; blobs stay base64, timestamps become epoch seconds.
///
/// # Errors
/// `SerializationException` where the body is no document of the operation's shape, then
/// `ValidationException` naming every constraint it breaks.
pub fn decode(resolved: &Resolved, parts: &Parts, body: Body) -> Result<(Value, Body), Fault> {
    let service = resolved.service;
    let Some(structure) = input_structure(resolved) else {
        return Ok((Value::empty_object(), body));
    };
    let mut payload = Body::empty();
    let input = match service.wire {
        Wire::AwsJson10 | Wire::AwsJson11 => {
            read_structure(service, structure, &awsjson_document(&document_bytes(&body)?)?, |_| true)?
        }
        Wire::RestXml | Wire::Ec2 => return Err(Fault::not_built("requests with XML bodies")),
        Wire::Query => query::read(service, structure, &document_bytes(&body)?)?,
        Wire::RestJson => {
            let mut input = bound_members(resolved, structure, parts)?;
            match structure.payload() {
                Some(member) => match &service.shape(member.shape).kind {
                    Kind::Structure(inner) => {
                        if !body.is_empty() {
                            let document = json(&document_bytes(&body)?)?;
                            input.insert(member.name.as_str(), read_structure(service, inner, &document, |_| true)?);
                        }
                    }
                    _ => payload = body,
                },
                None if body.is_empty() => {}
                None => {
                    let in_body = |member: &Member| member.location == Location::Body;
                    input.extend(read_structure(service, structure, &json(&document_bytes(&body)?)?, in_body)?);
                }
            }
            input
        }
    };
    if !service.unchecked {
        constraint::check(service, structure, &input)?;
    }
    Ok((input.into(), payload))
}

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
                .map(|(_, text)| read_text(service, member, text))
                .transpose()?,
            Location::Query => query_member(service, member, &query)?,
            Location::Header => {
                header_text(parts, &member.wire_name).map(|text| read_text(service, member, &text)).transpose()?
            }
            Location::Headers => prefixed_headers(parts, &member.wire_name),
            Location::Body | Location::StatusCode => None,
        };
        if let Some(value) = found {
            input.insert(member.name.as_str(), value);
        }
    }
    Ok(input)
}

fn query_member(service: &ServiceModel, member: &Member, query: &[(String, String)]) -> Result<Option<Value>, Fault> {
    let mut values = query.iter().filter(|(name, _)| *name == member.wire_name).map(|(_, value)| value);
    match &service.shape(member.shape).kind {
        Kind::List(element) => {
            let items = values.map(|text| read_text(service, element, text)).collect::<Result<Vec<Value>, Fault>>()?;
            Ok((!items.is_empty()).then(|| Value::array(items)))
        }
        _ => values.next().map(|text| read_text(service, member, text)).transpose(),
    }
}

fn header_text(parts: &Parts, name: &str) -> Option<String> {
    let value = parts.headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

fn prefixed_headers(parts: &Parts, prefix: &str) -> Option<Value> {
    let prefix = prefix.to_ascii_lowercase();
    let found: Object = parts
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(&prefix)?;
            Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        })
        .collect();
    (!found.is_empty()).then(|| found.into())
}
