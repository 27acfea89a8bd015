//! The same wire formats from the other side: requests written, answers read. For
//! handing calls on to another endpoint, and for the command line.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, Uri};
use windlass_value::{Object, Value, parse};

use crate::call::Reply;
use crate::dispatcher::Outcome;
use crate::document::{self, serialization};
use crate::encode::{content_type, header_text, set, written};
use crate::fault::Fault;
use crate::model::{Kind, Location, Member, Operation, ServiceModel, ShapeId, Structure, TimestampFormat, Wire};
use crate::timestamp;
use crate::uri::percent_encode;

/// Writes an unsigned request to an endpoint (`http://host:port`, its path is put before the
/// operation's). The body is the payload of operations whose input has a blob payload.
///
/// # Errors
/// `SerializationException` where a member of the path is missing or the endpoint is none;
/// a typed error for query services, whose requests are not built.
pub fn encode_request(
    service: &ServiceModel,
    operation: &Operation,
    endpoint: &Uri,
    input: &Value,
    body: Bytes,
) -> Result<Request<Bytes>, Fault> {
    let structure = structure(service, operation.input);
    let mut headers = HeaderMap::new();
    let mut path = "/".to_owned();
    let body: Bytes = match (service.wire, structure) {
        (Wire::Query | Wire::Ec2 | Wire::RestXml, _) => return Err(Fault::not_built("requests to query services")),
        (Wire::AwsJson10 | Wire::AwsJson11, structure) => {
            let prefix = service.target_prefix.as_deref().unwrap_or_default();
            set(&mut headers, "x-amz-target", &format!("{prefix}.{}", operation.name));
            let document = structure.map_or_else(Object::new, |structure| written(service, structure, input, |_| true));
            Value::from(document).to_text().into()
        }
        (Wire::RestJson, None) => Bytes::new(),
        (Wire::RestJson, Some(structure)) => {
            path = rest_path(service, operation, structure, input)?;
            for member in &structure.members {
                bind_header(service, member, &input[member.name.as_str()], &mut headers);
            }
            rest_body(service, structure, input, body)
        }
    };
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, content_type(service.wire));
    }
    let base = endpoint.path().trim_end_matches('/');
    let mut uri = endpoint.clone().into_parts();
    let refused = |error: &dyn std::fmt::Display| serialization(format!("The request has no valid URI: {error}"));
    uri.path_and_query = Some(format!("{base}{path}").parse().map_err(|error| refused(&error))?);
    let mut request = Request::new(body);
    *request.uri_mut() = Uri::from_parts(uri).map_err(|error| refused(&error))?;
    *request.method_mut() = operation.method.clone();
    *request.headers_mut() = headers;
    Ok(request)
}

fn structure(service: &ServiceModel, id: Option<ShapeId>) -> Option<&Structure> {
    match &service.shape(id?).kind {
        Kind::Structure(structure) => Some(structure),
        _ => None,
    }
}

fn rest_path(
    service: &ServiceModel,
    operation: &Operation,
    structure: &Structure,
    input: &Value,
) -> Result<String, Fault> {
    let of_label = |label: &str| {
        let member = structure.members.iter().find(|it| it.location == Location::Uri && it.wire_name == label)?;
        let value = &input[member.name.as_str()];
        (!value.is_null()).then(|| plain_text(service, member, value))
    };
    let mut path = operation
        .uri
        .fill(of_label)
        .ok_or_else(|| serialization(format!("The input of {} lacks a member of its path", operation.name)))?;
    for member in structure.members.iter().filter(|member| member.location == Location::Query) {
        let values = match &input[member.name.as_str()] {
            Value::Null => continue,
            Value::Array(items) => items.iter().map(|item| plain_text(service, member, item)).collect(),
            value => vec![plain_text(service, member, value)],
        };
        for value in values {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&format!("{}={}", percent_encode(&member.wire_name, ""), percent_encode(&value, "")));
        }
    }
    Ok(path)
}

fn plain_text(service: &ServiceModel, member: &Member, value: &Value) -> String {
    let shape = service.shape(member.shape);
    match value {
        Value::String(text) => text.to_string(),
        Value::Number(seconds) if matches!(shape.kind, Kind::Timestamp) => {
            timestamp::write(seconds, member.format.or(shape.format).unwrap_or(TimestampFormat::Rfc3339))
        }
        _ => value.to_text(),
    }
}

