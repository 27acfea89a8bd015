//! The query protocols: forms in, XML out. EC2's is only spoken to other endpoints.

use std::collections::BTreeMap;

use windlass_value::{Object, Value};

use crate::document::read_text;
use crate::fault::Fault;
use crate::model::{Kind, Member, Operation, ServiceModel, Structure, TimestampFormat, Wire};
use crate::timestamp;
use crate::uri::{form_pairs, percent_encode};
use crate::xml::{escape, escape_into};
use crate::xml_document;

/// How many items of one list a form may hold.
const ITEMS_MAX: usize = 1000;

/// A form's fields; of fields with the same name the first.
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn has_under(&self, prefix: &str) -> bool {
        self.0.range(prefix.to_owned()..).next().is_some_and(|(key, _)| key.starts_with(prefix))
    }
}

/// Reads a form, which stands in the body or in the query string: `Tags.member.1.Key=a`.
///
/// # Errors
/// `SerializationException` where a text does not fit its type.
pub(crate) fn read(model: &ServiceModel, structure: &Structure, uri_query: &str, body: &[u8]) -> Result<Object, Fault> {
    let text = String::from_utf8_lossy(body);
    let mut fields = BTreeMap::new();
    for (key, value) in form_pairs(&text).chain(form_pairs(uri_query)) {
        fields.entry(key).or_insert(value);
    }
    read_structure(model, structure, "", &Fields(fields))
}

fn read_structure(model: &ServiceModel, structure: &Structure, prefix: &str, fields: &Fields) -> Result<Object, Fault> {
    let mut out = Object::new();
    for member in &structure.members {
        let name = format!("{prefix}{}", member.name_on(Wire::Query));
        if let Some(value) = read_member(model, member, prefix, &name, fields)? {
            out.insert(member.name.as_str(), value);
        }
    }
    Ok(out)
}

/// A value by its field's full name; `prefix` is what stands before its own name.
fn read_member(
    model: &ServiceModel,
    member: &Member,
    prefix: &str,
    name: &str,
    fields: &Fields,
) -> Result<Option<Value>, Fault> {
    match &model.shape(member.shape).kind {
        Kind::Structure(structure) => {
            let inner = format!("{name}.");
            if !fields.has_under(&inner) {
                return Ok(None);
            }
            read_structure(model, structure, &inner, fields).map(|object| Some(object.into()))
        }
        Kind::List(element) => {
            let item = list_prefix(member, element, prefix, name);
            let mut items = Vec::new();
            while items.len() < ITEMS_MAX {
                let name = format!("{item}.{}", items.len() + 1);
                match read_member(model, element, &format!("{item}."), &name, fields)? {
                    Some(value) => items.push(value),
                    None => break,
                }
            }
            // An empty list is written as its bare name.
            let empty = fields.0.get(name).is_some_and(String::is_empty);
            Ok((!items.is_empty() || empty).then(|| Value::array(items)))
        }
        Kind::Map(key, element) => {
            let entry = if member.flattened { name.to_owned() } else { format!("{name}.entry") };
            let (key, value) = (key.name_on(Wire::Query), element.name_on(Wire::Query));
            let mut out = Object::new();
            for index in 1..=ITEMS_MAX {
                let prefix = format!("{entry}.{index}.");
                let Some(key) = fields.0.get(&format!("{prefix}{key}")) else { break };
                let value = read_member(model, element, &prefix, &format!("{prefix}{value}"), fields)?;
                out.insert(key.as_str(), value.unwrap_or(Value::Null));
            }
            Ok((!out.is_empty()).then(|| out.into()))
        }
        _ => fields.0.get(name).map(|text| read_text(model, member, text)).transpose(),
    }
}

/// What the items of a list are numbered after: `Tags.member`, or, where they stand beside
/// each other, the items' own name in place of the list's.
fn list_prefix(member: &Member, element: &Member, prefix: &str, name: &str) -> String {
    if !member.flattened {
        return format!("{name}.{}", element.name_on(Wire::Query));
    }
    match element.own_element_name(Wire::Query) {
        Some(own) => format!("{prefix}{own}"),
        None => name.to_owned(),
    }
}

/// Writes a form for an operation, for the query protocol and for EC2's.
pub(crate) fn write_form(
    model: &ServiceModel,
    operation: &Operation,
    structure: Option<&Structure>,
    input: &Value,
) -> String {
    let mut form = Form { model, text: String::new() };
    form.field("Action", &operation.name);
    form.field("Version", &model.api_version);
    if let Some(structure) = structure {
        form.structure(structure, "", input);
    }
    form.text
}

