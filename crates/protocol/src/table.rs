//! Reads a service's table (see `models/README.md`) into a [`ServiceModel`].

use std::collections::HashMap;

use windlass_value::{Object, Value, parse};

use crate::model::{
    ErrorTrait, Kind, Location, Member, Namespace, Operation, ServiceModel, Shape, ShapeId, Structure, TimestampFormat,
    Wire,
};
use crate::pattern::Pattern;
use crate::uri::UriTemplate;

/// Compiles a table.
///
/// # Errors
/// What is wrong with the table.
pub(crate) fn compile(name: &'static str, text: &str) -> Result<ServiceModel, String> {
    let table = parse(text).map_err(|error| error.to_string())?;
    let operations = object(&table, "operations")?;
    let shapes = object(&table, "shapes")?;
    let ids: HashMap<String, ShapeId> =
        shapes.keys().enumerate().map(|(index, key)| (key.to_string(), ShapeId(index))).collect();
    let wire = match (text_of(&table, "protocol")?, table["json_version"].as_str()) {
        ("json", Some("1.0")) => Wire::AwsJson10,
        ("json", Some("1.1")) => Wire::AwsJson11,
        ("rest-json", _) => Wire::RestJson,
        ("rest-xml", _) => Wire::RestXml,
        ("ec2", _) => Wire::Ec2,
        ("smithy-rpc-v2-cbor", _) => Wire::RpcV2Cbor,
        ("query", _) => Wire::Query,
        (other, version) => return Err(format!("unknown protocol {other} {version:?}")),
    };
    let rows = Rows { ids: &ids, shapes };
    let compiled: Vec<Shape> =
        shapes.iter().map(|(name, row)| shape(name, row, &rows)).collect::<Result<_, String>>()?;
    let operations = operations
        .iter()
        .map(|(name, row)| Ok((name.to_string(), operation(name, row, &ids, &compiled)?)))
        .collect::<Result<_, String>>()?;
    Ok(ServiceModel {
        name,
        service_id: text_of(&table, "service_id")?.to_owned(),
        api_version: text_of(&table, "api_version")?.to_owned(),
        wire,
        signing_name: text_of(&table, "signing_name")?.to_owned(),
        endpoint_prefix: text_of(&table, "endpoint_prefix")?.to_owned(),
        target_prefix: optional_text(&table, "target_prefix"),
        error_namespace: optional_text(&table, "error_namespace"),
        xml_namespace: optional_text(&table, "xml_namespace"),
        query_compatible: flag(&table, "query_compatible"),
        constraint_error: optional_text(&table, "constraint_error").unwrap_or_else(|| "ValidationException".to_owned()),
        unchecked: flag(&table, "unchecked"),
        headers: headers(&table["headers"]),
        short_labels: flag(&table, "short_labels"),
        operations,
        shapes: compiled,
        shape_ids: ids,
    })
}

fn headers(row: &Value) -> Vec<(String, String)> {
    let rows = row.as_object().into_iter().flat_map(|rows| rows.iter());
    rows.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned()))).collect()
}

/// The shapes of a table and their places.
struct Rows<'a> {
    ids: &'a HashMap<String, ShapeId>,
    shapes: &'a Object,
}

fn object<'a>(value: &'a Value, key: &str) -> Result<&'a Object, String> {
    value[key].as_object().map(|object| &**object).ok_or_else(|| format!("no object '{key}'"))
}

fn text_of<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value[key].as_str().ok_or_else(|| format!("no text '{key}'"))
}

fn optional_text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool() == Some(true)
}

fn status(value: &Value, otherwise: u16) -> Result<u16, String> {
    match value["status"].as_i64() {
        Some(status) => u16::try_from(status).map_err(|_| format!("status {status}")),
        None => Ok(otherwise),
    }
}

fn find(name: &str, ids: &HashMap<String, ShapeId>) -> Result<ShapeId, String> {
    ids.get(name).copied().ok_or_else(|| format!("no shape '{name}'"))
}

fn operation(name: &str, row: &Value, ids: &HashMap<String, ShapeId>, shapes: &[Shape]) -> Result<Operation, String> {
    let shape = |key: &str| row[key].as_str().map(|shape| find(shape, ids)).transpose();
    let method = text_of(row, "method")?;
    let input = shape("input")?;
    let streams_input = input.is_some_and(|id| match &shapes[id.0].kind {
        Kind::Structure(structure) => structure.payload().is_some_and(|member| member.streaming),
        _ => false,
    });
    Ok(Operation {
        name: name.to_owned(),
        method: method.parse().map_err(|_| format!("method {method}"))?,
        status: status(row, 200)?,
        host_prefix: optional_text(row, "host_prefix"),
        idempotent: flag(row, "idempotent"),
        unsigned: flag(row, "unsigned"),
        uri: UriTemplate::new(text_of(row, "uri")?),
        streams_input,
        input,
        output: shape("output")?,
        errors: row["errors"]
            .as_array()
            .into_iter()
            .flat_map(|errors| errors.iter())
            .filter_map(Value::as_str)
            .map(|error| find(error, ids))
            .collect::<Result<_, _>>()?,
        result_wrapper: optional_text(row, "result_wrapper"),
        input_name: optional_text(row, "input_name"),
        input_namespace: namespace(&row["input_namespace"]),
        output_name: optional_text(row, "output_name"),
        unwrapped_output: flag(row, "unwrapped_output"),
        shadowed: flag(row, "shadowed"),
    })
}