fn bind_header(service: &ServiceModel, member: &Member, value: &Value, headers: &mut HeaderMap) {
    match (member.location, value) {
        (_, Value::Null) => {}
        (Location::Header, _) => set(headers, &member.wire_name, &header_text(service, member, value)),
        (Location::Headers, Value::Object(members)) => {
            for (name, value) in members.iter() {
                set(headers, &format!("{}{name}", member.wire_name), value.as_str().unwrap_or_default());
            }
        }
        _ => {}
    }
}

fn rest_body(service: &ServiceModel, structure: &Structure, input: &Value, body: Bytes) -> Bytes {
    let in_body = |member: &Member| member.location == Location::Body;
    let document = match structure.payload() {
        Some(member) => match &service.shape(member.shape).kind {
            Kind::Structure(inner) => written(service, inner, &input[member.name.as_str()], |_| true),
            _ => return body,
        },
        None if structure.members.iter().any(in_body) => written(service, structure, input, in_body),
        None => return Bytes::new(),
    };
    Value::from(document).to_text().into()
}

/// Reads an answer.
///
/// # Errors
/// The fault the endpoint answered, with its status and members; `SerializationException`
/// where the answer is none; a typed error for query services.
pub fn decode_response(service: &ServiceModel, operation: &Operation, response: Response<Bytes>) -> Outcome {
    let (parts, body) = response.into_parts();
    if matches!(service.wire, Wire::Query | Wire::Ec2 | Wire::RestXml) {
        return Err(Fault::not_built("answers of query services"));
    }
    if !parts.status.is_success() {
        return Err(read_fault(parts.status.as_u16(), &parts.headers, &body));
    }
    let Some(structure) = structure(service, operation.output) else {
        return Ok(Reply { output: Value::empty_object(), body: body.into() });
    };
    let mut output = Object::new();
    for member in &structure.members {
        let found = match member.location {
            Location::StatusCode => Some(Value::from(u32::from(parts.status.as_u16()))),
            Location::Header => header(&parts.headers, &member.wire_name)
                .map(|text| document::read_text(service, member, &text))
                .transpose()?,
            Location::Headers => prefixed(&parts.headers, &member.wire_name),
            Location::Body | Location::Uri | Location::Query => None,
        };
        if let Some(value) = found {
            output.insert(member.name.as_str(), value);
        }
    }
    match structure.payload() {
        Some(member) => match &service.shape(member.shape) {
            shape if shape.event_stream => return Ok(Reply { output: output.into(), body: body.into() }),
            shape => match &shape.kind {
                Kind::Structure(inner) => {
                    let read = document::read_structure(service, inner, &json(&body)?, |_| true)?;
                    output.insert(member.name.as_str(), read);
                }
                _ => return Ok(Reply { output: output.into(), body: body.into() }),
            },
        },
        None => {
            let in_body = |member: &Member| member.location == Location::Body;
            output.extend(document::read_structure(service, structure, &json(&body)?, in_body)?);
        }
    }
    Ok(Value::from(output).into())
}

fn json(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Ok(Value::empty_object());
    }
    let text = std::str::from_utf8(body).map_err(|error| serialization(format!("The answer is no text: {error}")))?;
    parse(text).map_err(|error| serialization(format!("The answer is no JSON: {error}")))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

fn prefixed(headers: &HeaderMap, prefix: &str) -> Option<Value> {
    let prefix = prefix.to_ascii_lowercase();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let found: Object = headers
        .iter()
        .filter_map(|(name, value): (&HeaderName, _)| {
            Some((name.as_str().strip_prefix(&prefix)?.to_owned(), text(value)))
        })
        .collect();
    (!found.is_empty()).then(|| found.into())
}

/// An error's name stands in a header or in the body, with or without namespace
/// (`com.amazonaws.sfn#X`) and address (`X:http://…`).
fn read_fault(status: u16, headers: &HeaderMap, body: &[u8]) -> Fault {
    let document = std::str::from_utf8(body).ok().and_then(|text| parse(text).ok()).unwrap_or_default();
    let in_body = ["__type", "code"].iter().find_map(|key| document[*key].as_str().map(str::to_owned));
    let code = header(headers, "x-amzn-errortype").or(in_body).unwrap_or_else(|| "UnknownError".to_owned());
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = ["message", "Message"].iter().find_map(|key| document[*key].as_str()).unwrap_or_default();
    let mut fault = Fault::new(code, message).with_status(status);
    if let Value::Object(members) = &document {
        for (key, value) in
            members.iter().filter(|(key, _)| !matches!(&***key, "__type" | "code" | "message" | "Message"))
        {
            fault.members.insert(key.clone(), value);
        }
    }
    fault
}
