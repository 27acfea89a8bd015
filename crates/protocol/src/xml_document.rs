//! Values of shapes as XML elements: bodies of restXml, answers of the query protocols.

use windlass_value::{Object, Value};

use crate::document::read_text;
use crate::fault::Fault;
use crate::model::{Kind, Member, Namespace, ServiceModel, Structure, TimestampFormat, Wire};
use crate::timestamp;
use crate::xml::{Element, escape_into};

/// Reads the members of a structure from the children and attributes of its element.
/// Unknown elements fall away.
///
/// # Errors
/// `SerializationException` where a text does not fit its type.
pub(crate) fn read_structure(
    model: &ServiceModel,
    wire: Wire,
    structure: &Structure,
    element: &Element,
    belongs: impl Fn(&Member) -> bool,
) -> Result<Object, Fault> {
    let mut out = Object::new();
    for member in structure.members.iter().filter(|member| belongs(member)) {
        if let Some(value) = read_member(model, wire, member, element)? {
            out.insert(member.name.as_str(), value);
        }
    }
    Ok(out)
}

fn read_member(model: &ServiceModel, wire: Wire, member: &Member, parent: &Element) -> Result<Option<Value>, Fault> {
    let name = member.name_on(wire);
    if member.attribute {
        return parent.attribute(name).map(|text| read_text(model, member, text)).transpose();
    }
    let named = |name: &str| parent.children.iter().filter(move |child| child.name == *name).collect::<Vec<&Element>>();
    match &model.shape(member.shape).kind {
        Kind::List(element) if member.flattened => {
            let found = named(element.own_element_name(wire).unwrap_or(name));
            let items = found
                .into_iter()
                .map(|item| read_value(model, wire, element, item))
                .collect::<Result<Vec<Value>, Fault>>()?;
            Ok((!items.is_empty()).then(|| Value::array(items)))
        }
        Kind::Map(key, value) if member.flattened => {
            let found = named(name);
            (!found.is_empty()).then(|| read_map(model, wire, key, value, &found)).transpose()
        }
        _ => parent.child(name).map(|child| read_value(model, wire, member, child)).transpose(),
    }
}

fn read_value(model: &ServiceModel, wire: Wire, member: &Member, element: &Element) -> Result<Value, Fault> {
    match &model.shape(member.shape).kind {
        Kind::Structure(structure) => read_structure(model, wire, structure, element, |_| true).map(Value::from),
        Kind::List(item) => element
            .children
            .iter()
            .map(|child| read_value(model, wire, item, child))
            .collect::<Result<Vec<Value>, Fault>>()
            .map(Value::array),
        Kind::Map(key, value) => read_map(model, wire, key, value, &element.children.iter().collect::<Vec<&Element>>()),
        Kind::String => Ok(Value::string(element.text.as_str())),
        _ => read_text(model, member, element.text.trim()),
    }
}

fn read_map(
    model: &ServiceModel,
    wire: Wire,
    key: &Member,
    value: &Member,
    entries: &[&Element],
) -> Result<Value, Fault> {
    let mut out = Object::with_capacity(entries.len());
    for entry in entries {
        let Some(name) = entry.child(key.name_on(wire)) else { continue };
        let value = match entry.child(value.name_on(wire)) {
            Some(element) => read_value(model, wire, value, element)?,
            None => Value::Null,
        };
        out.insert(name.text.as_str(), value);
    }
    Ok(out.into())
}

/// Writes the members of a structure as elements, in the order of the model.
pub(crate) fn write_structure(
    model: &ServiceModel,
    wire: Wire,
    structure: &Structure,
    value: &Value,
    belongs: impl Fn(&Member) -> bool,
    out: &mut String,
) {
    for member in structure.members.iter().filter(|member| !member.attribute && belongs(member)) {
        write_member(model, wire, member, &value[member.name.as_str()], out);
    }
    if let Value::Object(given) = value {
        for name in given.keys().filter(|name| !structure.members.iter().any(|member| *member.name == ***name)) {
            tracing::warn!(service = model.name, member = %name, "the model has no such member");
        }
    }
}

fn write_member(model: &ServiceModel, wire: Wire, member: &Member, value: &Value, out: &mut String) {
    let name = member.name_on(wire);
    match (&model.shape(member.shape).kind, value) {
        (_, Value::Null) => {}
        (Kind::List(element), Value::Array(items)) if member.flattened => {
            let name = element.own_element_name(wire).unwrap_or(name);
            items.iter().for_each(|item| write_element(model, wire, element, name, item, out));
        }
        (Kind::Map(key, element), Value::Object(entries)) if member.flattened => {
            write_entries(model, wire, key, element, name, entries, out);
        }
        _ => write_element(model, wire, member, name, value, out),
    }
}

/// Writes one element with its namespace and attributes.
pub(crate) fn write_element(
    model: &ServiceModel,
    wire: Wire,
    member: &Member,
    name: &str,
    value: &Value,
    out: &mut String,
) {
    if value.is_null() {
        return;
    }
    out.push('<');
    out.push_str(name);
    if let Some(namespace) = &member.namespace {
        write_namespace(namespace, out);
    }
    if let Kind::Structure(structure) = &model.shape(member.shape).kind {
        for attribute in structure.members.iter().filter(|member| member.attribute) {
            if let Some(text) = value[attribute.name.as_str()].as_str() {
                write_attribute(attribute.name_on(wire), text, out);
            }
        }
    }
    out.push('>');
    write_value(model, wire, member, value, out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

pub(crate) fn write_namespace(namespace: &Namespace, out: &mut String) {
    match &namespace.prefix {
        Some(prefix) => write_attribute(&format!("xmlns:{prefix}"), &namespace.uri, out),
        None => write_attribute("xmlns", &namespace.uri, out),
    }
}

fn write_attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape_into(value, out);
    out.push('"');
}

/// Writes what is in an element.
pub(crate) fn write_value(model: &ServiceModel, wire: Wire, member: &Member, value: &Value, out: &mut String) {
    let shape = model.shape(member.shape);
    match (&shape.kind, value) {
        (Kind::Structure(structure), _) => write_structure(model, wire, structure, value, |_| true, out),
        (Kind::List(element), Value::Array(items)) => {
            items.iter().for_each(|item| write_element(model, wire, element, element.name_on(wire), item, out));
        }
        (Kind::Map(key, element), Value::Object(entries)) => {
            write_entries(model, wire, key, element, "entry", entries, out);
        }
        (Kind::Timestamp, Value::Number(seconds)) => {
            let format = member.format.or(shape.format).unwrap_or(TimestampFormat::Rfc3339);
            match (wire, format) {
                (Wire::RestXml, TimestampFormat::Rfc3339) => out.push_str(&timestamp::write_with_ms(seconds)),
                _ => out.push_str(&timestamp::write(seconds, format)),
            }
        }
        (_, Value::String(text)) => escape_into(text, out),
        _ => escape_into(&value.to_text(), out),
    }
}

fn write_entries(
    model: &ServiceModel,
    wire: Wire,
    key: &Member,
    element: &Member,
    name: &str,
    entries: &Object,
    out: &mut String,
) {
    for (entry_key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
        out.push_str(&format!("<{name}>"));
        write_element(model, wire, key, key.name_on(wire), &Value::from(entry_key), out);
        write_element(model, wire, element, element.name_on(wire), value, out);
        out.push_str(&format!("</{name}>"));
    }
}