fn shape(name: &str, row: &Value, rows: &Rows<'_>) -> Result<Shape, String> {
    let part = |key: &str| member(key, &row[key], false, rows);
    let kind = match text_of(row, "type")? {
        "string" | "character" => Kind::String,
        "blob" => Kind::Blob,
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "timestamp" => Kind::Timestamp,
        "list" => Kind::List(part("member")?),
        "map" => Kind::Map(part("key")?, part("value")?),
        "structure" if flag(row, "document") => Kind::Document,
        "structure" => {
            let required = |name: &str| {
                row["required"].as_array().is_some_and(|names| names.iter().any(|other| other.as_str() == Some(name)))
            };
            let members = object(row, "members")?
                .iter()
                .map(|(name, member_row)| member(name, member_row, required(name), rows))
                .collect::<Result<_, _>>()?;
            Kind::Structure(Structure { members, payload: optional_text(row, "payload") })
        }
        other => return Err(format!("shape '{name}' has the unknown type {other}")),
    };
    let error = match &row["error"] {
        Value::Object(_) => {
            let error = &row["error"];
            Some(ErrorTrait {
                status: status(error, 400)?,
                code: optional_text(error, "code"),
                query_code: optional_text(error, "query_code"),
                query_status: error["query_status"].as_i64().and_then(|status| u16::try_from(status).ok()),
            })
        }
        _ => None,
    };
    Ok(Shape {
        name: name.to_owned(),
        kind,
        min: row["min"].as_number().cloned(),
        max: row["max"].as_number().cloned(),
        pattern: row["pattern"].as_str().map(Pattern::new),
        enumeration: row["enum"]
            .as_array()
            .into_iter()
            .flat_map(|values| values.iter())
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        sensitive: flag(row, "sensitive"),
        in_bytes: flag(row, "bytes"),
        format: format(row)?,
        event_stream: flag(row, "eventstream"),
        refusal: optional_text(row, "refusal"),
        error,
    })
}

/// `uri`, or `prefix uri`.
fn namespace(text: &Value) -> Option<Namespace> {
    let text = text.as_str()?;
    let (prefix, uri) = match text.split_once(' ') {
        Some((prefix, uri)) => (Some(prefix.to_owned()), uri),
        None => (None, text),
    };
    Some(Namespace { prefix, uri: uri.to_owned() })
}

fn member(name: &str, row: &Value, required: bool, rows: &Rows<'_>) -> Result<Member, String> {
    let shape = match row {
        Value::String(shape) => shape,
        _ => text_of(row, "shape")?,
    };
    let location = match row["in"].as_str() {
        None => Location::Body,
        Some("uri") => Location::Uri,
        Some("querystring") => Location::Query,
        Some("header") => Location::Header,
        Some("headers") => Location::Headers,
        Some("statusCode") => Location::StatusCode,
        Some(other) => return Err(format!("member '{name}' has the unknown location {other}")),
    };
    // What the member does not say, its shape may.
    let shape_row = &rows.shapes.get(shape).cloned().unwrap_or_default();
    Ok(Member {
        name: name.to_owned(),
        wire_name: optional_text(row, "name")
            .or_else(|| optional_text(shape_row, "name"))
            .unwrap_or_else(|| name.to_owned()),
        shape: find(shape, rows.ids)?,
        location,
        required,
        sensitive: flag(row, "sensitive"),
        format: format(row)?,
        query_name: optional_text(row, "query"),
        flattened: flag(row, "flattened") || flag(shape_row, "flattened"),
        attribute: flag(row, "attribute"),
        json: flag(row, "json"),
        streaming: flag(row, "streaming") || flag(shape_row, "streaming"),
        idempotency_token: flag(row, "idempotencyToken"),
        namespace: namespace(&row["namespace"]).or_else(|| namespace(&shape_row["namespace"])),
    })
}

fn format(row: &Value) -> Result<Option<TimestampFormat>, String> {
    match row["format"].as_str() {
        None => Ok(None),
        Some("unixTimestamp") => Ok(Some(TimestampFormat::EpochSeconds)),
        Some("iso8601") => Ok(Some(TimestampFormat::Rfc3339)),
        Some("rfc822") => Ok(Some(TimestampFormat::HttpDate)),
        Some(other) => Err(format!("unknown timestamp format {other}")),
    }
}
