use bytes::Bytes;
use http::header::HeaderMap;
use http::{Response, StatusCode};
use windlass_value::{Object, Value, parse};

use super::structure;
use crate::body::Body;
use crate::call::Reply;
use crate::decode::{header_member, prefixed_headers};
use crate::dispatcher::Outcome;
use crate::document::{self, serialization};
use crate::fault::Fault;
use crate::model::{Kind, Location, Member, Operation, ServiceModel, Structure, Wire};
use crate::xml::{self, Element};
use crate::{cbor, xml_document};

/// The largest document that is read from an answer.
const DOCUMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads an answer. A body that is a blob or a stream of events becomes the reply's, as it
/// came; documents are taken into memory.
///
/// # Errors
/// The fault the endpoint answered, with its wire name ([`ServiceModel::error_name`] knows the
/// model's), status and members; `SerializationException` where the answer is none.
pub fn decode_response(service: &ServiceModel, operation: &Operation, response: Response<Body>) -> Outcome {
    let (parts, body) = response.into_parts();
    if !parts.status.is_success() {
        return Err(read_fault(service.wire, parts.status, &parts.headers, &document_bytes(&body).unwrap_or_default()));
    }
    let Some(structure) = structure(service, operation.output) else {
        return Ok(Reply { output: Value::empty_object(), body });
    };
    match service.wire {
        Wire::AwsJson10 | Wire::AwsJson11 => {
            let document = json(&document_bytes(&body)?)?;
            Ok(Value::from(document::read_structure(service, structure, &document, |_| true)?).into())
        }
        Wire::RpcV2Cbor => {
            let bytes = document_bytes(&body)?;
            let document = if bytes.is_empty() { Value::empty_object() } else { packed(&bytes)? };
            Ok(Value::from(document::read_structure(service, structure, &document, |_| true)?).into())
        }
        Wire::Query | Wire::Ec2 => {
            let root = markup(&document_bytes(&body)?)?;
            let wrapped = operation.result_wrapper.as_deref().and_then(|wrapper| root.child(wrapper));
            let element = wrapped.unwrap_or(&root);
            Ok(Value::from(xml_document::read_structure(service, service.wire, structure, element, |_| true)?).into())
        }
        Wire::RestJson | Wire::RestXml => {
            let output = bound_members(service, structure, parts.status, &parts.headers)?;
            rest_reply(service, operation, structure, output, body)
        }
    }
}

fn bound_members(
    service: &ServiceModel,
    structure: &Structure,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Object, Fault> {
    let mut output = Object::new();
    for member in &structure.members {
        let found = match member.location {
            Location::StatusCode => Some(Value::from(u32::from(status.as_u16()))),
            Location::Header => header_member(service, member, headers)?,
            Location::Headers => prefixed_headers(headers, &member.wire_name),
            Location::Body | Location::Uri | Location::Query => None,
        };
        if let Some(value) = found {
            output.insert(member.name.as_str(), value);
        }
    }
    Ok(output)
}

fn rest_reply(
    service: &ServiceModel,
    operation: &Operation,
    structure: &Structure,
    mut output: Object,
    body: Body,
) -> Outcome {
    let Some(member) = structure.payload() else {
        let in_body = |member: &Member| member.location == Location::Body;
        if structure.members.iter().any(in_body) {
            output.extend(read_document(service, operation, structure, &body, in_body)?);
        }
        return Ok(Value::from(output).into());
    };
    let shape = service.shape(member.shape);
    match &shape.kind {
        Kind::Structure(inner) if !shape.event_stream => {
            if !body.is_empty() {
                let read = read_document(service, operation, inner, &body, |_| true)?;
                output.insert(member.name.as_str(), read);
            }
        }
        Kind::Document => {
            output.insert(member.name.as_str(), json(&document_bytes(&body)?)?);
        }
        Kind::String => {
            let text = String::from_utf8_lossy(&document_bytes(&body)?).into_owned();
            output.insert(member.name.as_str(), text);
        }
        _ => return Ok(Reply { output: output.into(), body }),
    }
    Ok(Value::from(output).into())
}

fn read_document(
    service: &ServiceModel,
    operation: &Operation,
    structure: &Structure,
    body: &Body,
    belongs: impl Fn(&Member) -> bool,
) -> Result<Object, Fault> {
    let bytes = document_bytes(body)?;
    if service.wire == Wire::RestJson {
        return document::read_structure(service, structure, &json(&bytes)?, belongs);
    }
    if bytes.is_empty() {
        return Ok(Object::new());
    }
    let mut root = markup(&bytes)?;
    if operation.unwrapped_output && root.children.is_empty() && !root.text.is_empty() {
        root = Element { children: vec![root], ..Element::default() };
    }
    xml_document::read_structure(service, Wire::RestXml, structure, &root, belongs)
}

fn document_bytes(body: &Body) -> Result<Bytes, Fault> {
    body.read(DOCUMENT_BYTES_MAX).map_err(|error| serialization(format!("The answer cannot be read: {error}")))
}

fn json(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Ok(Value::empty_object());
    }
    let text = std::str::from_utf8(body).map_err(|error| serialization(format!("The answer is no text: {error}")))?;
    parse(text).map_err(|error| serialization(format!("The answer is no JSON: {error}")))
}

