use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Uri};
use md5::{Digest, Md5};
use windlass_value::{Object, Value};

use super::structure;
use crate::body::Body;
use crate::document::serialization;
use crate::encode::{content_type, header_text, set, written};
use crate::fault::Fault;
use crate::model::{Kind, Location, Member, Namespace, Operation, ServiceModel, Structure, TimestampFormat, Wire};
use crate::uri::percent_encode;
use crate::{cbor, query, timestamp, xml_document};

/// Asks a service that left the query protocol for that protocol's names of errors.
const QUERY_MODE: HeaderName = HeaderName::from_static("x-amzn-query-mode");
const CONTENT_MD5: &str = "content-md5";
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// Writes an unsigned request to an endpoint (`http://host:port`, its path is put before the
/// operation's). The body is the payload of operations whose input has a blob payload; it may
/// lie in a file. S3's buckets stand in the path.
///
/// # Errors
/// `SerializationException` where a member of the path is missing or the endpoint is none.
pub fn encode_request(
    service: &ServiceModel,
    operation: &Operation,
    endpoint: &Uri,
    input: &Value,
    body: Body,
) -> Result<Request<Body>, Fault> {
    let structure = structure(service, operation.input);
    let mut headers = HeaderMap::new();
    let mut path = "/".to_owned();
    let body = match (service.wire, structure) {
        (Wire::Query | Wire::Ec2, structure) => {
            headers.insert(CONTENT_TYPE, FORM);
            query::write_form(service, operation, structure, input).into()
        }
        (Wire::AwsJson10 | Wire::AwsJson11, structure) => {
            let prefix = service.target_prefix.as_deref().unwrap_or_default();
            set(&mut headers, "x-amz-target", &format!("{prefix}.{}", operation.name));
            headers.insert(CONTENT_TYPE, content_type(service.wire));
            if service.query_compatible {
                headers.insert(QUERY_MODE, HeaderValue::from_static("true"));
            }
            let document = structure.map_or_else(Object::new, |structure| written(service, structure, input, |_| true));
            Value::from(document).to_text().into()
        }
        (Wire::RpcV2Cbor, _) => {
            let prefix = service.target_prefix.as_deref().unwrap_or_default();
            path = format!("/service/{prefix}/operation/{}", operation.name);
            set(&mut headers, "smithy-protocol", "rpc-v2-cbor");
            headers.insert(ACCEPT, content_type(service.wire));
            let mut out = Vec::new();
            if let Some(shape) = operation.input {
                headers.insert(CONTENT_TYPE, content_type(service.wire));
                cbor::write(service, shape, input, &mut out);
            }
            out.into()
        }
        (Wire::RestJson | Wire::RestXml, None) => {
            path = rest_path(service, operation, None, input)?;
            Body::empty()
        }
        (Wire::RestJson | Wire::RestXml, Some(structure)) => {
            path = rest_path(service, operation, Some(structure), input)?;
            for member in &structure.members {
                bind_header(service, member, &input[member.name.as_str()], &mut headers);
            }
            rest_body(service, operation, structure, input, body, &mut headers)
        }
    };
    for (name, value) in &service.headers {
        set(&mut headers, name, value);
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

fn rest_path(
    service: &ServiceModel,
    operation: &Operation,
    structure: Option<&Structure>,
    input: &Value,
) -> Result<String, Fault> {
    let members = structure.map_or(&[][..], |structure| &structure.members);
    let of_label = |label: &str| {
        let member = members.iter().find(|it| it.location == Location::Uri && it.wire_name == label)?;
        let value = &input[member.name.as_str()];
        let text = (!value.is_null()).then(|| plain_text(service, member, value))?;
        let short = text.rsplit('/').next().filter(|_| service.short_labels);
        Some(short.map(str::to_owned).unwrap_or(text))
    };
    let mut path = operation
        .uri
        .fill(of_label)
        .ok_or_else(|| serialization(format!("The input of {} lacks a member of its path", operation.name)))?;
    let mut pair = |name: &str, value: &str| {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(&format!("{}={}", percent_encode(name, ""), percent_encode(value, "")));
    };
    for member in members.iter().filter(|member| member.location == Location::Query) {
        match (&input[member.name.as_str()], &service.shape(member.shape).kind) {
            (Value::Null, _) => {}
            (Value::Array(items), Kind::List(element)) => {
                items.iter().for_each(|item| pair(&member.wire_name, &plain_text(service, element, item)));
            }
            (Value::Object(entries), Kind::Map(_, element)) => {
                for (name, value) in entries.iter() {
                    match value {
                        Value::Array(items) => {
                            items.iter().for_each(|item| pair(name, &plain_text(service, element, item)));
                        }
                        value => pair(name, &plain_text(service, element, value)),
                    }
                }
            }
            (value, _) => pair(&member.wire_name, &plain_text(service, member, value)),
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

fn rest_body(
    service: &ServiceModel,
    operation: &Operation,
    structure: &Structure,
    input: &Value,
    body: Body,
    headers: &mut HeaderMap,
) -> Body {
    let in_body = |member: &Member| member.location == Location::Body;
    let payload = structure.payload().map(|member| (member, service.shape(member.shape)));
    match payload {
        Some((member, shape)) => {
            let value = &input[member.name.as_str()];
            match (&shape.kind, service.wire) {
                (Kind::Structure(inner), Wire::RestXml) if !shape.event_stream => {
                    if value.is_null() {
                        return Body::empty();
                    }
                    let name = root_name(operation, &member.wire_name);
                    let namespace = member.namespace.as_ref().or(operation.input_namespace.as_ref());
                    xml_document(service, inner, name, namespace, value, |_| true, headers)
                }
                (Kind::Structure(inner), _) if !shape.event_stream => {
                    headers.entry(CONTENT_TYPE).or_insert(content_type(service.wire));
                    Value::from(written(service, inner, value, |_| true)).to_text().into()
                }
                (Kind::Document, _) => {
                    headers.entry(CONTENT_TYPE).or_insert(content_type(service.wire));
                    value.to_text().into()
                }
                (Kind::String, _) if value.as_str().is_some() => {
                    headers.entry(CONTENT_TYPE).or_insert(TEXT);
                    value.as_str().unwrap_or_default().to_owned().into()
                }
                _ => {
                    if !body.is_empty() {
                        headers.entry(CONTENT_TYPE).or_insert(OCTETS);
                    }
                    body
                }
            }
        }
        None if !structure.members.iter().any(in_body) => Body::empty(),
        None if service.wire == Wire::RestXml => {
            let given = |member: &Member| in_body(member) && !input[member.name.as_str()].is_null();
            if !structure.members.iter().any(given) {
                return Body::empty();
            }
            let fallback = format!("{}Request", operation.name);
            let name = root_name(operation, &fallback);
            xml_document(service, structure, name, operation.input_namespace.as_ref(), input, in_body, headers)
        }
        None => {
            headers.entry(CONTENT_TYPE).or_insert(content_type(service.wire));
            Value::from(written(service, structure, input, in_body)).to_text().into()
        }
    }
}

fn root_name<'a>(operation: &'a Operation, otherwise: &'a str) -> &'a str {
    operation.input_name.as_deref().unwrap_or(otherwise)
}

/// A document with its digest, which S3 asks for with some operations.
fn xml_document(
    service: &ServiceModel,
    structure: &Structure,
    name: &str,
    namespace: Option<&Namespace>,
    value: &Value,
    belongs: impl Fn(&Member) -> bool,
    headers: &mut HeaderMap,
) -> Body {
    let mut out = format!("<{name}");
    if let Some(namespace) = namespace {
        xml_document::write_namespace(namespace, &mut out);
    }
    out.push('>');
    xml_document::write_structure(service, Wire::RestXml, structure, value, belongs, &mut out);
    out.push_str(&format!("</{name}>"));
    headers.entry(CONTENT_TYPE).or_insert(content_type(Wire::RestXml));
    if !headers.contains_key(CONTENT_MD5) {
        set(headers, CONTENT_MD5, &STANDARD.encode(Md5::digest(out.as_bytes())));
    }
    out.into()
}