struct Form<'a> {
    model: &'a ServiceModel,
    text: String,
}

impl Form<'_> {
    fn field(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.push_str(&percent_encode(name, ""));
        self.text.push('=');
        self.text.push_str(&percent_encode(value, ""));
    }

    fn structure(&mut self, structure: &Structure, prefix: &str, value: &Value) {
        for member in &structure.members {
            let name = format!("{prefix}{}", self.name(member));
            self.value(member, prefix, &name, &value[member.name.as_str()]);
        }
    }

    /// EC2 writes members with a capital, or by a name of their own.
    fn name(&self, member: &Member) -> String {
        match (self.model.wire, &member.query_name) {
            (Wire::Ec2, Some(name)) => name.clone(),
            (Wire::Ec2, None) => {
                let mut chars = member.wire_name.chars();
                chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
            }
            _ => member.name_on(Wire::Query).to_owned(),
        }
    }

    fn value(&mut self, member: &Member, prefix: &str, name: &str, value: &Value) {
        let model = self.model;
        let shape = model.shape(member.shape);
        match (&shape.kind, value) {
            (_, Value::Null) => {}
            (Kind::Structure(structure), _) => self.structure(structure, &format!("{name}."), value),
            (Kind::List(_), Value::Array(items)) if items.is_empty() => {
                if model.wire == Wire::Query {
                    self.field(name, "");
                }
            }
            (Kind::List(element), Value::Array(items)) => {
                let item_prefix = match model.wire {
                    Wire::Ec2 => name.to_owned(),
                    _ => list_prefix(member, element, prefix, name),
                };
                for (index, item) in items.iter().enumerate() {
                    self.value(element, &format!("{item_prefix}."), &format!("{item_prefix}.{}", index + 1), item);
                }
            }
            (Kind::Map(key, element), Value::Object(entries)) => {
                let entry = if member.flattened { name.to_owned() } else { format!("{name}.entry") };
                for (index, (entry_key, item)) in entries.iter().enumerate() {
                    let prefix = format!("{entry}.{}.", index + 1);
                    self.field(&format!("{prefix}{}", key.name_on(Wire::Query)), entry_key);
                    self.value(element, &prefix, &format!("{prefix}{}", element.name_on(Wire::Query)), item);
                }
            }
            (Kind::Timestamp, Value::Number(seconds)) => {
                let format = member.format.or(shape.format).unwrap_or(TimestampFormat::Rfc3339);
                self.field(name, &timestamp::write(seconds, format));
            }
            (_, Value::String(text)) => self.field(name, text),
            _ => self.field(name, &value.to_text()),
        }
    }
}

/// Writes a success as XML.
pub(crate) fn write(model: &ServiceModel, operation: &Operation, request_id: &str, output: &Value) -> String {
    let name = &operation.name;
    let namespace = model.xml_namespace.as_deref().unwrap_or_default();
    let mut out = format!("<{name}Response xmlns=\"{}\">\n", escape(namespace));
    if let Some(Kind::Structure(structure)) = operation.output.map(|shape| &model.shape(shape).kind) {
        let mut result = String::new();
        xml_document::write_structure(model, Wire::Query, structure, output, |_| true, &mut result);
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

/// Writes an error as XML, under the name the query protocol has for it.
pub(crate) fn write_fault(namespace: &str, request_id: &str, code: &str, status: u16, fault: &Fault) -> String {
    let who = if status >= 500 { "Receiver" } else { "Sender" };
    let mut members = String::new();
    for (name, value) in fault.members.iter().filter(|(_, value)| !value.is_null()) {
        // What is no element's name cannot be said here.
        if name.chars().all(|c| c.is_ascii_alphanumeric()) && !name.is_empty() {
            members.push_str(&format!("<{name}>"));
            match value {
                Value::String(text) => escape_into(text, &mut members),
                _ => escape_into(&value.to_text(), &mut members),
            }
            members.push_str(&format!("</{name}>"));
        }
    }
    format!(
        "<ErrorResponse xmlns=\"{}\">\n<Error><Type>{who}</Type><Code>{}</Code><Message>{}</Message>{members}</Error>\n\
         <RequestId>{}</RequestId>\n</ErrorResponse>\n",
        escape(namespace),
        escape(code),
        escape(&fault.message),
        escape(request_id)
    )
}