fn packed(body: &[u8]) -> Result<Value, Fault> {
    cbor::read(body).map_err(|error| serialization(format!("The answer is no CBOR: {error}")))
}

fn markup(body: &[u8]) -> Result<Element, Fault> {
    let text = std::str::from_utf8(body).map_err(|error| serialization(format!("The answer is no text: {error}")))?;
    xml::read(text).map_err(|error| serialization(format!("The answer is no XML: {error}")))
}

fn read_fault(wire: Wire, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    match wire {
        Wire::AwsJson10 | Wire::AwsJson11 | Wire::RestJson => {
            let document = std::str::from_utf8(body).ok().and_then(|text| parse(text).ok());
            read_document_fault(status, headers, &document.unwrap_or_default())
        }
        Wire::RpcV2Cbor => read_document_fault(status, headers, &cbor::read(body).unwrap_or_default()),
        Wire::Query | Wire::Ec2 | Wire::RestXml => read_xml_fault(status, body),
    }
}

/// An error's name stands in a header or in the body, with or without namespace
/// (`com.amazonaws.sfn#X`) and address (`X:http://…`).
fn read_document_fault(status: StatusCode, headers: &HeaderMap, document: &Value) -> Fault {
    let in_header =
        headers.get("x-amzn-errortype").map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    let in_body = ["__type", "code"].iter().find_map(|key| document[*key].as_str().map(str::to_owned));
    let code = in_header.or(in_body).unwrap_or_else(|| "UnknownError".to_owned());
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = ["message", "Message"].iter().find_map(|key| document[*key].as_str()).unwrap_or_default();
    let mut fault = Fault::new(code, message).with_status(status.as_u16());
    if let Value::Object(members) = document {
        for (key, value) in
            members.iter().filter(|(key, _)| !matches!(&***key, "__type" | "code" | "message" | "Message"))
        {
            fault.members.insert(key.clone(), value);
        }
    }
    fault
}

/// `<ErrorResponse><Error>`, EC2's `<Response><Errors><Error>`, or S3's bare `<Error>`. Answers
/// to HEAD have no body: then the status names the error.
fn read_xml_fault(status: StatusCode, body: &[u8]) -> Fault {
    let root = std::str::from_utf8(body).ok().and_then(|text| xml::read(text).ok()).unwrap_or_default();
    let inner = root.child("Error").or_else(|| root.child("Errors").and_then(|errors| errors.child("Error")));
    let error = inner.unwrap_or(&root);
    let text = |name: &str| error.child(name).map(|child| child.text.trim().to_owned());
    let reason = status.canonical_reason().unwrap_or_default();
    let code = text("Code").unwrap_or_else(|| match status.as_u16() {
        304 => "NotModified".to_owned(),
        _ => reason.split_whitespace().collect(),
    });
    let message = text("Message").or_else(|| text("message")).unwrap_or_else(|| reason.to_owned());
    let mut fault = Fault::new(&code, message).with_status(status.as_u16());
    let known = ["Code", "Message", "message", "Type", "RequestId", "HostId"];
    for child in error.children.iter().filter(|child| child.children.is_empty() && !known.contains(&&*child.name)) {
        fault.members.insert(child.name.as_str(), child.text.as_str());
    }
    fault
}
