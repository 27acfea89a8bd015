//! The query protocol: form bodies in, XML out.

use windlass_value::{Object, Value};

use crate::document::read_text;
use crate::fault::Fault;
use crate::model::{Kind, Member, Operation, ServiceModel, ShapeId, Structure, TimestampFormat};
use crate::timestamp;
use crate::uri::form_pairs;

/// How many items of one list a form may hold.
const ITEMS_MAX: usize = 1000;

type Pairs = [(String, String)];

/// Reads a form body: `Tags.member.1.Key=a`.
///
/// # Errors
/// `SerializationException` where a text does not fit its type.
pub(crate) fn read(model: &ServiceModel, structure: &Structure, body: &[u8]) -> Result<Object, Fault> {
    let text = String::from_utf8_lossy(body);
    let pairs: Vec<(String, String)> = form_pairs(&text).collect();
    read_structure(model, structure, "", &pairs)
}

fn read_structure(model: &ServiceModel, structure: &Structure, prefix: &str, pairs: &Pairs) -> Result<Object, Fault> {
    let mut out = Object::new();
    for member in &structure.members {
        if let Some(value) = read_member(model, member, &format!("{prefix}{}", member.wire_name), pairs)? {
            out.insert(member.name.as_str(), value);
        }
    }
    Ok(out)
}

fn read_member(model: &ServiceModel, member: &Member, name: &str, pairs: &Pairs) -> Result<Option<Value>, Fault> {
    match &model.shape(member.shape).kind {
        Kind::Structure(structure) => {
            let prefix = format!("{name}.");
            if !pairs.iter().any(|(key, _)| key.starts_with(&prefix)) {
                return Ok(None);
            }
            read_structure(model, structure, &prefix, pairs).map(|object| Some(object.into()))
        }
        Kind::List(element) => {
            let mut items = Vec::new();
            while items.len() < ITEMS_MAX {
                let name = format!("{name}.member.{}", items.len() + 1);
                match read_member(model, element, &name, pairs)? {
                    Some(item) => items.push(item),
                    None => break,
                }
            }
            Ok((!items.is_empty()).then(|| Value::array(items)))
        }
        Kind::Map(_, element) => {
            let mut out = Object::new();
            while out.len() < ITEMS_MAX {
                let entry = format!("{name}.entry.{}", out.len() + 1);
                let key = pairs.iter().find(|(other, _)| *other == format!("{entry}.key"));
                let value = read_member(model, element, &format!("{entry}.value"), pairs)?;
                match (key, value) {
                    (Some((_, key)), Some(value)) if !out.contains_key(key) => {
                        out.insert(key.as_str(), value);
                    }
                    _ => break,
                }
            }
            Ok((!out.is_empty()).then(|| out.into()))
        }
        _ => pairs.iter().find(|(key, _)| key == name).map(|(_, text)| read_text(model, member, text)).transpose(),
    }
}

/// Writes a success as XML.
pub(crate) fn write(model: &ServiceModel, operation: &Operation, request_id: &str, output: &Value) -> String {
    let name = &operation.name;
    let namespace = model.xml_namespace.as_deref().unwrap_or_default();
    let mut out = format!("<{name}Response xmlns=\"{}\">\n", escape(namespace));
    if let Some(shape) = operation.output {
        let mut result = String::new();
        write_value(model, shape, output, &mut result);
        match &operation.result_wrapper {
            Some(wrapper) => out.push_str(&format!("<{wrapper}>{result}</{wrapper}>\n")),
            None => out.push_str(&result),
        }
    }
    out.push_str(&format!(
        "<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>\n</{name}Response>\n",
        escape(request_id)
    ));
    out
}

fn write_value(model: &ServiceModel, id: ShapeId, value: &Value, out: &mut String) {
    let shape = model.shape(id);
    match (&shape.kind, value) {
        (Kind::Structure(structure), _) => {
            for member in &structure.members {
                element(model, member, &member.wire_name, &value[member.name.as_str()], out);
            }
        }
        (Kind::List(member), Value::Array(items)) => {
            items.iter().for_each(|item| element(model, member, "member", item, out));
        }
        (Kind::Map(key, member), Value::Object(members)) => {
            for (name, item) in members.iter() {
                out.push_str("<entry>");
                element(model, key, "key", &Value::from(name), out);
                element(model, member, "value", item, out);
                out.push_str("</entry>");
            }
        }
        (Kind::Timestamp, Value::Number(seconds)) => {
            out.push_str(&timestamp::write(seconds, shape.format.unwrap_or(TimestampFormat::Rfc3339)));
        }
        (_, Value::String(text)) => out.push_str(&escape(text)),
        _ => out.push_str(&escape(&value.to_text())),
    }
}

fn element(model: &ServiceModel, member: &Member, name: &str, value: &Value, out: &mut String) {
    if value.is_null() {
        return;
    }
    out.push_str(&format!("<{name}>"));
    write_value(model, member.shape, value, out);
    out.push_str(&format!("</{name}>"));
}

/// Writes an error as XML.
pub(crate) fn write_fault(namespace: &str, request_id: &str, fault: &Fault) -> String {
    let who = if fault.status >= 500 { "Receiver" } else { "Sender" };
    format!(
        "<ErrorResponse xmlns=\"{}\">\n<Error><Type>{who}</Type><Code>{}</Code><Message>{}</Message></Error>\n\
         <RequestId>{}</RequestId>\n</ErrorResponse>\n",
        escape(namespace),
        escape(&fault.code),
        escape(&fault.message),
        escape(request_id)
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}
